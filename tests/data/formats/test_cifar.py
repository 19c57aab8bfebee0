"""CIFAR from archives made here, in the published layout and under checksums of their own."""

import hashlib
import io
import pickle
import tarfile

import numpy as np
import pytest
import torch

from rslib.config import InputError, Recipe, evolve
from rslib.data import images
from rslib.data.formats import cifar


class Harmful:
    def __reduce__(self):
        return print, ("harm",)


def publish(name, root, monkeypatch, counts=(40, 20)):
    """An archive of so many training and test images in root; returns the pixels of each file."""
    reader = cifar.READERS[name]
    classes = [f"class {i}" for i in range(10)]
    label_key = "labels" if name == "cifar10" else "fine_labels"
    random = np.random.default_rng(0)
    pixels, files = {}, {}
    for part, all_of in zip((reader.train_list, reader.test_list), counts, strict=True):
        for file, _ in part:
            count = all_of // len(part)
            pixels[file] = random.integers(0, 256, (count, 3072), dtype=np.uint8)
            labels = [i % 10 for i in range(count)]
            files[file] = pickle.dumps({"data": pixels[file], label_key: labels})
    files[reader.meta["filename"]] = pickle.dumps({reader.meta["key"]: classes})
    md5 = {file: hashlib.md5(content).hexdigest() for file, content in files.items()}
    for part in ("train_list", "test_list"):
        known = [[file, md5[file]] for file, _ in getattr(reader, part)]
        monkeypatch.setattr(reader, part, known)
    monkeypatch.setattr(reader, "meta", reader.meta | {"md5": md5[reader.meta["filename"]]})
    with tarfile.open(root / reader.filename, "w:gz") as archive:
        for file, content in files.items():
            about = tarfile.TarInfo(f"{reader.base_folder}/{file}")
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    whole = hashlib.md5((root / reader.filename).read_bytes()).hexdigest()
    monkeypatch.setattr(reader, "tgz_md5", whole)
    return pixels


@pytest.fixture(params=["cifar10", "cifar100"])
def published(request, tmp_path, monkeypatch):
    """(name, folder with the archive, pixels of all images): 40 training and 20 test images."""
    return request.param, tmp_path, publish(request.param, tmp_path, monkeypatch)


def test_images_are_channels_first_in_the_order_of_the_archive(published):
    name, root, pixels = published
    train, test, classes = images.source(name, str(root))
    assert (len(train), len(test), classes) == (40, 20, [f"class {i}" for i in range(10)])
    reader = cifar.READERS[name]
    first, last = pixels[reader.train_list[0][0]][0], pixels[reader.test_list[0][0]][-1]
    assert torch.equal(train.image(0), torch.from_numpy(first.reshape(3, 32, 32)))
    assert torch.equal(test.image(19), torch.from_numpy(last.reshape(3, 32, 32)))
    assert train.labels[:3].tolist() == [0, 1, 2] and test.names[19] == "test/19"


def test_a_recipe_takes_its_splits_from_it(published):
    name, root, _ = published
    data = evolve(Recipe(), {"data.dataset": name, "data.minival_images": 10}).data
    found = images.open_images(data, images.source(name, str(root)))
    assert [len(s) for s in (found.train, found.minival, found.test)] == [30, 10, 20]


def test_what_is_not_published_is_refused_before_it_is_opened(published, capsys):
    name, root, _ = published
    images.source(name, str(root))  # unpacks
    file = root / cifar.READERS[name].base_folder / cifar.READERS[name].test_list[0][0]
    file.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(InputError, match=f"{file.name} is not the published file"):
        images.source(name, str(root))
    assert "harm" not in capsys.readouterr().out
    file.unlink()
    with pytest.raises(InputError, match=f"lacks {file.name}; unpack"):
        images.source(name, str(root))


def test_a_damaged_archive_is_not_unpacked(published):
    name, root, _ = published
    archive = root / cifar.READERS[name].filename
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(InputError, match="is not the published archive"):
        images.source(name, str(root))
    assert [file.name for file in root.iterdir()] == [archive.name]


def test_an_unpacking_that_stopped_begins_anew(published, monkeypatch):
    name, root, _ = published
    before = sorted(root.iterdir())

    def stopped(archive, folder, **options):
        archive.extract(archive.getnames()[0], folder, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(tarfile.TarFile, "extractall", stopped)
        with pytest.raises(KeyboardInterrupt):
            images.source(name, str(root))
    assert sorted(root.iterdir()) == before
    assert len(images.source(name, str(root))[0]) == 40
    assert len(list(root.iterdir())) == len(before) + 1


@pytest.mark.parametrize("name", cifar.READERS)
def test_a_set_that_is_not_there_is_named(name, tmp_path, monkeypatch):
    monkeypatch.delenv("RSLIB_DATA", raising=False)
    with pytest.raises(InputError, match=f"{name} is not found: set data_dir"):
        images.source(name)
    with pytest.raises(InputError, match=r"has neither cifar-.*python.tar.gz"):
        images.source(name, str(tmp_path))
