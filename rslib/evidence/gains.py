"""What a larger network gains in each dimension, on one's own images (§6.4).

Seed k of every network trains on part k of the images, and all are tested on the same held-out
ones: blocks, as in the studies. Two or three seeds say little about the scatter of one gain, so it
is pooled over the networks, which a study with its claims fixed beforehand does not do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rslib.evidence import stats
from rslib.evidence.blocks import crossed, visible
from rslib.evidence.results import right_images
from rslib.recipes.dimensions import Size

BASE = "base"
PAYS, COSTS, UNDECIDED = "pays", "loses", "undecided"
Runs = Mapping[str, Mapping[int, dict]]  # {network: {seed: result}}


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Of a dimension over the base, in points of held-out top-1. seeds: that it rests on.

    p: by Holm over the dimensions. visible: the smallest effect that would show with 80 %.
    """

    dimension: str
    verdict: str
    seeds: tuple[int, ...]
    effect: stats.Estimate
    p: float
    visible: float


class Cost(NamedTuple):
    """Of a network: parameters, and FLOPs of one forward pass of one image."""

    parameters: int
    flops: int


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A base network and those that are larger in one dimension; sizes and costs by network.

    top1, memorized: means over seeds of held-out and of training images, in percent, none for a
    network of which no run ended. images: that one run trains on, of how many.
    """

    name: str
    sizes: dict[str, Size]
    costs: dict[str, Cost]
    gains: list[Gain]
    top1: dict[str, float]
    memorized: dict[str, float]
    images: int
    of: int
    held_out: int
    folder: Path


def gains(runs: Runs, dimensions: Sequence[str]) -> list[Gain]:
    """One Gain for each dimension, in their order; none where fewer than two seeds are whole.

    runs: complete ones, of these dimensions and of `BASE`.
    """
    networks = [BASE, *dimensions]
    seeds = tuple(sorted(set.intersection(*(set(runs[name]) for name in networks))))
    if len(seeds) < 2:
        return []
    counts = [[runs[name][k]["metrics"]["minival"]["ema"] for k in seeds] for name in networks]
    right = np.array([[right_images(of) for of in each] for each in counts])
    return judged(100 * right.astype(float), dimensions, seeds)


def judged(right: np.ndarray, dimensions: Sequence[str], seeds: tuple[int, ...]) -> list[Gain]:
    """right: (networks, seeds, images), 100 where an image is right; the base network first."""
    scatter = pooled(right.mean(axis=2))
    effects = [crossed(larger - right[0], scatter) for larger in right[1:]]
    ps = stats.holm([effect.p() for effect in effects])
    found = []
    for name, effect, p in zip(dimensions, effects, ps, strict=True):
        way = PAYS if effect.value > 0 else COSTS
        found.append(
            Gain(
                dimension=name,
                verdict=way if p < stats.ALPHA else UNDECIDED,
                seeds=seeds,
                effect=effect,
                p=p,
                visible=visible(effect, stats.ALPHA / len(effects)),
            )
        )
    return found


def pooled(top1: np.ndarray) -> tuple[float, float]:
    """(mean square of a difference of two networks over seeds, its degrees of freedom).

    top1: (networks, seeds). What is left of it beside networks and seeds, as in a two-way analysis
    of variance, counts twice in a difference.
    """
    left = top1 - top1.mean(axis=0) - top1.mean(axis=1, keepdims=True) + top1.mean()
    df = (top1.shape[0] - 1) * (top1.shape[1] - 1)
    return 2 * float((left**2).sum()) / df, df
