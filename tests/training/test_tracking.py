"""A tracker gets every line of history.jsonl, by Ignite's own logger, also where a run stops."""

import sys
import types

import pytest

from rslib.config import InputError
from rslib.data import images
from rslib.tasks.classify import Classify
from rslib.training import engine, history, tracking


@pytest.fixture
def wandb(monkeypatch):
    """As much of Weights & Biases as Ignite's logger asks for; it keeps what it is given."""
    module = types.ModuleType("wandb")
    module.began, module.lines, module.ended = [], [], 0
    module.init = lambda **words: module.began.append(words)
    module.log = lambda line, step: module.lines.append((step, line))
    module.finish = lambda: setattr(module, "ended", module.ended + 1)
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def test_every_line_of_the_history_is_mirrored_also_that_of_a_stop(tiny, tmp_path, wandb):
    task = Classify(tiny, images.open_images(tiny.data, images.source("fashion-mnist")))
    run_dir, quiet = tmp_path / "my-run" / "attempt-1", {"report": lambda line: None}
    steps = iter([False] * 3 + [True])  # at the end of the first epoch
    words = {"seed": 1, "tracker": "wandb", **quiet}
    with pytest.raises(engine.Preempted):
        engine.fit(task, tiny, run_dir, stop=lambda: next(steps), **words)
    engine.fit(task, tiny, run_dir, **words)
    lines = history.read(run_dir)
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    told = [{f"rslib/{name}": value for name, value in line.items()} for line in lines]
    assert wandb.lines == list(zip([1, 2, 3], told, strict=True))
    assert wandb.ended == 2 and [began["id"] for began in wandb.began] == ["my-run"] * 2


@pytest.fixture
def mlflow(monkeypatch):
    """As much of MLflow as is asked for: runs by id, and what each was told."""
    module = types.ModuleType("mlflow")
    module.began, module.lines, module.now = [], [], None

    def start_run(run_id=None, run_name=None):
        module.began.append((run_id, run_name))
        module.now = types.SimpleNamespace(info=types.SimpleNamespace(run_id=run_id or "r1"))
        return module.now

    def log_metrics(metrics, step):
        module.lines.append((module.now.info.run_id, step, metrics))

    module.start_run, module.log_metrics = start_run, log_metrics
    module.active_run = lambda: module.now
    module.end_run = lambda: setattr(module, "now", None)
    validation = types.ModuleType("mlflow.utils.validation")
    validation.validate_param_and_metric_name = bool
    monkeypatch.setitem(sys.modules, "mlflow", module)
    monkeypatch.setitem(sys.modules, "mlflow.utils", types.ModuleType("mlflow.utils"))
    monkeypatch.setitem(sys.modules, "mlflow.utils.validation", validation)
    return module


def test_a_run_that_goes_on_is_the_same_run_of_mlflow(tiny, tmp_path, mlflow):
    task = Classify(tiny, images.open_images(tiny.data, images.source("fashion-mnist")))
    run_dir, words = tmp_path / "my-run" / "attempt-1", {"seed": 1, "report": lambda line: None}
    steps = iter([False] * 3 + [True])
    with pytest.raises(engine.Preempted):
        engine.fit(task, tiny, run_dir, stop=lambda: next(steps), tracker="mlflow", **words)
    engine.fit(task, tiny, run_dir, tracker="mlflow", **words)
    assert mlflow.began == [(None, "my-run"), ("r1", None)] and mlflow.now is None
    assert [(run, step) for run, step, _ in mlflow.lines] == [("r1", 1), ("r1", 2), ("r1", 3)]


def test_a_tracker_that_cannot_be_opened_is_one_line_and_trains_nothing(tiny, tmp_path, wandb):
    def init(**words):
        raise RuntimeError("no API key\nrun wandb login")

    wandb.init = init
    task = Classify(tiny, images.open_images(tiny.data, images.source("fashion-mnist")))
    with pytest.raises(InputError, match="nothing is trained: no API key run wandb login"):
        engine.fit(task, tiny, tmp_path, seed=1, tracker="wandb", report=lambda line: None)
    assert not (tmp_path / "history.jsonl").exists()


def test_a_tracker_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)  # as if it were not installed
    with pytest.raises(InputError, match="'mlflow' needs a package: pip install mlflow"):
        tracking.refuse("mlflow")
    with pytest.raises(InputError, match="did you mean 'tensorboard'"):
        tracking.refuse("tensorbord")
    tracking.refuse("")
