"""`bench/gpu.py` in miniature: it goes on where it was killed, and ends when its time is up."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from rslib import paths
from rslib.evidence import archive, devices, results

pytestmark = pytest.mark.long
COMMAND = [sys.executable, str(paths.ROOT / "bench" / "gpu.py"), "--device", "cpu", "--out"]


def start(out, *words):
    return subprocess.Popen(
        [*COMMAND, str(out), *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=out,
        start_new_session=True,
    )


def working_in(out):
    """Command lines of all processes that were told this folder."""
    listed = subprocess.run(
        ["ps", "-ww", "-e", "-o", "args="], capture_output=True, text=True
    ).stdout
    return [line for line in listed.splitlines() if str(out) in line]


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def measurements(out):
    return [one for file in (out / "profile").glob("*.json") for one in devices.read(file)]


def test_it_goes_on_where_it_was_killed(tmp_path, monkeypatch):
    first = start(tmp_path, "--steps", "headline,evidence")
    until(lambda: measurements(tmp_path))
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    (before,) = measurements(tmp_path)
    until(lambda: not working_in(tmp_path), 10)  # what it had started has noticed

    second = start(tmp_path, "--steps", "headline,evidence")
    said, _ = second.communicate(timeout=300)
    assert second.returncode == 0, said
    after = {devices.key(one): one for one in measurements(tmp_path)}
    assert len(after) == 2
    assert all(len(devices.by_process(one)) == 2 for one in after.values())
    assert devices.by_process(after[devices.key(before)])[0] == before["block_seconds"]
    refuses_to_record(tmp_path / "gpu.tar.gz", monkeypatch, tmp_path / "results")

    third = start(tmp_path, "--steps", "headline,evidence")
    said, _ = third.communicate(timeout=60)
    assert third.returncode == 0 and "begins" not in said and "all is complete" in said


def refuses_to_record(packed, monkeypatch, folder):
    """An archive of a miniature is read, and nothing in it is taken."""
    monkeypatch.setattr(paths, "RESULTS", folder)
    said = []
    with archive.unpacked(packed) as runs_dir:
        steps = [json.loads(file.read_text()) for file in (runs_dir / "steps").iterdir()]
        assert [s["status"] for s in steps] == ["complete"] * 2 and all(
            s["miniature"] for s in steps
        )
        assert devices.record(runs_dir, said.append) == 0
        assert results.record("table1", runs_dir, said.append) == 0
    assert sum(line.startswith("left out") for line in said) == 4 and not folder.exists()


def test_it_ends_when_its_time_is_up(tmp_path):
    begin = time.monotonic()
    process = start(tmp_path, "--steps", "headline", "--minutes", "0.25")
    said, _ = process.communicate(timeout=60)
    assert time.monotonic() - begin < 15
    assert process.returncode == 75 and "left: headline; " in said
    assert not working_in(tmp_path) and (tmp_path / "gpu.tar.gz").exists()


def test_a_step_that_fails_is_named_and_stops_no_other(tmp_path):
    """Images that are not there: the evidence fails at once, what follows is measured."""
    process = start(tmp_path, "--steps", "evidence", "--data-dir", str(tmp_path / "none"))
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1 and "failed: evidence; " in said
    assert "does not exist" in json.loads((tmp_path / "steps/evidence.json").read_text())["why"]
