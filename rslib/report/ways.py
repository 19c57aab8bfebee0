"""One process, torchrun and Ray: the same results, and what starting them costs. Without torch."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median

from rslib import paths
from rslib.report.estimate import as_markdown

FILE = Path("own") / "ways.json"  # of data/results; bench/ways.py writes it
GOALS = {"local": 0.05, "Ray": 0.10}  # of the processes' time without a run
MANY = "What each way takes for the same runs, and how much of the time no run works."
ONE = "One and the same run in each way; medians of the rounds."
SPLIT = 1.15  # times half the seconds of one process
HALVED = (
    "The last three ran with the batch in two micro-batches (`bench/ways.py --halved`). As they "
    "stand, BN takes the whole batch at this scale, and `torchrun` refuses to share it."
)


def shown() -> str:
    """Markdown; a sentence where nothing is recorded."""
    file = paths.RESULTS / FILE
    if not file.exists():
        return "Not measured yet: `bench/ways.py` does."
    return in_words(json.loads(file.read_text(encoding="utf-8")))


def in_words(found: Mapping) -> str:
    """Of what the bench wrote."""
    about, many, shared = found["environment"], found["many"], found["shared"]
    equal = "end in **the same bits**" if found["equal"] else "**do not end in the same bits**"
    commands = "\n".join(row["command"] for row in (*many, *shared))
    return (
        f"{about['device_name']}, {about['began'][:10]}, commit {about['commit'][:7]}, torch "
        f"{about['torch']}, Ray {found['versions']['ray']}. All {many[0]['runs']} runs "
        f"{equal} in each way.\n\n:::{{table}} {MANY}\n\n{of_many(many)}:::\n\n"
        f":::{{table}} {ONE}\n\n{of_one(shared)}:::\n\n"
        f"{judged(shared)}\n\nThese are the commands:\n\n```bash\n{commands}\n```\n\n{HALVED}\n"
    )


def of_many(rows: Iterable[Mapping]) -> str:
    """Markdown: many runs, a row for each way."""
    heads = ["way", "runs", "processes", "seconds", "whole command", "time without a run", "goal"]
    lines = [heads, ["---", *(["---:"] * 5), "---"]]
    for row in rows:
        goal = GOALS.get(row["way"])
        asked = "" if goal is None else f"≤ {100 * goal:.0f} %, {met(row['idle'] <= goal)}"
        cells = [row["way"], f"{row['runs']}", f"{row['processes']}", f"{row['seconds']:.0f}"]
        lines.append([*cells, f"{row['whole']:.0f}", f"{100 * row['idle']:.1f} %", asked])
    return as_markdown(lines)


def of_one(rows: Iterable[Mapping]) -> str:
    """Markdown: one run, a row for each way; medians of the rounds."""
    lines = [["one run by", "processes", "seconds", "whole command", "last loss", "right images"]]
    lines.append(["---", *(["---:"] * 5)])
    for row in rows:
        times = [f"{median(row[name]):.0f}" for name in ("seconds", "whole")]
        right = f"{row['correct']} of {row['n']}"
        lines.append([row["way"], f"{row['processes']}", *times, f"{row['loss']:.4f}", right])
    return as_markdown(lines)


def judged(rows: Iterable[Mapping]) -> str:
    """What torchrun brings, and how far its end and Ray's are from that of one process."""
    by = {row["way"]: row for row in rows}
    one, two = by["one process"], by["torchrun"]
    halves = [2 * b / a for a, b in zip(one["seconds"], two["seconds"], strict=True)]
    ratio = median(halves)
    said = [
        f"One run by two processes of `torchrun` takes {ratio:.2f} times half the time of one "
        f"process ({min(halves):.2f} to {max(halves):.2f} over {len(halves)} rounds; "
        f"goal ≤ {SPLIT}, {met(ratio <= SPLIT)})."
    ]
    for way in ("Ray", "torchrun"):
        said.append(f"{way} ends with {ending(by[way], one)}.")
    return " ".join(said)


def ending(row: Mapping, one: Mapping) -> str:
    """How the end of a run compares with that of the same run in one process."""
    if row["weights_sha256"] == one["weights_sha256"]:
        return "the same bits as one process"
    if (row["loss"], row["correct"]) == (one["loss"], one["correct"]):
        return "the same loss and as many right images as one process, and other bits"
    if row["loss"] == one["loss"]:
        return "the same loss as one process, and other bits"
    apart = abs(row["loss"] / one["loss"] - 1)
    return f"a loss that differs by {apart:.1e} of it, as sums are rounded in another order"


def met(goal: bool) -> str:
    return "met" if goal else "**missed**"
