"""history.jsonl: there from the first epoch on, and the same whatever happened to the run."""

import itertools
import json

import pytest

from rslib.config import evolve
from rslib.data import images
from rslib.tasks.classify import Classify
from rslib.training import engine
from rslib.training.history import History


@pytest.fixture
def task(tiny):
    recipe = evolve(tiny, {"optim.epochs": 4})
    return Classify(recipe, images.open_images(recipe.data, images.source("fashion-mnist")))


def fit(task, run_dir, **kwargs):
    return engine.fit(task, task.recipe, run_dir, seed=3, report=lambda line: None, **kwargs)


def lines(run_dir):
    return [json.loads(line) for line in (run_dir / "history.jsonl").read_text().splitlines()]


def test_it_is_read_while_the_run_trains_and_survives_a_stop(task, tmp_path):
    whole, stopped, seen = tmp_path / "whole", tmp_path / "stopped", []
    calls = itertools.count(1)

    def stop():
        seen.append(len(lines(stopped)) if (stopped / "history.jsonl").exists() else 0)
        return next(calls) == 6  # of 16 steps, in the second epoch

    outcome = fit(task, whole)
    with pytest.raises(engine.Preempted):
        fit(task, stopped, stop=stop)
    assert seen == [0, 0, 0, 1, 1, 1]  # the line is there when the epoch's last step is
    fit(task, stopped)
    assert (whole / "history.jsonl").read_bytes() == (stopped / "history.jsonl").read_bytes()
    found = lines(whole)
    assert [(row["epoch"], row["step"]) for row in found] == [(1, 4), (2, 8), (3, 12), (4, 16)]
    assert found[-1]["loss"] == outcome.history[-1]["loss"]
    assert found[-1]["minival_ema"] == outcome.metrics["minival"]["ema"]["correct"] / 20


def test_lines_after_the_checkpoint_and_half_lines_are_taken_away(tmp_path):
    first = History(tmp_path)
    for step in (4, 8, 12):
        first.add({"epoch": step // 4, "step": step})
    with open(tmp_path / "history.jsonl", "ab") as file:
        file.write(b'{"epoch": 4, "st')
    History(tmp_path, 8)
    assert [row["step"] for row in lines(tmp_path)] == [4, 8]


def test_no_number_that_json_lacks_is_written(tmp_path):
    with pytest.raises(ValueError):
        History(tmp_path).add({"step": 1, "loss": float("nan")})
