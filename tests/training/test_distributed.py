"""One run in several processes is the run of one process: the same images, steps and counts."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from ranks import Ranks, together
from torch import nn

from rslib import __main__
from rslib.config import InputError, Optim, evolve
from rslib.data import images
from rslib.data.loaders import Schedule, Share
from rslib.own import train as own
from rslib.tasks.classify import Classify
from rslib.training import checkpoint, distributed, engine

__main__.parser()  # imports here, once, what every fork would

STEPS = 20
WITHOUT_BN = 1e-4  # relative, between losses of the same step
WITH_BN = 1e-3


@pytest.fixture
def recipe(tiny):
    """20 steps of four micro-batches; nothing is drawn at random but images and augmentation."""
    changes = {
        "model.se_ratio": 0.0,
        "regularization.stochastic_depth": 0.0,
        "regularization.dropout": 0.0,
        "optim.epochs": STEPS // 2,
        "optim.batch_size": 32,
        "optim.micro_batch": 8,
        "optim.peak_rate": 0.05,
        "optim.warmup_epochs": 0.0,
        "data.test_images": 31,
    }
    return evolve(tiny, changes)


@pytest.fixture
def task(recipe):
    return Classify(recipe, images.open_images(recipe.data, images.source("fashion-mnist")))


class Recorded(engine.Run):
    """With the mean loss of every step, and all tensors after the first."""

    def step(self, engine, micro):
        before = self.loss_sum.clone()
        super().step(engine, micro)
        self.losses = [*getattr(self, "losses", []), distributed.mean(self.loss_sum - before)]
        if len(self.losses) == 1:
            self.first = {name: t.clone() for name, t in self.model.state_dict().items()}


def fit(task, run_dir, stop=lambda: False):
    return engine.fit(
        task, task.recipe, run_dir, seed=3, report=lambda line: None, stop=stop, session={}
    )


def losses(task, run_dir):
    """The loss of each step's whole batch, the digest of all weights, tensors after a step."""
    run = Recorded(task, task.recipe, run_dir, 3, torch.device("cpu"), lambda line: None, bool)
    run.train()
    found = [loss.item() for loss in run.losses]
    return found, checkpoint.weights_sha256(run.model, run.ema.module), run.first


def of_two(work):
    def joined(rank):
        with distributed.joined("cpu"):
            return work(rank)

    return together(2, joined)


def frozen(network):
    """BN as in evaluation, whatever is asked: images of a batch know nothing of each other."""
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eval().train = lambda mode=True, norm=norm: norm
    return network


@pytest.mark.parametrize("bn", [pytest.param(False, marks=pytest.mark.long), True])
def test_two_processes_train_as_one(bn, task, tmp_path, monkeypatch):
    if not bn:
        build = Classify.build
        monkeypatch.setattr(Classify, "build", lambda self: frozen(build(self)))
    one, _, alone = losses(task, tmp_path / "one")
    found, its = of_two(lambda rank: losses(task, tmp_path / "two"))
    two, digest, state = found
    others, its_digest, _ = its
    assert digest == its_digest and two == others  # every rank has the same weights and averages
    print(f"largest difference {max(abs(a - b) / b for a, b in zip(two, one, strict=True)):.2g}")
    assert len(one) == len(two) == STEPS
    assert two == pytest.approx(one, rel=WITH_BN if bn else WITHOUT_BN)
    for name, tensor in alone.items():
        if "num_batches" not in name:  # running statistics are those of all micro-batches
            torch.testing.assert_close(state[name], tensor, rtol=1e-4, atol=1e-6)


