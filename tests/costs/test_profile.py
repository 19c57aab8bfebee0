"""Profiling: batches halved until they fit, measurements kept and never replaced, bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from rslib import machine, paths
from rslib.__main__ import main
from rslib.config import InputError
from rslib.costs import measure, profile
from rslib.evidence import devices
from rslib.recipes import pareto
from rslib.report import collect
from rslib.running.params import Profiling

MEASUREMENT = {
    "model": "resnet_rs_50",
    "resolution": 160,
    "variant": "fp32",
    "images": 4,
    "fits": True,
    "free": 2**30,
    "total": 2**31,
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


@pytest.mark.long
def test_a_measurement_is_a_training_step_of_a_process_of_its_own():
    (one,) = profile.profile("resnet_rs_50", 32, "cpu", threads=1)
    assert one["fits"] and one["images"] == 4 and len(one["block_seconds"]) >= 3
    # weights, gradients, momentum, average: four times 36 million parameters of 4 bytes
    assert one["memory"]["full"] >= one["memory"]["half"] > 4 * 4 * 35_691_912
    assert one["environment"]["threads"] == 1 and one["environment"]["precision"] == "fp32"
    assert 0 < profile.of_roof(one) < 1
    assert profile.line(one).startswith("fp32, batch 4: ")


def test_memory_that_runs_out_is_an_answer_and_not_an_error():
    """A real limit on a real process: 2 GiB hold ResNet-RS-50, but not 128 images' activations."""
    asked = {"model": "resnet_rs_50", "resolution": 224, "device": "cpu", "variant": "fp32"}
    asked |= {"images": 128, "seconds": 1.0, "threads": 1}
    program = (
        "from rslib.costs import measure; measure.memory_of = lambda device: (2 * 2**30, 2**34)\n"
    )
    program += f"measure.main({asked})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert not found["fits"] and found["free"] == 2 * 2**30


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
        ("resnet_rs_50", "resnet_rs_50 has no resolution of its own; give --resolution"),
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


def test_a_process_that_fails_is_told_by_the_line_of_its_error():
    asked = {"model": "resnet_rs_50", "resolution": 32, "device": "cpu", "variant": "none"}
    with pytest.raises(InputError, match="measuring failed: KeyError: 'none'"):
        profile.in_a_process(asked | {"images": 1, "seconds": 1.0, "threads": 1})
    cuda = "Traceback\n  File x\ntorch.AcceleratorError: CUDA error: lost\nCompile with DSA\n\n"
    assert profile.reason(cuda) == "torch.AcceleratorError: CUDA error: lost"
    assert profile.reason("killed by a shell\n") == "killed by a shell"


