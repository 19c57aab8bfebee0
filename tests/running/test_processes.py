"""The processes that train, played by scripts: kills, replacements, what is said and when."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from rslib.running import processes, runs, timing, together
from rslib.running.params import Params

# takes runs until there are none; kills itself over those that a file of their name says so of
SCRIPT = """
import os, sys
while True:
    print("\\x01ready", flush=True)
    line = sys.stdin.readline()
    if not line:
        break
    name = line.split()[1]
    count = os.path.join(sys.argv[1], name)
    kills = int(open(count).read()) if os.path.exists(count) else 0
    if kills:
        open(count, "w").write(str(kills - 1))
        os.kill(os.getpid(), 9)
    print("did", name, flush=True)
"""


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """trained(kills of each run, processes): the lines that were reported."""

    def start(plan, params, gpu=None):
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        words = [sys.executable, "-S", "-c", SCRIPT, str(tmp_path)]
        return subprocess.Popen(words, text=True, bufsize=1, **pipes)

    monkeypatch.setattr(processes, "start", start)

    def train(kills, count):
        for name, times in kills.items():
            (tmp_path / name).write_text(str(times))
        lines.clear()
        jobs = [SimpleNamespace(run_id=name) for name in kills]
        processes.share_out(SimpleNamespace(device="cpu"), jobs, Params(), count, lines.append)
        return lines

    lines = train.lines = []
    return train


@pytest.mark.parametrize("count", [1, 2])
def test_a_run_whose_process_is_killed_is_tried_once_more(count, trained):
    lines = trained({"a": 0, "b": 1, "c": 0, "d": 1}, count)
    assert sorted(line for line in lines if line.startswith("did")) == [
        "did a",
        "did b",
        "did c",
        "did d",
    ]
    killed = [line for line in lines if "killed by SIGKILL" in line]
    assert sorted(line.split("; ")[1] for line in killed) == [
        "b is tried once more",
        "d is tried once more",
    ]
    assert lines.index(killed[0]) < lines.index("did d")  # at once, not when all have ended


def test_what_is_killed_twice_is_given_up_and_the_others_are_trained(trained):
    with pytest.raises(processes.Stopped, match="killed by SIGKILL") as caught:
        trained({"a": 2, "b": 0, "c": 0}, 1)
    assert caught.value.code == 70
    assert "did b" in trained.lines and "did c" not in trained.lines[:1]
    assert any("a is not tried again" in line for line in trained.lines)


def test_a_second_signal_waits_for_the_checkpoints(monkeypatch, tmp_path):
    """The parent hears two signals while its process, told once, still saves."""
    import signal
    import threading

    from rslib.training import engine

    script = (
        "import signal, sys, time\n"
        "def save(*_):\n    time.sleep(0.5); open(sys.argv[1], 'w').close(); sys.exit(75)\n"
        "signal.signal(signal.SIGTERM, save); print('begun', flush=True); time.sleep(60)"
    )
    saved = tmp_path / "saved"

    def start(plan, params, gpu=None):
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        words = [sys.executable, "-S", "-c", script, str(saved)]
        return subprocess.Popen(words, text=True, bufsize=1, **pipes)

    def report(line):
        for wait in (0.0, 0.2):
            threading.Timer(wait, os.kill, (os.getpid(), signal.SIGTERM)).start()

    monkeypatch.setattr(processes, "start", start)
    with pytest.raises(engine.Preempted):
        processes.share_out(SimpleNamespace(device="cpu"), [], Params(), 1, report)
    assert saved.exists()


DYING = "print('\\x01ready', flush=True); import os; os.kill(os.getpid(), 9)"

BABBLING = (
    "import sys; print('\\x01ready', flush=True); sys.stdin.readline();"
    "sys.stdout.buffer.write(b'caf\\xe9\\n'); sys.exit(70)"
)


@pytest.mark.parametrize(("script", "message"), [(DYING, "SIGKILL"), (BABBLING, "code 70")])
def test_a_process_that_dies_hangs_nobody(script, message, monkeypatch):
    def start(plan, params, gpu=None):
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        return subprocess.Popen(
            [sys.executable, "-c", script], text=True, errors="replace", bufsize=1, **pipes
        )

    monkeypatch.setattr(processes, "start", start)
    jobs = [SimpleNamespace(run_id=f"run-{n}") for n in range(3)]
    with pytest.raises(processes.Stopped, match=message) as caught:
        processes.share_out(SimpleNamespace(device="cpu"), jobs, Params(), 2, lambda line: None)
    assert caught.value.code == 70


def test_timing_in_another_process_is_the_timing_of_this_one(tmp_path):
    """What a GPU's parent does, to leave its memory free; here on CPU."""
    params = Params(scale="smoke", rows=["epochs"], runs_dir=str(tmp_path))
    plan = runs.plan("table1", params, lambda line: None)
    (elsewhere,) = processes.timed_elsewhere(plan, plan.jobs, params)
    here = timing.image_seconds(plan.jobs[0], "cpu")
    assert here / 10 < elsewhere < here * 10


def test_each_process_has_a_gpu_of_its_own_and_its_replacement_has_that_one(monkeypatch, tmp_path):
    given = []

    def start(plan, params, gpu=None):
        given.append(gpu)
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        words = [sys.executable, "-S", "-c", SCRIPT, str(tmp_path)]
        return subprocess.Popen(words, text=True, bufsize=1, **pipes)

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,6")
    monkeypatch.setattr(processes, "start", start)
    (tmp_path / "a").write_text("1")  # kills its process once
    jobs = [SimpleNamespace(run_id=name) for name in "abc"]
    processes.share_out(SimpleNamespace(device="cuda"), jobs, Params(), 2, lambda line: None)
    assert given[:2] == ["3", "5"] and set(given[2:]) <= {"3", "5"}
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(processes.torch.cuda, "device_count", lambda: 2)
    assert processes.visible_gpus(12) == ["0", "1"]  # several processes may share one


def test_runs_are_shared_by_as_many_gpus_as_their_batches_allow():
    assert together.ranks([8], 8) == 8
    assert together.ranks([8], 6) == together.ranks([8, 4], 6) == 4
    assert together.ranks([8, 1], 8) == together.ranks([1], 8) == 1


@pytest.mark.parametrize(
    ("options", "micro_batches", "used"),
    [
        ({}, [32, 32], 4),  # of six
        ({}, [32, 1, 1], 3),  # a GPU for each run
        ({"compile": True}, [32, 32], 2),
        ({"executor": "inline"}, [32, 32], 1),
    ],
)
def test_so_many_gpus_are_used(options, micro_batches, used, monkeypatch):
    monkeypatch.setattr(together.torch.cuda, "device_count", lambda: 6)
    assert together.used(Params(**options), "cuda", micro_batches) == used
    assert together.used(Params(**options), "cpu", micro_batches) == 1
