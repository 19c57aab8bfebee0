"""Image sets, splits, bad files, and randomness that has an address."""

import os
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from rslib import paths
from rslib.config import InputError, Recipe, evolve
from rslib.data import check, images
from rslib.data.loaders import Schedule, eval_batches, train_batches
from rslib.data.randomness import generator, seed_of
from rslib.recipes.additive import TABLE_1
from rslib.recipes.scales import at_scale

DEBIAN = "/usr/share/datasets/fashion-mnist"


def open_images(data, data_dir="", *args, **kwargs):
    return images.open_images(data, images.source(data.dataset, str(data_dir)), *args, **kwargs)


def data(**changes):
    fields = {"dataset": "folder", "resolution": 16, "minival_images": 4, "crop_area": 0.5}
    return evolve(Recipe(), {f"data.{k}": v for k, v in (fields | changes).items()}).data


@pytest.fixture
def tree(tmp_path):
    """Two classes, 8 training and 3 test images each, of several sizes."""
    random = np.random.default_rng(0)
    for part, count in (("train", 8), ("val", 3)):
        for name in ("cat", "dog"):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = random.integers(0, 256, (20 + i, 24, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    return tmp_path


def test_the_embedded_set_is_whole_and_balanced():
    train, test, classes = images.embedded()
    assert (len(train), len(test), len(classes)) == (4000, 10_000, 10)
    assert set(Counter(train.labels).values()) == {400}
    assert set(Counter(test.labels).values()) == {1000}
    assert train.image(0).shape == (3, 32, 32) and train.image(0).dtype == torch.uint8
    assert paths.EMBEDDED.stat().st_size <= 6.5e6


def test_laptop_splits_are_balanced_and_disjoint():
    found = open_images(at_scale(TABLE_1.rows[0], "laptop").recipe.data)
    assert [len(s) for s in (found.train, found.minival, found.test)] == [1000, 2000, 10_000]
    assert set(Counter(found.train.labels).values()) == {100}
    assert set(Counter(found.minival.labels).values()) == {200}
    assert not set(found.train.names) & set(found.minival.names)


def test_another_subset_is_other_images_and_another_manifest():
    recipe = at_scale(TABLE_1.rows[0], "laptop").recipe
    first, again, other = (open_images(evolve(recipe, {"data.subset": n}).data) for n in (0, 0, 1))
    assert first.manifest == again.manifest != other.manifest
    assert first.train.names == again.train.names != other.train.names
    assert first.minival.names == other.minival.names


def test_a_damaged_embedded_file_is_refused(tmp_path, monkeypatch):
    with np.load(paths.EMBEDDED) as stored:
        arrays = dict(stored)
    arrays["train_images"][7, 3, 3] ^= 1
    np.savez(tmp_path / "fashion-mnist.npz", **arrays)
    monkeypatch.setattr(paths, "EMBEDDED", tmp_path / "fashion-mnist.npz")
    with pytest.raises(InputError, match="damaged"):
        images.embedded()


@pytest.mark.skipif(not paths.Path(DEBIAN).exists(), reason="needs Debian's dataset-fashion-mnist")
def test_the_committed_script_repeats_the_embedded_file(tmp_path):
    script = shutil.copy(paths.EMBEDDED.parent / "make_subset.py", tmp_path)
    subprocess.run([sys.executable, script, DEBIAN], check=True, capture_output=True)
    with np.load(tmp_path / "fashion-mnist.npz") as made, np.load(paths.EMBEDDED) as stored:
        assert all(np.array_equal(made[name], stored[name]) for name in stored)


def test_a_folder_becomes_three_splits(tree):
    found = open_images(data(), tree)
    assert found.classes == ["cat", "dog"]
    assert [len(s) for s in (found.train, found.minival, found.test)] == [12, 4, 6]
    name = found.train.names[0]
    expected = np.array(Image.open(tree / name))
    assert np.array_equal(found.train.image(0).permute(1, 2, 0), expected)


def test_an_image_changed_by_one_byte_is_another_data_set(tree):
    before = open_images(data(), tree).manifest["sha256"]
    assert open_images(data(), tree).manifest["sha256"] == before
    pixels = np.array(Image.open(tree / "val/cat/0.png"))
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(tree / "val/cat/0.png")
    assert open_images(data(), tree).manifest["sha256"] != before


@pytest.mark.parametrize("budget", [0.001, 1.0])
def test_unreadable_files_are_named_and_counted(tree, monkeypatch, budget):
    whole = (tree / "train/cat/0.png").read_bytes()
    (tree / "train/cat/1.png").write_bytes(whole[: len(whole) // 2])
    (tree / "train/dog/2.png").write_bytes(b"")
    monkeypatch.setattr(check, "UNREADABLE_BUDGET", budget)
    lines = []
    if budget < 1:
        with pytest.raises(InputError, match=r"2 of 22 images cannot be read .*cat/1\.png"):
            open_images(data(), tree)
        return
    found = open_images(data(), tree, report=lines.append)
    assert len(found.train) + len(found.minival) == 14
    assert len(lines) == 1 and "cat/1.png" in lines[0] and "dog/2.png" in lines[0]


def dangling_link(folder):
    (folder / "link.png").symlink_to(folder / "nowhere.png")


def endless_link(folder):
    (folder / "loop.png").symlink_to(folder / "loop.png")


def sixteen_bits(folder):
    Image.fromarray(np.full((20, 20), 30_000, np.uint16)).save(folder / "deep.png")


def odd_name(folder):
    shutil.copy(folder / "0.png", os.fsencode(folder) + b"/caf\xe9.png")


@pytest.mark.parametrize(
    ("add", "bad"),
    [
        (dangling_link, "link.png"),
        (endless_link, "loop.png"),
        (sixteen_bits, None),
        (odd_name, None),
    ],
)
def test_odd_files_are_told_or_read(tree, monkeypatch, add, bad):
    add(tree / "train/cat")
    if bad is None:
        assert len(open_images(data(), tree).train) == 13
        return
    with pytest.raises(InputError, match=f"1 of 23 images cannot be read .*{bad}"):
        open_images(data(), tree)
    monkeypatch.setattr(check, "SMALL_FILES", 0)
    with pytest.raises(InputError, match=bad):
        open_images(data(), tree, tree / "cache")


def test_a_picture_too_large_for_memory_is_read_lazily(tree, monkeypatch):
    monkeypatch.setattr(check, "SMALL_PIXELS", 1000)
    assert not open_images(data(), tree).train.in_memory


def test_no_minival_is_no_error(tree):
    assert [
        len(s) for s in (lambda f: (f.train, f.minival))(open_images(data(minival_images=0), tree))
    ] == [16, 0]


def test_an_imagenet_with_images_missing_is_no_paper_scale(tree):
    with pytest.raises(InputError, match=r"has 16 \+ 6 images; published are 1281167 \+ 50000"):
        open_images(data(dataset="imagenet"), tree)
    lines = []
    small = data(dataset="imagenet", train_images=8)
    assert len(open_images(small, tree, report=lines.append).train) == 8
    assert "published are" in lines[0]


def test_cmyk_grey_palette_and_misnamed_files_are_read(tree):
    picture = Image.open(tree / "train/cat/0.png")
    picture.convert("CMYK").save(tree / "train/cat/cmyk.jpg")
    picture.convert("L").save(tree / "train/cat/grey.jpg")
    picture.convert("P").save(tree / "train/dog/palette.png")
    picture.save(tree / "train/dog/really-a-png.jpg", format="png")
    for name in ("cat/cmyk.jpg", "cat/grey.jpg", "dog/palette.png", "dog/really-a-png.jpg"):
        pixels = check.decode(tree / "train" / name)
        assert pixels.shape == (3, 20, 24) and pixels.dtype == torch.uint8
    same = check.decode(tree / "train/dog/really-a-png.jpg")
    assert np.array_equal(same.permute(1, 2, 0), np.array(picture))
    near = check.decode(tree / "train/cat/cmyk.jpg").float().permute(1, 2, 0)
    assert (near - torch.tensor(np.array(picture)).float()).abs().mean() < 60


def empty(tree):
    shutil.rmtree(tree / "train")
    shutil.rmtree(tree / "val")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shutil.rmtree, "does not exist"),
        (empty, "has no train/ with one folder"),
        (lambda t: shutil.rmtree(t / "val"), "has no test/ or val/ with"),
        (lambda t: [shutil.rmtree(t / p / "dog") for p in ("train", "val")], "has 1 class"),
        (lambda t: shutil.rmtree(t / "val/dog"), "only train/ has the classes .*dog"),
        (lambda t: [f.unlink() for f in (t / "train/dog").iterdir()], "dog holds no image"),
        (
            lambda t: [f.unlink() for f in (t / "train").glob("*/[2-9].png")],
            "too few: this scale needs 5",
        ),
    ],
    ids=["missing", "empty", "no-test", "one-class", "other-classes", "no-image", "too-few"],
)
def test_a_folder_that_is_no_data_set_is_refused_in_one_line(tree, spoil, message):
    spoil(tree)
    with pytest.raises(InputError, match=message) as caught:
        open_images(data(), tree)
    assert "\n" not in str(caught.value)


def test_large_folders_are_checked_once_and_read_lazily(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(check, "SMALL_FILES", 0)
    lines, cache = [], tmp_path / "cache"
    first = open_images(data(), tree, cache, lines.append)
    assert first.train.items[0] == tree / first.train.names[0]
    assert len(lines) == 1 and "decoding all" in lines[0]
    again = open_images(data(), tree, cache, lines.append)
    assert len(lines) == 1 and again.manifest == first.manifest
    monkeypatch.setattr(check, "SMALL_FILES", 2**30)
    assert open_images(data(), tree).manifest == first.manifest
    assert torch.equal(first.train.image(0), open_images(data(), tree).train.image(0))


def test_seeds_are_spread_and_addresses_are_distinct():
    seeds = {seed_of(0, epoch, index) % 2**32 for epoch in range(100) for index in range(100)}
    assert len(seeds) == 10_000
    a, b = (torch.rand(4, generator=generator(1, 2, n)) for n in (3, 4))
    assert not torch.equal(a, b)


def test_the_schedule_shows_every_image_once_an_epoch():
    schedule = Schedule(images=70, batch_size=16, micro_batch=8, epochs=3, seed=5)
    batches = list(schedule)
    assert len(schedule) == len(batches) == 3 * 4 * 2
    for epoch in range(3):
        shown = [a for batch in batches[epoch * 8 : (epoch + 1) * 8] for a in batch]
        assert {(s, e) for s, e, _ in shown} == {(5, epoch)}
        assert len({index for _, _, index in shown}) == 64


@pytest.mark.parametrize("step", [1, 4, 5, 11, 12])
def test_a_resumed_schedule_is_the_rest_of_the_whole(step):
    whole = Schedule(images=70, batch_size=16, micro_batch=8, epochs=3, seed=5)
    rest = Schedule(images=70, batch_size=16, micro_batch=8, epochs=3, seed=5, start_step=step)
    assert list(rest) == list(whole)[2 * step :]
    assert len(rest) == len(list(rest))


def test_another_seed_shows_other_pixels(tiny):
    found = open_images(tiny.data)
    first, again, other = (next(iter(train_batches(found, tiny, seed=s)))[0] for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_evaluation_shows_whole_images_in_order(tiny):
    found = open_images(tiny.data)
    ((shown, labels),) = eval_batches(found.test, tiny.data)
    assert labels.tolist() == found.test.labels.tolist()
    assert torch.equal(shown, torch.stack(found.test.items))


def test_too_few_images_for_a_batch_are_told(tiny):
    found = open_images(tiny.data)
    with pytest.raises(InputError, match="70 training images do not fill one batch of 128"):
        train_batches(found, evolve(tiny, {"optim.batch_size": 128}), seed=0)
