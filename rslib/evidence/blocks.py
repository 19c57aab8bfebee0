"""What the runs of a study in blocks say of its claims: one error, few primary claims.

Run k of every row trains on subset 7 + k, and all are tested on the same images. So a contrast of
top-1 has one value for each block and image, and both are drawn from many: the error covers other
training subsets, other seeds and other test images at once. Nothing here needs torch.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import optimize
from scipy import stats as scipy_stats

from rslib.evidence import stats, verdicts
from rslib.evidence.verdicts import Results
from rslib.recipes import Claim, Study

POWER = 0.8  # of the smallest visible effect
SAME = 1.0  # points: where the 90 % interval lies within them, there is no larger effect
NO_LARGER, UNDECIDED = f"no effect larger than {SAME:g}", "undecided"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A claim and what became of it; without `effect` it is not judged, and the verdict says why.

    blocks: numbers of those that have all cells; lacking: {block: ids of the cells that it lacks}.
    """

    claim: Claim
    verdict: str
    blocks: tuple[int, ...]
    lacking: Mapping[int, tuple[str, ...]]
    effect: stats.Estimate | None = None  # points
    p: float | None = None  # by Holm, over the primary claims or over those beside it
    visible: float | None = None  # points: the smallest effect that would show


def crossed(gaps: np.ndarray, pooled: tuple[float, float] | None = None) -> stats.Estimate:
    """The Estimate of the mean of gaps (blocks, images), over other blocks and other images.

    Its squared error is MS_block/b + MS_image/m − MS_residual/(b·m), with mean squares of block
    means, of image means and of what is left; it is at least MS_block/b. Degrees of freedom by
    Satterthwaite, and no fewer than the blocks'. At least two blocks and two images.
    pooled: (MS_block, its degrees of freedom), where they are known from more than these gaps.
    """
    b, m = gaps.shape
    by_block, by_image, mean = gaps.mean(axis=1), gaps.mean(axis=0), gaps.mean()
    left = gaps - by_block[:, None] - by_image + mean
    of_blocks, df_blocks = pooled or (by_block.var(ddof=1), b - 1)
    # (share of the squared error, its degrees of freedom)
    terms = (
        (of_blocks / b, df_blocks),
        (by_image.var(ddof=1) / m, m - 1),
        (-(left**2).sum() / ((b - 1) * (m - 1)) / (b * m), (b - 1) * (m - 1)),
    )
    squared = sum(term for term, _ in terms)
    if squared <= terms[0][0]:
        return stats.Estimate(float(mean), math.sqrt(terms[0][0]), df_blocks)
    df = squared**2 / sum(term**2 / df for term, df in terms)
    # where terms cancel, Satterthwaite's may be near 0; the blocks alone have more
    return stats.Estimate(float(mean), math.sqrt(squared), float(max(df, df_blocks)))


def visible(effect: stats.Estimate, level: float) -> float:
    """The smallest effect, in points, that this error tells from zero at a level, with `POWER`."""
    if not effect.error:
        return 0.0
    limit = scipy_stats.t.ppf(1 - level / 2, effect.df)
    missing = lambda size: scipy_stats.nct.sf(limit, effect.df, size) - POWER  # noqa: E731
    return float(effect.error * optimize.brentq(missing, 0, 100))


def judge(study: Study, results: Results) -> list[Judged]:
    """One `Judged` for each claim, in the claims' order. results: of one reduced protocol."""
    regime = verdicts.gate(study, results)
    found: dict[str, Judged] = {}
    primary = sum(bool(claim.sign and not claim.after) for claim in study.claims)
    for family in families(study):
        # components share the level that their primary claim has at least
        level = stats.ALPHA / (primary if any(claim.after for claim in family) else 1)
        wanting = {c.id: unjudged(study, c, results, found) for c in family}
        effects = {c.id: effect(study, c, results) for c in family if not wanting[c.id]}
        # what cannot be judged yet stays in the family, as if it showed nothing
        ps = [effects[c.id].p() if c.id in effects else 1.0 for c in family]
        for claim, p in zip(family, stats.holm(ps), strict=True):
            blocks, lacking = complete(study, claim, results)
            about = {"claim": claim, "blocks": blocks, "lacking": lacking}
            if claim.id not in effects:
                found[claim.id] = Judged(verdict=wanting[claim.id], **about)
                continue
            measured = effects[claim.id]
            reached = not claim.overfitting or bool(regime and regime["reached"])
            found[claim.id] = Judged(
                verdict=verdict(measured, p, claim.sign, reached, level),
                effect=measured,
                p=p,
                visible=visible(measured, level / len(family)),
                **about,
            )
    return [found[claim.id] for claim in study.claims]


