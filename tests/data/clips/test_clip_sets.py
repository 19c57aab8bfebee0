"""Clip sets: the embedded one, and copies of Kinetics with good and bad files."""

import json

import numpy as np
import pytest
import torch
from test_kinetics import LABELS, lay_out
from videos import greys, numbered, write

from rslib.config import InputError, Recipe, evolve
from rslib.data import clips
from rslib.data.clips import Show, embedded, frames, motions

SHOW = Show(side=28, frames=4, stride=2, clips=2)


def data(**fields):
    asked = {"train_images": 0, "minival_images": 0, "test_images": 0} | fields
    return evolve(Recipe(), {f"data.{name}": value for name, value in asked.items()}).data


EMBEDDED = data(train_images=16, minival_images=8, test_images=8, subset=2)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def opened(cache):
    return clips.open_clips(EMBEDDED, clips.source("clips"), SHOW, cache, lambda line: None)


def test_the_embedded_set_is_what_its_list_says(opened):
    assert opened.classes == list(motions.MOTIONS)
    for part, count in (("train", 16), ("minival", 8), ("test", 8)):
        split = getattr(opened, part)
        assert len(split) == opened.manifest[part] == count
        listed = motions.clips(part, count, 2)
        named = dict(zip(split.names, split.labels, strict=True))
        assert named == {embedded.file_name(c): motions.MOTIONS.index(c.motion) for c in listed}
    assert opened.manifest["classes"] == 8
    assert opened.manifest["short_side"] == 32


def test_its_identity_is_the_list_and_not_the_bytes(opened, cache):
    """Another encoder would write other bytes; the manifest stays, and so does what was decoded."""
    for file in opened.train.files:
        file.write_bytes(file.read_bytes() + b"\0\0\0\x08free")
    said = []
    again = clips.open_clips(EMBEDDED, clips.source("clips"), SHOW, cache, said.append)
    assert again.manifest == opened.manifest and said == []
    other = evolve(Recipe(data=EMBEDDED), {"data.subset": 3}).data
    moved = clips.open_clips(other, clips.source("clips"), SHOW, cache, lambda line: None)
    assert moved.manifest["sha256"] != opened.manifest["sha256"]
    assert moved.manifest["held_out"] == opened.manifest["held_out"]
    assert moved.test.names == opened.test.names
    assert not set(moved.train.names) & set(opened.train.names)


def test_kept_frames_are_those_of_the_files(opened):
    """Resized from 96 pixels to 32, otherwise as they are read."""
    position, chosen = 3, [5, 0, 63]
    found = opened.train.frames(position, lambda length: [k % length for k in chosen])
    with clips.opened(opened.train.files[position]) as video:
        whole = video.read(chosen)
    assert found.shape == (3, 3, 32, 42)  # 128 · 32 / 96, rounded down
    expected = torch.nn.functional.interpolate(whole.float(), (32, 42), mode="area")
    assert (found.float() - expected).abs().mean() < 6


def test_what_is_damaged_in_the_cache_is_named(tmp_path, opened):
    files = opened.test.files[:2]
    frames.kept(files, 32, "a", tmp_path, lambda line: None)
    folder = next(tmp_path.glob("clip-frames-*[0-9a-f]"))
    with open(folder / "frames.bin", "ab") as file:
        file.write(b"more")
    with pytest.raises(InputError, match=r"clip-frames-.* is damaged .*another length.*remove it"):
        frames.kept(files, 32, "a", tmp_path, lambda line: None)


def test_a_subset_that_is_not_there_and_too_few_clips(tmp_path):
    found = clips.source("clips")
    for fields, told in (({"subset": 9}, "subset 9"), ({"test_images": 3}, "8 to 20,000")):
        with pytest.raises(InputError, match=told):
            clips.open_clips(data(**fields), found, SHOW, tmp_path)


@pytest.fixture
def kinetics(tmp_path):
    """12 clips of four classes, whose frames say their number; and their folder."""
    root = lay_out(tmp_path / "kinetics")
    for file in root.rglob("*.mp4"):
        write(file, numbered(12, 36, 48))
    return root


