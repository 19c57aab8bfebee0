"""Building tars: what is written, what goes on or is healed, and what is refused."""

import errno
import io
import json
import os
import shutil
from pathlib import PurePosixPath

import pytest
import torch
import webdataset
from pictures import picture
from PIL import Image

from rslib.config import InputError, Recipe, evolve
from rslib.data import build, check, images, splits
from rslib.data.augment.crops import tf1_window
from rslib.data.formats import tars
from rslib.system.lease import held

SIDE = 24


def test_what_is_built_can_be_opened_like_any_folder(built, listing, tmp_path):
    out, manifest = built
    assert sorted(f.name for f in out.iterdir()) == sorted(
        [*manifest["shards"], "lock.1", "manifest.json"]
    )
    train, test, classes = images.source("folder", str(out), tmp_path / "cache", lambda line: None)
    assert (len(train), len(test), classes) == (14, 4, ["cat", "dog"])
    original = listing[1]
    for i in range(4):
        assert test.labels[i] == original.labels[i]
        assert min(test.image(i).shape[1:]) == min(27, *original.image(i).shape[1:])
    assert all(min(train.image(i).shape[1:]) <= SIDE for i in range(14))
    data = {"data.dataset": "folder", "data.minival_images": 4}
    found = images.open_images(evolve(Recipe(), data).data, (train, test, classes))
    assert [len(s) for s in (found.train, found.minival, found.test)] == [10, 4, 4]


def test_built_test_images_keep_what_evaluation_needs():
    """The square that is cut out of them has the side that was asked for: nothing is enlarged."""
    for side in range(1, 700):
        stored = build.test_side(side)
        assert tf1_window((stored, stored), side)[2] == side
        assert 0 <= stored - round(side / 0.875) <= 1


def test_training_images_are_shuffled_into_the_shards(built):
    """In the order of the folders the first seven would be cats."""
    out, _ = built
    labels = [label for f in sorted(out.glob("train-*.tar")) for _, label, *_ in tars.members(f)]
    assert sorted(labels) == [0] * 7 + [1] * 7 != labels


def test_webdataset_reads_the_same(built):
    out, _ = built
    for file in out.glob("*.tar"):
        theirs = list(webdataset.WebDataset(f"file:{file}", shardshuffle=False))
        ours = tars.members(file)
        assert [sample["txt"].decode() for sample in theirs] == [name for name, *_ in ours]
        for sample, (_, label, offset, length, _) in zip(theirs, ours, strict=True):
            assert int(sample["cls"]) == label
            assert file.read_bytes()[offset : offset + length] == sample["jpg"]


def test_images_are_those_of_pillow_at_the_smaller_size():
    pixels = torch.from_numpy(picture(60, 40))
    shrunk = Image.open(io.BytesIO(build.shrink(pixels, 20)))
    assert shrunk.size == (20, 30)
    assert Image.open(io.BytesIO(build.shrink(pixels, 50))).size == (40, 60)


def test_building_again_writes_nothing_and_a_stopped_one_goes_on(listing, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "EACH", 4)
    out, calls, fsync = tmp_path / "out", [], os.fsync

    def full_after_two(file):
        calls.append(file)
        if len(calls) > 10:  # a file and its folder each: a note, and two shards, each noted
            raise OSError(28, "No space left on device")
        fsync(file)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full_after_two)
        with pytest.raises(InputError, match="No space left on device; make room and give the"):
            build.build(listing, out, SIDE, lambda line: None)
    first = {f.name: f.stat().st_mtime_ns for f in out.glob("*.tar")}
    assert len(first) == 2 and not list(out.glob("*.tmp"))
    whole = build.build(listing, out, SIDE, lambda line: None)
    assert {name: (out / name).stat().st_mtime_ns for name in first} == first
    other = build.build(listing, tmp_path / "other", SIDE, lambda line: None)
    assert other == whole and not (out / "building.json").exists()


@pytest.mark.parametrize("finished", [True, False])
def test_a_damaged_shard_is_written_anew_and_no_other(finished, built, listing):
    out, manifest = built
    content = {file: file.read_bytes() for file in out.glob("*.tar")}
    if not finished:
        os.rename(out / "manifest.json", out / "building.json")
    cut, changed, lost, *_ = sorted(content)
    cut.write_bytes(content[cut][:-512])
    changed.write_bytes(b"x" + content[changed][1:])
    lost.unlink()
    said = []
    assert build.build(listing, out, SIDE, said.append) == manifest
    assert said == [f"wrote {file.name}" for file in (cut, changed, lost)]
    assert {file: file.read_bytes() for file in out.glob("*.tar")} == content
    assert json.loads((out / "manifest.json").read_text()) == manifest


