"""Tar shards: built, read here and by webdataset, and refused where they could do harm."""

import io
import json
import os
import tarfile

import pytest
import torch
import webdataset
from pictures import picture, to_pillow
from PIL import Image

from rslib.config import InputError, Recipe, evolve
from rslib.data import build, images, tars

SIDE = 24


@pytest.fixture
def listing(tmp_path):
    """Two classes, 7 training and 2 test images each, of several sizes."""
    root = tmp_path / "tree"
    for part, count in (("train", 7), ("val", 2)):
        for name in ("cat", "dog"):
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                shown = picture(20 + 8 * i, 36, seed=100 * (name == "dog") + i)
                to_pillow(shown).save(root / part / name / f"{i}.png")
    return images.folder(root)


@pytest.fixture
def built(listing, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "EACH", 4)
    out = tmp_path / "out"
    manifest = build.build(listing, out, SIDE, lambda line: None)
    return out, manifest


def test_what_is_built_can_be_opened_like_any_folder(built, listing, tmp_path):
    out, manifest = built
    assert sorted(f.name for f in out.iterdir()) == sorted([*manifest["shards"], "manifest.json"])
    train, test, classes = images.source("folder", str(out), tmp_path / "cache", lambda line: None)
    assert (len(train), len(test), classes) == (14, 4, ["cat", "dog"])
    original = listing[1]
    for i in range(4):
        assert test.labels[i] == original.labels[i]
        assert min(test.image(i).shape[1:]) == min(SIDE, *original.image(i).shape[1:])
    data = {"data.dataset": "folder", "data.minival_images": 4}
    found = images.open_images(evolve(Recipe(), data).data, (train, test, classes))
    assert [len(s) for s in (found.train, found.minival, found.test)] == [10, 4, 4]


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
        if len(calls) > 6:  # a file and its folder each; the first notes what is built
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


def test_what_was_built_of_other_images_is_not_kept(built, listing, tmp_path):
    out, _ = built
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    with pytest.raises(InputError, match="was begun with other images or sides"):
        build.build(listing, out, SIDE - 8)
    train = listing[0]
    train.items[0].write_bytes(train.items[1].read_bytes())
    with pytest.raises(InputError, match="was begun with other images or sides"):
        build.build(images.folder(tmp_path / "tree"), out, SIDE)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
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


def plain(name, content=b"1"):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, io.BytesIO(content)


def special(kind):
    member = tarfile.TarInfo("a.jpg")
    member.type, member.linkname = kind, "/etc/passwd"
    return member, None


@pytest.mark.parametrize(
    "bad",
    [
        plain("../a.jpg"),
        plain("/a.jpg"),
        special(tarfile.SYMTYPE),
        special(tarfile.LNKTYPE),
        special(tarfile.CHRTYPE),
    ],
    ids=["parent", "absolute", "symlink", "hardlink", "device"],
)
def test_a_tar_with_anything_but_plain_files_is_refused_whole(bad, tmp_path):
    with tarfile.open(tmp_path / "train-0-of-1.tar", "w") as archive:
        archive.addfile(*plain("b.cls"))
        archive.addfile(*bad)
    with pytest.raises(InputError, match=r"train-0-of-1\.tar is refused: .* is no plain file"):
        tars.members(tmp_path / "train-0-of-1.tar")


def test_damaged_tars_and_missing_labels_are_named(built, tmp_path):
    out, _ = built
    file = next(iter(sorted(out.glob("train-*.tar"))))
    file.write_bytes(file.read_bytes()[:700])
    with pytest.raises(InputError, match=r"is no whole tar|is not whole; build it again"):
        tars.members(file)
    with tarfile.open(file, "w") as archive:
        archive.addfile(*plain("a.jpg"))
    with pytest.raises(InputError, match="a has no label, or is not whole"):
        tars.members(file)
    (out / "manifest.json").unlink()
    with pytest.raises(InputError, match=r"has tars, but no manifest\.json"):
        images.source("folder", str(out))
