"""Figure 2 for readers: the answer, the laws of the grid, its cells, and error over FLOPs.

FLOPs are counted of each run's own recipe, on torch's meta device: torch is needed where a grid is
complete, and only then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from rslib import config
from rslib.evidence import blocks, power_law, scatter, stats, verdicts
from rslib.evidence.blocks import UNDECIDED
from rslib.evidence.verdicts import Results
from rslib.recipes import Study, grid
from rslib.recipes.grid import Law
from rslib.report import block_plot, in_blocks, numerals, protocols, standing
from rslib.report.numerals import SPACE, probability, signed, span

MARKERS = "v^osD"  # by resolution
REDUCED_ONLY = "registered for the reduced grid"


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A law and what became of it; without p it is not judged, and the verdict says why."""

    claim: Law
    verdict: str
    p: float | None = None  # by Holm over the laws
    measured: str = ""  # with its interval
    visible: str = ""  # the smallest effect that would show


def cells(study: Study, results: Results) -> pd.DataFrame:
    """One line for each cell that has block 1, by FLOPs: id, width, depth, px, flops, error (%)."""
    study, lines = study.at(results[0]["scale"]), []
    for row in study.rows:
        scores = verdicts.score(study, row.id, results)
        if 1 not in scores:
            continue
        run = next(r for r in verdicts.runs_of(study, row.id, results) if r["seed"] == 1)
        recipe = config.from_dict(run["recipe"])
        line = {"width": recipe.model.width, "depth": recipe.model.depth}
        line |= {"px": recipe.data.resolution, "flops": flops(recipe, run["data"]["classes"])}
        lines.append({"id": row.id, **line, "error": 100 - scores[1]})
    columns = ["id", "width", "depth", "px", "flops", "error"]
    return pd.DataFrame(lines, columns=columns).sort_values("flops", ignore_index=True)


@cache
def flops(recipe: config.Recipe, classes: int) -> int:
    """Of one forward pass of one image, two for each multiply-add."""
    from rslib.costs import counts

    return counts.count_recipe(recipe, classes).flops


def repeated(study: Study, results: Results) -> np.ndarray:
    """Errors in percent of the repeated cells, (networks, blocks); NaN where a run is missing."""
    held = [verdicts.score(study, id, results) for id in grid.REPEATED]
    every = range(1, grid.BLOCKS + 1)
    return np.array([[100 - scores.get(k, np.nan) for k in every] for scores in held])


def lacking(study: Study, results: Results) -> dict[str, str]:
    """{law id: why it cannot be judged}; "" where it can."""
    ids = [law.id for law in study.laws]
    if results[0]["scale"] == "paper":
        return dict.fromkeys(ids, REDUCED_ONLY)
    wanted = [row.id for row in grid.GRID]
    there = sum(1 in verdicts.score(study, id, results) for id in wanted)
    why = "" if there == len(wanted) else f"{there} of {len(wanted)} cells"
    runs = repeated(study, results) if not why else np.zeros(0)
    again = int(np.isfinite(runs).sum())
    short = f"{again} of {runs.size} repeated runs" if again < runs.size else ""
    return {id: why or (short if id == "spread" else "") for id in ids}


def findings(study: Study, results: Results) -> list[Tested]:
    """One `Tested` for each law, in their order. results: of one protocol."""
    wanting = lacking(study, results)
    measured = {}
    if not all(wanting.values()):
        held = cells(study, results)
        level = stats.ALPHA / len(study.laws)
        measures = {"slope": _slope, "break": _break, "resolution": _resolution}
        measured = {id: measure(held, level) for id, measure in measures.items()}
        if not wanting["spread"]:
            measured["spread"] = _spread(held, repeated(study, results), level)
    # what cannot be judged yet stays in the family, as if it showed nothing
    ps = [measured[law.id][1] if law.id in measured else 1.0 for law in study.laws]
    return [
        _finding(law, p, measured[law.id])
        if law.id in measured
        else Tested(claim=law, verdict=wanting[law.id])
        for law, p in zip(study.laws, stats.holm(ps), strict=True)
    ]


def _finding(law, p, measured):
    value, _, words, visible = measured
    verdict = UNDECIDED
    if p < stats.ALPHA:
        verdict = "same direction" if value * law.sign > 0 else "opposite direction here"
    return Tested(claim=law, verdict=verdict, p=p, measured=words, visible=visible)


# Each: (value whose sign counts, p, it in words, smallest visible effect in words)


def _slope(held, level):
    found = power_law.slope(held.flops, held.error)
    words = f"slope {signed(found.value, 3)} ({_fine(found.interval())})"
    return found.value, found.p(), words, f"{blocks.visible(found, level):.3f}"


def _break(held, level):
    found = power_law.hinge(held.flops, held.error)
    p = power_law.break_p(held.flops, held.error)
    deviation = power_law.residuals(held.flops, held.error).std(ddof=2)
    seen = power_law.visible_break(held.flops, float(deviation), level)
    words = (
        f"slope {signed(found.below, 3)} up to {found.at / 1e6:.1f}{SPACE}MFLOPs, "
        f"{signed(found.above, 3)} above"
    )
    return found.above - found.below, p, words, f"{seen:.3f}"


def _resolution(held, level):
    errors = held.pivot(index=["width", "depth"], columns="px", values="error")
    found = power_law.second_difference(errors.to_numpy())
    words = f"{signed(found.value, 2)} points ({span(found.interval())})"
    return found.value, found.p(), words, f"{blocks.visible(found, level):.1f} points"


