"""Table 3: memory of training steps, the paper's and measured. Nothing needs torch.

counts, here, are {row of Table 7: rslib.costs.counts.Counts}.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from rslib.evidence import devices
from rslib.evidence.blocks import UNDECIDED
from rslib.recipes import pareto
from rslib.report import cells, ratios
from rslib.report.numerals import between
from rslib.report.speed import (
    admonition,
    by_model,
    columns,
    find,
    head,
    label,
    no_gpu,
    seconds,
)

IMAGES = 32  # of which Table 3 states the memory


@dataclass(frozen=True, kw_only=True)
class Compared:
    """How many times the memory of ResNet-RS EfficientNet takes on a device."""

    measured: float  # at the batch that was measured, where both have the same; else of 32 images
    images: int  # of that batch
    value: float  # of 32 images
    interval: tuple[float, float]

    @property
    def verdict(self) -> str:
        low, high = self.interval
        return "same direction" if low > 1 else "opposite direction here" if high < 1 else UNDECIDED

    @property
    def span(self) -> str:
        return between(*(f"{end:.1f}" for end in self.interval))


def pairs() -> list[pareto.Match]:
    """Table 3's two."""
    return [match for match in pareto.matches() if match.where in ("Table 3", "Tables 3, 7")]


def printed_ratio(match: pareto.Match) -> float:
    """EfficientNet's memory over ResNet-RS's on a TPUv3 core, by Table 3."""
    paper = pareto.table_3()
    return paper[match.theirs] / paper[match.ours]


def per_activation(measurements: Sequence[dict], variant: str, counts: Mapping) -> dict:
    """{family: (least, most)} bytes that a further image takes for each of its activations.

    Over all networks of Table 7 that were measured: how far one network differs from another.
    """
    found = {}
    for row, counted in counts.items():
        one = find(measurements, row, variant)
        each = devices.image_bytes(one) if one and one["fits"] else None
        if each:
            found.setdefault(row.family, []).append(each / counted.activations)
    return {family: (min(values), max(values)) for family, values in found.items()}


def interval(one: dict, activations: int, span: tuple[float, float]) -> tuple[float, float]:
    """(least, most) bytes of 32 images: the measured peak, and for each image that it lacks the
    least and the most bytes an activation of `per_activation`."""
    further = (IMAGES - one["images"]) * activations
    ends = [one["memory"]["full"] + further * each for each in span]
    return min(ends), max(ends)


def compare(
    match: pareto.Match, measurements: Sequence[dict], variant: str, counts: Mapping
) -> Compared | None:
    """A pair on one device; None where the memory of one of the two is not known."""
    rows = match.theirs, match.ours
    both = [find(measurements, row, variant) for row in rows]
    if not all(one and one["fits"] and devices.memory(one) for one in both):
        return None
    spans = per_activation(measurements, variant, counts)
    theirs, ours = (
        interval(one, counts[row].activations, spans[row.family])
        for one, row in zip(both, rows, strict=True)
    )
    value = devices.memory(both[0]) / devices.memory(both[1])
    same = both[0]["images"] == both[1]["images"]
    full = both[0]["memory"]["full"] / both[1]["memory"]["full"]
    return Compared(
        measured=full if same else value,
        images=both[0]["images"] if same else IMAGES,
        value=value,
        interval=(theirs[0] / ours[1], theirs[1] / ours[0]),
    )


def how(measurements: Sequence[dict], variant: str) -> str:
    """How the memory of 32 images is known, for a heading: extrapolated from 4 images, …"""
    held = [find(measurements, row, variant) for row in pareto.table_3()]
    held = [one for one in held if one and one["fits"] and devices.memory(one)]
    if not held or min(one["images"] for one in held) >= IMAGES:
        return "measured"
    fewest = min(one["images"] for one in held)
    total = held[0]["total"]
    above = max(map(devices.memory, held)) > total
    machine = f", above the machine's {total / 1e9:.0f} GB" if above else ""
    return f"extrapolated from {fewest} images{machine}"


def table(recorded: Mapping[str, Sequence[dict]], counts: Mapping) -> pd.DataFrame:
    """EfficientNet over ResNet-RS for Table 3's two pairs: parameters, FLOPs, memory, verdict.

    recorded: {device: measurements}.
    """
    lines = []
    for match in pairs():
        ours, theirs = counts[match.ours], counts[match.theirs]
        line = {
            "parameters": f"{theirs.parameters / ours.parameters:.2f}",
            "FLOPs": f"{theirs.flops / ours.flops:.2f}",
            "memory, paper, TPUv3": f"{printed_ratio(match):.1f}",
        }
        for device, variant, held in columns(recorded):
            one = compare(match, held, variant, counts)
            where = head(device, variant, recorded)
            if one is None:
                line[f"memory, {where}"] = ratios.NOT_MEASURED
                continue
            line[f"memory, {where}, {one.images} images"] = f"{one.measured:.1f}"
            whole = f"memory, {where}, {IMAGES} images, {how(held, variant)} (interval)"
            line[whole] = f"{one.value:.1f} ({one.span})"
            line[f"verdict {where}"] = f"{ratios.sign(one.verdict)} {one.verdict}"
        lines.append(line)
    names = [f"{label(match.theirs)} : {label(match.ours)}" for match in pairs()]
    return pd.DataFrame(lines, index=names).fillna("")