def families(study: Study) -> list[list[Claim]]:
    """Claims that are corrected together: the primary ones, then the components of each.

    A claim of no effect is alone: its p is no test of what it says, and corrects no other.
    """
    signed = [claim for claim in study.claims if claim.sign]
    primary = [claim for claim in signed if not claim.after]
    parts = [[c for c in signed if c.after == of.id] for of in primary]
    return [primary, *filter(None, parts), *([c] for c in study.claims if not c.sign)]


def verdict(
    effect: stats.Estimate, p: float, sign: int, regime: bool, level: float = stats.ALPHA
) -> str:
    """In words. sign: as the claim has it; of 0, `NO_LARGER` is what it says."""
    if not regime:
        return "regime not reached"
    if sign and p < level:
        return "same direction" if effect.value * sign > 0 else "opposite direction here"
    low, high = effect.interval(0.90)
    if not sign and (low > SAME or high < -SAME):
        return "contradicted"
    return NO_LARGER if effect.error and low >= -SAME and high <= SAME else UNDECIDED


def unjudged(study: Study, claim: Claim, results: Results, found: Mapping[str, Judged]) -> str:
    """Why the claim cannot be judged; an empty string if it can. found: of primary claims."""
    if claim.after:
        primary = found[claim.after]
        if primary.p is None:
            return "waits for its primary claim"
        if primary.p >= stats.ALPHA:
            return f"not tested: its primary claim is {primary.verdict}"
    blocks, lacking = complete(study, claim, results)
    gone = {id: diverged(study, id, results) for id in claim.cells}
    if max(map(len, gone.values())) > verdicts.MAX_DIVERGED:
        return "diverged"
    # a run that diverged is not replaced: its block is left out, and counts as run
    left_out = [k for k, ids in lacking.items() if all(k in gone[id] for id in ids)]
    if len(blocks) < 2 or len(blocks) + len(left_out) < claim.runs:
        return f"{len(blocks)} of {claim.runs} blocks"
    return ""


def diverged(study: Study, id: str, results: Results) -> set[int]:
    """The blocks in which a cell's run diverged."""
    found = verdicts.runs_of(study, id, results)
    return {run["seed"] for run in found if run["status"] == "diverged"}


def complete(
    study: Study, claim: Claim, results: Results
) -> tuple[tuple[int, ...], dict[int, tuple[str, ...]]]:
    """(blocks that have every cell of a claim, {block: cells that it lacks}).

    Of the blocks that were promised: later ones would let anybody add some until something shows.
    """
    held = {id: verdicts.score(study, id, results, claim.weights) for id in claim.cells}
    promised = range(1, claim.runs + 1)
    lacking = {k: tuple(id for id in held if k not in held[id]) for k in promised}
    return tuple(k for k in promised if not lacking[k]), {k: v for k, v in lacking.items() if v}


def effect(study: Study, claim: Claim, results: Results) -> stats.Estimate:
    """A claim's contrast in points, over the blocks that have all its cells; at least two."""
    blocks, _ = complete(study, claim, results)
    return crossed(gaps(study, claim, results, blocks))


def gaps(study: Study, claim: Claim, results: Results, blocks: tuple[int, ...]) -> np.ndarray:
    """The contrast for each block and test image, in points: (blocks, images)."""
    total: np.ndarray | float = 0.0
    for id, weight in claim.cells.items():
        runs = {run["seed"]: run for run in verdicts.runs_of(study, id, results)}
        weights = claim.weights or study.row(id).weights
        rights = [verdicts.right(study, runs[k], weights) for k in blocks]
        total = total + 100 * weight * np.array(rights, dtype=float)
    return np.asarray(total)
