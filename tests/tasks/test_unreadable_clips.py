"""Clips of a large set that cannot be read: counted in the result of a run, and told beside it."""

from dataclasses import replace

import numpy as np
import pytest
from videos import numbered, write

from rslib.config import evolve
from rslib.data.clips import Clips, ClipSet, sets
from rslib.evidence import results
from rslib.recipes.video import TABLE_6
from rslib.recipes.video_scales import at_scale
from rslib.report import tables
from rslib.report.unread import sentence
from rslib.running import runs
from rslib.tasks.video import Video
from rslib.training import distributed, engine, unread

TINY = {"optim.batch_size": 8, "optim.epochs": 2, "data.test_clips": 1, "data.frame_stride": 1}
BAD = {0: 0, 3: 900, 17: 0, 18: 700}  # by position: bytes that are left of the file
TRAINED, TESTED = range(14), range(14, 22)


@pytest.fixture
def task(tmp_path, monkeypatch):
    """22 short videos that are not kept in memory; two of 14 training and two of 8 test ones are
    empty or cut off."""
    monkeypatch.setattr(sets, "UNREADABLE_BUDGET", 0.3)
    whole = write(tmp_path / "whole.mp4", numbered(10, 32, 32)).read_bytes()
    files = [tmp_path / f"{k:02d}.mp4" for k in (*TRAINED, *TESTED)]
    for k, file in enumerate(files):
        file.write_bytes(whole[: BAD.get(k)])
    clips = Clips([file.stem for file in files], np.arange(len(files)) % 2, files)
    counts = {"train": 14, "minival": 0, "test": 8}
    held = clips.take(TRAINED), clips.take([]), clips.take(TESTED)
    found = ClipSet(*held, ["a", "b"], {"classes": 2, "sha256": "s", **counts})
    recipe = evolve(at_scale(TABLE_6.row("baseline"), "smoke", block=1).recipe, TINY)
    return Video(recipe, found)


def job(task):
    row = replace(TABLE_6.row("baseline"), recipe=task.recipe)
    run_id = "baseline-0123456789-s3"
    return runs.Job("table6", "smoke", row, 3, task.clip_set, "kinetics-400", run_id, 7, "p")


def trained(task, folder, **more):
    file = folder / "attempt-1" / "result.json"
    runs.train(job(task), "cpu", file, 0, lambda line: None, lambda: None, **more)
    return results.read(file)


LOST = {"replaced": 2, "left_out": {"train": 2, "test": 2, "one-frame": 2, "shuffled": 2}}


def test_a_result_has_what_was_replaced_and_left_out_also_when_it_was_stopped(task, tmp_path):
    whole = trained(task, tmp_path / "whole")
    assert whole["unreadable"] == LOST
    assert whole["metrics"]["test"]["ema"]["n"] == 6
    asked = iter([True])
    with pytest.raises(engine.Preempted):
        trained(task, tmp_path / "parts", stop=lambda: next(asked))
    resumed = trained(task, tmp_path / "parts")
    assert resumed["timing"]["restarts"] == 1
    for name in ("unreadable", "metrics", "weights_sha256"):
        assert resumed[name] == whole[name]
    told = tables.headline(TABLE_6, [whole])
    assert told.endswith(
        "Files that could not be read: 2 training clips replaced by others, 2 test clips left out."
    )


def test_a_run_that_reads_all_has_no_such_field(task, tmp_path):
    files = task.clip_set.train.files
    for k in BAD:
        file = files[0].parent / f"{k:02d}.mp4"
        file.write_bytes((files[1]).read_bytes())
    found = trained(task, tmp_path / "run")
    assert "unreadable" not in found
    assert "could not be read" not in tables.headline(TABLE_6, [found])


class Seen:
    def __init__(self, *positions):
        self.unreadable = dict.fromkeys(positions, ("file", "why"))


def test_processes_and_restarts_count_a_clip_once(monkeypatch):
    monkeypatch.setattr(distributed, "gathered", lambda value: [value, {4, 7}])
    assert unread.positions(Seen(1, 4), before=[1, 9]) == [1, 4, 7, 9]
    assert unread.positions(object(), before=[]) == [4, 7]  # a DataLoader has no such list
    monkeypatch.setattr(distributed, "gathered", lambda value: [value, value])
    splits = {"test": Seen(0, 5), "train": object()}  # each process has a share of its own
    assert unread.counts([], splits) == {"left_out": {"test": 4}}
    assert unread.counts([3], {}) == {"replaced": 1}
    assert unread.counts([], {"test": Seen()}) == {}


def lost(data=(), **unreadable):
    return {"data": dict(data), "unreadable": unreadable}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([{"data": {}}], ""),
        ([lost(replaced=1)], "1 training clip replaced by others."),
        ([lost(replaced=3), {"data": {}}], "0 to 3 training clips replaced by others."),
        ([lost(left_out={"train": 1, "test": 1200})], "1,200 test clips left out."),
        ([lost({"unreadable": {"train": 1}})], "1 training clip left out."),
    ],
)
def test_what_was_lost_is_one_sentence(found, told):
    said = sentence(found, "clips")
    assert said == (f"Files that could not be read: {told}" if told else "")