def networks(recorded: Mapping[str, Sequence[dict]]) -> pd.DataFrame:
    """Table 3's four networks: memory and seconds, as the paper prints them and as measured.

    Memory in GB: at the measured batch, and of 32 images on a straight line through two batches.
    Seconds are for 128 images, on the TPU for 1,024.
    """
    paper = cells.printed("table3.csv", lambda line: (line["model"], int(line["resolution"])))
    lines = []
    for row in pareto.table_3():
        text = paper[row.label, row.resolution]
        line = {
            "px": text["resolution"],
            "TPUv3, GB": text["tpu_memory_gb"],
            "TPUv3, s": text["tpu_latency_s"],
            "V100, s": text["v100_latency_s"],
        }
        for device, variant, held in columns(recorded):
            one, where = find(held, row, variant), head(device, variant, recorded)
            full = one["memory"]["full"] if one and one["fits"] else None
            known = devices.memory(one) if full else None
            line[f"{where}, GB, batch"] = f"{full / 1e9:.1f}, {one['images']}" if full else ""
            whole = f"{where}, GB, {IMAGES} images, {how(held, variant)}"
            line[whole] = f"{known / 1e9:.1f}" if known else ""
            line[f"{where}, s"] = seconds(one)
        lines.append(line)
    return by_model(lines, pareto.table_3())


def answer(recorded: Mapping[str, Sequence[dict]], counts: Mapping) -> str:
    """MyST: an admonition; recorded: {device: measurements}."""
    signs, told = [], []
    for device, variant, held in columns(recorded):
        found = [one for m in pairs() if (one := compare(m, held, variant, counts))]
        if not found:
            continue
        said = [one.verdict for one in found]
        signs += [ratios.sign(word) for word in said]
        counted = ", ".join(f"{word} in {said.count(word)}" for word in dict.fromkeys(said))
        sizes = " and ".join(f"{one.value:.1f} ({one.span})" for one in found)
        told.append(
            f"**{max(signs[-len(found) :], key='✓✗?'.index)} {device}, {variant}: {counted} of "
            f"{len(pairs())} pairs.** EfficientNet takes {sizes} times the memory for {IMAGES} "
            f"images, {how(held, variant)}; one process a network."
        )
    paper = " and ".join(f"{printed_ratio(match):.1f}" for match in pairs())
    return admonition(signs, [*told, f"Paper, on a TPU: {paper}.", no_gpu(recorded)])


def tallies(recorded: Mapping[str, Sequence[dict]], counts: Mapping) -> list[str]:
    """In words, for each device: in how many pairs of Table 3 EfficientNet takes more memory."""
    told = []
    for device, variant, held in columns(recorded):
        found = [one for m in pairs() if (one := compare(m, held, variant, counts))]
        same = sum(one.verdict == "same direction" for one in found)
        if found:
            how_known = how(held, variant).partition(",")[0]
            told.append(f"{same} of {len(pairs())} on {device}, {variant}, {how_known}")
    return told


def factors(recorded: Mapping[str, Sequence[dict]], counts: Mapping) -> list:
    """[(what, [(ratio, interval or None) of each pair])]: EfficientNet's costs over ResNet-RS's."""

    def exact(of):
        return [(of(match), None) for match in pairs()]

    def counted(of):
        return exact(lambda match: of(counts[match.theirs]) / of(counts[match.ours]))

    found = [
        ("parameters, counted", counted(lambda c: c.parameters)),
        ("FLOPs, counted", counted(lambda c: c.flops)),
        ("activations, counted", counted(lambda c: c.activations)),
        ("memory, paper: TPUv3", exact(printed_ratio)),
    ]
    timed = [
        ("step time, paper: TPUv3", exact(lambda match: match.tpu)),
        ("step time, paper: V100", exact(lambda match: match.v100)),
    ]
    for device, variant, held in columns(recorded):
        memory = [one for m in pairs() if (one := compare(m, held, variant, counts))]
        pace = [one for m in pairs() if (one := ratios.compare(m, held, variant))]
        where = f"{device}, {variant}"
        if len(memory) == len(pairs()):
            found.append((f"memory, {where}", [(one.value, one.interval) for one in memory]))
        if len(pace) == len(pairs()):
            spans = [(one.ratio[0], one.ratio[1:]) for one in pace]
            timed.append((f"step time, {where}", spans))
    return found + timed
