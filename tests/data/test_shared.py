"""Images that are trained on and tested on too are noticed, by training and by data check."""

import shutil

import pytest
from pictures import picture, to_pillow

from rslib.config import Recipe, evolve
from rslib.data import check, images, survey
from rslib.data.check import decode
from rslib.data.images import Images


@pytest.fixture
def tree(tmp_path):
    """Two classes, five training and two test images each, all different."""
    for part, count in (("train", 5), ("val", 2)):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            for k in range(count):
                seed = 100 * (part == "val") + 10 * (name == "dog") + k
                to_pillow(picture(9, 8, seed=seed)).save(tmp_path / part / name / f"{k}.jpg")
    return tmp_path


def said_by_both(root, cache=None):
    told, data = [], evolve(Recipe(), {"data.dataset": "folder", "data.minival_images": 4}).data
    images.open_images(data, images.folder(root), cache, told.append)
    survey.survey(images.folder(root), report=told.append)
    return [line for line in told if "training images too" in line]


@pytest.mark.parametrize("kept", [0, check.SMALL_FILES], ids=["lazily", "in memory"])
def test_the_same_content_under_another_name_is_noticed(kept, tree, tmp_path, monkeypatch):
    monkeypatch.setattr(check, "SMALL_FILES", kept)
    assert said_by_both(tree) == []
    for k in range(5):  # whether in minival or not
        shutil.copy(tree / f"train/cat/{k}.jpg", tree / f"val/dog/copy{k}.jpg")
    for _ in range(2):  # remembered, the second time
        lines = said_by_both(tree, tmp_path / "cache")
        assert len(lines) == 2
        for line in lines:
            assert line.startswith("5 of 9 test images are training images too, as val/dog/copy0")
            assert "= train/cat/0.jpg; remove" in line


def test_arrays_that_were_published_are_left_alone(tree):
    train, _, classes = images.folder(tree)
    train = Images(list(train.names), train.labels, [decode(item) for item in train.items])
    told, data = [], evolve(Recipe(), {"data.dataset": "folder", "data.minival_images": 4}).data
    images.open_images(data, (train, train, classes), report=told.append)
    assert told == []


def test_what_can_not_be_read_is_not_the_same(tree, monkeypatch):
    monkeypatch.setattr(check, "UNREADABLE_BUDGET", 1)
    for name in ("train/cat/0.jpg", "val/cat/0.jpg"):
        (tree / name).write_bytes(b"")
    assert said_by_both(tree) == []
