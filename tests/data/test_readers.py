"""An image's randomness comes from its address alone: for every reader, any number of workers,
augmented one by one or by batches, from the start or from the middle of an epoch."""

import pytest
import torch
from test_cifar import published  # noqa: F401  a fixture
from test_imagenet import as_folders
from test_tfrecord import write

from rslib.config import evolve
from rslib.data import build, check, images
from rslib.data.loaders import train_batches

CPU = torch.device("cpu")


def quiet(line):
    pass


def opened(recipe, root=""):
    listing = images.source(recipe.data.dataset, str(root), report=quiet)
    return images.open_images(recipe.data, listing, report=quiet)


def read_alike(tiny, root="", dataset="imagenet"):
    """Two epochs of four batches, read in every way."""
    changes = {"data.dataset": dataset, "data.resolution": 24, "data.train_images": 8}
    changes |= {"data.minival_images": 2, "data.test_images": 0}
    changes |= {"optim.batch_size": 2, "optim.epochs": 2}
    recipe = evolve(tiny, changes)
    found = opened(recipe, root)
    whole = list(train_batches(found, recipe, seed=1))
    assert len(whole) == 8 and not torch.equal(whole[0][0], whole[4][0])
    for workers in (0, 1, 3):
        for device in (None, CPU):
            how = {"seed": 1, "start_step": 3, "workers": workers, "device": device}
            rest = list(train_batches(found, recipe, **how))
            for one, other in zip(whole[3:], rest, strict=True):
                assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])
    return found


def test_the_embedded_images(tiny):
    read_alike(tiny, dataset="fashion-mnist")


def test_cifar(tiny, published):  # noqa: F811
    name, root, _ = published
    read_alike(tiny, root, name)


@pytest.mark.parametrize("layout", ["tpu", "tfds", "folders", "flat", "tars"])
def test_files(tiny, tmp_path, monkeypatch, layout):
    monkeypatch.setattr(check, "SMALL_FILES", 0)  # decoded when asked for, not kept in memory
    style = layout if layout in ("tpu", "tfds") else "tpu"
    written = write(tmp_path, style)
    if layout != style:
        for file in tmp_path.iterdir():
            file.unlink()
        as_folders(tmp_path, written, flat=layout == "flat")
    root, dataset = tmp_path, "imagenet"
    if layout == "tars":
        root, dataset = tmp_path / "built", "folder"
        build.build(images.folder(tmp_path), root, 32, quiet)
    assert not read_alike(tiny, root, dataset).train.in_memory