def opened_at(root, report=print, show=SHOW, **fields):
    found = clips.source("kinetics-400", str(root), lambda line: None)
    assert found.available == 8
    return clips.open_clips(data(**fields), found, show, root.parent / "cache", report)


def test_kinetics_is_split_by_class(kinetics):
    found = opened_at(kinetics, minival_images=4)
    assert found.classes == sorted(LABELS)
    assert found.manifest | {"sha256": "", "held_out": ""} == {
        "classes": 4,
        "train": 4,
        "minival": 4,
        "test": 4,
        "sha256": "",
        "held_out": "",
        "listed": {"train": 8, "test": 4},
        "found": {"train": 8, "test": 4},
        "short_side": 32,
    }
    assert sorted(found.minival.labels) == [0, 1, 2, 3]
    assert not set(found.minival.names) & set(found.train.names)
    json.dumps(found.manifest)
    for fields, told in (
        ({"minival_images": 8}, "too few"),
        ({"train_images": 4, "split": "blocks", "subset": 2}, "needs 12"),
        ({"further_images": 2}, "no further clips"),
    ):
        with pytest.raises(InputError, match=told):
            opened_at(kinetics, **fields)


def test_unreadable_clips_of_a_small_set_are_left_out_or_refused(kinetics, monkeypatch):
    bad = sorted((kinetics / "train").glob("*.mp4"))[0]
    content = bad.read_bytes()
    bad.write_bytes(content[:400])
    with pytest.raises(InputError, match=rf"train: 1 of 8 clips .*{bad.name} \(.*\); 1 % is the"):
        opened_at(kinetics)
    monkeypatch.setattr(clips.sets, "UNREADABLE_BUDGET", 0.2)
    said = []
    found = opened_at(kinetics, said.append)
    assert (found.manifest["train"], found.manifest["unreadable"]) == (7, {"train": 1})
    assert bad.stem not in found.train.names and any(bad.name in line for line in said)
    bad.write_bytes(content)  # it is repaired
    assert opened_at(kinetics).manifest["train"] == 8


@pytest.mark.parametrize(("limit", "most"), [("SMALL_FRAMES", 100_000), ("LONG", 11)])
def test_a_large_set_or_one_with_hours_in_it_is_not_decoded_before(
    kinetics, monkeypatch, limit, most
):
    monkeypatch.setattr(frames, limit, most)
    said = []
    found = opened_at(kinetics, said.append)
    assert found.train.kept is None and "short_side" not in found.manifest and said == []
    assert greys(found.train.frames(0, lambda length: [length - 1])) == pytest.approx([41], abs=1.5)


def test_a_subset_of_kinetics(kinetics):
    """As even over the classes as may be, the same whenever it is drawn, another by its number."""
    chosen = [
        opened_at(kinetics, train_images=4, test_images=2, subset=subset) for subset in (0, 0, 1)
    ]
    assert sorted(chosen[0].train.labels) == [0, 1, 2, 3]
    assert chosen[0].train.names == chosen[1].train.names != chosen[2].train.names
    assert chosen[0].test.names == chosen[2].test.names and len(chosen[0].test) == 2
    blocks = [
        opened_at(kinetics, train_images=4, subset=subset, split="blocks").train.names
        for subset in (0, 1)
    ]
    assert len({*blocks[0], *blocks[1]}) == 8


def test_names_that_are_none():
    with pytest.raises(InputError, match=r"called 'kinetics'; did you mean 'kinetics-400'"):
        clips.source("kinetics")


def test_positions_are_taken_from_all_columns(opened):
    some = opened.train.take(np.array([3, 1]))
    assert some.names == [opened.train.names[3], opened.train.names[1]]
    for place, position in enumerate((3, 1)):
        shown = some.frames(place, lambda length: [0])
        assert torch.equal(shown, opened.train.frames(position, lambda length: [0]))
