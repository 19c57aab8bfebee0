"""The page "Scaling explorer": its numbers, for the browser. Nothing needs torch.

A network of Table 7 is named as resnet_rs_50@160 here.
"""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from rslib import paths
from rslib.config import IMAGENET_COUNTS, InputError, Recipe, evolve
from rslib.evidence import devices
from rslib.recipes import own, pareto, resnet_rs, scaling
from rslib.report import speed

EPOCHS = 350
TABLE_7 = pareto.table_7()
RESOLUTIONS = sorted(
    {*scaling.RESOLUTIONS, *(row.resolution for row in TABLE_7 if row.family == "ResNet-RS")}
)
FAMILIES = {"resnet_rs": "ResNet-RS (ResNet-D and SE)", "resnet": "ResNet (original)"}
PRICES = paths.ROOT / "data" / "prices.csv"
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


def hours(seconds: float, together: int = 1) -> float:
    """Of 350 epochs on ImageNet; seconds: for 128 images, on each of so many that train together.

    As in `speed.training_days`: the images that minival leaves; input and evaluation not counted.
    """
    images = EPOCHS * (IMAGENET_COUNTS[0] - Recipe().data.minival_images)
    return images * seconds / devices.BATCH / together / 3600


def on_devices(recorded: Mapping[str, Sequence[dict]], priced: Mapping[str, dict]) -> list[dict]:
    """The paper's two devices, then each recorded one and variant, with the networks it has run.

    recorded: {device: measurements}; priced: as `prices`. Seconds are for 128 images. Raises
    InputError for a price of a device that is not there.
    """
    found = of_the_paper()
    for device, variant, held in speed.columns(recorded):
        networks = {key(row): measured(speed.find(held, row, variant)) for row in TABLE_7}
        networks = {name: costs for name, costs in networks.items() if costs}
        found.append({"device": device, "variant": variant, "unit": "s", "networks": networks})
    known = {one["device"] for one in found}
    if unknown := sorted(priced.keys() - known):
        listed = "; ".join(sorted(known))
        raise InputError(
            f"{PRICES.name}: no device {unknown[0]!r} is recorded; write one of {listed}"
        )
    return [one | {"price": priced.get(one["device"])} for one in found]


def of_the_paper() -> list[dict]:
    """Its two devices, as Tables 3 and 7 print them."""
    v100, tpu = {}, {}
    for row, text in speed.printed().items():
        seconds = row.tpu / 1000
        v100[key(row)] = {
            "seconds": row.v100,
            "printed": text["v100_latency_s"],
            "hours": hours(row.v100),
        }
        tpu[key(row)] = {
            "seconds": seconds,
            "printed": text["tpu_latency_ms"],
            "hours": hours(seconds, TPU_CORES),
        }
    for row, gigabytes in pareto.table_3().items():
        tpu[key(row)]["gigabytes_of_32"] = gigabytes
    return [
        {"device": "paper: V100", "variant": "fp32", "unit": "s", "networks": v100},
        {"device": "paper: 8 TPUv3 cores", "variant": "bf16", "unit": "ms", "networks": tpu},
    ]


def measured(one: dict | None) -> dict:
    """What a measurement says of a network's cost; empty where there is none."""
    if one is None or not one["fits"]:
        return {}
    middle, low, high = devices.latency(one)
    return {
        "seconds": middle,
        "span": [low, high],
        "steps": len(one["block_seconds"]),
        "processes": len(devices.by_process(one)),
        "hours": hours(middle),
        "images": one["images"],
        "peak_bytes": one["memory"]["full"],
        "image_bytes": devices.image_bytes(one),
    }


def prices(file: Path = PRICES) -> dict[str, dict]:
    """{device: {"per_hour", "currency", "date"}} of a file that the user edits."""
    with open(file, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    found = {}
    for row in rows:
        try:
            day, price = date.fromisoformat(row["date"]), float(row["per_hour"])
            found[row["device"]] = {
                "per_hour": price,
                "currency": row["currency"],
                "date": day.isoformat(),
            }
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{file.name}: {row} is no price ({error}); "
                "write device,per_hour,currency,date with a date such as 2026-01-31"
            ) from error
    return found


def data(
    count_depths: Callable,
    count: Callable,
    recorded: Mapping[str, Sequence[dict]],
    known_prices: Mapping[str, dict],
) -> dict:
    """All that the page computes with.

    count_depths, count: of `rslib.costs.counts`. recorded: {device: measurements}.
    """
    return {
        "families": FAMILIES,
        "resolutions": RESOLUTIONS,
        "grid": {"depths": scaling.DEPTHS, "resolutions": scaling.RESOLUTIONS},
        "configurations": configurations(count_depths),
        "regularization": regularization(),
        "points": points(count),
        "devices": on_devices(recorded, known_prices),
    }


def page(found: Mapping[str, Any]) -> str:
    """MyST of what `data` found: a table for every reader, and the numbers for the script."""
    text = _lines(found, 3).replace("<", "\\u003c")
    script = f'<script type="application/json" id="explorer-data">\n{text}\n</script>'
    return f"{table(found)}\n```{{raw}} html\n{script}\n```\n"


def table(found: Mapping[str, Any]) -> str:
    """Markdown: the networks of Table 7 with every cost of the plot."""
    heads = ["network", "top-1, %", "params, M", "FLOPs, B"]
    heads += [f"{one['device']}, {one['variant']}, {one['unit']}" for one in found["devices"]]
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
    for name, point in found["points"].items():
        cells = [point["label"], point["printed"]["top1"]]
        cells += [f"{point['parameters'] / 1e6:.1f}", f"{point['flops'] / 1e9:.2f}"]
        for one in found["devices"]:
            costs = one["networks"].get(name)
            text = costs and costs.get("printed", f"{costs['seconds']:.3g}")
            cells.append(text or "not measured")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _lines(value: Any, levels: int) -> str:
    """JSON with a line for each entry of the outer levels, so that diffs are short."""
    if not levels or not isinstance(value, dict | list):
        return json.dumps(value, allow_nan=False)
    if isinstance(value, list):
        return "[\n" + ",\n".join(_lines(one, levels - 1) for one in value) + "\n]"
    named = (f"{json.dumps(str(name))}: {_lines(one, levels - 1)}" for name, one in value.items())
    return "{\n" + ",\n".join(named) + "\n}"