class CompilerError(RuntimeError):
    pass


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (torch.OutOfMemoryError("CUDA"), True),
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (CompilerError("out of memory is one of many words of a compiler"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_want_of_memory_is_told_from_other_failures(error, short):
    assert measure.short_of_memory(error) == short


def test_memory_is_read_after_a_step_that_made_what_later_ones_reuse():
    done = []
    measure.peak_memory(done.append, 4, torch.device("cpu"), compiled=False)
    assert done == [2, 2, 4, 4]
    assert measure.peak_memory(done.append, 4, torch.device("cpu"), compiled=True).keys() == {
        "full"
    }
    assert "half" not in measure.peak_memory(done.append, 1, torch.device("cpu"), compiled=False)


def test_variants_differ_in_what_their_names_say():
    for name, how in measure.VARIANTS.items():
        assert how.bf16 == name.startswith("bf16") and how.compiled == name.endswith("compiled")
        assert how.tf32 == (name[:4] in ("tf32", "bf16")) and how.channels_last != ("nchw" in name)


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
        until(lambda: any("efficientnet_b1" in line for line in started_by(process.pid)))
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


def test_processes_are_added_and_count_as_one_measurement(tmp_path):
    file = tmp_path / "a-cpu.json"
    second = MEASUREMENT | {"block_seconds": [4.0, 5.0], "step_seconds": [4.0, 5.0]}
    devices.add_process(file, MEASUREMENT)
    assert devices.read(file) == [MEASUREMENT] and devices.by_process(MEASUREMENT) == [[1, 3, 2]]
    devices.add_process(file, second)
    (both,) = devices.read(file)
    assert devices.by_process(both) == [[1, 3, 2], [4, 5]]
    assert devices.latency(both) == (96.0, 32.0, 160.0)  # 3 s, from 1 to 5, of 4 images
    assert both["step_seconds"] == both["block_seconds"] == [1, 3, 2, 4, 5]
    other = second | {"environment": second["environment"] | {"code": "another"}}
    for one in (second | {"images": 8}, other, second | {"fits": False}, second):
        devices.add_process(file, one)
        assert devices.read(file) == [one]  # not of the same thing, so in its place


def test_recorded_processes_are_never_replaced_but_added_to(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    file = tmp_path / "runs" / "profile" / "a-cpu.json"

    def record(one):
        devices.write(file, [one])
        return devices.record(tmp_path / "runs", lambda line: None)

    another = MEASUREMENT | {"block_seconds": [9.0]}
    assert record(MEASUREMENT | {"miniature": True}) == 0 and devices.recorded() == {}
    assert record(MEASUREMENT) == 1
    assert record(another) == record(devices.merged(another, MEASUREMENT)) == 0
    both = devices.merged(MEASUREMENT, another)
    assert record(both) == 1 and record(both) == record(MEASUREMENT) == 0
    assert devices.recorded() == {"A CPU, 2 threads": [both]}


def test_files_of_before_read_as_they_did():
    """Every recorded measurement is of one process, with blocks of its own."""
    for held in devices.recorded().values():
        for one in held:
            if one["fits"] and "by_process" not in one:
                assert devices.by_process(one) == [one["block_seconds"]]


@pytest.mark.parametrize("once", [0.01, 0.3, 2.0])
def test_a_gpu_is_timed_for_ten_steps_at_least(once, monkeypatch):
    timed = []

    def fake(step, steps):
        timed.append(steps)
        return once

    monkeypatch.setattr(measure, "clocked_on_gpu", fake)
    blocks, single = measure.timed(None, torch.device("cuda"), seconds=0.1)
    assert len(single) >= 5 and sum(timed[3:]) >= measure.LEAST
    assert len(blocks) >= 5 and (blocks is single) == (once > 0.25)


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


def test_table_7_is_measured_once_and_goes_on_where_it_stopped(measured, tmp_path):
    measured.errors[3] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        table_7(tmp_path)
    table_7(tmp_path)
    table_7(tmp_path)
    assert len(measured.asked_for) == 20 and measured.asked_for[2] == measured.asked_for[3]
    assert set(measured.asked_for) == {(row.name, row.resolution) for row in pareto.table_7()}


def test_one_failure_leaves_the_others_and_is_tried_again(measured, tmp_path):
    measured.errors[2] = InputError("measuring failed: RuntimeError: odd")
    with pytest.raises(InputError, match="not measured: EfficientNet-B1 at 240 px, fp32; the same"):
        table_7(tmp_path)
    assert len(measured.asked_for) == 19
    table_7(tmp_path)
    assert measured.asked_for[19:] == [("efficientnet_b1", 240)]


def test_what_is_recorded_is_not_measured_again_and_dirty_is_once_committed(
    measured, tmp_path, monkeypatch
):
    rows = list(pareto.table_3())
    (tmp_path / "results" / "profile").mkdir(parents=True)
    about = {"model": rows[0].name, "resolution": rows[0].resolution}
    devices.add(tmp_path / "results" / "profile" / "a-cpu-2-threads.json", MEASUREMENT | about)
    dirty = {
        "model": rows[1].name,
        "resolution": rows[1].resolution,
        "environment": {"dirty": True},
    }
    devices.add(tmp_path / "profile" / "a-cpu-2-threads.json", MEASUREMENT | dirty)
    monkeypatch.setattr(profile.machine, "code_version", lambda: {"dirty": True})
    table_7(tmp_path, rows)
    assert measured.asked_for == [(row.name, row.resolution) for row in rows[2:]]
    monkeypatch.setattr(profile.machine, "code_version", lambda: {"dirty": False})
    table_7(tmp_path, rows)
    assert measured.asked_for[2:] == [(rows[1].name, rows[1].resolution)]
    both = devices.recorded(tmp_path / "profile")["A CPU, 2 threads"]
    assert len(both) == 4 and devices.recorded()["A CPU, 2 threads"] == [MEASUREMENT | about]


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
