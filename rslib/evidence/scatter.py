"""How far networks of equal FLOPs lie apart, and how far chance alone puts them (Figure 2, §6).

Arrays as in `rslib.evidence.power_law`; deviations are of log10 error.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats as scipy_stats

from rslib.config import InputError
from rslib.evidence.blocks import POWER
from rslib.evidence.power_law import residuals

FACTOR = 1.25  # between the most and the least FLOPs of what counts as equal


class Scatter(NamedTuple):
    """A deviation of log10 error and its degrees of freedom."""

    deviation: float
    df: int


def equal_flops(flops: ArrayLike, factor: float = FACTOR) -> np.ndarray:
    """Numbers of groups, (cells,): from the least FLOPs on, each takes all within the factor."""
    x = np.asarray(flops, dtype=float)
    groups, start, number = np.zeros(len(x), dtype=int), -np.inf, -1
    for place in np.argsort(x, kind="stable"):
        if x[place] > factor * start or number < 0:
            start, number = x[place], number + 1
        groups[place] = number
    return groups


def spread(flops: ArrayLike, error: ArrayLike, groups: ArrayLike) -> Scatter:
    """Of residuals from the line, within groups; groups: (cells,) of numbers."""
    left, groups = residuals(flops, error), np.asarray(groups)
    parts = [left[groups == group] for group in np.unique(groups)]
    df = sum(len(part) - 1 for part in parts)
    if not df:
        raise InputError("no two cells have equal FLOPs: their spread needs two")
    return Scatter(float((sum(((p - p.mean()) ** 2).sum() for p in parts) / df) ** 0.5), df)


def pure(errors: ArrayLike) -> Scatter:
    """What chance does to a cell beside the others of its block: network × block, of log10 error.

    errors: (networks, blocks), in percent; at least two of each.
    """
    y = np.log10(np.asarray(errors, dtype=float))
    if y.ndim != 2 or min(y.shape) < 2:
        raise InputError(f"repeated errors are {y.shape}: two networks and two blocks at least")
    left = y - y.mean(axis=0) - y.mean(axis=1, keepdims=True) + y.mean()
    df = (y.shape[0] - 1) * (y.shape[1] - 1)
    return Scatter(float(((left**2).sum() / df) ** 0.5), df)


def larger_p(found: Scatter, by_chance: Scatter) -> float:
    """p of the first deviation being no larger than the second, by F."""
    ratio = (found.deviation / by_chance.deviation) ** 2 if by_chance.deviation else np.inf
    return float(scipy_stats.f.sf(ratio, found.df, by_chance.df))


def visible_ratio(df: int, df_by_chance: int, level: float) -> float:
    """The smallest ratio of deviations that F tells from 1 at a level, with `POWER`."""
    limit = scipy_stats.f.isf(level, df, df_by_chance)
    return float((limit / scipy_stats.f.isf(POWER, df, df_by_chance)) ** 0.5)
