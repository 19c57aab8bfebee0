"""Table 7's costs: the paper's, and those measured on devices. Nothing needs torch."""

import pandas as pd

from rslib.config import IMAGENET_COUNTS
from rslib.evidence import devices
from rslib.evidence.released import percent
from rslib.recipes import pareto, resnet_rs
from rslib.report.tables import SPACE

WITHIN = 1.25  # leads, ratios less one, that differ by no more than this factor are one size


def published(released=()):
    """Table 7 as the paper prints it; beside it, what released weights reach here, if any.

    released: as `rslib.evidence.released.recorded` has them.
    """
    lines = [
        {
            "px": row.resolution,
            "params, M": f"{row.parameters:g}",
            "FLOPs, B": f"{row.flops:g}",
            "V100, s": f"{row.v100:g}",
            "TPUv3, ms": f"{row.tpu:g}",
            "top-1": f"{row.top1:.1f}",
        }
        for row in pareto.table_7()
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
    loads = [one["machine"]["before"]["load"] for one in measurements if one["fits"]]
    commits = ", ".join(f"`{commit[:10]}`" for commit in all_of("commit").split(", "))
    line = f"torch {all_of('torch')}; {' to '.join(dict.fromkeys((days[0], days[-1])))}; {commits}"
    if loads:
        line += f"; load of the machine just before {min(loads):.1f} to {max(loads):.1f}"
    return f"{line}."


def measured(measurements):
    """A device's seconds for 128 images in training, a column a variant, beside the V100's.

    measurements: of one device. The batch is the largest that fits, from 128 down on a GPU.
    """
    lines, rows = [], []
    for row in pareto.table_7():
        line = {"px": row.resolution, "V100, fp32": f"{row.v100:g}"}
        for variant in variants(measurements):
            one = find(measurements, row, variant)
            line[variant] = seconds(one)
            line[f"batch, {variant}"] = one["images"] if one and one["fits"] else ""
            memory = devices.image_bytes(one) if one and one["fits"] else None
            line[f"MiB an image, {variant}"] = f"{memory / 2**20:,.0f}" if memory else ""
        lines.append(line)
        rows.append(row)
    return by_model(lines, rows)


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
    return f"{middle:.3g} ({low:.3g}{SPACE}…{SPACE}{high:.3g})"


def speedups(recorded, where=""):
    """How many times as fast ResNet-RS trains as the EfficientNet it is set against.

    where: the paper's table that states the pairs; all of them if empty. recorded:
    {device: measurements}. The paper's columns are what it prints, in brackets what its
    latencies make of a pair that is not its own. Then one for each device and variant: what becomes
    of the claim, the ratio of medians, and its span from the least to the largest that the blocks
    of steps allow.
    """
    lines = []
    shown = [match for match in pareto.matches() if where in ("", match.where)]
    for match in shown:
        line = {
            "ResNet-RS": label(match.ours),
            "top-1": " : ".join(f"{top1:.1f}" for top1 in match.accuracies()),
            "set by": match.where,
        }
        for name, printed, seconds in (
            ("V100", match.v100, lambda row: row.v100),
            ("TPUv3", match.tpu, lambda row: row.tpu),
        ):
            line[name] = f"{printed:.1f}" if printed else f"({match.speedup(seconds):.1f})"
        for device, measurements in recorded.items():
            for variant in variants(measurements):
                line[f"{device}, {variant}"] = judged(match, measurements, variant)
        lines.append(line)
    return pd.DataFrame(lines, index=[label(match.theirs) for match in shown])


def table_3(recorded):
    """Table 3's four networks: seconds and memory on the paper's devices and on recorded ones.

    Memory is that of 32 images, in GB; latency as in Table 7.
    """
    lines = []
    for row, gigabytes in pareto.table_3().items():
        line = {"TPUv3, s": f"{row.tpu / 1000:.1f}", "V100, s": f"{row.v100:.1f}"}
        line["TPUv3, GB"] = f"{gigabytes:g}"
        for device, measurements in recorded.items():
            for variant in variants(measurements):
                one = find(measurements, row, variant)
                held = devices.memory(one) if one and one["fits"] else None
                line[f"{device}, {variant}, s"] = seconds(one)
                line[f"{device}, {variant}, GB"] = f"{held / 1e9:.1f}" if held else ""
        lines.append(line)
    return by_model(lines, pareto.table_3())


def memory_ratios(recorded):
    """How many times ResNet-RS's memory EfficientNet takes, for Table 3's two pairs."""
    paper, lines, named = pareto.table_3(), [], []
    for match in (m for m in pareto.matches() if m.where in ("Table 3", "Tables 3, 7")):
        line = {"TPUv3": f"{paper[match.theirs] / paper[match.ours]:.1f}"}
        for device, measurements in recorded.items():
            for variant in variants(measurements):
                pair = [find(measurements, row, variant) for row in (match.theirs, match.ours)]
                held = [devices.memory(one) if one and one["fits"] else None for one in pair]
                line[f"{device}, {variant}"] = (
                    f"{held[0] / held[1]:.1f}" if all(held) else "not measured"
                )
        lines.append(line)
        named.append(f"{label(match.theirs)} : {label(match.ours)}")
    return pd.DataFrame(lines, index=named)


def label(row):
    return f"{row.label} @{row.resolution}".replace("EfficientNet", "ENet").replace("-RS", "‑RS")


def judged(match, measurements, variant):
    """What a device says of a pair: verdict, ratio of medians, its span; or "not measured"."""
    ratio = speedup(match, measurements, variant)
    if ratio is None:
        return "not measured"
    value, low, high = ratio
    gpu = measurements[0]["environment"]["device"] == "cuda"
    said = verdict(match, ratio, variant, gpu=gpu)
    return f"{said}{': ' if said else ''}{value:.2f} ({low:.2f}{SPACE}…{SPACE}{high:.2f})"


def speedup(match, measurements, variant):
    """(ratio of medians, least, largest), or None where one of the two was not measured."""
    ours, theirs = (find(measurements, row, variant) for row in (match.ours, match.theirs))
    if not (ours and theirs and ours["fits"] and theirs["fits"]):
        return None
    ours, theirs = devices.latency(ours), devices.latency(theirs)
    return theirs[0] / ours[0], theirs[1] / ours[2], theirs[2] / ours[1]


def verdict(match, ratio, variant, *, gpu):
    """What a measured speed-up says of the printed one: the V100's, or in bfloat16 the TPU's.

    Sizes are compared as leads, ratios less one. Of a pair that is not the paper's nothing is said;
    on a CPU, of which the paper says nothing, only the direction can be met.
    """
    value, low, high = ratio
    printed = match.tpu if variant.startswith("bf16") else match.v100
    if printed is None:
        return ""
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
    return "inconclusive"


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