def _spread(held, runs, level):
    groups = scatter.equal_flops(held.flops)
    found, chance = scatter.spread(held.flops, held.error, groups), scatter.pure(runs)
    seen = scatter.visible_ratio(found.df, chance.df, level)
    words = (
        f"error differs by {_percent(found)} (one deviation), by chance {_percent(chance)}, "
        f"{found.df} and {chance.df} degrees of freedom"
    )
    return 1, scatter.larger_p(found, chance), words, f"{seen:.1f} times chance"


def _percent(found):
    return f"{100 * (10**found.deviation - 1):.1f}{SPACE}%"


def _fine(interval):
    return numerals.span(interval, 3)


def answer(study: Study, groups: Sequence[Results], caveat: str) -> str:
    """Markdown: an admonition with every law's verdict; groups: as `protocols.by_protocol`.

    caveat: the strongest one, a sentence.
    """

    def told(group):
        return [(found.verdict, sentence(found)) for found in findings(study, group)]

    return in_blocks.admonition(study, groups, told, caveat)


def sentence(found: Tested) -> str:
    """One law with its verdict and numbers, as Markdown."""
    if found.p is None:
        return f"{found.claim.says}: **not judged yet**, {found.verdict}."
    words = f"{found.claim.says}: **{found.verdict}**, {found.measured}"
    if found.verdict == "same direction" and found.claim.reading:
        return f"{words}; {found.claim.reading}."
    return words + (f"; visible from {found.visible} on." if found.verdict == UNDECIDED else ".")


def laws(study: Study, results: Results) -> pd.DataFrame:
    """What became of each law: what was measured, p by Holm, the smallest visible effect."""
    lines = [
        {
            "claim": found.claim.says,
            "verdict": standing.marked(found.verdict),
            "here": found.measured,
            "p, corrected": "" if found.p is None else probability(found.p),
            "visible": found.visible,
        }
        for found in findings(study, results)
    ]
    return pd.DataFrame(lines).set_index("claim").rename_axis(None)


def rules(study: Study) -> pd.DataFrame:
    """The laws as they were written down."""
    lines = [
        {"id": law.id, "claimed": f"{'above' if law.sign > 0 else 'below'}{SPACE}0", "by": law.rule}
        for law in study.laws
    ]
    return pd.DataFrame(lines).set_index("id").rename_axis(None)


def frame(study: Study, results: Results) -> pd.DataFrame:
    """A line for each width and depth: FLOPs in millions and error in percent at each side."""
    held = cells(study, results)
    lines = []
    for (width, depth), part in held.groupby(["width", "depth"]):
        line = {"network": f"ResNet-{depth}, width {width:g}"}
        for _, cell in part.sort_values("px").iterrows():
            line[f"MFLOPs, {cell.px} px"] = f"{cell.flops / 1e6:.1f}"
            line[f"error %, {cell.px} px"] = f"{cell.error:.1f}"
        lines.append(line)
    table = pd.DataFrame(lines).fillna("")
    heads = [f"{name}, {px} px" for name in ("MFLOPs", "error %") for px in sorted(set(held.px))]
    return table[["network", *heads]].set_index("network").rename_axis(None)


def figure(study: Study, groups: Sequence[Results]):
    """Error over FLOPs on logarithmic axes, with line and hinge where the grid is complete.

    A panel for each set of results, one below the other; None without any. Colour is the width,
    mark the resolution.
    """
    if not groups:
        return None
    chart, axes = plt.subplots(
        len(groups), 1, figsize=(7.2, 4.4 * len(groups)), sharex=True, squeeze=False
    )
    for ax, results in zip(axes[:, 0], groups, strict=True):
        _points(ax, study, results)
    ax.set_xlabel("FLOPs of one image")
    named = {}
    for ax in axes[:, 0]:
        marks, names = ax.get_legend_handles_labels()
        named |= dict(zip(names, marks, strict=True))
    chart.legend(named.values(), named, loc="outside lower center", ncols=4, frameon=False)
    return chart


def _points(ax, study, results):
    held = cells(study, results)
    widths, sides = sorted(set(held.width)), sorted(set(held.px))
    colors = dict(zip(widths, block_plot.COLORS, strict=False))
    marks = dict(zip(sides, MARKERS, strict=False))
    for (width, px), part in held.groupby(["width", "px"]):
        ax.plot(part.flops, part.error, marks[px], color=colors[width], markersize=6)
    ax.set(xscale="log", yscale="log", title=protocols.short(results))
    ax.set_ylabel("error, %")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("{x:g}")
    for width in widths:
        ax.plot([], [], color=colors[width], linewidth=4, label=f"width {width:g}")
    for px in sides:
        ax.plot([], [], marks[px], color="0.3", label=f"{px} px")
    if not all(lacking(study, results).values()):
        _fits(ax, held)


def _fits(ax, held):
    x = np.geomspace(held.flops.min(), held.flops.max(), 200)
    slope, level = np.polyfit(*power_law.logs(held.flops, held.error), 1)
    ax.plot(x, 10**level * x**slope, color="0.5", linewidth=1, label="line")
    bent = power_law.hinge(held.flops, held.error)
    ax.plot(x, bent.error(x), "--", color="0.2", linewidth=1.4, label="best hinge")
