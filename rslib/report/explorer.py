"""The page "Scaling explorer": its numbers, for the browser. Nothing needs torch.

A network of Table 7 is named as resnet_rs_50@160 here.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rslib.config import IMAGENET_COUNTS, InputError, Recipe, evolve
from rslib.evidence import devices, prices
from rslib.recipes import own, pareto, resnet_rs, scaling
from rslib.report import speed

EPOCHS = 350
TABLE_7 = pareto.table_7()
RESOLUTIONS = sorted(
    {*scaling.RESOLUTIONS, *(row.resolution for row in TABLE_7 if row.family == "ResNet-RS")}
)
FAMILIES = {"resnet_rs": "ResNet-RS", "resnet": "ResNet"}
TPU_CORES = 8  # that Table 7's TPU has (Appendix H); each trains 128 of the 1024 images


def of_family(family: str, width: float, resolution: int) -> Recipe:
    """A recipe with the family's network, of any depth."""
    if family == "resnet":
        return scaling.appendix_e(50, width, resolution)
    return evolve(resnet_rs.recipe(50, resolution), {"model.width": width})


def configurations(count_depths: Callable[[Recipe], Mapping[int, tuple[int, int]]]) -> dict:
    """{family: {width: {depth: {"parameters": n, "flops": [of each of RESOLUTIONS]}}}}."""
    found: dict[str, Any] = {}
    for family in FAMILIES:
        for width in scaling.WIDTHS:
            sides = [count_depths(of_family(family, width, side)) for side in RESOLUTIONS]
            found.setdefault(family, {})[f"{width:g}"] = {
                depth: {"parameters": sides[0][depth][1], "flops": [of[depth][0] for of in sides]}
                for depth in own.DEPTHS
            }
    return found


def strengths(recipe: Recipe) -> dict[str, float]:
    r = recipe.regularization
    return {
        "dropout": r.dropout,
        "stochastic_depth": r.stochastic_depth,
        "randaugment": r.randaugment,
        "label_smoothing": r.label_smoothing,
        "weight_decay": recipe.optim.weight_decay,
    }


def regularization() -> dict:
    """Appendix E's by width and resolution; Table 8's, which is of width 1, by depth."""
    return {
        "appendix_e": {
            f"{width:g}": {r: strengths(scaling.appendix_e(50, width, r)) for r in RESOLUTIONS}
            for width in scaling.WIDTHS
        },
        "table_8": {
            depth: {r: strengths(resnet_rs.recipe(depth, r)) for r in RESOLUTIONS}
            for depth in own.DEPTHS
        },
    }


def key(row: pareto.Published) -> str:
    return f"{row.name}@{row.resolution}"


def points(count: Callable) -> dict:
    """The nineteen networks of Table 7: published accuracy, counted and printed costs."""
    printed, found = speed.printed(), {}
    for row in TABLE_7:
        counts = count(row.name, row.resolution)
        found[key(row)] = {
            "label": f"{row.label} @{row.resolution}",
            "family": row.family,
            "top1": row.top1,
            "parameters": counts.parameters,
            "flops": counts.flops,
            "printed": {name: printed[row][name] for name in ("params_m", "flops_b", "top1")},
        }
    return found


def training(seconds: float, together: int = 1) -> dict[str, Any]:
    """Hours of 350 epochs on ImageNet, as a number and in words.

    seconds: for 128 images, on each of so many that train together. As in `speed.training_days`:
    the images that minival leaves, without input and evaluation.
    """
    images = EPOCHS * (IMAGENET_COUNTS[0] - Recipe().data.minival_images)
    hours = images * seconds / devices.BATCH / together / 3600
    return {"hours": hours, "in_words": f"{hours:,.0f} hours ({hours / 24:,.1f} days)"}


def on_devices(recorded: Mapping[str, Sequence[dict]], priced: Mapping[str, dict]) -> list[dict]:
    """The paper's two devices, then each recorded one and variant, with the networks it has run.

    recorded: {device: measurements}; priced: as `prices.read`. Seconds are for 128 images. Raises
    InputError for a price of a device that is not there.
    """
    found = of_the_paper()
    for device, variant, held in speed.columns(recorded):
        networks = {key(row): measured(speed.find(held, row, variant)) for row in TABLE_7}
        networks = {name: costs for name, costs in networks.items() if costs}
        found.append({"device": device, "variant": variant, "networks": networks})
    known = {one["device"] for one in found}
    if unknown := sorted(priced.keys() - known):
        listed = "; ".join(sorted(known))
        raise InputError(
            f"{prices.FILE.name}: no device {unknown[0]!r} is recorded; write one of {listed}"
        )
    return [one | {"price": priced.get(one["device"])} for one in found]


