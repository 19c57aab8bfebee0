"""Which images train, which are minival: class-balanced, and the same wherever they are chosen."""

import hashlib

import numpy as np

from rslib.config import InputError
from rslib.data.columns import Slices

# the authors' minival: 20 of ImageNet's 1,024 shards, which hold 25,022 images or a few more
SHARDS, HELD_OUT_SHARDS, PAPERS_MINIVAL = 1024, 20, 25_022


def split(train, test, data):
    """{"train", "minival", "test": positions, int64, "minival_by": how}: the same wherever made.

    Class-balanced, by a hash of names; how then is "". But all of ImageNet in its 1,024 shards
    gives the authors' own minival: the first 20 of them.
    """
    in_shards = isinstance(train.items, Slices) and len(train.items.files) == SHARDS
    if in_shards and data.minival_images == PAPERS_MINIVAL and not data.train_images:
        minival, rest = by_shards(train)
        how = f"shards 0 to {HELD_OUT_SHARDS - 1} of {SHARDS}"
    else:
        minival, rest = by_hash(train, data)
        how = ""
    tested = balanced(test, data.test_images, "test") if data.test_images else np.arange(len(test))
    return {"train": rest, "minival": minival, "test": tested, "minival_by": np.array(how)}


def by_shards(train):
    """(minival, the rest). Raises InputError where the first shards hold few of the classes: then
    nothing was shuffled, as by an older script of Google's."""
    held_out = train.items.where[:, 0] < HELD_OUT_SHARDS
    covered, classes = (len(np.unique(labels)) for labels in (train.labels[held_out], train.labels))
    if covered < 0.9 * classes:
        raise InputError(
            f"the first {HELD_OUT_SHARDS} shards hold {covered} of {classes} classes, so the "
            "images were not shuffled; write the shards again, or use the folders"
        )
    return np.flatnonzero(held_out), np.flatnonzero(~held_out)


def by_hash(train, data):
    needed = data.minival_images + (data.train_images or 1)
    if len(train) < needed:
        raise InputError(
            f"{len(train)} training images are too few: this scale needs {needed}, of which it "
            f"holds out {data.minival_images} as minival; add images, or choose a smaller scale"
        )
    held_out = balanced(train, data.minival_images, "minival")
    rest = np.setdiff1d(np.arange(len(train)), held_out)
    if data.train_images:
        rest = rest[balanced(train.take(rest), data.train_images, f"train-{data.subset}")]
    return held_out, rest


def balanced(images, count, salt):
    """Positions of ``count`` images, as even over the classes as they allow, in file order.

    Each class is ordered by the SHA-256 of "<salt>/<name>", then the classes take turns.
    """
    ranks = b"".join(_rank(f"{salt}/{name}") for name in images.names)
    words = np.frombuffer(ranks, dtype=">u8").reshape(-1, 4).T.astype(np.uint64)
    order = np.lexsort((*words[::-1], images.labels))  # sorts by the last key first
    labels = images.labels[order]
    turns = np.arange(len(order)) - np.searchsorted(labels, labels)
    return np.sort(order[np.lexsort((order, labels, turns))[:count]])


def _rank(name):
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
