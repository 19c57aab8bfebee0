"""What runs can say: intervals, contrasts, verdicts. Nothing here needs torch or reads files.

Scores are top-1 in percent. A table is ``{cell: [score of each seed]}``. With two to five seeds a
cell's own deviation says little, so the deviation is pooled over the cells of a table: at n = 2
that takes the critical value of t from 12.7 to about 2.2. It supposes that all cells scatter alike,
which three seeds cannot test; so `own` gives the same contrast from its own cells alone (Welch),
and a verdict asks both.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats as scipy_stats

from rslib.config import InputError

LEVEL, ALPHA = 0.95, 0.05
Cells = Mapping[str, Sequence[float]]  # {cell: top-1 in percent of each run}
GATE_TRAIN, GATE_GAP = 99.0, 10.0  # percent on clean training images; points to the test images


@dataclass(frozen=True)
class Estimate:
    """A weighted sum of cell means, its standard error and its degrees of freedom."""

    value: float
    error: float
    df: float

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """(low, high) of the t interval."""
        half = scipy_stats.t.ppf((1 + level) / 2, self.df) * self.error
        return self.value - half, self.value + half

    def holds(self, value: float, level: float = LEVEL) -> bool:
        """Whether the interval contains the value; True without any spread."""
        low, high = self.interval(level)
        return not self.error or low <= value <= high

    def p(self, null: float = 0.0) -> float:
        """Two-sided p of the value being ``null``; 1 without any spread."""
        if not self.error:
            return 1.0
        return float(2 * scipy_stats.t.sf(abs(self.value - null) / self.error, self.df))


def contrast(cells: Cells, weights: Mapping[str, float]) -> Estimate:
    """Σ weight · mean over cells, as an `Estimate`; the deviation is pooled over all cells.

    cells: {cell: scores}, all that share one protocol, also those without a weight: they help to
    pool. weights: {cell: number}. Raises InputError for a cell that is missing, and where no cell
    has two runs.
    """
    value = _sum(cells, weights)
    variance, df = pooled_variance(cells)
    error = math.sqrt(variance * sum(w**2 / len(cells[name]) for name, w in weights.items()))
    return Estimate(value, error, df)


def own(cells: Cells, weights: Mapping[str, float]) -> Estimate:
    """The same Estimate from the deviations of the weighted cells alone, by Welch–Satterthwaite.

    Raises InputError for a cell that is missing or has one run.
    """
    value, terms = _sum(cells, weights), []
    for name, weight in weights.items():
        scores = cells[name]
        if len(scores) < 2:
            raise InputError(f"{name!r} has one run; a deviation of its own needs two")
        terms.append((weight**2 * np.var(scores, ddof=1) / len(scores), len(scores) - 1))
    total = sum(term for term, _ in terms)
    df = total**2 / sum(term**2 / df for term, df in terms) if total else 1
    return Estimate(value, math.sqrt(total), float(df))


def _sum(cells: Cells, weights: Mapping[str, float]) -> float:
    for name in weights:
        if not len(cells.get(name, ())):
            raise InputError(f"no run of {name!r}: this contrast needs it")
    return float(sum(w * np.mean(cells[name]) for name, w in weights.items()))


def pooled_variance(cells: Cells) -> tuple[float, int]:
    """(variance within cells, its degrees of freedom), as in a one-way analysis of variance."""
    df = sum(len(scores) - 1 for scores in cells.values() if len(scores))
    if df < 1:
        raise InputError("no cell has two runs: seeds=1 says nothing about spread; use more seeds")
    squares = sum(((np.asarray(s) - np.mean(s)) ** 2).sum() for s in cells.values() if len(s))
    return float(squares / df), df


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of p values, in their own order."""
    order = sorted(range(len(ps)), key=ps.__getitem__)
    adjusted, highest = [0.0] * len(ps), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = highest
    return adjusted