def test_a_shard_that_nobody_noted_is_written_anew(built, listing):
    """As one is whose build was killed between the two."""
    out, manifest = built
    first, *others = sorted(manifest["shards"])
    noted = manifest | {"shards": {name: manifest["shards"][name] for name in others}}
    (out / "building.json").write_text(json.dumps(noted))
    said = []
    assert build.build(listing, out, SIDE, said.append) == manifest and said == [f"wrote {first}"]


@pytest.mark.parametrize("small", [0, check.SMALL_FILES], ids=["large", "small"])
def test_a_few_unreadable_images_are_left_out_and_named(small, listing, tmp_path, monkeypatch):
    monkeypatch.setattr(check, "SMALL_FILES", small)
    monkeypatch.setattr(check, "UNREADABLE_BUDGET", 0.06)  # one of 18
    broken = listing[0].items[3]
    broken.write_bytes(b"no image")
    listing, said, cache = images.folder(tmp_path / "tree"), [], tmp_path / "cache"
    manifest = build.build(listing, tmp_path / "out", SIDE, said.append, cache)
    (told,) = (line for line in said if line.startswith("left out 1 of 18 images"))
    assert str(broken) in told
    train, test, _ = images.source("folder", str(tmp_path / "out"))
    assert manifest["counts"] == {"train": len(train), "val": len(test)} == {"train": 13, "val": 4}
    assert {*listing[0].names} - {*train.names} == {"train/cat/3.png"}
    said.clear()
    assert build.build(listing, tmp_path / "out", SIDE, said.append, cache) == manifest
    assert said == [told]


def test_too_many_are_refused_before_anything_is_written(listing, tmp_path):
    whole, out = listing[0].items[3].read_bytes(), tmp_path / "out"
    listing[0].items[3].write_bytes(whole[:100])
    with pytest.raises(InputError, match=r"1 of 18 images cannot be read .* repair or remove"):
        build.build(images.folder(tmp_path / "tree"), out, SIDE)
    assert not list(out.glob("*.tar"))
    listing[0].items[3].write_bytes(whole)
    manifest = build.build(images.folder(tmp_path / "tree"), out, SIDE, str)
    assert manifest["counts"] == {"train": 14, "val": 4}


def test_a_list_of_minival_goes_along(built, listing, tmp_path, monkeypatch):
    """Less the images that are left out: a name of none is refused when it is read."""
    assert not (built[0] / "minival.txt").exists()
    for file in (tmp_path / "tree").glob("*/*/*.png"):  # names that tell images apart
        file.rename(file.with_stem(f"{file.parts[-3]}_{file.parts[-2]}_{file.stem}"))
    file, out = tmp_path / "tree/minival.txt", tmp_path / "listed"
    file.write_text("train_cat_0.JPEG\ntrain/dog/train_dog_4\ntrain_cat_3\n")
    (tmp_path / "tree/train/cat/train_cat_3.png").write_bytes(b"no image")
    monkeypatch.setattr(check, "UNREADABLE_BUDGET", 0.06)  # one of 18
    manifest = build.build(images.folder(tmp_path / "tree"), out, SIDE, str)
    train, *_ = images.source("folder", str(out))
    positions, _ = splits.by_list(train, splits.list_beside(train))
    stems = {"train_cat_0", "train_dog_4"}
    assert {PurePosixPath(train.names[p]).stem for p in positions} == stems
    (out / "minival.txt").unlink()
    assert build.build(images.folder(tmp_path / "tree"), out, SIDE, str) == manifest
    assert (out / "minival.txt").exists()
    file.write_text("train_cat_1\ntrain_dog_4\n")
    with pytest.raises(InputError, match="was begun with other images or sides"):
        build.build(images.folder(tmp_path / "tree"), out, SIDE, str)


def test_two_builds_do_not_write_into_one_folder(built, listing):
    out, manifest = built
    with held(out / "lock"), pytest.raises(InputError, match="another process builds into"):
        build.build(listing, out, SIDE)
    assert build.build(listing, out, SIDE, str) == manifest


