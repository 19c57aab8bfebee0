"""Which images train, which are minival: class-balanced, and the same wherever they are chosen."""

import hashlib

import numpy as np

from rslib.config import InputError
from rslib.data.shards import Slices

# the authors' minival: 20 of ImageNet's 1,024 shards, which hold 25,022 images or a few more
SHARDS, HELD_OUT_SHARDS, PAPERS_MINIVAL = 1024, 20, 25_022


def split(train, data):
    """((minival, train), how): disjoint, the same whenever and wherever it is made.

    Class-balanced, by a hash of names; how then is "". But all of ImageNet in its 1,024 shards
    gives the authors' own minival: the first 20 of them.
    """
    in_shards = isinstance(train.items, Slices) and len(train.items.files) == SHARDS
    if in_shards and data.minival_images == PAPERS_MINIVAL and not data.train_images:
        return by_shards(train), f"shards 0 to {HELD_OUT_SHARDS - 1} of {SHARDS}"
    return by_hash(train, data), ""


def by_shards(train):
    """Raises InputError where the first shards hold few of the classes: then nothing was shuffled,
    as by an older script of Google's."""
    shard = train.items.where[:, 0]
    minival = train.take(np.flatnonzero(shard < HELD_OUT_SHARDS).tolist())
    covered, classes = len(set(minival.labels)), len(set(train.labels))
    if covered < 0.9 * classes:
        raise InputError(
            f"the first {HELD_OUT_SHARDS} shards hold {covered} of {classes} classes, so the "
            "images were not shuffled; write the shards again, or use the folders"
        )
    return minival, train.take(np.flatnonzero(shard >= HELD_OUT_SHARDS).tolist())


def by_hash(train, data):
    needed = data.minival_images + (data.train_images or 1)
    if len(train) < needed:
        raise InputError(
            f"{len(train)} training images are too few: this scale needs {needed}, of which it "
            f"holds out {data.minival_images} as minival; add images, or choose a smaller scale"
        )
    held_out = balanced(train, data.minival_images, "minival")
    rest = train.take(sorted(set(range(len(train))) - set(held_out)))
    kept = range(len(rest))
    if data.train_images:
        kept = balanced(rest, data.train_images, f"train-{data.subset}")
    return train.take(held_out), rest.take(kept)


def balanced(images, count, salt):
    """Positions of ``count`` images, as even over the classes as they allow, in file order.

    Each class is ordered by the SHA-256 of "<salt>/<name>", then the classes take turns.
    """
    classes = {}
    for position, label in enumerate(images.labels):
        classes.setdefault(label, []).append(position)
    turns = []
    for label, positions in classes.items():
        ranked = sorted(positions, key=lambda p: _rank(f"{salt}/{images.names[p]}"))
        turns += [(turn, label, position) for turn, position in enumerate(ranked)]
    return sorted(position for _, _, position in sorted(turns)[:count])


def _rank(name):
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
