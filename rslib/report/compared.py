"""Accuracy on one's own images against other libraries, and from random weights. Without torch.

Shows what `bench/baselines.py` and `bench/fine_tuning.py` wrote into data/results/own/; of a file
that is not there, nothing.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from rslib import paths
from rslib.config import InputError
from rslib.evidence import stats
from rslib.evidence.stats import Estimate
from rslib.report.numerals import SPACE, between, signed, span

FOLDER = "own"
ROW = {"variant", "seed", "correct", "n", "cpu_seconds", "epochs"}


@dataclass(frozen=True)
class Comparison:
    """A file of data/results/own, and what a reader has to know. ours: the variant compared."""

    file: str
    ours: str
    title: str
    what: str
    caveat: str
    aside: tuple[str, ...] = ()  # variants that answer another question


COMPARISONS = (
    Comparison(
        file="baselines.json",
        ours="rslib",
        title="Against other libraries",
        what="Each library trains on the same images for the same CPU time on one thread "
        "(`bench/baselines.py`), with networks of nearly the same cost.",
        caveat="The other recipes are those that the libraries publish for ImageNet, or their "
        "defaults. They are not tuned for small images, and `rslib` has rules for these.",
    ),
    Comparison(
        file="fine-tuning.json",
        ours="fine-tuned",
        title="Fine-tuning",
        what="A network that was trained on five classes learns the five others from 100 images of "
        "each (`bench/fine_tuning.py`).",
        caveat="The CPU time of the first training is not counted, and both sets of classes have "
        "images of the same kind. Released ImageNet weights could not be had here: files of their "
        "form were only loaded.",
        aside=("before",),
    ),
)


def shown() -> str:
    """Markdown: a table and a sentence for each comparison that is recorded; "" where none is.

    Raises InputError for a file that is damaged.
    """
    folder = paths.RESULTS / FOLDER
    recorded = [(one, folder / one.file) for one in COMPARISONS]
    parts = (section(one, read(file)) for one, file in recorded if file.exists())
    return "\n\n".join(filter(None, parts))


def read(file) -> dict:
    """What a bench wrote. Raises InputError where that cannot be."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{file} is no JSON ({error}); restore or remove it") from error
    for row in found.get("rows", [{}]):
        if not row.keys() >= ROW or not 0 <= row["correct"] <= row["n"]:
            raise InputError(f"{file} has a damaged row, {row!r:.80}; restore or remove it")
    return found


def section(comparison: Comparison, found: Mapping) -> str:
    """Markdown: title, answer, table. "" while ours has no run."""
    rows: dict[str, list] = {}
    for row in found["rows"]:
        if row["variant"] not in comparison.aside:
            rows.setdefault(row["variant"], []).append(row)
    if comparison.ours not in rows:
        return ""
    scores = {
        variant: {row["seed"]: 100 * row["correct"] / row["n"] for row in runs}
        for variant, runs in rows.items()
    }
    gaps = differences(scores, comparison.ours)
    minus = f"{comparison.ours} minus this, points (95 % interval)"
    lines = [("", "top-1, % (range)", minus, "CPU minutes", "epochs", "runs")]
    lines += [("---", *["---:"] * 5)]
    lines += [line(name, of, scores[name].values(), gaps.get(name)) for name, of in rows.items()]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return (
        f"### {comparison.title}\n\n{answer(gaps, comparison.ours)} {comparison.what} "
        f"{measured(found, rows[comparison.ours])} {comparison.caveat}\n\n"
        f":::{{table}} {comparison.title}: each variant, and its difference to `{comparison.ours}`."
        f"\n\n{table}\n:::"
    )


def line(
    variant: str, runs: Sequence[Mapping], reached: Collection[float], gap: Estimate | None
) -> tuple[str, ...]:
    """A variant's cells. reached: top-1 of each run in percent. gap: ours minus it, if known."""
    ends = between(f"{min(reached):.1f}", f"{max(reached):.1f}")
    return (
        variant,
        f"{mean(reached):.1f} ({ends})",
        f"{signed(gap.value)} ({span(gap.interval(), 1)})" if gap else "",
        f"{mean(row['cpu_seconds'] for row in runs) / 60:.1f}",
        between_counts([row["epochs"] for row in runs]),
        str(len(runs)),
    )


def differences(scores: Mapping[str, Mapping[int, float]], ours: str) -> dict[str, Estimate]:
    """{variant: ours minus it, seed by seed}, of those with two seeds in common.

    scores: {variant: {seed: percent}}.
    """
    return {
        variant: stats.paired(scores[ours], reached)
        for variant, reached in scores.items()
        if variant != ours and len(scores[ours].keys() & reached.keys()) > 1
    }


def answer(gaps: Mapping[str, Estimate], ours: str) -> str:
    """One sentence on whom ours is ahead of, behind, and cannot be distinguished from."""
    if not gaps:
        return "No comparison has two seeds yet, so that nothing can be said."
    ahead = [name for name, gap in gaps.items() if not gap.holds(0) and gap.value > 0]
    behind = [name for name, gap in gaps.items() if not gap.holds(0) and gap.value < 0]
    unseen = {name: _half(gap) for name, gap in gaps.items() if gap.holds(0)}
    parts = [f"is ahead of {_listed(ahead)}"] if ahead else []
    parts += [f"is behind {_listed(behind)}"] if behind else []
    if unseen:
        close = [f"{_quoted(name)} (±{half:.1f} points)" for name, half in unseen.items()]
        parts += [f"cannot be distinguished from {' and '.join(close)}"]
    return f"**In top-1, {ours} {'; it '.join(parts)}**, by paired 95 % intervals over seeds."


def measured(found: Mapping, runs: Sequence[Mapping]) -> str:
    """On how many images and which machine; and that few seeds give wide intervals."""
    about, tested = found["environment"], between_counts([row["n"] for row in runs])
    training = f"{found['each']} training images of each class, " if "each" in found else ""
    versions = {"torch": about["torch"], **found.get("versions", {})}
    return (
        f"{found['images']}, {training}{tested} test images, {len(runs)} seeds with separate "
        f"training images; {about['device_name']}, {about['began'][:10]}, "
        f"{', '.join(f'{name} {of}' for name, of in versions.items())}. So few seeds give wide "
        "intervals, which leave out that other test images would give other numbers."
    )


def between_counts(values: Sequence[int]) -> str:
    """A count, or the least and the largest of different ones."""
    ends = dict.fromkeys((min(values), max(values)))
    return f"{SPACE}to{SPACE}".join(f"{value:,}" for value in ends)


def _half(gap: Estimate) -> float:
    low, high = gap.interval()
    return (high - low) / 2


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name


def _listed(names: Sequence[str]) -> str:
    *first, last = map(_quoted, names)
    return f"{', '.join(first)} and {last}" if first else last
