"""Figures: one function each, results in, a figure out; nothing here needs torch."""

from pathlib import Path
from textwrap import fill

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from rslib.evidence import verdicts
from rslib.report import tables

KINDS = ("baseline", "training", "regularization", "architecture")
COLORS = dict(zip(KINDS, sns.color_palette("colorblind", len(KINDS)), strict=True))
MARKERS = dict(zip(KINDS, "osDX", strict=True))
BLUE, ORANGE = sns.color_palette("colorblind", 2)
plt.style.use(Path(__file__).with_name("rs.mplstyle"))


def ladder(study, results):
    """The additive study as a figure: the paper's panel, and ours on an axis of its own.

    results: of one protocol, or none for the paper alone. Ours shows every seed as a mark, a line
    through the means and their 95 % intervals. What is no evidence stands alone, without them.
    """
    alone = bool(results) and bool(tables.no_evidence(results))
    panels = [] if alone else ["paper"]
    panels += ["here"] if results else []
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.6 + 3.2 * (len(panels) - 1), 4), sharey=True, squeeze=False
    )
    for ax, panel in zip(axes[0], panels, strict=True):
        points = _paper_points(study, results) if panel == "paper" else _points(study, results)
        if not alone:
            _means(ax, study, points, results if panel == "here" else [])
        _marks(ax, study, points)
        images = "ImageNet" if panel == "paper" else tables.images(results)
        ax.set(title=_title(panel, results), xlabel=f"{images} top-1, %", ylabel="")
    marks = [
        plt.Line2D([], [], color=COLORS[kind], marker=MARKERS[kind], linestyle="", label=kind)
        for kind in KINDS
    ]
    figure.legend(handles=marks, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _means(ax, study, points, results):
    means = points.groupby("step", sort=False)["top1"].mean()
    ax.plot(means.to_numpy(), means.index, color="0.7", zorder=1)
    for row in study.rows:
        if len(verdicts.score(study, row.id, results)) > 1:
            _, mean = verdicts.effect(study, {row.id: 1}, results)
            span, step = mean.interval(), tables.label(row, results)
            ax.plot(span, [step, step], color="0.4", alpha=0.35, zorder=1, **bar(6))


def bar(width):
    """A line that ends where its interval does: matplotlib's own ends stick out."""
    return {"linewidth": width, "solid_capstyle": "butt"}


def _marks(ax, study, points):
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
        s=30,
        alpha=0.8,
        ax=ax,
        zorder=2,
        legend=False,
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
        scores = verdicts.score(study, row.id, results)
        lines += [
            {"step": tables.label(row, results), "kind": row.kind, "top1": top1}
            for top1 in scores.values() or [float("nan")]
        ]
    return pd.DataFrame(lines)


def _title(panel, results):
    if panel == "paper":
        return "paper: ImageNet, mean of 2 runs"
    label = f"here: {tables.short(results)}"
    return f"{label}\nno result" if tables.no_evidence(results) else label


def curves(study, results, titles):
    """Top-1 over the epochs on clean training images and on minival, a panel for each row.

    titles: {row id: what to call it}.

    Mean over the seeds and, as a band, from the lowest to the highest; both of a run's models.
    Rows without a run are left out; None if all are.
    """
    ids = [id for id in titles if verdicts.score(study, id, results)]
    if not ids:
        return None
    figure, axes = plt.subplots(
        1, len(ids), figsize=(1 + 2 * len(ids), 3.4), sharex=True, sharey=True, squeeze=False
    )
    for ax, id in zip(axes[0], ids, strict=True):
        sns.lineplot(
            _curve(study, id, results),
            x="epoch",
            y="top1",
            hue="images",
            style="weights",
            hue_order=["training", "minival"],
            style_order=["average", "raw"],
            palette=[ORANGE, BLUE],
            errorbar=("pi", 100),
            err_kws={"alpha": 0.15},
            ax=ax,
        )
        ax.set(title=fill(titles[id], 20), ylabel="top-1, %")
    handles, labels = axes[0, -1].get_legend_handles_labels()
    for ax in axes[0]:
        ax.get_legend().remove()
    lines = [(h, n) for h, n in zip(handles, labels, strict=True) if n not in ("images", "weights")]
    figure.legend(*zip(*lines, strict=True), loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(tables.short(results), fontsize=10)
    return figure


def _curve(study, id, results):
    points = [
        {"epoch": point["epoch"], "images": images, "weights": name, "top1": 100 * point[key]}
        for run in verdicts.runs_of(study, id, results)
        for point in run["history"]
        for split, images in (("train", "training"), ("minival", "minival"))
        for weights, name in (("raw", "raw"), ("ema", "average"))
        if (key := f"{split}_{weights}") in point
    ]
    return pd.DataFrame(points)


def schedules(rates, decays, steps_per_epoch):
    """Left the learning rates, {label: one a step}; right 1/(1 − d) of the EMA's decays d."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.8))
    for (label, curve), style in zip(rates.items(), ("-", "--", "-."), strict=False):
        left.plot([step / steps_per_epoch for step in range(len(curve))], curve, style, label=label)
    epochs = [step / steps_per_epoch for step in range(len(decays))]
    right.plot(epochs, [1 / (1 - decay) for decay in decays], color="0.3")
    left.set(xlabel="epoch", ylabel="learning rate", title="schedules")
    left.legend(frameon=False, fontsize=8)
    right.set(xlabel="epoch", ylabel="steps", title="reach of the weights' average")
    return figure
