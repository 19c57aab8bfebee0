"""Profiling: batches halved until they fit, tables that go on where they stopped, bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from measurements import MEASUREMENT

from rslib import machine, paths
from rslib.__main__ import main
from rslib.config import InputError
from rslib.costs import profile
from rslib.evidence import devices
from rslib.recipes import pareto
from rslib.report import collect
from rslib.running.params import Profiling


@pytest.mark.parametrize(("most", "images"), [(128, 128), (32, 32), (1, 1), (0, 1)])
def test_a_batch_is_halved_until_it_fits(most, images, monkeypatch):
    tried = []

    def fake(asked):
        tried.append(asked["images"])
        return {"fits": asked["images"] <= most, "free": 2**33, "total": 2**34}

    monkeypatch.setattr(profile, "in_a_process", fake)
    asked = {"model": "m", "resolution": 32, "variant": "fp32"}
    found = profile.largest_that_fits(asked, 128)
    assert found["images"] == images == tried[-1] and tried[0] == 128
    if not found["fits"]:
        assert profile.line(found).startswith("fp32, batch 1: does not fit into 8.0 GiB")


def test_counts_alone_need_no_measurement(capsys):
    words = "profile resnet_rs_50 --resolution 160 --no-latency --json"
    assert main(words.split()) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["parameters"] == 35_691_912 and found["measured"] == []
    assert round(found["flops"] / 1e9, 1) == 4.6  # Table 7


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("resnet_rs_51 --resolution 160", "no model 'resnet_rs_51'; did you mean 'resnet_rs_"),
        ("resnet_rs_50", "resnet_rs_50 has no resolution; give --resolution"),
        ("resnet_rs_50 --resolution wide", "resolution is wide; give whole pixels"),
        ("resnet_rs_50 --resolution 16", "resolution 16 is too small; the least is 32"),
        ("resnet_rs_50 --resolution 160 --device tpu", "device is 'tpu'"),
        ("resnet_rs_50 --resolution 160 --device cpu --variants fp8", "no variant 'fp8'"),
        ("table7 --device cpu --variants fp8", "no variant 'fp8'"),
        ("resnet_rs_50 --resolution 160 --device cpu --variants tf32", "variant tf32 is a GPU's"),
        ("figure6 --resolution 160", "no model 'figure6'; did you mean 'figure5'?"),
        ("resnet_rs_50 --resolution 160 --threads 0", "threads is 0; give a whole number"),
        ("resnet_rs_50 --resolution 160 --threads many", "threads is many; give a whole number"),
        ("table7 --json", "table7 is measured row by row into a file; it takes neither"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_1(words, message, capsys, tmp_path):
    assert main(["profile", *words.split(), "--runs-dir", str(tmp_path)]) == 1
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and message in told[0]


@pytest.mark.long
def test_an_interrupted_profile_keeps_what_has_ended(tmp_path):
    """Stopped in its second measurement, it says so, and the first one is whole."""
    # where the tests run in the background of a shell, they inherit that SIGINT is ignored
    command = ["env", "--default-signal=INT", sys.executable, "-m", "rslib", "profile", "table7"]
    process = subprocess.Popen(
        [*command, "--device", "cpu", "--threads", "1", "--runs-dir", str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def until(true):
        end = time.monotonic() + 200
        while not true():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.1)

    try:
        until(lambda: list(tmp_path.rglob("*.json")))
        until(lambda: len(started_by(process.pid)) > 2)  # it, the server, a second measurement
        os.killpg(process.pid, signal.SIGINT)
        told = process.communicate(timeout=60)[1]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 75 and "the same command goes on" in told
    (file,) = tmp_path.rglob("*.json")
    (one,) = devices.read(file)
    assert one["model"] == "efficientnet_b0"
    assert [f.name for f in file.parent.iterdir() if ".tmp" in f.name] == []


def started_by(pid):
    """Command lines of the processes in a session, whole whatever COLUMNS says (-ww)."""
    command = ["ps", "-ww", "-s", str(pid), "-o", "args="]
    return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Measuring takes no time: what was asked for, in order. An entry may be an error to raise."""
    asked_for, errors = [], {}

    def fake(asked):
        if "model" not in asked:
            return MEASUREMENT
        asked_for.append((asked["model"], asked["resolution"]))
        if error := errors.pop(len(asked_for), None):
            raise error
        return {n: MEASUREMENT[n] for n in MEASUREMENT if n not in ("model", "resolution")}

    monkeypatch.setattr(profile, "in_a_process", fake)
    monkeypatch.setattr(profile.counts, "count", lambda name, resolution: None)
    monkeypatch.setattr(profile, "line", str)
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    return SimpleNamespace(asked_for=asked_for, errors=errors)


