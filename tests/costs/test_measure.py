"""Measuring in a process of its own: memory that runs out, want of it told apart, steps timed."""

import json
import subprocess
import sys

import pytest
import torch

from rslib import paths
from rslib.config import InputError
from rslib.costs import measure, profile
from rslib.evidence import devices
from rslib.training import memory


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


@pytest.mark.parametrize("name", ["resnet_rs_101", "efficientnet_b4"])
def test_on_a_gpu_an_image_takes_the_memory_that_is_counted(name):
    """Of the recorded measurements in bfloat16, whose numbers have half the counted bytes."""
    recorded = devices.read(paths.RESULTS / "profile" / "nvidia-h100-80gb-hbm3.json")
    (one,) = [one for one in recorded if one["model"] == name and one["variant"] == "bf16"]
    counted = memory.saved_by(name, one["resolution"]) / 2
    assert devices.image_bytes(one) == pytest.approx(counted, rel=0.03)


def test_a_gpu_is_not_asked_for_what_cannot_fit(monkeypatch):
    monkeypatch.setattr(profile, "total_memory", lambda device: 80 * 2**30)
    asked = {"model": "efficientnet_b6", "resolution": 528, "device": "cuda", "variant": "bf16"}
    assert profile.first_batch(asked) == 64  # which fitted, and 128 did not
    assert profile.first_batch(asked | {"variant": "fp32"}) == 32
    assert profile.first_batch(asked | {"device": "cpu"}) == 4