def of_the_paper() -> list[dict]:
    """Its two devices, as Tables 3 and 7 print them."""
    v100, tpu, memory = {}, {}, pareto.table_3()
    for row, text in speed.printed().items():
        v100[key(row)] = {
            "seconds": row.v100,
            "step": f"{text['v100_latency_s']} s, as Table 7 prints it",
            "memory": "not in the paper",
            **training(row.v100),
        }
        gigabytes = {"gigabytes_of_32": memory[row]} if row in memory else {}
        of_32 = f"{memory[row]:g} GB for 32 images on a core (Table 3)" if gigabytes else ""
        tpu[key(row)] = {
            "seconds": row.tpu / 1000,
            "step": f"{text['tpu_latency_ms']} ms on each core, as Table 7 prints it",
            "memory": of_32 or "not in the paper",
            **gigabytes,
            **training(row.tpu / 1000, TPU_CORES),
        }
    return [
        {"device": "V100 (paper)", "variant": "fp32", "networks": v100},
        {"device": "8 TPUv3 cores (paper)", "variant": "bf16", "networks": tpu},
    ]


def measured(one: dict | None) -> dict[str, Any]:
    """What a measurement says of a network's cost; empty where there is none."""
    if one is None or not one["fits"]:
        return {}
    steps, processes = len(one["block_seconds"]), len(devices.by_process(one))
    middle, further = devices.latency(one)[0], devices.image_bytes(one)
    peak = f"{one['memory']['full'] / 2**30:.2f} GiB for a batch of {one['images']}"
    each = f"; each further image {further / 2**20:,.0f} MiB" if further else ""
    processes = f"{processes} process{'es' if processes > 1 else ''}"
    return {
        "seconds": middle,
        "step": f"{speed.seconds(one)} s; {steps} steps, {processes}",
        "memory": peak + each,
        "image_bytes": further,
        **training(middle),
    }


def data(
    count_depths: Callable,
    count: Callable,
    recorded: Mapping[str, Sequence[dict]],
    priced: Mapping[str, dict],
) -> dict:
    """All that the page computes with.

    count_depths, count: of `rslib.costs.counts`. recorded: {device: measurements}.
    """
    return {
        "families": FAMILIES,
        "resolutions": RESOLUTIONS,
        "grid": {"depths": scaling.DEPTHS, "resolutions": scaling.RESOLUTIONS},  # Appendix E's
        "configurations": configurations(count_depths),
        "regularization": regularization(),
        "points": points(count),
        "devices": on_devices(recorded, priced),
    }


def page(found: Mapping[str, Any]) -> str:
    """MyST of what `data` found: a table for every reader, and the numbers for the script."""
    text = _lines(found, 3).replace("<", "\\u003c")
    script = f'<script type="application/json" id="explorer-data">\n{text}\n</script>'
    return f"{table(found)}\n```{{raw}} html\n{script}\n```\n"


def table(found: Mapping[str, Any]) -> str:
    """Markdown: what the plot shows, counted costs first, then the seconds of each device."""
    counted = {
        name: (
            point["printed"]["top1"],
            f"{point['parameters'] / 1e6:.1f}",
            f"{point['flops'] / 1e9:.2f}",
        )
        for name, point in found["points"].items()
    }
    lines = _table(found, ("top-1, %", "parameters, M", "FLOPs, B"), counted)
    for device in dict.fromkeys(one["device"] for one in found["devices"]):
        variants = [one for one in found["devices"] if one["device"] == device]
        cells = {
            name: [_seconds(one["networks"].get(name)) for one in variants]
            for name in found["points"]
        }
        lines += ["", f"**{device}**, seconds for 128 images in training:", ""]
        lines += _table(found, [one["variant"] for one in variants], cells)
    return "\n".join(lines) + "\n"


def _table(
    found: Mapping[str, Any], heads: Sequence[str], cells: Mapping[str, Sequence[str]]
) -> list[str]:
    rows = [["network", *heads], ["---", *(["---:"] * len(heads))]]
    rows += [[point["label"], *cells[name]] for name, point in found["points"].items()]
    return [f"| {' | '.join(row)} |" for row in rows]


def _seconds(costs: Mapping[str, Any] | None) -> str:
    """With as many decimals as Table 7 prints, or more."""
    if not costs:
        return "not measured"
    return f"{costs['seconds']:.{0 if costs['seconds'] >= 100 else 2}f}"


def _lines(value: Any, levels: int) -> str:
    """JSON with a line for each entry of the outer levels, so that diffs are short."""
    if not levels or not isinstance(value, dict | list):
        return json.dumps(value, allow_nan=False)
    if isinstance(value, list):
        return "[\n" + ",\n".join(_lines(one, levels - 1) for one in value) + "\n]"
    named = (f"{json.dumps(str(name))}: {_lines(one, levels - 1)}" for name, one in value.items())
    return "{\n" + ",\n".join(named) + "\n}"
