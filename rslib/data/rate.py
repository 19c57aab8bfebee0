"""How fast the images of a set can be had, by one core and by all that load at once."""

import time

import torch
from torch.utils.data import BatchSampler, DataLoader

from rslib.config import InputError, Recipe, evolve
from rslib.data.augment import RandAugment
from rslib.data.check import content_of, decode
from rslib.data.loaders import TrainView
from rslib.data.splits import balanced

BATCH = 64


def rate(listing, side, workers, sample=1000, report=print):
    """Measure with a sample of the training images, and say images a second; returns the last.

    listing: of `rslib.data.images.source`. side: pixels. Shown as the paper's ResNet-RS-50 sees
    them: random crop, flip, RandAugment 10. workers: loader processes; 0 measures one core alone.
    """
    train, _, _ = listing
    count = min(sample, len(train))
    if count < BATCH:
        raise InputError(f"{count} images do not fill one batch of {BATCH}; take more")
    chosen = train.take(balanced(train, count, "rate"))
    view = TrainView(chosen, evolve(Recipe(), {"data.resolution": side}).data, RandAugment(10))
    steps = {f"as training sees them, {side} px": lambda: [view[0, 0, k] for k in range(count)]}
    if not chosen.in_memory:
        size = sum(len(content_of(item)) for item in chosen.items) / count
        steps = {
            f"read, {size / 1000:,.0f} kB each": lambda: list(map(content_of, chosen.items)),
            "read and decoded": lambda: list(map(decode, chosen.items)),
            **steps,
        }
    report(f"{count:,} of {len(train):,} training images, on one core:")
    torch.set_num_threads(1)
    view[0, 0, 0]  # compiles what is not yet
    for what, step in steps.items():
        found = timed(what, count, step, report)
    if workers:
        batches = BatchSampler([(0, 0, k) for k in range(count)], BATCH, drop_last=False)
        loader = DataLoader(
            view, batch_sampler=batches, num_workers=workers, persistent_workers=True
        )
        list(loader)  # starts the workers
        found = timed(f"the same by {workers} workers", count, lambda: list(loader), report)
    minutes = len(train) / found / 60
    report(f"an epoch of {len(train):,} images: {minutes:,.1f} minutes, if nothing else is slower")
    return found


def timed(what, count, step, report):
    begin = time.perf_counter()
    step()
    found = count / (time.perf_counter() - begin)
    report(f"{found:10,.0f} images/s  {what}")
    return found
