"""How fast the images of a set can be loaded, by one core and by all that load at once."""

import time

import torch
from torch.utils.data import BatchSampler, DataLoader

from rslib.config import InputError, Recipe, evolve
from rslib.data.augment import RandAugment
from rslib.data.augment.operations import OPERATIONS
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
    addresses = [(0, 0, place) for place in range(count)]
    steps = {f"as training sees them, {side} px": map(view.__getitem__, addresses)}
    if not chosen.in_memory:
        size = sum(len(content_of(item)) for item in chosen.items) / count
        steps = {
            f"read, {size / 1000:,.0f} kB each": map(content_of, chosen.items),
            "read and decoded": map(decode, chosen.items),
            **steps,
        }
    report(f"{count:,} of {len(train):,} training images, on one core:")
    torch.set_num_threads(1)
    for operation in OPERATIONS.values():  # compiles what is not yet
        operation(view[0, 0, 0][0].numpy(), 10)
    for what, step in steps.items():
        found = timed(what, count, step, report)
    if workers:
        batches = BatchSampler(addresses, BATCH, drop_last=False)
        loader = DataLoader(
            view, batch_sampler=batches, num_workers=workers, persistent_workers=True
        )
        for _ in loader:  # starts the workers
            pass
        found = timed(f"the same by {workers} workers", count, loader, report)
    minutes = len(train) / found / 60
    report(f"an epoch of {len(train):,} images: {minutes:,.1f} minutes, if nothing else is slower")
    return found


def timed(what, count, images, report):
    """Go through images, or batches, and keep none."""
    begin = time.perf_counter()
    for _ in images:
        pass
    found = count / (time.perf_counter() - begin)
    report(f"{found:10,.0f} images/s  {what}")
    return found
