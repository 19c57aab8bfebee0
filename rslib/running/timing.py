"""How long a run will take, from a few timed steps of its own model, batch and data."""

import time

import torch

from rslib import models, tasks
from rslib.config import InputError
from rslib.data.splits import clean_train
from rslib.evidence import results
from rslib.machine import has_bf16
from rslib.training import engine, forward, memory, optim

TIMED_STEPS = 4
TIMED_SECONDS = 20.0  # … or as many as fit


def image_passes(job):
    """Training passes of one image that a run amounts to."""
    return passes(job.row.recipe, job.data.manifest)


def passes(recipe, counts):
    """The same of a recipe; a forward pass is a third of a training pass.

    counts: how many examples are in "train", "minival" and "test".
    """
    trained = counts["train"] * recipe.optim.epochs
    clean = clean_train(counts["train"], counts["minival"] or counts["test"])
    tested = counts["test"] * (1 + len(recipe.data.test_orders))
    evaluated = 2 * (tested + counts["minival"] + len(clean)) * recipe.data.test_passes
    return trained * (1 + engine.EVALUATION_SHARE) + evaluated / 3


def image_seconds(job, device):
    """Seconds a training image takes in the job's own model and batch.

    On CPU with its share of the data pipeline. On a GPU without: workers decode ahead of it, and
    what it augments itself is left out. Raises InputError where a GPU is too small.
    """
    try:
        return _timed(job, device)
    except torch.OutOfMemoryError as error:
        at, (free, total) = torch.device(device), torch.cuda.mem_get_info()
        classes, usable = job.data.manifest["classes"], free + torch.cuda.memory_reserved()
        said = memory.too_small(job.row.recipe, classes, usable, total, bf16=has_bf16(at))
        raise InputError(said) from error


def _timed(job, device):
    recipe, device = job.row.recipe, torch.device(device)
    task = tasks.of(recipe)(recipe, job.data, workers=0, device=None)
    model = task.build()
    model = model.to(device=device, memory_format=models.channels_last(model)).train()
    optimizer = optim.optimizer(model, recipe.optim)
    stream, times, batch = iter(task.loaders(job.seed)[0]), [], None
    # never the first step alone, which compiles loops and fills caches
    while len(times) < 2 or (len(times) < TIMED_STEPS and sum(times) < TIMED_SECONDS):
        begin = time.perf_counter()
        if batch is None or device.type == "cpu":
            batch = forward.on(device, next(stream))
        optimizer.zero_grad()
        with forward.autocast(device):
            loss = task.loss(model, batch)
        loss.backward()
        optimizer.step()
        loss.item()  # waits for the device
        times.append(time.perf_counter() - begin)
    return min(times) / (recipe.optim.micro_batch or recipe.optim.batch_size)


def done_share(plan, job):
    """How much of a run's steps its newest checkpoint has behind it, 0 to 1."""
    attempts = results.attempts(job.study, job.run_id, plan.runs_dir)
    if not attempts or attempts[-1].exists():
        return 0.0
    steps = [int(path.stem[5:]) for path in attempts[-1].parent.glob("step-*.pt")]
    optim = job.row.recipe.optim
    total = job.data.manifest["train"] // optim.batch_size * optim.epochs
    return max(steps, default=0) / total
