"""Uneven classes: each keeps images to train on, however a set is split, and a shortage is told."""

import numpy as np
import pytest
import torch

from rslib.config import InputError, Recipe, evolve
from rslib.data import images, splits
from rslib.data.images import Images


def listing(*counts, tests=2):
    """(training, test, classes) of grey images of one pixel; counts: of each class."""
    made = []
    for part, numbers in (("train", counts), ("test", [tests] * len(counts))):
        labels = np.repeat(np.arange(len(numbers)), numbers)
        names = [f"{part}/c{label}/{place}" for place, label in enumerate(labels)]
        items = [torch.full((3, 1, 1), k % 251, dtype=torch.uint8) for k in range(len(names))]
        made.append(Images(names, labels, items))
    return *made, [f"c{label}" for label in range(len(counts))]


def data(train, minival, **more):
    fields = {"dataset": "folder", "train_images": train, "minival_images": minival} | more
    return evolve(Recipe(), {f"data.{name}": value for name, value in fields.items()}).data


def opened(counts, *asked):
    said = []
    found = images.open_images(data(*asked), listing(*counts), report=said.append)
    each = [splits.each(part.labels, found.classes) for part in (found.train, found.minival)]
    return *(counts.tolist() for counts in each), said


@pytest.mark.parametrize(
    ("counts", "asked", "train", "minival"),
    [
        ((500, 90), (256, 200), [211, 45], [155, 45]),
        ((500, 90), (0, 200), [345, 45], [155, 45]),
        ((300, 2, 1), (90, 60), [88, 1, 1], [59, 1, 0]),
        ((300, 2, 3), (0, 299), [150, 1, 2], [150, 1, 1]),
        ((5, 5, 5), (6, 9), [2, 2, 2], [2, 2, 2]),
    ],
)
def test_a_small_class_keeps_half_of_its_images(counts, asked, train, minival):
    *found, said = opened(counts, *asked)
    assert found == [train, minival]
    (line,) = said
    assert f"minival has {sum(minival)} of {asked[1]} images" in line
    assert all(2 * held <= whole for held, whole in zip(minival, counts, strict=True))
    if max(train) - min(train) > 1 and asked[0]:
        small = train.index(min(train))
        assert f"training takes {asked[0]} images, {train[small]} (c{small}) to" in line


def test_many_uneven_sets_keep_every_class():
    random = np.random.default_rng(0)
    for _ in range(60):
        counts = random.integers(1, 60, random.integers(2, 9))
        train, test, classes = listing(*counts)
        asked = data(int(random.integers(0, 2)) * len(counts), int(random.integers(0, len(train))))
        if len(train) < asked.minival_images + (asked.train_images or 1):
            continue
        chosen = splits.split(train, test, asked)
        held = splits.each(train.labels[chosen["minival"]], classes)
        assert (held <= counts // 2).all()
        assert splits.each(train.labels[chosen["train"]], classes).all()
        assert held.sum() == min(asked.minival_images, (counts // 2).sum())


@pytest.mark.parametrize("asked", [(6, 6), (0, 6), (9, 3)])
def test_nothing_is_told_where_shares_are_even(asked):
    assert opened((6, 6, 6), *asked)[-1] == []


def test_halves_change_no_split_that_had_enough():
    train, *_ = listing(40, 30, 35)
    for count in (1, 7, 45):
        plain = splits.balanced(train, count, "minival")
        assert np.array_equal(splits.balanced(train, count, "minival", halves=True), plain)


def test_a_subset_of_fewer_images_than_classes_is_told():
    *_, said = opened((6, 6, 6, 6, 6), 4, 5)
    assert len(said) == 1 and "training takes 4 images of 5 classes" in said[0]


def test_a_class_of_the_names_alone_is_told():
    """As of a manifest.json that names a class of which no tar has images."""
    (train, test, classes), said = listing(6, 6), []
    images.open_images(data(0, 4), (train, test, [*classes, "ox"]), report=said.append)
    assert len(said) == 1 and "1 of 3 classes (ox) without training images" in said[0]


def test_no_class_gives_its_only_image():
    with pytest.raises(InputError, match="no class has two training images"):
        opened((1, 1, 1), 0, 2)


def on_disk(root, counts):
    for part, numbers in (("train", counts), ("val", [1] * len(counts))):
        for label, count in enumerate(numbers):
            folder = root / part / f"c{label}"
            folder.mkdir(parents=True)
            for place in range(count):
                content = b"P6 1 1 255\n" + bytes([label, place, part == "val"])
                (folder / f"{part}_{label}_{place}.ppm").write_bytes(content)
    return images.folder(root)


def test_a_list_that_takes_all_of_a_class_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(splits, "PAPERS_MINIVAL", 4)
    monkeypatch.setattr(images, "IMAGENET_COUNTS", (14, 2))
    found = on_disk(tmp_path, (12, 2))
    names = [f"train_{label}_{place}" for label in (0, 1) for place in (0, 1)]
    (tmp_path / "minival.txt").write_text("\n".join(names))
    with pytest.raises(InputError, match=r"next to minival \(minival\.txt, 4.*1 of 2 classes \(c1"):
        images.open_images(data(0, 4, dataset="imagenet"), found, report=str)
    (tmp_path / "minival.txt").write_text("\n".join(names[:3]))
    chosen = images.open_images(data(0, 4, dataset="imagenet"), found, report=str)
    assert splits.each(chosen.train.labels, found[2]).tolist() == [10, 1]


def test_a_class_whose_only_image_cannot_be_read_is_refused(tmp_path, monkeypatch):
    found = on_disk(tmp_path, (12, 1))
    found[0].items[12].write_bytes(b"P6 4 5 255\n")
    monkeypatch.setattr("rslib.data.check.UNREADABLE_BUDGET", 1)
    with pytest.raises(InputError, match=r"that can be read is left to 1 of 2 classes \(c1"):
        images.open_images(data(0, 4), found, report=str)


def test_a_remembered_split_tells_its_shortage_again(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "CHUNK", 0)
    found, said = on_disk(tmp_path / "set", (9, 2)), []
    for _ in range(2):
        images.open_images(data(0, 4), found, tmp_path / "cache", said.append)
    assert len(said) == 2 and said[0] == said[1] and "minival has 4 of 4 images, 1 (c1)" in said[0]
