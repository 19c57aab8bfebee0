"""What runs need beside hours, in words: disk, memory of a GPU, money."""

import torch

from rslib import machine, tasks
from rslib.evidence import prices
from rslib.running.estimate import DISK, GPUS
from rslib.training import distributed, memory
from rslib.training.clock import duration

FORMULA = (
    "hours: images × the timed seconds an image ÷ processes, summed over the runs. Images: epochs "
    "× training images × 1.1, for evaluation, and the last evaluation, less what checkpoints hold. "
    "On a GPU reading images is not in it"
)


def lines(plan, jobs, seconds, total, here=True):
    """seconds: {run_id: seconds on one device}; total: of all together, as they will be trained;
    here: on this machine, whose memory and price are told."""
    disk = f"{DISK * parameters(jobs) / 1e9:.2g} GB of disk for checkpoints"
    told = [f"{disk} ({DISK} bytes a parameter of each run)"]
    if not here:
        return told
    if plan.device == "cuda":
        told.append(on_a_gpu(jobs[-1]))
    line = f"{', '.join(told)}{money(plan.device, total)}"
    return [line, *([spread(list(seconds.values()))] if plan.device == "cuda" else [])]


def parameters(jobs):
    """Of the networks of all runs."""
    counted, total = {}, 0
    for job in jobs:
        recipe = job.row.recipe
        key = recipe.task, recipe.model  # of one study, whose data have the same classes
        if key not in counted:
            with torch.device("meta"):
                network = tasks.of(recipe)(recipe, job.data, workers=0, device=None).build()
            counted[key] = sum(p.numel() for p in network.parameters())
        total += counted[key]
    return total


def on_a_gpu(job):
    """What a step of the last run takes at least of the GPU's memory; counted."""
    recipe = job.row.recipe
    images = recipe.optim.micro_batch or recipe.optim.batch_size
    bf16 = machine.has_bf16(torch.device("cuda"))
    least = memory.least_bytes(recipe, job.data.manifest["classes"], images, bf16=bf16)
    total = torch.cuda.mem_get_info()[1]
    return f"at least {least / 2**30:.1f} of the GPU's {total / 2**30:.1f} GiB (counted)"


def money(device, total):
    """What data/prices.csv says of this machine; empty where it says nothing."""
    threads = "" if device == "cuda" else f", {machine.cores()} threads"  # as a profile has it
    name = machine.device_name(device) + threads
    price = prices.read().get(name)
    return f", {prices.in_words(price, [total / 3600 * distributed.size()])}" if price else ""


def spread(seconds):
    """Hours of whole runs, one on a GPU, on more GPUs of this kind."""
    of = (f"{duration(max(sum(seconds) / n, *seconds))} on {n}" for n in GPUS if n > 1)
    return f"one run on each GPU of this kind would take at least {' and '.join(of)}"
