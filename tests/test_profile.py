"""Profiling: batches halved until they fit, measurements kept and never replaced, bad input."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from rslib import devices, paths, profile
from rslib.__main__ import main
from rslib.config import InputError
from rslib.recipes import pareto

MEASUREMENT = {
    "model": "resnet_rs_50",
    "resolution": 160,
    "variant": "fp32",
    "images": 4,
    "fits": True,
    "free": 2**30,
    "environment": {"dirty": False, "device": "cpu", "device_name": "A CPU", "threads": 2},
    "block_seconds": [1.0, 3.0, 2.0],
    "step_seconds": [1.0, 3.0, 2.0],
    "memory": {"half": 1000, "full": 1600},
    "rates": {"flops": 1e12, "bytes": 1e10},
    "machine": {},
}


def test_latency_is_the_median_for_128_images_and_memory_the_slope():
    assert devices.latency(MEASUREMENT) == (64.0, 32.0, 96.0)
    assert devices.image_bytes(MEASUREMENT) == 300
    assert devices.image_bytes(MEASUREMENT | {"memory": {"full": 1600}}) is None


def test_a_measurement_is_a_training_step_of_a_process_of_its_own():
    (one,) = profile.profile("resnet_rs_50", 32, "cpu", threads=1)
    assert one["fits"] and one["images"] == 4 and len(one["block_seconds"]) >= 3
    # weights, gradients, momentum, average: four times 36 million parameters of 4 bytes
    assert one["memory"]["full"] >= one["memory"]["half"] > 4 * 4 * 35_691_912
    assert one["environment"]["threads"] == 1 and one["environment"]["precision"] == "fp32"
    assert 0 < profile.of_roof(one) < 1
    assert profile.line(one).startswith("fp32, batch 4: ")


def test_memory_that_runs_out_is_an_answer_and_not_an_error():
    """A real limit on a real process: ResNet-RS-420 has its weights in 3 GiB, but no training."""
    asked = {"model": "resnet_rs_420", "resolution": 320, "device": "cpu", "variant": "fp32"}
    asked |= {"images": 4, "seconds": 1.0, "threads": 1}
    program = "from rslib import measure; measure.free_memory = lambda device: 3 * 2**30\n"
    program += f"measure.main({asked})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert not found["fits"] and found["free"] == 3 * 2**30


@pytest.mark.parametrize(("most", "images"), [(128, 128), (32, 32), (1, 1), (0, 1)])
def test_a_batch_is_halved_until_it_fits(most, images, monkeypatch):
    tried = []

    def fake(asked):
        tried.append(asked["images"])
        return {"fits": asked["images"] <= most, "free": 2**33}

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
        ("resnet_rs_50", "resolution is None; give --resolution in whole pixels"),
        ("resnet_rs_50 --resolution wide", "resolution is wide; give --resolution"),
        ("resnet_rs_50 --resolution 16", "resolution 16 is too small; the least is 32"),
        ("resnet_rs_50 --resolution 160 --device tpu", "device is 'tpu'"),
        ("resnet_rs_50 --resolution 160 --device cpu --variants fp8", "no variant 'fp8'"),
        ("table7 --device cpu --variants fp8", "no variant 'fp8'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_1(words, message, capsys, tmp_path):
    assert main(["profile", *words.split(), "--runs-dir", str(tmp_path)]) == 1
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and message in told[0]


def test_a_process_that_fails_is_told_by_its_last_line():
    asked = {"model": "resnet_rs_50", "resolution": 32, "device": "cuda:99", "variant": "fp32"}
    with pytest.raises(InputError, match="measuring resnet_rs_50 at 32 px, fp32 failed: "):
        profile.in_a_process(asked | {"images": 1, "seconds": 1.0, "threads": 1})


def test_an_interrupted_profile_leaves_nothing_half_written(tmp_path):
    command = [sys.executable, "-m", "rslib", "profile", "table7", "--device", "cpu"]
    process = subprocess.Popen(
        [*command, "--runs-dir", str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not any("rslib.measure" in line for line in started_by(process.pid)):
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 75 and "the same command goes on" in told
    assert not list(tmp_path.rglob("*.json"))


def started_by(pid):
    """Command lines of the processes in a session."""
    listed = subprocess.run(["ps", "-s", str(pid), "-o", "args="], capture_output=True, text=True)
    return listed.stdout.splitlines()


def test_measurements_are_recorded_once_and_only_from_committed_code(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    file = tmp_path / "runs" / "profile" / "a-cpu.json"
    devices.add(file, MEASUREMENT)
    devices.add(file, MEASUREMENT | {"resolution": 192, "environment": {"dirty": True}})
    said = []
    assert devices.record(tmp_path / "runs", said.append) == 1
    assert "left out resnet_rs_50 192 fp32" in said[0]
    devices.add(file, MEASUREMENT | {"images": 8})  # measured again
    assert [one["images"] for one in devices.read(file) if one["resolution"] == 160] == [8]
    assert devices.record(tmp_path / "runs", said.append) == 0
    assert devices.recorded() == {"A CPU, 2 threads": [MEASUREMENT]}
    with pytest.raises(InputError, match="nothing is measured"):
        devices.record(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[]", "holds no measurements"),
        ('{"schema": 1, "measurements": [{"model": "a"}]}', "lacks resolution"),
    ],
)
def test_a_damaged_file_is_named(text, message, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=message):
        devices.read(tmp_path / "a.json")


def test_table_7_is_measured_once_and_goes_on_where_it_stopped(tmp_path, monkeypatch):
    done = []

    def fake(asked):
        done.append((asked["model"], asked["resolution"]))
        if len(done) == 3:
            raise KeyboardInterrupt
        return {n: MEASUREMENT[n] for n in MEASUREMENT if n not in ("model", "resolution")}

    monkeypatch.setattr(profile, "in_a_process", fake)
    monkeypatch.setattr(profile.counts, "count", lambda name, resolution: None)
    monkeypatch.setattr(profile, "line", str)
    asked = {"device": "cpu", "threads": 1, "report": lambda line: None}
    with pytest.raises(KeyboardInterrupt):
        profile.table_7(tmp_path, **asked)
    profile.table_7(tmp_path, **asked)
    profile.table_7(tmp_path, **asked)
    assert len(done) == 20 and done[2] == done[3]
    assert set(done) == {(row.name, row.resolution) for row in pareto.table_7()}
