"""How fast the code is beside its peers and beside what a device can do, as pages have it."""

import json

from rslib import paths
from rslib.config import InputError
from rslib.evidence import devices
from rslib.recipes import pareto
from rslib.report import markdown, numerals

FAST = "How many times as fast this book's code is as a peer's, with quartiles over n rounds."
ROOFLINE = "The share of the device's roofline that a training step of each network reaches."


def benches():
    """What `bench/all.py` wrote of every machine: GPUs first, then those with most rows."""
    found = []
    for file in sorted((paths.RESULTS / "bench").glob("*.json")):
        try:
            found.append(json.loads(file.read_text(encoding="utf-8")))
        except json.JSONDecodeError as error:
            raise InputError(f"{file} is no JSON ({error}); restore or remove it") from error
    return sorted(
        found, key=lambda one: (one["environment"]["device"] != "cuda", -len(one["rows"]))
    )


def fast(found):
    """Markdown: a table of ratios to peers for each machine; found: of `benches`."""
    lines = []
    for one in found:
        about = one["environment"]
        versions = {"torch": about["torch"], **one["versions"]}
        loads = [row["load"][0][0] for row in one["rows"]]
        commit = f"commit {about['commit'][:7]}" if about["commit"] else "no commit"
        changed = ", changed since" if about["dirty"] else ""
        lines += [
            f"**{about['device_name']}**, {about['began'][:10]}, {commit}{changed}; "
            f"{', '.join(f'{name} {version}' for name, version in versions.items())}; load of the "
            f"machine before each {min(loads):.1f} to {max(loads):.1f}.",
            "",
        ]
        held = [
            markdown.row("what", "ours : peer", "ratio", "goal", "seconds", "n"),
            markdown.row(markdown.WORDS, markdown.WORDS, *[markdown.NUMBER] * 4),
        ]
        for row in one["rows"]:
            seconds = f"{numerals.SPACE}:{numerals.SPACE}".join(
                f"{value:.3g}" for value in row["wall"]["seconds"]
            )
            ratio = _quartiles(row.get("cpu", row["wall"]))
            names = (row["what"], f"{row['ours']} : {row['peer']}")
            held += [markdown.row(*names, ratio, row["goal"], seconds, str(row["rounds"]))]
        lines += markdown.captioned(f"{FAST} On {about['device_name']}.", held)
    return "\n".join(lines or ["Nothing is recorded yet."]) + "\n"


def _quartiles(clock):
    low, middle, high = clock["ratio"]
    return f"**{middle:.2f}** ({numerals.between(f'{low:.2f}', f'{high:.2f}')})"


def roofline(shares):
    """Markdown: of each device, how much of its roofline every network of Table 7 reaches.

    shares: {device: {(model, resolution, variant): 0 to 1}}.
    """
    lines = []
    for device, found in shares.items():
        variants = sorted({variant for _, _, variant in found})
        held = [
            markdown.row("network", "px", *variants),
            markdown.row(markdown.WORDS, *[markdown.NUMBER] * (1 + len(variants))),
        ]
        for row in pareto.table_7():
            cells = (found.get((row.name, row.resolution, variant)) for variant in variants)
            shown = (f"{100 * share:.0f} %" if share else "not measured" for share in cells)
            held += [markdown.row(row.label, str(row.resolution), *shown)]
        lines += markdown.captioned(f"{ROOFLINE} On {device}.", held)
    return "\n".join(lines or ["No device is recorded yet."]) + "\n"


def shares(recorded, of_roof):
    """What `roofline` takes; recorded: {device: measurements}, of_roof: of one measurement."""
    return {
        device: {devices.key(one): of_roof(one) for one in held if one["fits"]}
        for device, held in recorded.items()
    }
