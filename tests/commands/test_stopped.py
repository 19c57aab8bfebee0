"""Runs that are killed, told to stop, orphaned, or held by another process."""

import os
import signal
import subprocess
import time

import pytest
from commandline import SMOKE, command, result, rslib

from rslib.__main__ import main
from rslib.system import lease


@pytest.mark.long
def test_kills_in_mid_epoch_change_no_bit(epochs_run, tmp_path):
    """kill -9 again and again, at various moments; the same command ends in the same weights."""
    found, _ = epochs_run
    words = command(*SMOKE, "--rows", "epochs", "--runs-dir", tmp_path, "--executor", "inline")
    resumed = 0
    for kill in range(4):
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
            wanted = f" {2 * kill + 1} "
            for line in process.stdout:
                resumed += "resumed at step" in line
                if line.startswith("epochs s1") and line[20:26].strip() == wanted.strip():
                    break
            time.sleep(0.07 * kill)
            process.kill()
    done = rslib(*SMOKE, "--rows", "epochs", "--runs-dir", tmp_path, "--json")
    assert done.returncode == 0 and result(done)["timing"]["restarts"] >= 3
    assert result(done)["weights_sha256"] == found["weights_sha256"]
    assert result(done)["history"] == found["history"]
    assert result(done)["metrics"] == found["metrics"]
    assert resumed >= 2


@pytest.mark.long
def test_loader_processes_are_told_too_and_do_not_end_the_run(tmp_path):
    """As Slurm and systemd tell every process of a job."""
    words = [*command(*SMOKE, "--rows", "epochs", "--runs-dir", tmp_path), "--executor", "inline"]
    words += ["--workers", "2", "--epochs", "30"]
    told = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "bufsize": 1}
    with subprocess.Popen(words, **told, start_new_session=True) as process:
        next(line for line in process.stdout if line[20:26].strip().isdigit())
        os.killpg(process.pid, signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 75 and "stopped at step" in said and said.count("rslib: ") == 1


@pytest.mark.long
def test_a_told_or_orphaned_process_saves_and_leaves(epochs_run, tmp_path):
    found, _ = epochs_run
    options = ["--rows", "epochs", "--runs-dir", tmp_path]
    for executor, number in (
        ("inline", signal.SIGTERM),
        ("local", signal.SIGTERM),
        ("local", signal.SIGKILL),
    ):
        words = command(*SMOKE, *options, "--executor", executor)
        process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        next(line for line in process.stdout if line[20:26].strip().isdigit())
        process.send_signal(number)
        process.stdout.close()
        code = process.wait(timeout=60)
        assert code == (75 if number == signal.SIGTERM else -signal.SIGKILL)
    place = tmp_path / "table1" / found["run_id"] / "lock"
    deadline = time.monotonic() + 30
    while lease.holder_of(place) and time.monotonic() < deadline:
        time.sleep(0.1)  # the orphan notices within a step
    assert not lease.holder_of(place)
    assert rslib(*SMOKE, *options).returncode == 0


def test_a_second_command_is_told_who_holds_the_run(tmp_path, capsys):
    words = [*SMOKE, "--rows", "epochs", "--runs-dir", str(tmp_path), "--executor", "inline"]
    words += ["--epochs", "60"]
    with subprocess.Popen(command(*words), stdout=subprocess.PIPE, text=True, bufsize=1) as first:
        next(line for line in first.stdout if "epoch " in line)
        code = main(words)
        assert first.poll() is None
        first.kill()
    assert code == 75  # worth another try
    told = capsys.readouterr().err
    assert f"is being trained by process {first.pid} on" in told and "Traceback" not in told
