"""What a classifier says of labelled images: confusion, top-1, and each class by itself."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from rslib.config import InputError


@dataclass(frozen=True)
class Judged:
    """names: of images. labels, guesses: int64 (N,), places in classes. chances: float (N,), the
    probability of each guess. part: which images they are, in words."""

    names: Sequence[str]
    labels: np.ndarray
    guesses: np.ndarray
    chances: np.ndarray
    classes: Sequence[str]
    part: str

    def __post_init__(self) -> None:
        if not len(self.labels):
            raise InputError(f"no images to evaluate on ({self.part})")

    @property
    def confusion(self) -> np.ndarray:
        """int64 (classes, classes): images of the row's class that were taken for the column's."""
        found = np.zeros((len(self.classes),) * 2, dtype=np.int64)
        np.add.at(found, (self.labels, self.guesses), 1)
        return found

    @property
    def pairs(self) -> list[tuple[int, int, int]]:
        """[(true class, predicted class, images)] of those that occur, for many classes."""
        joined = self.labels * len(self.classes) + self.guesses
        found, images = np.unique(joined, return_counts=True)
        rows = *np.divmod(found, len(self.classes)), images
        return list(zip(*(column.tolist() for column in rows), strict=True))

    @property
    def top1(self) -> tuple[int, int]:
        """(right, of how many)."""
        return int((self.labels == self.guesses).sum()), len(self.labels)

    @property
    def by_class(self) -> dict[str, tuple[int, int, int]]:
        """{class: (right, images of it, images taken for it)}."""
        right = self.labels[self.labels == self.guesses]
        columns = (
            np.bincount(of, minlength=len(self.classes))
            for of in (right, self.labels, self.guesses)
        )
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return dict(zip(map(str, self.classes), rows, strict=True))

    @property
    def balanced(self) -> float:
        """Mean over the classes that have images of the share that is right, 0 to 1."""
        recalls = [right / n for right, n, _ in self.by_class.values() if n]
        return math.fsum(recalls) / len(recalls)

    @property
    def scores(self) -> dict:
        """Counts and intervals as plain data."""
        right, n = self.top1
        return {
            "part": self.part,
            "top1": {"correct": right, "n": n, "interval": wilson(right, n)},
            "balanced": self.balanced,
            "classes": {
                name: {"correct": hits, "n": of, "predicted": taken}
                for name, (hits, of, taken) in self.by_class.items()
            },
        }

    @property
    def mistakes(self) -> np.ndarray:
        """Positions of the images that were taken for another class, the surest guess first."""
        wrong = np.flatnonzero(self.labels != self.guesses)
        return wrong[np.argsort(-self.chances[wrong], kind="stable")]


def in_percent(share: float) -> str:
    """As text: 74.4 %."""
    return f"{100 * share:.1f} %"


def wilson(right: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """(low, high), 0 to 1: Wilson's interval of a share, over other images of the same kind."""
    found = binomtest(right, n).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)
