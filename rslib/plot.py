"""Figures: one function each, results in, a figure out; nothing here needs torch."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from rslib import tables

KINDS = ("baseline", "training", "regularization", "architecture")
COLORS = dict(zip(KINDS, sns.color_palette("colorblind", len(KINDS)), strict=True))
MARKERS = dict(zip(KINDS, "osDX", strict=True))
plt.style.use(Path(__file__).with_name("rs.mplstyle"))


def ladder(study, results):
    """The additive study as a figure: the paper's panel, and ours on an axis of its own.

    results: of one protocol, or none for the paper alone. Ours shows every seed as a mark, and a
    line through the means. What is no evidence stands alone, without a line. Returns the figure.
    """
    alone = bool(results) and bool(tables.no_evidence(results))
    panels = [] if alone else ["paper"]
    panels += ["here"] if results else []
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.6 + 3.2 * (len(panels) - 1), 4), sharey=True, squeeze=False
    )
    for ax, panel in zip(axes[0], panels, strict=True):
        points = _paper_points(study, results) if panel == "paper" else _points(study, results)
        _steps(ax, study, points, joined=not alone)
        ax.set(title=_title(panel, results), xlabel="top-1, %", ylabel="")
    handles, labels = axes[0, -1].get_legend_handles_labels()
    for ax in axes[0]:
        ax.get_legend().remove()  # one for all panels, below
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _steps(ax, study, points, joined):
    if joined:
        means = points.groupby("step", sort=False)["top1"].mean()
        ax.plot(means.to_numpy(), means.index, color="0.7", zorder=1)
    sns.scatterplot(
        points,
        x="top1",
        y="step",
        hue="kind",
        style="kind",
        hue_order=KINDS,
        style_order=KINDS,
        palette=COLORS,
        markers=MARKERS,
        s=50,
        ax=ax,
        zorder=2,
    )
    ax.set_ylim(len(study.rows) - 0.5, -0.5)  # the first row on top


def _paper_points(study, results):
    steps = [(tables.label(row, results), row) for row in study.rows]
    return pd.DataFrame(
        [{"step": step, "kind": row.kind, "top1": row.paper["top1"]} for step, row in steps]
    )


def _points(study, results):
    lines = []
    for row in study.rows:
        scores, _ = tables.scores_of(study, row, results)
        lines += [
            {"step": tables.label(row, results), "kind": row.kind, "top1": top1}
            for top1 in scores.values() or [float("nan")]
        ]
    return pd.DataFrame(lines)


def _title(panel, results):
    if panel == "paper":
        return "paper: ImageNet, mean of 2 runs"
    scale, protocol = results[0]["scale"], results[0]["protocol"]
    label = f"here: {scale} scale, {protocol['images']}"
    return f"{label}\nno result" if tables.no_evidence(results) else label
