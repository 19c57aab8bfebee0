"""One process, torchrun and Ray: the same results, and what starting them costs. Without torch."""

import json
from collections.abc import Mapping
from pathlib import Path

from rslib import paths
from rslib.report.estimate import as_markdown
from rslib.report.tables import SPACE

FILE = Path("own") / "ways.json"  # of data/results; bench/ways.py writes it
GOALS = {"local": 0.05, "Ray": 0.10}  # of the processes' time without a run
CAPTION = "What each way takes for the same runs, and how much of the time no run works."
SPLIT = 1.15  # times half the seconds of one process


def shown() -> str:
    """Markdown; a sentence where nothing is recorded."""
    file = paths.RESULTS / FILE
    if not file.exists():
        return "Not measured yet: `bench/ways.py` does."
    return in_words(json.loads(file.read_text(encoding="utf-8")))


def in_words(found: Mapping) -> str:
    """Of what the bench wrote."""
    rows = [["way", "runs", "processes", "seconds", "time without a run", "goal"]]
    rows += [["---", *(["---:"] * 5)]]
    for row in found["many"]:
        goal = GOALS.get(row["way"])
        asked = "" if goal is None else f"≤ {100 * goal:.0f} %, {met(row['idle'] <= goal)}"
        cells = [row["way"], f"{row['runs']}", f"{row['processes']}", f"{row['seconds']:.0f}"]
        rows.append([*cells, f"{100 * row['idle']:.1f} %", asked])
    about, shared = found["environment"], found["shared"]
    one, two = shared["losses"]
    right, n = shared["correct"], shared["n"]
    equal = "end in **the same bits**" if found["equal"] else "**do not end in the same bits**"
    return (
        f"{about['device_name']}, {about['began'][:10]}, commit {about['commit'][:7]}, torch "
        f"{about['torch']}, Ray {found['versions']['ray']}. All {found['many'][0]['runs']} runs "
        f"{equal} in each way.\n\n"
        f":::{{table}} {CAPTION}\n\n{as_markdown(rows)}:::\n\n"
        f"One run by two processes of `torchrun` takes {shared['ratio']:.2f} times half the time "
        f"of one process (goal ≤ {SPLIT}, {met(shared['ratio'] <= SPLIT)}). The last epoch's loss "
        f"is {two:.4f} and not {one:.4f}, as sums are rounded and dropout is drawn differently; "
        f"{right[1]} and {right[0]} of {n[0]}{SPACE}test images are right.\n"
    )


def met(goal: bool) -> str:
    return "met" if goal else "**missed**"
