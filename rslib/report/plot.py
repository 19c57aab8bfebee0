"""Figures: one function each, results in, a figure out; nothing here needs torch."""

from pathlib import Path
from textwrap import fill

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from rslib.evidence import verdicts
from rslib.report import protocols, tables

KINDS = ("baseline", "training", "regularization", "architecture")
COLORS = dict(zip(KINDS, sns.color_palette("colorblind", len(KINDS)), strict=True))
MARKERS = dict(zip(KINDS, "osDX", strict=True))
BLUE, ORANGE = sns.color_palette("colorblind", 2)
plt.style.use(Path(__file__).with_name("rs.mplstyle"))


def ladder(study, groups):
    """The additive study as a figure: the paper's panel, and one for each set of results.

    groups: results of one protocol each, or none for the paper alone. Ours show every seed as a
    mark, a line through the means and their 95 % intervals. What is no evidence is shown only where
    nothing else is, without the paper's panel, means and intervals.
    """
    evidence = [group for group in groups if not protocols.no_evidence(group)]
    alone = bool(groups) and not evidence
    panels = groups if alone else [[], *evidence]  # [] is the paper's
    figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 4.4), sharey=True, squeeze=False)
    for ax, results in zip(axes[0], panels, strict=True):
        points = _points(study, results) if results else _paper_points(study, panels[-1])
        if not alone:
            _means(ax, study, points, results)
        _marks(ax, study, points)
        ax.set(title=_title(results), xlabel="top-1, %", ylabel="")
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
    """results: those beside it, whose labels it takes."""
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


def _title(results):
    if not results:
        return "paper: ImageNet,\nmean of 2 runs"
    label = fill(f"here: {protocols.short(results)}", 24)
    return f"{label}\nno result" if protocols.no_evidence(results) else label


def curves(study, groups, titles):
    """Top-1 over the epochs on clean training images and on minival.

    groups: results of one protocol each, a line of panels; titles: {row id: what to call it}.

    Mean over the seeds and, as a band, from the lowest to the highest; both of a run's models.
    Rows without a run in any group are left out; None if all are.
    """
    ids = [id for id in titles if any(verdicts.score(study, id, group) for group in groups)]
    if not ids:
        return None
    shape = len(groups), len(ids)
    size = 7.2, 0.6 + 2.4 * len(groups)
    figure, axes = plt.subplots(*shape, figsize=size, sharex=True, sharey=True, squeeze=False)
    for ax, id in zip(axes[0], ids, strict=True):
        ax.set_title(fill(titles[id], 18))
    for line, group in zip(axes, groups, strict=True):
        for ax, id in zip(line, ids, strict=True):
            if verdicts.score(study, id, group):
                handles, labels = _curves(ax, _curve(study, id, group))
        line[0].set_ylabel(fill(f"{protocols.short(group)}: top-1, %", 22))
    lines = [(h, n) for h, n in zip(handles, labels, strict=True) if n not in ("images", "weights")]
    figure.legend(*zip(*lines, strict=True), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _curves(ax, points):
    """Draw, and hand back what a legend takes: handles, labels."""
    sns.lineplot(
        points,
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
    found = ax.get_legend_handles_labels()
    ax.get_legend().remove()
    return found


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


def losses(study, results, titles, guessing):
    """Training loss over the epochs, a thin line for each run and a panel for each row.

    titles: {row id: what to call it}; guessing: the loss of who guesses. None without any run.
    """
    runs = {id: verdicts.runs_of(study, id, results) for id in titles}
    shown = {id: held for id, held in runs.items() if held}
    if not shown:
        return None
    figure, axes = plt.subplots(1, len(shown), figsize=(7.2, 3), sharey=True, squeeze=False)
    for ax, (id, held) in zip(axes[0], shown.items(), strict=True):
        for run in held:
            epochs, loss = zip(*((p["epoch"], p["loss"]) for p in run["history"]), strict=True)
            ax.plot(epochs, loss, color=BLUE, alpha=0.6, linewidth=1)
        ax.axhline(guessing, color="0.4", linestyle=":", linewidth=1)
        ax.set(title=fill(titles[id], 22), xlabel="epochs")
    axes[0, 0].set_ylabel("training loss")
    axes[0, 0].annotate("guessing", (0, guessing), (2, 3), textcoords="offset points", color="0.4")
    return figure


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
