"""What the runs of one protocol say of a study's claims. Nothing here needs torch.

A claim is judged when each of its cells has the runs that were promised beforehand, and by those
alone. It counts as a direction only if three tests tell it from zero: over seeds, with the
deviation pooled over all rows and Holm's correction over all claims of the study; over seeds, with
the deviation of its own rows; and over test images, from which ones each run got right. Not varied
is the training subset: every word holds for these training images.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rslib import config
from rslib.config import InputError
from rslib.evidence import stats
from rslib.evidence.results import right_images
from rslib.recipes import Claim, Study

Results = list[dict]  # of `rslib.evidence.results`
PAPER_RUNS = 2  # as in the paper: nobody trains ResNet-200 five times for a footnote
MAX_DIVERGED = 1  # of a cell's runs; more, and nothing is said of it (MLPerf's rule)

# every verdict, and the heading of those who got it, in the order of pages
HEADINGS = {
    "reproduced (magnitude)": "Reproduced, in size too",
    "reproduced (direction)": "Reproduced, in direction",
    "same direction": "As in the paper",
    "contradicted": "Contradicted",
    "opposite direction here": "The other way round here",
    "consistent": "Consistent: told neither from zero nor from the paper's size",
    "undecided": "Undecided",
    "regime not reached": "Not testable here: the network does not overfit",
}


@dataclass(frozen=True)
class Finding:
    """A claim and what became of it; the numbers are None until all its cells have their runs."""

    claim: Claim
    verdict: str
    n: str  # runs of each cell, "5" or "3 to 5"
    seeds: stats.Estimate | None = None  # points, and its uncertainty over other seeds
    own: stats.Estimate | None = None  # the same, from the deviations of its own cells
    images: stats.Estimate | None = None  # over other test images
    p: float | None = None  # over seeds, by Holm
    share: tuple | None = None  # (ratio, low, high) of the claim's part in its whole


def findings(study: Study, results: Results) -> list[Finding]:
    """One `Finding` for each claim of a study, in the claims' order. results: of one protocol."""
    results = promised(study, results)
    waiting = {claim.id: unjudged(study, claim, results) for claim in study.claims}
    measured = {c.id: measure(study, c, results) for c in study.claims if not waiting[c.id]}
    # what is not measured yet stays in the family, as if it showed nothing
    ps = [measured[id]["seeds"].p() if id in measured else 1.0 for id in waiting]
    adjusted = dict(zip(waiting, stats.holm(ps), strict=True))
    return [
        finding(study, c, results, measured[c.id], adjusted[c.id])
        if c.id in measured
        else Finding(c, waiting[c.id], counts(study, c, results))
        for c in study.claims
    ]


def promised(study: Study, results: Results) -> Results:
    """The runs that claims are judged by: as many of a row as its claims take, by their seeds.

    Later ones would let anybody add seeds until something shows.
    """
    most = {}
    for claim in study.claims:
        for id in claim.cells:
            run_as = study.run_as(study.row(id))
            most[run_as] = max(most.get(run_as, 0), claim.runs)
    return [r for r in results if r["seed"] <= most.get(r["row"], r["seed"])]


def finding(study: Study, claim: Claim, results: Results, measured: dict, p: float) -> Finding:
    """What the numbers of `measure` come to; p is that over seeds, by Holm."""
    seeds, own, images = (measured[name] for name in ("seeds", "own", "images"))
    holds = p < stats.ALPHA and not own.holds(0) and not images.holds(0)
    if claim.whole and "share" not in measured:
        holds = False  # a share of a gain that may be nothing
    if results[0]["scale"] == "paper":
        effect = study.paper_effect(claim)
        verdict = stats.paper_verdict(seeds, holds, claim.sign, effect, claim.margin)
    else:
        found = gate(study, results)
        regime = not claim.overfitting or bool(found and found["reached"])
        verdict = stats.reduced_verdict(seeds.value * claim.sign, holds, regime)
    return Finding(claim, verdict, counts(study, claim, results), p=p, **measured)


def measure(study: Study, claim: Claim, results: Results) -> dict:
    """The numbers of a claim that can be judged, as `Finding` names them."""
    seeds, own = effect(study, claim.cells, results, claim.weights)
    found: dict[str, Any] = {
        "seeds": seeds,
        "own": own,
        "images": stats.over_images(rights(study, claim, results), claim.cells),
    }
    if claim.part and claim.whole and effect(study, claim.whole, results)[0].interval()[0] > 0:
        cells = readings(study, claim.cells, results)
        found["share"] = stats.share(cells, claim.part, claim.whole)
    return found


def effect(
    study: Study, cells: dict, results: Results, weights: str = ""
) -> tuple[stats.Estimate, stats.Estimate]:
    """Σ weight · mean top-1 over seeds, twice: (pooled Estimate, from its own cells).

    cells: {row id: weight}; of two readings of the same runs, one +1 and one −1. Raises InputError
    where a cell has no two runs.
    """
    runs = {study.run_as(study.row(id)) for id in cells}
    if len(runs) < len(cells):
        after, before = sorted(cells, key=cells.get, reverse=True)
        pair = stats.paired(score(study, after, results), score(study, before, results))
        return pair, pair
    read = readings(study, cells, results, weights)
    return stats.contrast(read, cells), stats.own(read, cells)