def share(
    cells: Cells, part: Mapping[str, float], whole: Mapping[str, float], level: float = LEVEL
) -> tuple[float, float, float]:
    """(ratio, low, high) of two contrasts over the same cells, by Fieller.

    part, whole: weights as `contrast` takes them. Raises InputError unless the whole gain's lower
    bound is above 0: a share of what may be nothing means nothing.
    """
    above, below = contrast(cells, part), contrast(cells, whole)
    if below.interval(level)[0] <= 0:
        raise InputError("the whole gain may be zero; its parts have no share")
    variance, df = pooled_variance(cells)
    names = part.keys() & whole.keys()
    covariance = variance * sum(part[n] * whole[n] / len(cells[n]) for n in names)
    t2 = scipy_stats.t.ppf((1 + level) / 2, df) ** 2
    # the ratios ρ at which part − ρ · whole is not significantly different from zero
    a = below.value**2 - t2 * below.error**2
    b = above.value * below.value - t2 * covariance
    c = above.value**2 - t2 * above.error**2
    root = math.sqrt(b**2 - a * c)
    return above.value / below.value, (b - root) / a, (b + root) / a


def paired(after: Mapping[int, float], before: Mapping[int, float]) -> Estimate:
    """Estimate of the mean of after − before, two readings of the same runs, seed by seed.

    after, before: {seed: score}. Raises InputError for fewer than two seeds in both.
    """
    both = sorted(after.keys() & before.keys())
    if len(both) < 2:
        raise InputError(f"{len(both)} runs have both readings; a spread needs two")
    gaps = np.array([after[seed] - before[seed] for seed in both])
    return Estimate(float(gaps.mean()), float(gaps.std(ddof=1) / len(both) ** 0.5), len(both) - 1)


def over_images(rights: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> Estimate:
    """The Estimate of Σ weight · mean top-1 of these very models, over other test images.

    rights: {cell: (runs, images) of bool}, the same images in all cells. weights: {cell: number}.
    The second source of noise: for two single models this is the interval of paired proportions.
    """
    gaps = np.asarray(100 * sum(w * np.mean(rights[name], axis=0) for name, w in weights.items()))
    return Estimate(float(gaps.mean()), float(gaps.std(ddof=1) / len(gaps) ** 0.5), len(gaps) - 1)


def overfits(train: Sequence[float], test: Sequence[float]) -> bool:
    """The regime gate: may claims about overfitting be tested on these runs?

    train, test: scores in percent of the long unregularized row, on clean training images and on
    test images, seed by seed. Written before any recorded run.
    """
    return bool(np.mean(train) >= GATE_TRAIN and np.mean(train) - np.mean(test) >= GATE_GAP)


def reduced_verdict(signed: float, holds: bool, regime: bool = True) -> str:
    """What a reduced scale may say of a claim.

    signed: the effect times the paper's sign. holds: whether seeds and images tell it from nothing.
    """
    if not regime:
        return "regime not reached"
    if not holds:
        return "undecided"
    return "same direction" if signed > 0 else "opposite direction here"


def paper_verdict(
    estimate: Estimate, holds: bool, sign: int, paper: float | None, margin: float
) -> str:
    """The grade of a claim at paper scale.

    holds: as above. paper: the printed effect; None where only its sign is claimed. margin: points
    that count as the same, set beforehand, at most half the effect: the 90 % interval of the
    difference inside it is two one-sided tests at 5 %.
    """
    if holds and estimate.value * sign < 0:
        return "contradicted"
    if paper is None:
        return "reproduced (direction)" if holds else "undecided"
    low, high = estimate.interval(0.90)
    same = min(margin, abs(paper) / 2)
    if estimate.error and paper - same <= low and high <= paper + same:
        return "reproduced (magnitude)"
    if holds:
        return "reproduced (direction)"
    if estimate.error and -margin <= low and high <= margin and abs(paper) > 2 * margin:
        return "contradicted"  # there is nothing where the paper has much
    return "consistent" if estimate.holds(paper) else "undecided"
