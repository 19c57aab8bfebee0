"""EfficientNet-RS: what its smaller images cost, and how much accuracy they may. Without torch."""

from itertools import pairwise
from math import log
from statistics import mean

import pandas as pd

from rslib.evidence import devices, verdicts
from rslib.recipes import efficientnet_rs, pareto
from rslib.report import numerals, protocols, speed


def resolutions(counts):
    """Own and slow resolutions, RandAugment's magnitude, FLOPs; counts: {(name, px): Counts}."""
    lines = []
    for network in efficientnet_rs.slow_networks():
        own, slow = network.published.resolution, network.resolution
        flops = [counts[network.name, px].flops for px in (own, slow)]
        lines.append(
            {
                "px": f"{own}",
                "px, slow": f"{slow}",
                "slow : own": f"{slow / own:.2f}",
                "RandAugment": f"{efficientnet_rs.magnitude(slow):g}",
                "FLOPs, B": f"{flops[0] / 1e9:.2f}",
                "FLOPs, B, slow": f"{flops[1] / 1e9:.2f}",
            }
        )
    return _by_size(lines)


def costs(measurements, variant):
    """Seconds for 128 training images at both resolutions, and what may be lost for them.

    measurements: of one device. A network on EfficientNet's own line gains nothing; "may lose" is
    how many points of its published top-1 bring it down to that line, at its new time. The last
    column says the same of ResNet-RS's line. Empty where a line does not reach.
    """
    seconds = seconds_of(measurements, variant)
    lines = []
    for network in efficientnet_rs.slow_networks():
        own, slow = (speed.find(measurements, row, variant) for row in (network.published, network))
        line = {"px": f"{network.published.resolution}", "px, slow": f"{network.resolution}"}
        line |= {"seconds": speed.seconds(own), "seconds, slow": speed.seconds(slow)}
        gain = faster(network, seconds)
        line["times as fast"] = f"{gain:.2f}" if gain else ""
        for column, family in (
            ("may lose, points", "EfficientNet"),
            ("and reach ResNet-RS, points", "ResNet-RS"),
        ):
            lost = may_lose(network, seconds, family) if gain else None
            line[column] = "" if lost is None else numerals.signed(lost).removeprefix("+")
        lines.append(line)
    return _by_size(lines)


def faster(network, seconds):
    """How many times as fast an EfficientNet-RS trains as at its own resolution; None if unknown.

    seconds: as `seconds_of` has them.
    """
    both = seconds.get(network.published), seconds.get(network)
    return both[0] / both[1] if all(both) else None


def may_lose(network, seconds, family="EfficientNet"):
    """Points of published top-1 above a family's line at the network's time; None off the line."""
    reached = on_line(family, seconds, seconds[network])
    return None if reached is None else network.published.top1 - reached


def answer(recorded, groups):
    """MyST: an admonition; recorded: {device: measurements}, groups: as `protocols.by_protocol`."""
    told = ["**? Accuracy: not run on ImageNet.**"]
    for device, variant, held in speed.columns(recorded):
        seconds = seconds_of(held, variant)
        slow = [n for n in efficientnet_rs.slow_networks() if faster(n, seconds)]
        gains = [faster(network, seconds) for network in slow]
        lost = [lost for n in slow if (lost := may_lose(n, seconds)) is not None]
        if gains:
            told.append(
                f"On {device}, {variant}, the lower resolutions train {min(gains):.2f} to "
                f"{max(gains):.2f} times as fast (medians, {_processes(held, slow, variant)})."
            )
        if lost:
            told.append(
                f"They gain if they lose less than {min(lost):.1f} to {max(lost):.1f} points, by "
                "network."
            )
    told.append("The resolutions are this book's choice.")
    if runs := sum(len(group) for group in groups if not protocols.no_evidence(group)):
        told.append(f"{runs} reduced runs are undertrained and decide nothing.")
    return speed.admonition("?", [*told, speed.no_gpu(recorded)])


def _processes(held, networks, variant):
    """How many processes have measured each, in words."""
    found = [speed.find(held, n, variant) for n in (*networks, *(n.published for n in networks))]
    fewest = min(len(devices.by_process(one)) for one in found)
    return "one process each" if fewest == 1 else f"{fewest} processes each"


def seconds_of(measurements, variant):
    """{row of Table 7, or EfficientNet-RS: seconds for 128 images}, of those that were measured."""
    rows = [*pareto.table_7(), *efficientnet_rs.slow_networks()]
    found = {row: speed.find(measurements, row, variant) for row in rows}
    return {row: devices.latency(one)[0] for row, one in found.items() if one and one["fits"]}


def on_line(family, seconds, at):
    """Published top-1 of a family at a time, in percent, over the logarithm of seconds.

    Between the two networks that are nearest on either side; None beyond the ends. A network that
    another one beats in both time and accuracy is not on the line.
    """
    rows = [row for row in pareto.table_7() if row.family == family and row in seconds]
    line = []
    for row in sorted(rows, key=seconds.get):
        if not line or row.top1 > line[-1].top1:
            line.append(row)
    for low, high in pairwise(line):
        if seconds[low] <= at <= seconds[high]:
            share = log(at / seconds[low]) / log(seconds[high] / seconds[low])
            return low.top1 + share * (high.top1 - low.top1)
    return None


def places(scaled):
    """Where the slow networks are on compound scaling's line: B0 is 0, B1 is 1.

    scaled: {scale: {row id: FLOPs}}. The first column is what the claims' sums take.
    """
    lines = []
    for claim in efficientnet_rs.CLAIMS:
        (slow,) = (id for id in claim.cells if id.endswith("slow"))
        line = {"the sum takes": f"{-claim.cells['b1-compound']:g}"}
        for scale, flops in scaled.items():
            whole = log(flops["b1-compound"] / flops["b0-compound"])
            line[scale] = f"{log(flops[slow] / flops['b0-compound']) / whole:.2f}"
        lines.append(line)
    names = [claim.says.split(",")[0] for claim in efficientnet_rs.CLAIMS]
    return pd.DataFrame(lines, index=names)


def trained(results, rows=()):
    """Top-1 in percent of what was trained at a reduced scale, from one protocol's results.

    The change is from the network's own resolution to the slow one, by the average of the weights,
    with its 95 % interval over seeds.
    """
    study, shown = efficientnet_rs.FIGURE_5, efficientnet_rs.FIGURE_5.select(rows)
    lines = []
    for row in shown:
        scores = {w: verdicts.score(study, row.id, results, w) for w in ("raw", "ema")}
        runs = verdicts.runs_of(study, row.id, results)
        line = {"px here": f"{runs[0]['protocol']['resolution']}" if runs else ""}
        line |= {"raw": numerals.spread(scores["raw"]), "average": numerals.spread(scores["ema"])}
        fit = verdicts.score(study, row.id, results, split="train").values()
        line["on training images"] = f"{mean(fit):.1f}" if fit else ""
        line["change, 95 %"] = ""
        own = f"{row.id[:2]}-compound"
        twice = all(len(verdicts.score(study, id, results)) > 1 for id in (row.id, own))
        if row.kind == "slow" and twice and not protocols.no_evidence(results):
            _, change = verdicts.effect(study, {row.id: 1, own: -1}, results)
            value, span = numerals.signed(change.value, 2), numerals.span(change.interval())
            line["change, 95 %"] = f"{value} ({span})"
        lines.append(line | {"n": f"{len(scores['ema'])}"})
    return pd.DataFrame(lines, index=[row.label for row in shown])


def _by_size(lines):
    return pd.DataFrame(lines, index=[row.label for row in efficientnet_rs.slow_networks()])
