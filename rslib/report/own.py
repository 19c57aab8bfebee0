"""A run on one's own images as a page: its images, its training curve. Without torch."""

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from rslib.evidence.judged import Judged, in_percent, wilson
from rslib.report.judged import SHORT
from rslib.report.plot import BLUE, ORANGE
from rslib.report.sheets import sheet

LINES, IN_A_LINE = 12, 6  # of a contact sheet: classes, and images of each
Pictures = Callable[[Sequence[int]], list]  # positions to uint8 (3, S, S)


def answer(judged: Judged, trained: str, caveat: str) -> str:
    """MyST: an admonition. trained: on what and how, caveat: the strongest one; sentences."""
    right, n = judged.top1
    low, high = wilson(right, n)
    head = f"{in_percent(right / n)} of {n:,} {judged.part} are right"
    span = f"95 % interval over images {in_percent(low)} to {in_percent(high)}"
    balanced = f"balanced accuracy is {in_percent(judged.balanced)}"
    told = f"**{head}** ({span}); {balanced}. {trained} {caveat}"
    return f":::{{admonition}} Answer\n:class: note\n\n{told}\n:::"


def counts(parts: Mapping[str, np.ndarray], classes: Sequence[str]) -> pd.DataFrame:
    """Images of each class and part. parts: {name: labels}."""
    columns = {name: np.bincount(labels, minlength=len(classes)) for name, labels in parts.items()}
    found = pd.DataFrame(columns, index=pd.Index(classes, name="class"))
    return pd.concat([found, found.sum().to_frame("all classes").T]).map("{:,}".format)


def contact_sheet(labels: np.ndarray, classes: Sequence[str], pictures: Pictures, side: int = 96):
    """A line of images for each class, evenly spread over it; of many classes the first ones."""
    lines = []
    for label, name in enumerate(classes[:LINES]):
        of_class = np.flatnonzero(labels == label)
        if not len(of_class):
            continue
        chosen = of_class[np.unique(np.linspace(0, len(of_class) - 1, IN_A_LINE, dtype=int))]
        captions = [str(name)[:SHORT], *[""] * (len(chosen) - 1)]
        lines.append(list(zip(captions, pictures(chosen.tolist()), strict=True)))
    return sheet(lines, side)


def curve(history: Sequence[Mapping[str, float]]):
    """Loss and top-1 over the epochs, from the lines of a run's `history.jsonl`.

    Top-1 is on clean training images and on held-out ones, by the average of the weights and by
    the raw weights; most epochs of a long run have none.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.8))
    left.plot([line["epoch"] for line in history], [line["loss"] for line in history], color="0.3")
    left.set(xlabel="epoch", title="training loss, augmented images")
    for part, name, color in (("train", "training", ORANGE), ("minival", "held out", BLUE)):
        for weights, shown, style in (("ema", "average", "-"), ("raw", "raw", ":")):
            key = f"{part}_{weights}"
            points = [(line["epoch"], 100 * line[key]) for line in history if key in line]
            label = f"{name}, {shown}"
            right.plot(*zip(*points, strict=True), style, color=color, label=label)
    right.set(xlabel="epoch", title="top-1, %, without augmentation", ylim=(0, 101))
    right.legend(frameon=False, fontsize=8)
    return figure
