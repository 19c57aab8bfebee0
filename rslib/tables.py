"""Results beside the paper, as pandas tables. Nothing here needs torch.

What may stand beside what: at paper scale, our top-1 beside the paper's. At a reduced scale only
the change that a row brings stands beside the paper's. What is no evidence (smoke runs, other
schedules, code that no commit names) stands alone, and its headline says why.
"""

from statistics import mean, stdev

import pandas as pd

from rslib.config import InputError
from rslib.results import unfit
from rslib.stats import overfits

NOT_RUN = "not yet run"


def by_protocol(results):
    """[[results], …]: results that may share a table, largest training set first."""
    groups = {}
    for result in results:
        groups.setdefault(result["protocol"]["id"], []).append(result)
    return sorted(groups.values(), key=lambda g: -g[0]["protocol"]["train_images"])


def headline(results):
    """One line on what a protocol is, and what its numbers are worth."""
    p, data = results[0]["protocol"], results[0]["data"]
    line = (
        f"{results[0]['scale']} scale: {p['model']}, {p['resolution']} px, {p['train_images']:,} "
        f"training and {data['test']:,} test images of {p['images']}, {p['long_epochs']} epochs"
    )
    reason = no_evidence(results)
    if reason:
        return f"{line}. No result: {reason}; guessing scores {100 / data['classes']:.3g} %."
    return f"{line}. {regime(results)}".rstrip()


def regime(results):
    """What a reduced scale's long unregularized runs say of the regime; empty without them."""
    runs = [r["metrics"] for r in results if r["row"] == "epochs" and r["status"] == "complete"]
    if not runs or results[0]["scale"] == "paper":
        return ""
    train, test = ([_percent(m[split]["raw"]) for m in runs] for split in ("train", "test"))
    verdict = "reached" if overfits(train, test) else "NOT reached"
    return (
        f"Regime gate {verdict}: without regularization the long schedule fits {mean(train):.1f} % "
        f"of the clean training images, {mean(train) - mean(test):.1f} points above the test ones."
    )


def _percent(counts):
    return 100 * counts["correct"] / counts["n"]


def no_evidence(results):
    """Why these results may not stand beside the paper's; empty if they may."""
    return next(filter(None, map(unfit, results)), "")


def frame(study, results, rows=()):
    """A table of the study's rows, or of those named in ``rows``, from one protocol's results.

    Columns: kind, then the paper's and ours as far as they may stand side by side; top-1 on
    the test images in percent, mean and standard deviation over seeds, n. Δ is the change from the
    row before it, and empty where that row has no run or is not shown.
    """
    lines, before, shown = [], {}, {row.id for row in study.select(rows)}
    for row in study.rows:
        scores, diverged = scores_of(study, row, results)
        if row.id in shown:
            line = _line(row, scores, diverged, before, results)
            lines.append({"step": label(row, results), "kind": row.kind, **line})
        before = scores if row.id in shown else {}
    return _by_step(lines)


def label(row, results):
    """The paper's wording, but for its ResNet-200 where another network stands in for it."""
    reduced = bool(results) and results[0]["scale"] != "paper"
    return "baseline" if reduced and row.kind == "baseline" else row.label


def scores_of(study, row, results):
    """({seed: test top-1 in percent by the row's weights}, number of diverged runs)."""
    run_as = study.run_as(row)
    found = [r for r in results if r["row"] == run_as]
    if len({r["recipe_sha256"] for r in found}) > 1:
        raise InputError(f"results of row {run_as!r} have different recipes; they share no table")
    complete = [r for r in found if r["status"] == "complete"]
    counts = {r["seed"]: r["metrics"]["test"][row.weights] for r in complete}
    scores = {seed: _percent(c) for seed, c in counts.items()}
    return scores, len(found) - len(complete)


def _line(row, scores, diverged, before, results):
    ours, change = _ours(scores, diverged), _change(scores, before)
    n = f"{len(scores)}" + (f" ({diverged} diverged)" if diverged else "")
    if no_evidence(results):
        return {"top-1 here": ours, "n": n}
    paper_change = "" if row.paper["delta"] is None else f"{row.paper['delta']:+.1f}"
    if results[0]["scale"] == "paper":
        paper = {"paper": f"{row.paper['top1']:.1f}", "here": ours}
        return paper | {"Δ paper": paper_change, "Δ here": change, "n": n}
    return {"Δ paper": paper_change, "Δ here": change, "top-1 here": ours, "n": n}


def _ours(scores, diverged):
    if not scores:
        return "diverged" if diverged else NOT_RUN
    spread = f" ± {stdev(scores.values()):.2f}" if len(scores) > 1 else ""
    return f"{mean(scores.values()):.2f}{spread}"


def _change(scores, before):
    """The mean change over the seeds that both rows have."""
    both = scores.keys() & before.keys()
    return f"{mean(scores[s] - before[s] for s in both):+.2f}" if both else ""


def paper_frame(study):
    """The table as the paper prints it."""
    lines = [
        {
            "step": row.label,
            "id": row.id,
            "kind": row.kind,
            "top-1": f"{row.paper['top1']:.1f}",
            "Δ": "" if row.paper["delta"] is None else f"{row.paper['delta']:+.1f}",
        }
        for row in study.rows
    ]
    return _by_step(lines)


def _by_step(lines):
    return pd.DataFrame(lines).set_index("step").rename_axis(None)


def text(study, results, rows=()):
    """The table for a terminal, under its headline."""
    if not results:
        return "no results"
    return headline(results) + "\n" + frame(study, results, rows).to_string()
