"""Another task comes through the same door: planned, trained, stopped, resumed, recorded."""

import hashlib
import shutil
from dataclasses import dataclass, replace

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from rslib import machine, paths, tasks
from rslib.config import InputError, Recipe, evolve
from rslib.data.loaders import ALL, Schedule
from rslib.evidence import results
from rslib.recipes import Row, Study, studies
from rslib.running import runs, sweep
from rslib.running.params import Params
from rslib.training import engine
from rslib.training.metrics import Correct


@dataclass(frozen=True)
class Points:
    """Which side of a line a point of the plane lies on: a task of another kind than images."""

    recipe: Recipe
    data: "Plane"
    workers: int = 0
    device: torch.device | None = None
    PAPERS_DATA = "the plane"
    papers_data = staticmethod(lambda dataset, data_dir: None)
    choose_dataset = staticmethod(lambda scale, dataset, data_dir: "plane")
    source = staticmethod(lambda dataset, data_dir, cache_dir, report: torch.rand(96, 2) - 0.5)
    available = staticmethod(len)
    at_scale = staticmethod(lambda row, scale, **_: row)
    own_epochs = staticmethod(lambda scale: 4)
    open = staticmethod(lambda recipe, source, cache_dir, report: Plane())
    in_words = staticmethod(lambda recipe, manifest, name: f"a line, {manifest['train']} points")

    def build(self):
        return torch.nn.Sequential(torch.nn.Unflatten(1, (2, 1, 1)), torch.nn.Conv2d(2, 2, 1))

    def loaders(self, seed, start_step=0, share=ALL):
        schedule = Schedule(64, 16, 16, self.recipe.optim.epochs, seed, start_step, share)
        train = DataLoader(Addressed(self.data.points), batch_sampler=schedule)
        return train, {s: DataLoader(self.data.points, 32) for s in ("train", "minival", "test")}

    def loss(self, model, batch):
        return torch.nn.functional.cross_entropy(model(batch[0]).flatten(1), batch[1])

    def predict(self, model, batch):
        return model(batch[0]).flatten(1), batch[1]

    def metrics(self, output_transform=lambda output: output):
        return {"right": Correct(output_transform)}


class Plane:
    def __init__(self):
        at = torch.rand((64, 2), generator=torch.Generator().manual_seed(0)) - 0.5
        self.points = TensorDataset(at, (at[:, 0] > at[:, 1]).long())
        digest = hashlib.sha256(at.numpy().tobytes()).hexdigest()
        self.manifest = {"classes": 2, "train": 64, "minival": 64, "test": 64, "sha256": digest}


@dataclass(frozen=True)
class Addressed:
    points: TensorDataset

    def __getitem__(self, address):
        return self.points[address[-1]]


RECIPE = evolve(Recipe(), {"task": "points", "optim.epochs": 4, "optim.batch_size": 16})
RECIPE = evolve(RECIPE, {"optim.schedule": "cosine", "optim.warmup_epochs": 0.0})
ROW = Row(id="line", label="a line", kind="baseline", recipe=RECIPE, weights="raw", paper={})
STUDY = Study(name="toy", title="A toy", rows=(ROW,))


@pytest.fixture
def params(monkeypatch, tmp_path):
    monkeypatch.setitem(tasks.TASKS, "points", Points)
    for register in (studies.STUDIES, studies.TRAINED):
        monkeypatch.setitem(register, "toy", STUDY)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    clean = {"commit": "c", "code": "c", "dirty": False}
    monkeypatch.setattr(machine, "code_version", lambda: clean)
    return Params(scale="laptop", runs_dir=str(tmp_path / "runs"), executor="inline")


def test_a_new_task_is_a_class_and_an_entry(params, tmp_path):
    lines = []
    plan = runs.plan("toy", params, lines.append)
    ((run_id, found),) = sweep.complete(plan, params, lines.append).items()
    assert any(line.startswith("a line, 64 points, 1 process on cpu") for line in lines)
    assert found["recipe"]["task"] == "points" and found["data"]["name"] == "plane"
    assert found["metrics"]["test"]["raw"]["correct"] > 40
    assert results.record("toy", tmp_path / "runs", lines.append) == 1
    assert results.recorded("toy") == [found]
    assert runs.plan("toy", params, lines.append).results() == {run_id: found}


def test_it_resumes_to_the_same_bits(params, tmp_path):
    whole = sweep.complete(runs.plan("toy", params), params, lambda line: None)
    again = replace(params, runs_dir=str(tmp_path / "again"))
    (job,) = runs.plan("toy", again, lambda line: None).jobs
    asked = iter([False] * 6 + [True])
    with pytest.raises(engine.Preempted):  # in mid-epoch
        runs.run(job, "cpu", tmp_path / "again", report=print, stop=lambda: next(asked))
    found = runs.run(job, "cpu", tmp_path / "again", report=print)
    assert found["timing"]["restarts"] == 1
    assert found["weights_sha256"] == whole[found["run_id"]]["weights_sha256"]


def test_who_lost_its_lease_writes_no_result(params, tmp_path):
    """As a process that was suspended for hours, while another trained its run."""
    plan = runs.plan("toy", params, lambda line: None)
    (job,) = plan.jobs
    folder = tmp_path / "runs/toy" / job.run_id

    def taken_over():
        (folder / "lock.1").rename(folder / "lock.2")
        return False

    asked = iter([taken_over] + 99 * [lambda: False])
    with pytest.raises(machine.Held, match="gave no sign of life for more than 60 s"):
        runs.run(job, "cpu", tmp_path / "runs", report=print, stop=lambda: next(asked)())
    assert not list(folder.glob("*/result.json"))


def test_a_task_that_does_not_exist_is_named():
    with pytest.raises(InputError, match="no task 'clasify'; did you mean 'classify'"):
        tasks.of(evolve(Recipe(), {"task": "clasify"}))


def test_running_names_no_task():
    """What is special to images sits behind the seam."""
    for file in (paths.ROOT / "rslib" / "running").glob("*.py"):
        assert "lassify" not in file.read_text(), file.name


def test_what_is_recorded_is_trained_anew_as_often_as_asked(params, tmp_path):
    """Also where the runs it was recorded from are gone: attempts 2, 3, … beside it."""
    plan = runs.plan("toy", params, lambda line: None)
    ((run_id, found),) = sweep.complete(plan, params, lambda line: None).items()
    results.record("toy", tmp_path / "runs", lambda line: None)
    shutil.rmtree(tmp_path / "runs")
    again = replace(params, reuse=False)
    for number in (2, 3):
        lines = []
        assert sweep.complete(plan, again, lines.append) == {run_id: found}
        assert any(line.endswith("met bit for bit") for line in lines)
        file = tmp_path / "runs/toy" / run_id / f"attempt-{number}/result.json"
        assert results.read(file)["attempt"] == number
    assert results.ended("toy", run_id, tmp_path / "runs") == 3


@pytest.mark.parametrize("finished", [True, False])
def test_what_another_command_held_and_finished_is_done(finished, params, monkeypatch):
    real = sweep.train_here

    def train_here(*words):
        if finished:
            real(*words)
        raise machine.Held("being trained by another")

    monkeypatch.setattr(sweep, "train_here", train_here)
    plan = runs.plan("toy", params, lambda line: None)
    if finished:
        assert len(sweep.complete(plan, params, lambda line: None)) == 1
    else:
        with pytest.raises(machine.Held):
            sweep.complete(plan, params, lambda line: None)