def steps(study: Study, results: Results) -> dict[str, tuple[stats.Estimate, float]]:
    """{row id: (Estimate of the change from the row before, p by Holm over the ladder)}.

    The estimate is from the two rows' own scatter, as where claims are judged, and p is the larger
    of its and of the pooled one's. Of the steps whose two rows have two runs each: one run says
    nothing of the spread. The others stay in the family. None at all where rows are no ladder.
    """
    if not study.ladder:
        return {}
    changes = {}
    for before, after in itertools.pairwise(study.rows):
        cells = {after.id: 1, before.id: -1}
        if all(len(score(study, id, results)) > 1 for id in cells):
            changes[after.id] = effect(study, cells, results)
    missing = len(study.rows) - 1 - len(changes)
    ps = [max(estimate.p() for estimate in both) for both in changes.values()]
    adjusted = stats.holm(ps + [1.0] * missing)
    return {id: (own, p) for (id, (_, own)), p in zip(changes.items(), adjusted, strict=False)}


def unjudged(study: Study, claim: Claim, results: Results) -> str:
    """Why the claim cannot be judged yet; an empty string if it can."""
    at_paper = results[0]["scale"] == "paper"
    wanted = PAPER_RUNS if at_paper else claim.runs
    needed = {*claim.cells, *([study.gate] if claim.overfitting and not at_paper else [])}
    complete = {id: len(score(study, id, results)) for id in needed}
    failed = {id: diverged(study, id, results) for id in needed}
    if max(failed.values()) > MAX_DIVERGED:
        return "diverged"
    fewest = min(complete[id] + failed[id] for id in needed)
    if fewest < wanted:
        return f"{fewest} of {wanted} runs"
    return "" if min(complete.values()) > 1 else "diverged"  # one run left has no spread


def counts(study: Study, claim: Claim, results: Results) -> str:
    """How many runs the claim's cells have: "5", or "3 to 5"."""
    found = sorted({len(score(study, id, results)) for id in claim.cells})
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"


def readings(
    study: Study, named: Iterable[str], results: Results, weights: str = ""
) -> dict[str, list[float]]:
    """{id: [top-1 of each run]} with every run once: all help to pool the deviation.

    Runs that two rows share stand under the one that is named.
    """
    chosen = {study.run_as(study.row(id)): id for id in named}
    ids = {}
    for row in (*study.rows, *study.cells):
        ids.setdefault(study.run_as(row), chosen.get(study.run_as(row), row.id))
    read = {id: list(score(study, id, results, weights).values()) for id in ids.values()}
    return {id: scores for id, scores in read.items() if scores}


def score(
    study: Study, id: str, results: Results, weights: str = "", split: str = ""
) -> dict[int, float]:
    """{seed: top-1 in percent} of a row's complete runs, by its own weights or by others.

    On one split, or on what the study is judged by.
    """
    weights = weights or study.row(id).weights
    return {
        run["seed"]: percent(*counted(study, run, weights, split))
        for run in runs_of(study, id, results)
        if run["status"] == "complete"
    }


def counted(study: Study, run: dict, weights: str, split: str = "") -> list[dict]:
    """A run's counts on one split, or on those that the study is judged by.

    At paper scale it is the printed one; at a reduced scale all that no run trains on, but minival.
    """
    splits = [split] if split else ["test", "further"]
    if run["scale"] == "paper" and not split:
        splits = [study.split]
    return [run["metrics"][name][weights] for name in splits if name in run["metrics"]]


def diverged(study: Study, id: str, results: Results) -> int:
    return sum(run["status"] == "diverged" for run in runs_of(study, id, results))


def runs_of(study: Study, id: str, results: Results) -> Results:
    run_as = study.run_as(study.row(id))
    found = [r for r in results if r["row"] == run_as]
    recipe = but_for_block if study.blocked else lambda result: result["recipe_sha256"]
    if len({recipe(r) for r in found}) > 1:
        raise InputError(f"results of row {run_as!r} have different recipes; they share no table")
    return found


def but_for_block(result: dict) -> str:
    """What tells a recipe from others in a study in blocks, whose runs differ in the subset.

    Runs that were recorded before a field was added have its default.
    """
    recipe = config.evolve(config.from_dict(result["recipe"]), {"data.subset": 0})
    return config.sha256(config.identity(recipe))


def rights(study: Study, claim: Claim, results: Results) -> dict[str, np.ndarray]:
    """{id: which test images each run got right, (runs, images) of bool}."""
    return {
        id: np.array(
            [
                right(study, run, claim.weights or study.row(id).weights)
                for run in runs_of(study, id, results)
                if run["status"] == "complete"
            ]
        )
        for id in claim.cells
    }


def right(study: Study, run: dict, weights: str) -> np.ndarray:
    """Which of the images that it is judged by a run got right: (images,) of bool."""
    return np.concatenate([right_images(counts) for counts in counted(study, run, weights)])


def of(study: Study, results: Results) -> Results:
    """The results of a study's rows, out of those of its experiment."""
    ids = {row.id for row in (*study.rows, *study.cells)}
    return [r for r in results if r["row"] in ids]


def gate(study: Study, results: Results) -> dict | None:
    """What the long unregularized runs say of the regime: train and test in percent, reached.

    None without such runs, or a gate. At paper scale there is none: it is the paper's own regime.
    """
    if not study.gate:
        return None
    found = runs_of(study, study.gate, promised(study, results))
    runs = [run["metrics"] for run in found if run["status"] == "complete"]
    if not runs:
        return None
    train, test = ([percent(m[split]["raw"]) for m in runs] for split in ("train", "test"))
    means = {"train": float(np.mean(train)), "test": float(np.mean(test))}
    return means | {"reached": stats.overfits(train, test)}


def percent(*counts: dict) -> float:
    return 100 * sum(c["correct"] for c in counts) / sum(c["n"] for c in counts)