def table_7(runs_dir, rows=()):
    rows = rows or pareto.table_7()
    profile.measure_all(runs_dir, rows, device="cpu", threads=2, report=lambda line: None)


def test_table_7_is_measured_by_two_processes_and_goes_on_where_it_stopped(measured, tmp_path):
    measured.errors[3] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        table_7(tmp_path)
    table_7(tmp_path)
    table_7(tmp_path)
    wanted = [(row.name, row.resolution) for row in pareto.table_7()]
    assert measured.asked_for == [*wanted[:3], *wanted[2:], *wanted]  # all once, then once more
    (held,) = devices.recorded(tmp_path / "profile").values()
    assert [len(devices.by_process(one)) for one in held] == [2] * len(wanted)


def test_one_failure_leaves_the_others_and_is_tried_again(measured, tmp_path):
    measured.errors[2] = InputError("measuring failed: RuntimeError: odd")
    with pytest.raises(InputError, match="not measured: EfficientNet-B1 at 240 px, fp32; the same"):
        table_7(tmp_path)
    assert len(measured.asked_for) == 19 + 18
    table_7(tmp_path)
    assert measured.asked_for[37:] == [("efficientnet_b1", 240)] * 2


def test_what_is_recorded_is_not_measured_again_and_dirty_is_once_committed(
    measured, tmp_path, monkeypatch
):
    rows = list(pareto.table_3())
    (tmp_path / "results" / "profile").mkdir(parents=True)
    about = {"model": rows[0].name, "resolution": rows[0].resolution}
    recorded = devices.merged(MEASUREMENT, MEASUREMENT) | about
    devices.add(tmp_path / "results" / "profile" / "a-cpu-2-threads.json", recorded)
    dirty = {
        "model": rows[1].name,
        "resolution": rows[1].resolution,
        "environment": {"dirty": True},
    }
    devices.add(tmp_path / "profile" / "a-cpu-2-threads.json", MEASUREMENT | dirty)
    monkeypatch.setattr(profile.machine, "code_version", lambda: {"dirty": True})
    table_7(tmp_path, rows)
    others = [(row.name, row.resolution) for row in rows[2:]]
    again = (rows[1].name, rows[1].resolution)
    assert measured.asked_for == [*others, again, *others]
    monkeypatch.setattr(profile.machine, "code_version", lambda: {"dirty": False})
    table_7(tmp_path, rows)
    assert measured.asked_for[2 * len(others) + 1 :] == [again]  # beside the clean one
    both = devices.recorded(tmp_path / "profile")["A CPU, 2 threads"]
    assert len(both) == 4 and devices.recorded()["A CPU, 2 threads"] == [recorded]


def test_two_processes_never_measure_at_once(measured, tmp_path):
    file = tmp_path / "profile" / "a-cpu-2-threads.json"
    file.parent.mkdir()
    held = machine.claim(file.with_suffix(".lock"), "held")
    with held, pytest.raises(machine.Held, match="is being measured"):
        table_7(tmp_path)
    assert measured.asked_for == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"variants": ["fp32"]}, "variants is for measuring; ask for that with device"),
        ({"runs_dir": "/x"}, "runs_dir is for measuring; ask for that with device"),
    ],
)
def test_a_notebook_that_measures_nothing_takes_no_words_on_measuring(given, message):
    with pytest.raises(InputError, match=message):
        collect.profiled(pareto.TABLE_7, Profiling(**given))


def test_a_step_faster_than_the_rates_allow_is_said_in_words():
    assert profile.least_in_words(63.4) == "the least time of such a step is 63 % of that"
    assert "%" not in profile.least_in_words(111) and "faster" in profile.least_in_words(111)
