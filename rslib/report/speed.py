"""Table 7's costs: the paper's, and those measured on devices. Nothing needs torch."""

from datetime import datetime, timedelta

import pandas as pd

from rslib.config import IMAGENET_COUNTS
from rslib.evidence import devices
from rslib.evidence.released import percent
from rslib.recipes import pareto, resnet_rs
from rslib.report import cells, in_blocks
from rslib.report.numerals import between

QUIET = timedelta(minutes=5)  # after which a load average of one minute has forgotten a measurement


def printed():
    """{row of Table 7: its cells as the paper prints them, 2.0 and not 2}."""
    text = cells.printed("table7.csv", lambda line: (line["model"], int(line["resolution"])))
    return {row: text[row.label, row.resolution] for row in pareto.table_7()}


def published(released=()):
    """Table 7 as the paper prints it; beside it, what released weights reach here, if any.

    released: as `rslib.evidence.released.recorded` has them.
    """
    lines = [
        {
            "px": text["resolution"],
            "params, M": text["params_m"],
            "FLOPs, B": text["flops_b"],
            "V100, s": text["v100_latency_s"],
            "TPUv3, ms": text["tpu_latency_ms"],
            "top-1, %": text["top1"],
        }
        for text in printed().values()
    ]
    for column in sorted({found["preprocessing"] for found in released}):
        for line, row in zip(lines, pareto.table_7(), strict=True):
            wanted = row.name, row.resolution, column
            line[f"released weights, {column}"] = ", ".join(
                f"{percent(found):.2f}"
                for found in released
                if (found["model"], found["resolution"], found["preprocessing"]) == wanted
            )
    return by_model(lines, pareto.table_7())


def conditions(measurements):
    """One line on how a device was measured."""
    environments = [one["environment"] for one in measurements]

    def all_of(name):
        return ", ".join(sorted({str(environment[name]) for environment in environments}))

    days = sorted(environment["began"][:10] for environment in environments)
    commits = f"commits {', '.join(commit[:7] for commit in all_of('commit').split(', '))}"
    told = [f"torch {all_of('torch')}", " to ".join(dict.fromkeys((days[0], days[-1]))), commits]
    return f"{'; '.join([*told, *loads(measurements)])}."


def loads(measurements):
    """[words] on the load of the machine before measurements, other programs' told from their own.

    The first after a pause of `QUIET` finds what other programs do; one that follows another at
    once finds mostly what that one did.
    """
    first, following, before = [], [], None
    for one in sorted(measurements, key=lambda one: one["environment"]["began"]):
        began = datetime.fromisoformat(one["environment"]["began"])
        alone = before is None or began - before > QUIET
        if one["fits"]:
            (first if alone else following).append(one["machine"]["before"]["load"])
        before = began
    told = []
    if first:
        told.append(f"load before the first of a series (other programs) {_range(first)}")
    if following:
        told.append(f"before the others (mostly the preceding measurement) {_range(following)}")
    return told


def _range(values):
    return " to ".join(dict.fromkeys(f"{value:.1f}" for value in (min(values), max(values))))


def measured(measurements):
    """A device's seconds for 128 images in training, a column a variant, beside the V100's.

    measurements: of one device. The batch is the largest that fits, from 128 down on a GPU, where
    a step in the count is a block of one to ten.
    """
    lines = []
    for row, text in printed().items():
        line = {"px": text["resolution"], "V100, fp32, s": text["v100_latency_s"]}
        for variant in variants(measurements):
            one = find(measurements, row, variant)
            fits = one is not None and one["fits"]
            line[f"{variant}, s"] = seconds(one)
            line[f"steps, {variant}"] = f"{len(one['block_seconds'])}" if fits else ""
            line[f"processes, {variant}"] = f"{len(devices.by_process(one))}" if fits else ""
            line[f"batch, {variant}"] = f"{one['images']}" if fits else ""
            memory = devices.image_bytes(one) if fits else None
            line[f"MiB an image, {variant}"] = f"{memory / 2**20:,.0f}" if memory else ""
            load = f"{one['machine']['before']['load']:.1f}" if fits else ""
            line[f"load before, {variant}"] = load
        lines.append(line)
    return by_model(lines, pareto.table_7())


def variants(measurements):
    return sorted({one["variant"] for one in measurements})


def find(measurements, row, variant):
    """The measurement of a row of Table 7, or None."""
    wanted = row.name, row.resolution, variant
    return next((one for one in measurements if devices.key(one) == wanted), None)


def seconds(one):
    if one is None:
        return "not measured"
    if not one["fits"]:
        return "does not fit"
    middle, low, high = devices.latency(one)
    return f"{middle:.3g} ({between(f'{low:.3g}', f'{high:.3g}')})"


def label(row):
    return f"{row.label} @{row.resolution}".replace("EfficientNet", "ENet").replace("-RS", "‑RS")


def columns(recorded):
    """[(device, variant, measurements)], a column each; recorded: {device: measurements}."""
    return [
        (device, variant, held) for device, held in recorded.items() for variant in variants(held)
    ]


def head(device, variant, recorded):
    """What a table's heading calls one of `columns`: "here", where there is no other."""
    return f"{device}, {variant}" if len(columns(recorded)) > 1 else f"here, {variant}"


def no_gpu(recorded):
    """A sentence, Markdown, while no GPU is recorded; then empty."""
    kinds = {held[0]["environment"]["device"] for held in recorded.values()}
    return "" if "cuda" in kinds else "**No GPU has been measured.**"


def admonition(signs, sentences):
    """MyST: the answer box of a page; signs: of ✓ ✗ – ?, the least certain of which colours it."""
    kind = in_blocks.KINDS[max(signs or "?", key="✓–✗?".index)]
    text = " ".join(filter(None, sentences))
    return f":::{{admonition}} Answer\n:class: {kind}\n\n{text}\n:::"


def by_model(lines, rows):
    return pd.DataFrame(lines, index=[row.label for row in rows])


def training_days(recorded):
    """Days that Table 8's recipes train, by the seconds of a step: the paper's and each device's.

    recorded: {device: measurements}. Days are epochs × training images without minival; reading
    images and evaluating are left out.
    """
    lines, rows = [], [row for row in pareto.table_7() if row.family == "ResNet-RS"]
    for row in rows:
        recipe = resnet_rs.published(row)
        images = recipe.optim.epochs * (IMAGENET_COUNTS[0] - recipe.data.minival_images)
        seconds = {"one V100, fp32": row.v100 / 128, "8 TPUv3 cores, bf16": row.tpu / 1000 / 1024}
        for device, measurements in recorded.items():
            for variant in variants(measurements):
                one = find(measurements, row, variant)
                fits = one is not None and one["fits"]
                seconds[f"{device}, {variant}"] = devices.latency(one)[0] / 128 if fits else None
        days = {of: each and each * images / 86_400 for of, each in seconds.items()}
        shown = {of: f"{n:,.1f}" if n else "not measured" for of, n in days.items()}
        lines.append({"px": row.resolution, **shown})
    return by_model(lines, rows)
