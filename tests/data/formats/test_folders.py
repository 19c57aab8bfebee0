"""Folders as people and systems leave them: what is read, and that the rest is told."""

import os
import shutil
import unicodedata

import pytest
from pictures import photos

from rslib.config import InputError, Recipe, evolve
from rslib.data import images
from rslib.weights.evaluate import validation

JPEG = photos()[0].read_bytes()


def put(root, *names, content=JPEG):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


@pytest.fixture
def tree(tmp_path):
    """Two classes of one photograph each in train/ and in val/."""
    put(tmp_path, *(f"{part}/{name}/0.jpg" for part in ("train", "val") for name in ("cat", "dog")))
    return tmp_path


def listed(root):
    """(names of training images, of test images, classes, what was said)."""
    said = []
    train, test, classes = images.source("folder", str(root), None, said.append)
    return list(train.names), list(test.names), classes, said


@pytest.mark.parametrize(
    "suffix", ["jpg", "jpeg", "jpe", "jfif", "jif", "png", "JFIF", "Jpe", "PNG"]
)
def test_a_jpeg_is_read_by_any_usual_suffix(suffix, tree):
    put(tree, f"train/dog/1.{suffix}")
    train, *_, said = listed(tree)
    assert f"train/dog/1.{suffix}" in train
    told = f"{tree}/train: read as JPEG 1 .{suffix.lower()} (dog/1.{suffix})"
    assert said == ([told] if suffix.lower() in ("jpe", "jfif", "jif") else [])


