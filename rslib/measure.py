"""One measurement: training steps of one network, in a process that does nothing else.

`rslib.profile` starts it, so that a batch that does not fit leaves no trace:
python -m rslib.measure '{"model": "resnet_rs_50", "resolution": 160, …}' prints one JSON object.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch.nn import functional

from rslib import ema, models, optim, provenance
from rslib.config import Optim

VARIANTS = {  # bfloat16 autocast, TF32 allowed, compiled
    "fp32": (False, False, False),  # the paper's protocol on GPUs
    "tf32": (False, True, False),
    "bf16": (True, True, False),
    "fp32-compiled": (False, False, True),
    "bf16-compiled": (True, True, True),
}
RECIPE = Optim(weight_decay=4e-5, peak_rate=1e-3)  # small: the labels are random


def measure(*, model, resolution, device, variant, images, seconds, threads):
    """What a training step of so many images takes: forward, loss, backward, SGD and EMA.

    seconds: that the timed steps may take, of which there are always a few. Returns plain data:
    seconds a step, of blocks of steps and of single ones; bytes at the peak; what the machine was
    doing. {"fits": False} if memory ran out.
    """
    torch.set_num_threads(threads)
    half, tf32, compiled = VARIANTS[variant]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    before = telemetry(device)
    about = {"environment": provenance.session(device), "free": free_memory(device)}
    about["environment"]["precision"] = variant
    device = torch.device(device)
    try:
        step = training_step(models.named(model), resolution, images, device, half, compiled)
        memory = peak_memory(step, images, device, compiled)
        blocks, single = timed(step, device, seconds)
    except (RuntimeError, MemoryError) as error:
        if not short_of_memory(error):
            raise
        return {"fits": False, **about}
    return {
        "fits": True,
        **about,
        "block_seconds": blocks,
        "step_seconds": single,
        "memory": memory,
        "rates": rates(device, half),
        "machine": {"before": before, "after": telemetry(device.type)},
    }


def short_of_memory(error):
    """Allocators say so in many words, and most of them by a plain RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        words in str(error).lower() for words in ("memory", "bad_alloc", "allocate")
    )


def training_step(network, resolution, images, device, half, compiled):
    """step(n): train on the first n of a batch of random images."""
    layout = {"device": device, "memory_format": torch.channels_last}
    network = network.to(**layout).train()
    optimizer, average = optim.sgd(network, RECIPE), ema.Ema(network)
    forward = torch.compile(network) if compiled else network
    pixels = torch.randn(images, 3, resolution, resolution).to(**layout)
    labels = torch.randint(0, 1000, (images,), device=device)

    def step(n=images):
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = forward(pixels[:n])
            loss = functional.cross_entropy(logits, labels[:n], label_smoothing=0.1)
        loss.backward()
        optimizer.step()
        average.update(1)

    return step


def peak_memory(step, images, device, compiled):
    """Bytes at the peak of a step: of half the batch, of all of it, and what the allocator held.

    The difference is what images cost. A compiled step has one batch size. On a CPU it is the
    process's largest resident size, which never shrinks, so the smaller batch goes first.
    """
    found = {}
    for name, n in (("half", images // 2), ("full", images)):
        if n == 0 or (compiled and n < images):
            continue
        if device.type == "cuda":
            step(n)  # libraries reserve workspace in their first step
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            step(n)
            torch.cuda.synchronize()
            found[name] = torch.cuda.max_memory_allocated()
            found["reserved"] = torch.cuda.max_memory_reserved()
        else:
            step(n)
            found[name] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found


def timed(step, device, seconds):
    """(blocks, single): seconds a step in each block, and of steps that were each waited for."""
    if device.type == "cpu":
        single = repeated(lambda: clocked(step), 1, seconds, at_least=3, at_most=50)
        return single, single
    repeated(lambda: clocked_on_gpu(step, 10), 10, seconds / 4, at_least=3, at_most=10)  # warm up
    blocks = repeated(lambda: clocked_on_gpu(step, 10), 10, seconds, at_least=5, at_most=30)
    single = repeated(lambda: clocked_on_gpu(step, 1), 1, seconds / 4, at_least=20, at_most=100)
    return blocks, single


def repeated(clock, steps, seconds, *, at_least, at_most):
    times = []
    while len(times) < at_least or (len(times) < at_most and steps * sum(times) < seconds):
        times.append(clock())
    return times


def clocked(step):
    begin = time.perf_counter()
    step()
    return time.perf_counter() - begin


def clocked_on_gpu(step, steps):
    """Seconds a step, by the GPU's own clock."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(steps):
        step()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1000 / steps


def rates(device, half):
    """What the device does at best: FLOP/s of a matrix product, bytes/s of a copy."""
    kind = torch.bfloat16 if half else torch.float32
    clock = clocked if device.type == "cpu" else lambda work: clocked_on_gpu(work, 10)
    side = 2048 if device.type == "cpu" else 8192
    a, b = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    source = torch.zeros(2**26, device=device)  # 256 MiB: larger than any cache
    target = torch.empty_like(source)
    product = min(clock(lambda: torch.mm(a, b)) for _ in range(5))
    copy = min(clock(lambda: target.copy_(source)) for _ in range(5))
    return {"flops": 2 * side**3 / product, "bytes": 2 * 4 * source.numel() / copy}


def telemetry(device):
    """What else may have had a part in the time: load of the machine, clocks of the GPU."""
    found = {"load": os.getloadavg()[0]}
    if device == "cuda":
        fields = "clocks.sm,clocks.max.sm,temperature.gpu,clocks_event_reasons.active"
        command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
        told = subprocess.run(command, capture_output=True, text=True)
        found["gpu"] = told.stdout.strip() or f"nvidia-smi: exit code {told.returncode}"
    return found


def free_memory(device):
    """Bytes that a process may still take, on a CPU within its container's limit."""
    if device != "cpu":
        return torch.cuda.mem_get_info()[0]
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free = 1024 * int(lines["MemAvailable"].split()[0])
    limit = Path("/sys/fs/cgroup/memory.max")
    bounded = limit.exists() and limit.read_text().strip() != "max"
    return min(free, int(limit.read_text())) if bounded else free


def main(asked):
    if asked["device"] == "cpu":
        # past this an allocation fails in this process; without it the kernel would kill another
        most = int(0.9 * free_memory("cpu"))
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    print(json.dumps(measure(**asked), allow_nan=False))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
