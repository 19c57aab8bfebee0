"""What a classifier says of labelled images, to be read and looked at. Without torch."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from rslib.atomic import write_atomically
from rslib.config import InputError
from rslib.evidence.judged import Judged, in_percent, wilson
from rslib.report.sheets import sheet

LISTED = 30  # classes that are told one by one; of more, the lowest
NAMED = 40  # classes that a figure can name
MATRIX = 500  # classes of which a matrix is drawn and written
MISTAKES, IN_A_LINE = 48, 6  # pictures on the sheet
SHORT = 9  # letters of a class in a caption
Pictures = Callable[[Sequence[int]], list]  # positions to uint8 (3, S, S)


def text(judged: Judged) -> list[str]:
    """Top-1 and balanced accuracy with intervals, and a table of the classes, as lines."""
    right, n = judged.top1
    low, high = wilson(right, n)
    lines = [
        f"{n:,} {judged.part}: top-1 {in_percent(right / n)} (95 % interval over images "
        f"{in_percent(low)} to {in_percent(high)}), balanced accuracy {in_percent(judged.balanced)}"
    ]
    rows = {name: row for name, row in judged.by_class.items() if row[1]}
    if len(rows) > 1 and len({of for _, of, _ in rows.values()}) > 1:
        largest = max(rows, key=lambda name: rows[name][1])
        lines.append(
            f"naming {largest} for all of them would score {in_percent(rows[largest][1] / n)}"
        )
    if len(rows) < len(judged.by_class):
        lines.append(f"{len(judged.by_class) - len(rows)} classes have no images here")
    if len(rows) > LISTED:
        lines.append(f"the {LISTED} lowest of {len(rows)} classes; scores.json has all:")
        kept = sorted(rows, key=lambda name: rows[name][0] / rows[name][1])[:LISTED]
        rows = {name: rows[name] for name in kept}
    width = max(5, *map(len, rows))
    lines.append(f"{'class':{width}}  images  right  recall  95 % interval     precision")
    for name, (hits, of, taken) in rows.items():
        low, high = wilson(hits, of)
        precision = f"{hits / taken:9.1%}" if taken else f"{'–':>9}"
        lines.append(
            f"{name:{width}}  {of:6,}  {hits:5,}  {hits / of:6.1%}  {low:6.1%} to {high:6.1%}  "
            f"{precision}"
        )
    return lines


def confusion_csv(judged: Judged) -> str:
    """A line for each true class, a column for each predicted one; of many, a line a pair."""
    if len(judged.classes) > MATRIX:
        named = [[judged.classes[k], judged.classes[m], n] for k, m, n in judged.pairs]
        return table([["true", "predicted", "images"], *named])
    return table([["true \\ predicted", *judged.classes], *_named_rows(judged)])


def _named_rows(judged: Judged) -> list[list]:
    counts = judged.confusion.tolist()
    return [[name, *row] for name, row in zip(judged.classes, counts, strict=True)]


def mistakes_csv(judged: Judged) -> str:
    """Every image that was taken for another class, the surest first."""
    rows = [
        [
            judged.names[at],
            judged.classes[judged.labels[at]],
            judged.classes[judged.guesses[at]],
            f"{judged.chances[at]:.4f}",
        ]
        for at in judged.mistakes
    ]
    return table([["path", "true", "predicted", "probability"], *rows])


def table(rows: list[list]) -> str:
    """CSV of rows."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def confusion_figure(judged: Judged):
    """The confusion matrix, each row as shares of its true class, with counts where they fit.

    None of more than `MATRIX` classes.
    """
    if len(judged.classes) > MATRIX:
        return None
    counts = judged.confusion
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    size = len(judged.classes)
    side = float(np.clip(2.5 + 0.45 * size, 4, 14))
    figure, ax = plt.subplots(figsize=(side + 1, side), layout="constrained")
    shown = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(shown, ax=ax, shrink=0.8, label="share of the true class")
    ax.set(xlabel="predicted", ylabel="true")
    ax.grid(False)
    if size <= NAMED:
        ax.set_xticks(range(size), judged.classes, rotation=60, ha="right")
        ax.set_yticks(range(size), judged.classes)
    if size <= NAMED // 2:
        for row, column in np.argwhere(counts).tolist():
            ink = "white" if shares[row, column] > 0.5 else "black"
            ax.text(column, row, counts[row, column], ha="center", va="center", color=ink)
    right, n = judged.top1
    ax.set_title(f"{in_percent(right / n)} of {n:,} {judged.part}")
    return figure


def mistakes_figure(judged: Judged, pictures: Pictures):
    """A contact sheet of the surest mistakes; None where there are none."""
    chosen = judged.mistakes[:MISTAKES].tolist()
    if not chosen:
        return None
    captions = [
        f"{judged.classes[judged.labels[at]][:SHORT]}→{judged.classes[judged.guesses[at]][:SHORT]}"
        for at in chosen
    ]
    cells = list(zip(captions, pictures(chosen), strict=True))
    return sheet([cells[k : k + IN_A_LINE] for k in range(0, len(cells), IN_A_LINE)])


def keep(judged: Judged, pictures: Pictures, folder: Path) -> list[Path]:
    """Write scores.json, confusion.csv and .png, mistakes.csv and .png into a folder, each whole.

    An earlier evaluation's are replaced. Raises InputError where they cannot be written.
    """
    words = json.dumps(judged.scores, indent=1, allow_nan=False) + "\n"
    contents = {
        "scores.json": words,
        "confusion.csv": confusion_csv(judged),
        "mistakes.csv": mistakes_csv(judged),
    }
    files = {name: content.encode("utf-8", "surrogateescape") for name, content in contents.items()}
    matrix = confusion_figure(judged)
    if matrix is not None:
        files["confusion.png"] = _png(matrix)
    sheet_of = mistakes_figure(judged, pictures)
    if sheet_of is not None:
        files["mistakes.png"] = _png(sheet_of)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if sheet_of is None:
            (folder / "mistakes.png").unlink(missing_ok=True)
        for name, content in files.items():
            write_atomically(folder / name, content)
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}; make room, and evaluate again") from error
    return [folder / name for name in files]


def _png(figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png")
    plt.close(figure)
    return out.getvalue()
