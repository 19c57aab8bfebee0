"""Many runs in one process: what fails stops no other, and says so at once and at the end."""

import errno
import io
import os
import sys

import pytest
import torch

from rslib.config import InputError
from rslib.running import processes, runs, status, sweep
from rslib.running.params import Params
from rslib.system import lease
from rslib.training import distributed, engine

ROWS = ["cosine", "epochs", "dropout"]
TAKEN = lease.Taken(lease.Holder(), "another process holds it")


@pytest.fixture
def three(tmp_path, monkeypatch):
    """(plan of three runs, params, the lines that are told, what each run raises in training)."""
    raised, lines = {}, []

    def train(job, device, file, workers, report, check, stop, **options):
        assert not stop()
        if job.run_id in raised:
            raise raised[job.run_id]
        return lines.append(f"trained {job.row.id}")

    monkeypatch.setattr(runs, "train", train)
    params = Params(scale="smoke", rows=ROWS, runs_dir=str(tmp_path), executor="inline")
    plan = runs.plan("table1", params, lambda line: None)
    status.note(plan, {job.run_id: 60.0 for job in plan.jobs}, 1)
    yield plan, params, lines, raised


def trained(lines):
    return [line.removeprefix("trained ") for line in lines if line.startswith("trained ")]


@pytest.mark.parametrize("serves", [False, True])
def test_a_run_that_fails_is_told_and_stops_no_other(serves, three, monkeypatch):
    plan, params, lines, raised = three
    first, second, _ = (job.run_id for job in plan.jobs)
    raised |= {first: TAKEN, second: KeyError("layer")}
    with pytest.raises(KeyError, match="layer"):  # a run that is held elsewhere says less
        if serves:  # as each process of executor local
            words = "".join(f"train {job.run_id}\n" for job in plan.jobs)
            monkeypatch.setattr(sys, "stdin", io.StringIO(words))
            monkeypatch.setattr(sweep, "say_or_leave", lines.append)
            sweep.serve(plan, params)
        else:
            sweep.train_here(plan, plan.jobs, params, lines.append)
    assert trained(lines) == ["dropout"]
    (said,) = [line for line in lines if "failed: " in line]
    assert said.split(maxsplit=2) == ["epochs", "s1", "failed: KeyError: 'layer'"]
    assert any("another process holds it" in line for line in lines)
    found, _ = status.of("table1", plan.runs_dir)
    assert [run.state for run in found if run.run_id == second] == ["failed"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/runs/step-1.pt"),
        torch.AcceleratorError("device-side assert"),
        engine.Preempted("told to stop"),
    ],
)
def test_what_the_next_run_would_meet_too_stops_all(error, three):
    plan, params, lines, raised = three
    raised[plan.jobs[0].run_id] = error
    with pytest.raises(type(error)):
        sweep.train_here(plan, plan.jobs, params, lines.append)
    assert not trained(lines)


def test_a_file_that_is_missing_is_of_one_run(three):
    plan, params, lines, raised = three
    raised[plan.jobs[0].run_id] = OSError(errno.ENOENT, os.strerror(errno.ENOENT), "/a/file")
    with pytest.raises(FileNotFoundError):
        sweep.train_here(plan, plan.jobs, params, lines.append)
    assert trained(lines) == ["epochs", "dropout"]


def test_what_two_runs_refuse_in_the_same_words_is_of_neither(three):
    plan, params, lines, raised = three
    raised |= {job.run_id: InputError("cat/1.png is damaged") for job in plan.jobs}
    with pytest.raises(InputError, match=r"cat/1.png is damaged"):
        sweep.train_here(plan, plan.jobs, params, lines.append)
    assert sum("failed: cat/1.png is damaged" in line for line in lines) == 1


@pytest.mark.parametrize(("error", "others"), [(TAKEN, 2), (ValueError("x"), 0)])
def test_several_processes_of_one_run_stop_at_what_only_one_of_them_knows(
    error, others, three, monkeypatch
):
    plan, params, lines, raised = three
    monkeypatch.setattr(distributed, "size", lambda: 2)
    raised[plan.jobs[0].run_id] = error
    with pytest.raises(type(error)):
        sweep.train_here(plan, plan.jobs, params, lines.append)
    assert len(trained(lines)) == others


def test_errors_keep_no_network_alive(three, monkeypatch):
    import weakref

    plan, params, lines, _ = three
    held = []

    def train(*words, **options):
        network = torch.nn.Linear(2, 2)
        held.append(weakref.ref(network))
        if len(held) > 1:
            lines.append(held[-2]())  # of the run before
        raise ValueError("memory")

    monkeypatch.setattr(runs, "train", train)
    with pytest.raises(ValueError, match="memory"):
        sweep.train_here(plan, plan.jobs, params, lines.append)
    assert len(held) == 3 and lines.count(None) == 2


def test_a_long_run_says_about_every_hour_how_far_all_are(three, monkeypatch):
    plan, params, lines, _ = three
    now = [0.0]
    monkeypatch.setattr(status.time, "monotonic", lambda: now[0])

    def train(job, device, file, workers, report, check, stop, **options):
        for _ in range(10):
            now[0] += 1000.0
            stop()

    monkeypatch.setattr(runs, "train", train)
    sweep.train_here(plan, plan.jobs[:1], params, lines.append)
    said = [line for line in lines if "of 3 runs done" in line]
    assert len(said) == 2 + 1  # after 4000 and 8000 seconds, and at its end


def test_the_processes_of_executor_local_leave_the_hours_to_the_command(three, monkeypatch):
    plan, *_ = three
    lines = []
    monkeypatch.setattr(status, "HOUR", 0.0)
    crew = processes.Crew(None, [], lines.append, status.Hourly(plan, lines.append).look)
    crew.running = 1
    crew.lines.put((None, "epoch 1"))
    with pytest.raises(AttributeError):  # there is no process that could have ended
        crew.lines.put((None, None))
        crew.listen()
    assert lines[0].startswith("0 of 3 runs done") and lines[1] == "epoch 1"
