"""Which images train, which are minival: class-balanced, and the same wherever they are chosen."""

import hashlib

from rslib.config import InputError


def split(train, data):
    """(minival, train): disjoint, class-balanced, the same whenever and wherever it is made."""
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