OTHERS = {
    "train/cat/1.gif": "1 .gif (cat/1.gif)",
    "train/cat/1.heic": "1 .heic (cat/1.heic)",
    "train/cat/1.jpg.bak": "1 .bak (cat/1.jpg.bak)",
    "train/cat/README": "1 files without a suffix (cat/README)",
    "train/cat/Thumbs.db": "1 .db (cat/Thumbs.db)",
    "train/desktop.ini": "1 .ini (desktop.ini)",
    "train/dog/._0.jpg": "1 hidden files (dog/._0.jpg)",
    "train/.DS_Store": "1 hidden files (.DS_Store)",
    "train/cat/@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg": "1 @eaDir/ (cat/@eaDir)",
    "train/@eaDir/0.jpg": "1 @eaDir/ (@eaDir)",
    "train/#recycle/0.jpg": "1 #recycle/ (#recycle)",
    "train/lost+found/0.jpg": "1 lost+found/ (lost+found)",
    "train/__MACOSX/cat/._0.jpg": "1 __MACOSX/ (__MACOSX)",
    "train/dog/$RECYCLE.BIN/0.jpg": "1 $RECYCLE.BIN/ (dog/$RECYCLE.BIN)",
    "train/FOUND.000/0.jpg": "1 FOUND.000/ (FOUND.000)",
    "train/.Trash-1000/files/0.jpg": "1 .Trash-1000/ (.Trash-1000)",
    "train/cat/.AppleDouble/0.jpg": "1 .AppleDouble/ (cat/.AppleDouble)",
    "train/cat/deep/.thumbnails/0.jpg": "1 .thumbnails/ (cat/deep/.thumbnails)",
    "train/cat/1.jpg/thumbnail.jpg": "1 folders that are called as images (cat/1.jpg)",
    "train/stray.jpg": "1 files next to the class folders (stray.jpg)",
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_passed_over_is_told_in_one_line(name, tree):
    put(tree, name)
    train, _, classes, said = listed(tree)
    assert (train, classes) == (["train/cat/0.jpg", "train/dog/0.jpg"], ["cat", "dog"])
    assert said == [f"{tree}/train: skipped {OTHERS[name]}"]


def test_all_of_it_is_one_line_a_part(tree):
    put(tree, *OTHERS, "val/cat/.DS_Store", "val/dog/.DS_Store")
    (tree / "train/dog/more").symlink_to(tree / "val/dog")
    *_, said = listed(tree)
    assert len(said) == 2 and said[1].endswith("/val: skipped 2 hidden files (cat/.DS_Store)")
    assert "2 @eaDir/ (@eaDir), 2 hidden files (.DS_Store)" in said[0]
    told = [kind for kind in OTHERS.values() if "@eaDir" not in kind and "hidden" not in kind]
    assert all(kind in said[0] for kind in (*told, "1 links to folders (dog/more)"))


def test_a_line_stays_a_line(tree):
    put(tree, *(f"train/cat/{k}.kind{k:02d}" for k in range(25)))
    assert listed(tree)[-1][0].endswith("1 .kind19 (cat/19.kind19), 5 others")


def test_training_tells_it_too(tree):
    put(tree, *(f"train/{name}/{k}.jpg" for name in ("cat", "dog") for k in range(4)))
    put(tree, "train/cat/@eaDir/1.jpg", "train/cat/8.gif")
    said = []
    listing = images.source("folder", str(tree), None, said.append)
    data = evolve(Recipe(), {"data.dataset": "folder", "data.minival_images": 2}).data
    assert len(images.open_images(data, listing, report=said.append).train) == 6
    assert sum("@eaDir" in line and ".gif" in line for line in said) == 1


def test_a_class_of_other_files_says_what_it_holds(tree):
    os.rename(tree / "train/dog/0.jpg", tree / "train/dog/0.heic")
    with pytest.raises(InputError, match=r"dog holds no image, but 1 \.heic \(dog/0\.heic\); fill"):
        listed(tree)


@pytest.mark.parametrize("name", ["validation", "valid", "Val", "VALID", "Test"])
def test_the_test_images_may_be_called_otherwise(name, tree):
    (tree / "val").rename(tree / name)
    _, test, _, said = listed(tree)
    assert test == [f"{name}/cat/0.jpg", f"{name}/dog/0.jpg"]
    assert said == [f"{tree}: the test images are of {name}/"]
    if name != "Test":
        found, classes = validation(tree)
        assert list(found.names) == test and classes == ["cat", "dog"]


def test_which_of_two_is_taken_is_told(tree):
    assert listed(tree)[-1] == []
    shutil.copytree(tree / "val", tree / "test")
    _, test, _, said = listed(tree)
    assert test[0] == "test/cat/0.jpg"
    assert said == [f"{tree}: the test images are of test/; val/ is not looked at"]


@pytest.mark.parametrize(
    "names", [["unknown/0.jpg"], ["0.jpg"], ["cat/0.jpg"], ["cat/0.jpg", "ox/1.jpg"]]
)
def test_a_test_folder_of_other_classes_is_not_taken_for_val(names, tree):
    put(tree, *(f"test/{name}" for name in names))
    _, test, _, said = listed(tree)
    assert test[0] == "val/cat/0.jpg"
    assert said == [f"{tree}: the test images are of val/; test/ has not the classes of train/"]


def test_where_none_fits_the_folder_is_named(tree):
    put(tree, "val/ox/0.jpg")
    with pytest.raises(InputError, match=r"only val/ has the classes \['ox'\]"):
        listed(tree)
    shutil.rmtree(tree / "val")
    put(tree, "test/unknown/0.jpg")
    with pytest.raises(InputError, match=r"only train/ has the classes .*, test/ has not"):
        listed(tree)


def composed(name):
    return unicodedata.normalize("NFC", name)


def taken_apart(name):
    return unicodedata.normalize("NFD", name)


@pytest.mark.parametrize("forms", [(composed, taken_apart), (taken_apart, composed)])
def test_two_forms_of_a_class_name_are_one_class(forms, tmp_path):
    """The forms are in another order, too: an e with an accent comes behind z, one apart before."""
    names = ["é", "ezra", "ü"]
    for part, form in zip(("train", "val"), forms, strict=True):
        for count, name in enumerate(names, 1):
            put(tmp_path, *(f"{part}/{form(name)}/{k}.jpg" for k in range(count)))
    train, test, classes = images.folder(tmp_path)
    assert sorted(map(composed, classes)) == sorted(names)
    for part in (train, test):
        for name, label in zip(part.names, part.labels, strict=True):
            assert composed(name.split("/")[1]) == composed(classes[label])


def test_two_forms_in_one_folder_are_named(tree):
    put(tree, *(f"train/{form('é')}/0.jpg" for form in (composed, taken_apart)))
    put(tree, "val/é/0.jpg")
    with pytest.raises(
        InputError, match=r"two folders of one name .*'e\\u0301' and '\\xe9'; merge"
    ):
        listed(tree)
