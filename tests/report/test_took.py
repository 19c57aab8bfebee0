"""What each scale takes: from recorded runs, from FLOPs, or unknown."""

import pytest

from rslib.report import took
from rslib.running.estimate import Run


def result(seconds, scale="laptop", threads=1):
    session = {"device_name": "X", "threads": threads}
    return {"scale": scale, "timing": {"seconds": seconds}, "sessions": [session]}


def run(images):
    return Run("resnet3d", images=images, flops=10, parameters=1, micro_batches=1)


NEEDED = {"smoke": [run(1.0)] * 2, "laptop": [run(10.0)] * 3, "paper": [run(1e9)] * 3}


def test_times_are_recorded_derived_or_unknown():
    shown = took.by_scale([[result(300.0), result(900.0)]], NEEDED, like=["smoke"])
    assert shown["time"].to_dict() == {
        # 600 s a run, three runs, 60 of 900 FLOPs
        "smoke": "about 2 minutes of training there, by FLOPs, and start-up",
        "laptop": "5 to 15 minutes a run and about 30 minutes a block, from 2 recorded runs on one "
        "thread of X",
        "paper": "unknown until a machine has run it",
    }
    assert shown["FLOPs"].tolist() == ["6.0e01", "9.0e02", "9.0e10"]
    assert shown["runs"].tolist() == ["2", "3", "3"]


def test_without_recorded_runs_no_time_is_known():
    shown = took.by_scale([], NEEDED, like=["smoke"])
    assert set(shown["time"]) == {"unknown until a machine has run it"}


def test_a_run_that_diverged_has_no_time():
    assert took.seconds_of([result(5.0), {"timing": {}}]) == [5.0]
    many = took.recorded_time([result(5.0, threads=2)], 1)
    assert many == "5 seconds a run and about 5 seconds a block, from 1 recorded runs on X"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (90, "90 seconds"), (300, "5 minutes"), (9000, "2.5 hours")],
)
def test_durations(seconds, words):
    assert took.duration(seconds) == words
