"""Top-1 of cells along an axis, as lines through blocks and in words."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from rslib.evidence import verdicts
from rslib.report import protocols

COLORS = sns.color_palette("colorblind")


def lines(study, groups, series, *, xlabel, log=False):
    """Top-1 of cells along an axis: {name: {place: row id}}; thin lines are blocks.

    groups: results of one protocol each, a panel below the other; None without any.
    """
    if not groups:
        return None
    figure, axes = plt.subplots(
        len(groups), 1, figsize=(7.2, 3.8 * len(groups)), sharex=True, squeeze=False
    )
    for ax, results in zip(axes[:, 0], groups, strict=True):
        _lines(ax, study.at(results[0]["scale"]), results, series)
        ax.set(ylabel="top-1, %", title=protocols.short(results))
    if log:
        ax.set_xscale("log")
    places = sorted({x for cells in series.values() for x in cells})
    ax.set_xticks(places, [f"{x:g}" for x in places])
    ax.minorticks_off()
    ax.margins(x=0.15)
    ax.set_xlabel(xlabel)
    return figure


def ends(study, groups, series):
    """Markdown: in words what `lines` draws, the mean of each line at its first and last place."""
    told = []
    for results in groups:
        held = []
        for name, cells in series.items():
            at = study.at(results[0]["scale"])
            scores = {x: verdicts.score(at, id, results) for x, id in cells.items()}
            there = sorted(x for x in scores if scores[x])
            values = [
                f"{np.mean(list(scores[x].values())):.1f} % at {x:g}"
                for x in dict.fromkeys(there[:1] + there[-1:])
            ]
            held += [f"{name} {' and '.join(values)}"] if there else []
        if held:
            told.append(f"Mean top-1, {protocols.short(results)}: {'; '.join(held)}.")
    return "\n\n".join(told) or "No run is recorded."


def _lines(ax, study, results, series):
    for color, (name, cells) in zip(COLORS, series.items(), strict=False):
        scores = {x: verdicts.score(study, id, results) for x, id in cells.items()}
        there = [x for x in scores if scores[x]]
        if not there:
            continue
        for block in sorted({k for x in there for k in scores[x]}):
            held = [(x, scores[x][block]) for x in there if block in scores[x]]
            ax.plot(*zip(*held, strict=True), color=color, alpha=0.2, linewidth=1)
        means = [np.mean(list(scores[x].values())) for x in there]
        ax.plot(there, means, "o-", color=color, linewidth=2)
        ax.annotate(
            name,
            (there[-1], means[-1]),
            (8, 0),
            textcoords="offset points",
            color=color,
            va="center",
        )
