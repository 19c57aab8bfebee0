"""Checkpoints under damage, full disks and kills."""

import os
import signal
import subprocess
import sys

import pytest
import torch

from rslib.training import checkpoint

STATE = {"step": 1, "model": {"w": torch.arange(10_000.0)}, "progress": {"history": [{"a": 1.5}]}}


def save_three(folder):
    for step in (1, 2, 3):
        checkpoint.save(folder, step, STATE | {"step": step})


def test_the_two_newest_are_kept(tmp_path):
    save_three(tmp_path)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == [f"step-00000000{n}.{s}" for n in (2, 3) for s in ("pt", "sha256")]
    state = checkpoint.newest(tmp_path)
    assert state["step"] == 3 and torch.equal(state["model"]["w"], STATE["model"]["w"])


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    os.truncate(path, 0)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def lose_digest(path):
    path.with_suffix(".sha256").unlink()


@pytest.mark.parametrize("damage", [truncate, empty, flip, lose_digest])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_taken(tmp_path, damage):
    save_three(tmp_path)
    damage(tmp_path / "step-000000003.pt")
    lines = []
    assert checkpoint.newest(tmp_path, lines.append)["step"] == 2
    assert len(lines) == 1 and "step-000000003.pt is damaged" in lines[0]
    damage(tmp_path / "step-000000002.pt")
    assert checkpoint.newest(tmp_path, lines.append) is None


def test_every_flipped_bit_of_a_sample_is_noticed(tmp_path):
    path = checkpoint.save(tmp_path, 1, STATE)
    content = path.read_bytes()
    for position in range(0, len(content), len(content) // 100):
        damaged = bytearray(content)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        assert checkpoint.newest(tmp_path, lambda line: None) is None
        (tmp_path / "step-000000001.damaged").rename(path)
        checkpoint.save(tmp_path, 1, STATE)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    checkpoint.save(tmp_path, 1, {"step": Hostile()})
    with pytest.raises(Exception, match="weights_only"):
        checkpoint.newest(tmp_path)
    assert not (tmp_path / "owned").exists()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import torch
from rslib.training import checkpoint

folder = Path(sys.argv[1])
checkpoint.save(folder, 1, {"step": 1})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the kernel then says EFBIG, as it says ENOSPC
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    checkpoint.save(folder, 2, {"step": 2, "w": torch.zeros(1_000_000)})
except checkpoint.CannotSave as error:
    print(error)
    assert sorted(p.name for p in folder.iterdir()) == [
        "step-000000001.pt", "step-000000001.sha256"
    ], list(folder.iterdir())
    assert checkpoint.newest(folder)["step"] == 1
"""


def test_a_disk_that_takes_no_more_leaves_the_checkpoint_before(tmp_path):
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot save" in done.stdout and "earlier checkpoints are intact" in done.stdout


KILLED = """
import sys
from pathlib import Path
import torch
from rslib.training import checkpoint

state = {"w": torch.arange(300_000)}
print("ready", flush=True)
step = (checkpoint.newest(Path(sys.argv[1])) or {"step": 0})["step"]
while True:
    step += 1
    checkpoint.save(Path(sys.argv[1]), step, state | {"step": step})
"""


@pytest.mark.long
def test_a_kill_at_any_moment_of_saving_leaves_a_whole_checkpoint(tmp_path):
    last = 0
    for n in range(8):
        command = [sys.executable, "-c", KILLED, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            signal.sigtimedwait([], 0.15 + 0.013 * n)
            process.send_signal(signal.SIGKILL)
        state = checkpoint.newest(tmp_path, lambda line: None)
        assert state["step"] > last and torch.equal(state["w"], torch.arange(300_000))
        last = state["step"]
