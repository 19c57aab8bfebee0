"""One measurement: training steps of one network, in a process that does nothing else.

`rslib.costs.profile` forks it, so that a batch that does not fit leaves no trace. By hand:
python -m rslib.costs.measure '{"model": "resnet_rs_50", …}' prints one JSON object.
"""

import json
import math
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn import functional

from rslib import machine, models
from rslib.config import Optim
from rslib.system import faults, output, signals
from rslib.training import ema, optim


class Variant(NamedTuple):
    """How a training step is computed; as it stands: float32 in every bit, eager, channels last."""

    bf16: bool = False
    tf32: bool = False
    compiled: bool = False
    channels_last: bool = True


VARIANTS = {
    "fp32": Variant(),  # the paper's precision on the V100
    "fp32-nchw": Variant(channels_last=False),
    "tf32": Variant(tf32=True),
    "bf16": Variant(bf16=True, tf32=True),  # the paper's precision on TPUs
    "fp32-compiled": Variant(compiled=True),
    "bf16-compiled": Variant(bf16=True, tf32=True, compiled=True),
}
LEAST = 10  # timed steps on a GPU, however long one takes
FEWEST = 5  # on a CPU: two processes have the steps that a verdict takes
RECIPE = Optim(weight_decay=4e-5, peak_rate=1e-3)  # small: the labels are random


# of allocators and of libraries; a compiler's long messages are not searched
SHORT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "bad_alloc",
    "alloc_failed",
    "unable to find an engine",  # cuDNN, where its workspace does not fit
    "could not create a memory object",  # oneDNN
)


def measure(*, model, resolution, device, variant, images, seconds, threads):
    """What a training step of so many images takes: forward, loss, backward, SGD and EMA.

    seconds: that the timed steps may take, of which there are always a few. Returns plain data:
    seconds a step, of blocks of steps and of single ones; bytes at the peak; what the machine was
    doing. {"fits": False, …} if memory ran out.
    """
    torch.set_num_threads(threads)
    how = VARIANTS[variant]
    allow_tf32(how.tf32)
    about, before = describe(device, variant), telemetry(device)
    device = torch.device(device)
    try:
        step = training_step(models.named(model), resolution, images, device, how)
        memory = peak_memory(step, images, device, how.compiled)
        blocks, single = timed(step, device, seconds)
        del step  # gives the network's memory back
        best = rates(device, how.bf16)
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
        "rates": best,
        "machine": {"before": before, "after": telemetry(device.type)},
    }


def describe(device, variant):
    """Code and machine, and the bytes that are free on the device."""
    environment = machine.session(device)
    environment["precision"] = variant
    free, total = memory_of(device)
    return {"environment": environment, "free": free, "total": total}


def allow_tf32(allowed):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed


def short_of_memory(error):
    """Allocators say so in many words, and most of them by a plain RuntimeError."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = str(error).lower()
    return type(error) is RuntimeError and any(said in words for said in SHORT_OF_MEMORY)


def training_step(network, resolution, images, device, how):
    """step(n): train on the first n of a batch of random images."""
    order = torch.channels_last if how.channels_last else torch.contiguous_format
    layout = {"device": device, "memory_format": order}
    network = network.to(**layout).train()
    optimizer, average = optim.optimizer(network, RECIPE), ema.Ema(network)
    forward = torch.compile(network) if how.compiled else network
    pixels = torch.randn(images, 3, resolution, resolution).to(**layout)
    labels = torch.randint(0, 1000, (images,), device=device)

    def step(n=images):
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=how.bf16):
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
        step(n)  # the first one is no other's like: momentum and workspaces are made
        if device.type == "cuda":
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
        single = repeated(lambda: clocked(step), 1, seconds, at_least=FEWEST, at_most=50)
        return single, single
    once = repeated(lambda: clocked_on_gpu(step, 1), 1, seconds / 4, at_least=3, at_most=30)
    # gaps between steps only count where steps are short
    many = max(1, min(10, int(0.5 / once[-1])))
    least = max(5, math.ceil(LEAST / many))
    blocks = repeated(lambda: clocked_on_gpu(step, many), many, seconds, at_least=least, at_most=30)
    if many == 1:
        return blocks, blocks  # long steps were each waited for
    single = repeated(lambda: clocked_on_gpu(step, 1), 1, seconds / 4, at_least=5, at_most=100)
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
        fields = "clocks.sm,clocks.max.sm,temperature.gpu,power.draw"
        command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
        command += ["-i", f"GPU-{torch.cuda.get_device_properties(0).uuid}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
            found["gpu"] = done.stdout.strip() if done.returncode == 0 else "not told"
        except OSError:
            found["gpu"] = "no nvidia-smi"
    return found


def memory_of(device):
    """(free, total) bytes of the device; on a CPU within the container's limit."""
    if device == "cuda":
        return torch.cuda.mem_get_info()
    lines = dict(line.split(":") for line in lines_of("/proc/meminfo"))
    free, total = (1024 * int(lines[name].split()[0]) for name in ("MemAvailable", "MemTotal"))
    group = Path("/sys/fs/cgroup")
    if (group / "memory.max").exists() and (limit := lines_of(group / "memory.max")[0]) != "max":
        held = dict(line.split() for line in lines_of(group / "memory.stat"))
        free, total = min(free, int(limit) - int(held["anon"])), min(total, int(limit))
    return free, total


def lines_of(file):
    return Path(file).read_text(encoding="utf-8").splitlines()


def as_command(words):
    """An exit code, and one line for what the machine did, as every command has it."""
    output.lenient()
    with signals.handled(signals.stop):
        try:
            main(json.loads(words))
            output.flush()
        except KeyboardInterrupt as error:
            output.complain(f"rslib: {error or 'interrupted'}")
            return faults.AGAIN
        except Exception as error:
            if not (found := faults.explained(error)):
                raise
            output.complain(f"rslib: {found[0]}")
            return found[1]
    return 0


def into(printed, said, words):
    """The command in a forked process: its output and its errors go into two files."""
    for file, number in ((printed, 1), (said, 2)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.exit(as_command(words))


def main(asked):
    if "model" not in asked:  # only what the device is
        print(json.dumps(describe(asked["device"], "")))
        return
    if asked["device"] == "cpu":
        # past this an allocation fails in this process; without it the kernel would kill another
        most = int(0.9 * memory_of("cpu")[0])
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    print(json.dumps(measure(**asked), allow_nan=False))


if __name__ == "__main__":
    sys.exit(as_command(sys.argv[1]))