@pytest.mark.long
def test_a_run_that_two_processes_stopped_goes_on_in_one_and_back(task, tmp_path):
    def told_to_stop_at(step, rank):
        """Asked after each step; only one process is told."""
        calls = iter(range(1, 1 + STEPS))
        return lambda: next(calls) == step and rank == 1

    def part(rank):
        with pytest.raises(engine.Preempted):
            fit(task, tmp_path / "parts", told_to_stop_at(7, rank))

    whole = fit(task, tmp_path / "whole")
    of_two(part)
    assert checkpoint.newest(tmp_path / "parts")["step"] == 7  # in mid-epoch
    with pytest.raises(engine.Preempted):
        fit(task, tmp_path / "parts", told_to_stop_at(6, 1))
    first, second = of_two(lambda rank: fit(task, tmp_path / "parts"))
    assert first.weights_sha256 == second.weights_sha256 and first.metrics == second.metrics
    assert first.restarts == 2 and len(first.sessions) == 3
    told = [
        [json.loads(line) for line in (tmp_path / name / "history.jsonl").read_text().splitlines()]
        for name in ("whole", "parts")
    ]
    for row, its in zip(*told, strict=True):
        assert (row["epoch"], row["step"], row["rate"]) == (its["epoch"], its["step"], its["rate"])
        assert its["loss"] == pytest.approx(row["loss"], rel=WITH_BN)
    assert [row["epoch"] for row in first.history] == [row["epoch"] for row in whole.history]
    # one process evaluates what the two have trained: the same images, each once, in their order
    alone = fit(task, tmp_path / "parts")
    assert alone.weights_sha256 == first.weights_sha256 and alone.metrics == first.metrics
    assert {split: both["ema"]["n"] for split, both in first.metrics.items()} == {
        "test": 31,
        "minival": 20,
        "train": 20,
    }