def test_drafts_of_a_killed_build_are_removed_and_nothing_else(built, listing):
    out, _ = built
    names = ("train-00000-of-00004.tar.7.tmp", "building.json.123.tmp", "minival.txt.9.tmp")
    for name in (*names, "mine.tmp", "mine.tar.7.tmp"):
        (out / name).write_bytes(b"half")
    build.build(listing, out, SIDE, str)
    assert {file.name for file in out.glob("*.tmp")} == {"mine.tmp", "mine.tar.7.tmp"}


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room and give the command again"),
        (errno.EDQUOT, "make room and give the command again"),
        (errno.EACCES, "name a folder that can be written to"),
        (errno.EROFS, "name a folder that can be written to"),
    ],
)
def test_what_the_system_refuses_has_its_own_remedy(number, remedy, listing, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(build, "write_atomically", refuse)
    with pytest.raises(InputError, match=f"{os.strerror(number)}; {remedy}"):
        build.build(listing, tmp_path / "out", SIDE)


def test_a_folder_below_a_file_is_refused(listing, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Not a directory; name a folder that can be"):
        build.build(listing, tmp_path / "file/out", SIDE)


@pytest.mark.parametrize("name", ["building.json", "manifest.json"])
@pytest.mark.parametrize("content", ["", "junk", "[]", "5", '{"shards": [1]}', "\udcff"])
def test_what_no_build_wrote_is_one_line(name, content, listing, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=f"{name} is of no build; name another folder"):
        build.build(listing, tmp_path / "out", SIDE)


def test_the_same_images_copied_elsewhere_go_on(built, tmp_path):
    """It is their content that counts, not their place or time: nothing is written."""
    out, manifest = built
    shutil.copytree(tmp_path / "tree", tmp_path / "copy", copy_function=shutil.copyfile)
    said = []
    assert build.build(images.folder(tmp_path / "copy"), out, SIDE, said.append) == manifest
    assert said == []


def test_what_was_built_of_other_images_is_not_kept(built, listing, tmp_path):
    out, _ = built
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    with pytest.raises(InputError, match="was begun with other images or sides"):
        build.build(listing, out, SIDE - 8)
    train = listing[0]
    train.items[0].write_bytes(train.items[1].read_bytes())
    with pytest.raises(InputError, match="was begun with other images or sides"):
        build.build(images.folder(tmp_path / "tree"), out, SIDE)
    after = {file.name: file.read_bytes() for file in out.iterdir()}
    assert after.pop("lock.2") == before.pop("lock.1") == b"free\n"
    assert after == before
    (out / "manifest.json").unlink()
    with pytest.raises(InputError, match="holds tars of unknown images"):
        build.build(listing, out, SIDE)


def test_a_shard_that_lost_images_is_refused(built):
    """tarfile takes a file that ends between two members for a whole one."""
    out, _ = built
    file = min(out.glob("train-*.tar"))
    *_, last = tars.members(file)
    file.write_bytes(file.read_bytes()[: last[2] - 512])
    with pytest.raises(InputError, match="images of train, and 14 were built"):
        images.source("folder", str(out))


def test_another_side_into_the_same_begun_folder_is_refused(listing, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/building.json").write_text(json.dumps({"side": 99}))
    with pytest.raises(InputError, match="was begun with other images or sides"):
        build.build(listing, tmp_path / "out", SIDE)


@pytest.mark.parametrize("where", [".", "train/tars", "..", "link"])
def test_the_images_themselves_are_not_built_upon(where, listing, tmp_path):
    (tmp_path / "tree/link").symlink_to(tmp_path / "tree")
    with pytest.raises(InputError, match="holds the images themselves; name another folder"):
        build.build(listing, tmp_path / "tree" / where, SIDE)
    assert not list(tmp_path.rglob("*.tar")) and not (tmp_path / "tree/train/tars").exists()


def test_tars_are_not_built_upon_either(built):
    out, _ = built
    listing = images.source("folder", str(out))
    for to in (out, out.parent):
        with pytest.raises(InputError, match="holds the images themselves"):
            build.build(listing, to, SIDE - 8)
    assert len(build.build(listing, out.with_name("smaller"), SIDE - 8, str)["shards"]) == 5
