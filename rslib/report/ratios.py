"""The speed claim: how many times as fast ResNet-RS trains, and what that says of the paper's.

One rule decides on every page whether a pair is judged. Nothing needs torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from rslib.evidence import devices
from rslib.evidence.blocks import UNDECIDED
from rslib.evidence.devices import PROCESSES, STEPS
from rslib.recipes import pareto
from rslib.report.numerals import SPACE, between
from rslib.report.speed import admonition, columns, find, head, label, no_gpu

WITHIN = 1.25  # leads, ratios less one, that differ by no more than this factor are one size
RULE = f"takes {STEPS} steps and {PROCESSES} processes"
NOT_JUDGED, NOT_MEASURED = "not judged", "not measured"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What a device says of a pair of networks."""

    ratio: tuple[float, float, float]  # of medians; least and largest that the steps allow
    steps: int  # of the network that has fewer; on a GPU blocks of one to ten
    processes: int  # likewise
    verdict: str  # empty for a pair for which the paper prints no speed-up

    @property
    def n(self) -> str:
        plural = "" if self.processes == 1 else "es"
        return f"{self.steps} steps, {self.processes} process{plural}"

    @property
    def span(self) -> str:
        value, low, high = self.ratio
        return f"{value:.2f} ({between(f'{low:.2f}', f'{high:.2f}')})"


def compare(match: pareto.Match, measurements: Sequence[dict], variant: str) -> Compared | None:
    """One device's networks of a pair; None where one of the two was not measured."""
    both = [find(measurements, row, variant) for row in (match.ours, match.theirs)]
    if not all(one and one["fits"] for one in both):
        return None
    ours, theirs = map(devices.latency, both)
    ratio = theirs[0] / ours[0], theirs[1] / ours[2], theirs[2] / ours[1]
    steps = min(len(one["block_seconds"]) for one in both)
    processes = min(len(devices.by_process(one)) for one in both)
    if (match.tpu if variant.startswith("bf16") else match.v100) is None:
        said = ""
    elif steps < STEPS or processes < PROCESSES:
        said = NOT_JUDGED
    else:
        gpu = measurements[0]["environment"]["device"] == "cuda"
        said = verdict(match, ratio, variant, gpu=gpu)
    return Compared(ratio=ratio, steps=steps, processes=processes, verdict=said)


def verdict(match, ratio, variant, *, gpu):
    """What a measured speed-up says of the printed one: the V100's, or in bfloat16 the TPU's.

    Sizes are compared as leads, ratios less one; on a CPU, of which the paper says nothing, only
    the direction can be met.
    """
    value, low, high = ratio
    printed = match.tpu if variant.startswith("bf16") else match.v100
    if low > 1 and gpu:
        lead = (value - 1) / (printed - 1)
        size = (
            "magnitude" if 1 / WITHIN <= lead <= WITHIN else "larger" if lead > 1 else "direction"
        )
        return f"reproduced ({size})"
    if low > 1:
        return "same direction"
    if high < 1:
        return "contradicted" if gpu else "opposite direction here"
    return UNDECIDED


def sign(verdict: str) -> str:
    """✓ ✗ or ?, as on every page."""
    if verdict.startswith(("reproduced", "same direction")):
        return "✓"
    return "✗" if verdict.startswith(("contradicted", "opposite")) else "?"


def words(one: Compared | None) -> str:
    """A pair in one cell: verdict with its symbol, ratio and its span."""
    if one is None:
        return NOT_MEASURED
    why = f" ({one.n})" if one.verdict == NOT_JUDGED else ""
    if not one.verdict:
        return one.span
    return f"{sign(one.verdict)}{SPACE}{one.verdict}{why}: {one.span}"


def stated() -> list[pareto.Match]:
    """The pairs for which the paper prints a speed-up."""
    return [match for match in pareto.matches() if match.where != "here"]


def tally(measurements: Sequence[dict], variant: str) -> str:
    """What became of the paper's pairs on a device: of 7 claims, 5 same direction, …, with the rule
    where one is not judged."""
    counts = _counts(measurements, variant)
    return f"{counts} (a verdict {RULE})" if NOT_JUDGED in counts else counts


def _counts(measurements, variant):
    found = [compare(match, measurements, variant) for match in stated()]
    said = [one.verdict if one else NOT_MEASURED for one in found]
    counts = ", ".join(f"{said.count(word)} {word}" for word in dict.fromkeys(said))
    return f"of {len(said)} claims, {counts}"


def answer(recorded: Mapping[str, Sequence[dict]]) -> str:
    """MyST: an admonition; recorded: {device: measurements}."""
    signs, told = [], []
    for device, variant, held in columns(recorded):
        found = [one for m in stated() if (one := compare(m, held, variant))]
        if not found:
            continue
        signs += [sign(one.verdict) for one in found]
        shown = max(signs[-len(found) :], key="✓✗?".index)
        values = [one.ratio[0] for one in found]
        told.append(
            f"**{shown} {device}, {variant}: {_counts(held, variant)}.** ResNet-RS trains "
            f"{min(values):.2f} to {max(values):.2f} times as fast ({_n(found)})."
        )
    rule = f"A verdict {RULE}." if any(NOT_JUDGED in words for words in told) else ""
    caveat = "Accuracies are the paper's; nothing was trained to them."
    return admonition(signs, [*told, rule, no_gpu(recorded), caveat])


def _n(found):
    steps = dict.fromkeys((min(one.steps for one in found), max(one.steps for one in found)))
    fewest = min(found, key=lambda one: one.processes)
    return f"medians of {' to '.join(map(str, steps))} steps,{fewest.n.partition(',')[2]}"


def table(recorded: Mapping[str, Sequence[dict]], where: str = "") -> pd.DataFrame:
    """How many times as fast ResNet-RS trains as the EfficientNet it is compared with.

    where: the paper's table that prints the pairs; all pairs if empty. The paper's columns are what
    it prints, in brackets what its latencies make of a pair that is not its own. Then two for each
    device and variant: the ratio of medians with its span from the least to the largest that the
    steps allow, and the verdict.
    """
    lines = []
    shown = [match for match in pareto.matches() if where in ("", match.where)]
    for match in shown:
        line = {
            "ResNet-RS": label(match.ours),
            "top-1, %": f"{SPACE}:{SPACE}".join(f"{top1:.1f}" for top1 in match.accuracies()),
            "printed in": "" if match.where == "here" else match.where,
        }
        for name, printed, seconds in (
            ("V100", match.v100, lambda row: row.v100),
            ("TPUv3", match.tpu, lambda row: row.tpu),
        ):
            line[name] = f"{printed:.1f}" if printed else f"({match.speedup(seconds):.1f})"
        for device, variant, held in columns(recorded):
            one = compare(match, held, variant)
            where = head(device, variant, recorded)
            line[where] = one.span if one else NOT_MEASURED
            line[f"verdict {where}"] = _verdict(one)
        lines.append(line)
    return pd.DataFrame(lines, index=[label(match.theirs) for match in shown])


def _verdict(one):
    if one is None or not one.verdict:
        return ""
    why = f": {one.n}" if one.verdict == NOT_JUDGED else ""
    return f"{sign(one.verdict)} {one.verdict}{why}"