@pytest.mark.parametrize("of", [1, 2, 4])
@pytest.mark.parametrize("step", [0, 5])
def test_every_image_is_trained_on_once_in_the_same_order(of, step):
    shape = 70, 16, 4, 3, 5, step
    whole = list(Schedule(*shape))
    parts = [Schedule(*shape, Share(rank, of)) for rank in range(of)]
    assert {len(part) for part in parts} == {len(whole) // of}
    each = 4 // of  # micro-batches of a step in one process
    steps = [iter(part) for part in parts]
    together = [
        next(stream) for _ in range(len(whole) // 4) for stream in steps for _ in range(each)
    ]
    assert together == whole


@pytest.mark.parametrize("count", [3, 20, 31])
def test_every_image_is_evaluated_once(count):
    parts = [Share(rank, 3).part(count) for rank in range(3)]
    assert [place for part in parts for place in part] == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    with pytest.raises(InputError, match="4 processes cannot share 3"):
        Share(0, 4).part(3)


def test_a_world_size_that_does_not_fit_is_refused_in_a_line(monkeypatch):
    monkeypatch.setattr(distributed, "size", lambda: 3)
    with pytest.raises(InputError) as refused:
        distributed.micro_batches(Optim(batch_size=4096, micro_batch=128))
    assert str(refused.value) == (
        "3 processes cannot share a batch of 4096 images in whole micro-batches of 128, over "
        "which BN normalises; world sizes that work: 1, 2, 4, 8, 16, 32"
    )
    assert distributed.micro_batches(Optim(batch_size=24, micro_batch=8)) == 1


@pytest.mark.parametrize(("rank", "error"), [("0", InputError), ("1", SystemExit)])
def test_training_on_ones_own_images_is_for_one_process(rank, error, monkeypatch):
    torchrun = {"TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": "2", "LOCAL_RANK": rank}
    for name, value in torchrun.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(error, match="start it without torchrun" if rank == "0" else "1"):
        own.train("no such folder")
    monkeypatch.setenv("WORLD_SIZE", "1")
    with pytest.raises(InputError, match="no such folder does not exist"):
        own.train("no such folder")


COMMAND = ["run", "table1", "--scale", "smoke", "--rows", "cosine", "--device", "cpu"]


@pytest.fixture
def shared(monkeypatch):
    """Smoke scale in micro-batches of four, which two processes can share."""
    at_scale = Classify.at_scale

    def smaller(row, scale, **options):
        scaled = at_scale(row, scale, **options)
        return replace(scaled, recipe=evolve(scaled.recipe, {"optim.micro_batch": 4}))

    monkeypatch.setattr(Classify, "at_scale", staticmethod(smaller))


def begun(runs_dir):
    """The command in two processes, which have trained an epoch."""
    ranks = Ranks(2, lambda rank: __main__.main([*COMMAND, "--runs-dir", str(runs_dir)]))
    wait_for_an_epoch(runs_dir, ranks.alive)
    return ranks


def wait_for_an_epoch(runs_dir, alive):
    deadline = time.monotonic() + 300
    while not [*runs_dir.glob("table1/*/attempt-1/history.jsonl")]:
        assert alive(), "it ended before"
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.long
def test_one_process_that_is_told_to_stop_stops_all(shared, tmp_path, capfd):
    ranks = begun(tmp_path)
    os.kill(ranks.pids[1], signal.SIGTERM)
    assert [code for code, _ in ranks.ended()] == [75, 75]
    said = capfd.readouterr()
    assert said.err.count("rslib: ") == 1 and "stopped at step" in said.err
    assert said.out.count("epoch      rate") == 1
    (run_dir,) = tmp_path.glob("table1/*/attempt-1")
    kept = checkpoint.newest(run_dir)
    assert kept["step"] > 0
    # the same command goes on, in one process
    again = [*COMMAND, "--runs-dir", str(tmp_path), "--executor", "inline"]
    assert __main__.main(again) == 0
    result = json.loads((run_dir / "result.json").read_text())
    assert result["status"] == "complete" and result["timing"]["restarts"] == 1
    assert [session["world_size"] for session in result["sessions"]] == [2, 1]
    assert f"resumed at step {kept['step']}" in capfd.readouterr().out


@pytest.mark.long
def test_a_process_that_is_killed_ends_the_others_with_a_line(shared, tmp_path, capfd):
    ranks = begun(tmp_path)
    os.kill(ranks.pids[1], signal.SIGKILL)
    assert [code for code, _ in ranks.ended()] == [75, -signal.SIGKILL]
    assert capfd.readouterr().err.count("another process of this run ended") == 1


@pytest.mark.long
def test_two_processes_finish_a_run_and_write_it_once(shared, tmp_path, capfd):
    words = [*COMMAND, "--epochs", "2", "--runs-dir", str(tmp_path)]
    assert together(2, lambda rank: __main__.main(words)) == [0, 0]
    (file,) = tmp_path.glob("table1/*/attempt-*/result.json")
    assert json.loads(file.read_text())["environment"]["world_size"] == 2
    assert together(2, lambda rank: __main__.main(words)) == [0, 0]  # trained before: only shown
    assert len([*tmp_path.glob("table1/*/attempt-*")]) == 1
    assert "Traceback" not in capfd.readouterr().err


def test_what_two_processes_cannot_share_is_refused_by_one_of_them(tmp_path, capfd):
    ranks = Ranks(2, lambda rank: __main__.main([*COMMAND, "--runs-dir", str(tmp_path)]))
    assert [code for code, _ in ranks.ended()] == [1, 75]
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "rslib" in line]
    assert line.startswith("rslib: 2 processes cannot share a batch of 16 images")
    assert line.endswith("world sizes that work: 1")


SCRIPT = """
from dataclasses import replace
from rslib import __main__
from rslib.config import evolve
from rslib.running import together
from rslib.tasks.classify import Classify

at_scale = Classify.at_scale

def smaller(row, scale, **options):
    scaled = at_scale(row, scale, **options)
    return replace(scaled, recipe=evolve(scaled.recipe, {"optim.micro_batch": 4}))

Classify.at_scale = staticmethod(smaller)
together.gpus, together.PROGRAM = (lambda plan: 2), (__file__,)
__main__.run()
"""


@pytest.mark.long
def test_a_command_that_sees_two_gpus_starts_torchrun(tmp_path):
    """Two processes on a CPU stand for them. It is stopped, and goes on."""
    (tmp_path / "script.py").write_text(SCRIPT)
    words = [sys.executable, str(tmp_path / "script.py"), *COMMAND, "--runs-dir", str(tmp_path)]
    told = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(words, **told) as process:
        wait_for_an_epoch(tmp_path, lambda: process.poll() is None)
        process.terminate()
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 75 and "torchrun trains each run on 2 of 2 GPUs" in said
    assert said.count("rslib: ") == 1 and "Traceback" not in said
    (run_dir,) = tmp_path.glob("table1/*/attempt-1")
    step = checkpoint.newest(run_dir)["step"]
    refused = subprocess.run([*words, "--max-hours", "1e-9"], **told, timeout=300)
    assert refused.returncode == 1 and "more than max_hours" in refused.stdout
    assert refused.stdout.count("rslib: ") == 1 and "Traceback" not in refused.stdout
    done = subprocess.run(words, **told, timeout=300)
    assert done.returncode == 0 and f"resumed at step {step}\n" in done.stdout
    assert done.stdout.count("+ Cosine LR Decay") == 1  # the table, once
    result = json.loads((run_dir / "result.json").read_text())
    assert [session["world_size"] for session in result["sessions"]] == [2, 2]
