"""What studies cost at paper scale, and what several GPUs spend on gradients. No torch."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rslib.config import InputError
from rslib.evidence import prices
from rslib.evidence.prices import rounded
from rslib.recipes import Study
from rslib.report import protocols
from rslib.running.estimate import DISK, GPUS, Run, all_reduce, on_gpus, seconds_of, steps_of

LINKS = {"10 Gbit/s": 1.25e9, "100 Gbit/s": 12.5e9, "400 Gbit/s": 50e9}  # bytes a second
RINGS = (8, 64, 512)  # GPUs
PREDICTED = ("resnet_rs_50@160", "resnet_rs_350@256")
PAPERS_GPU = "V100 (paper)"
UNKNOWN = "unknown until a GPU has run a network of this family"
FORMULA = (
    "hours, at least: images × seconds an image ÷ GPUs, summed over the runs, and no less than the "
    "longest run on the GPUs that can share its batch. Images: epochs × training images × 1.1, for "
    "evaluation, and the last evaluation. Seconds an image: of the measured network with the "
    "nearest FLOPs, × the ratio of FLOPs. Reading images and sending gradients are not in it"
)


def gpus(recorded: Mapping[str, Sequence[dict]]) -> list[str]:
    """The paper's GPU, and those that are recorded; recorded: {device: measurements}."""
    cuda = [name for name, held in recorded.items() if held[0]["environment"]["device"] == "cuda"]
    return [PAPERS_GPU, *cuda]


def on_devices(
    runs: Sequence[Run],
    explored: Mapping[str, Any],
    names: Iterable[str],
    gpus: Sequence[int] = GPUS,
) -> list[tuple[str, dict | None, list[float]]]:
    """[(device and variant, its price, hours on each of gpus)] where a network like it has run.

    explored: "points" and "devices" as of `rslib.report.explorer.data`; names: of devices; gpus:
    how many of them train.
    """
    labels = {name: point["label"] for name, point in explored["points"].items()}
    flops = {name: point["flops"] for name, point in explored["points"].items()}
    found = []
    for one in explored["devices"]:
        steps = steps_of(one["networks"], labels, flops)
        each = [(run, seconds_of(run, steps)) for run in runs]
        known = [(run, seconds) for run, seconds in each if seconds is not None]
        if one["device"] in names and len(known) == len(runs):
            hours = [on_gpus(known, n) / 3600 for n in gpus]
            found.append((f"{one['device']}, {one['variant']}", one["price"], hours))
    return found


def disk(runs: Iterable[Run]) -> int:
    """Bytes of all checkpoints."""
    return DISK * sum(run.parameters for run in runs)


def in_words(
    name: str, runs: Sequence[Run], known: Sequence[tuple[str, dict | None, list[float]]]
) -> list[str]:
    """What a study costs, for a terminal; known: of `on_devices`."""
    lines = [f"{name} at paper scale: {len(runs)} runs; nothing is trained"]
    for device, price, hours in known:
        each = (f"{rounded(h)} on {n}" for n, h in zip(GPUS, hours, strict=True))
        money = prices.in_words(price, [n * h for n, h in zip(GPUS, hours, strict=True)])
        lines.append(f"{device}, GPUs: {', '.join(each)} hours; {money}")
    lines += [FORMULA] if known else without_hours(runs)
    gigabytes = disk(runs) / 1e9
    return [*lines, f"disk: {gigabytes:,.1f} GB of checkpoints ({DISK} bytes a parameter)"]


def without_hours(runs: Sequence[Run]) -> list[str]:
    """What is known of runs while no GPU has run a network of their family: FLOPs."""
    work = [(run, run.training_flops) for run in runs]
    each = ", ".join(f"{on_gpus(work, n):.2g} on {n}" for n in GPUS).replace("e+", "e")
    return [
        f"FLOPs of each GPU, evaluation included: {each} (counted, two for each multiply-add)",
        f"hours: {UNKNOWN}. They are these FLOPs ÷ (3600 × those that a GPU does in a second)",
        "on a GPU that has the data, --max-hours N in place of --estimate times a few steps and "
        "refuses to train longer",
    ]


def refuse_limit(max_hours: float | None) -> None:
    """Raise InputError where a limit is set and no hours are known on any GPU."""
    if max_hours is not None:
        raise InputError(
            f"hours are {UNKNOWN}: leave out --max-hours; or leave out "
            "--estimate on a GPU that has the data"
        )


def here(
    device: str,
    known: Sequence[tuple[str, dict | None, list[float]]],
    max_hours: float | None,
    gpus: int = 1,
) -> str:
    """A line on this machine. Raises InputError where its GPUs may need more than max_hours.

    known: of `on_devices`, first of all on as many GPUs as train here, which is `gpus`.
    """
    hours = [of[0] for name, _, of in known if name.rpartition(", ")[0] == device]
    line = f"this machine, {device}, has no profile as a GPU"
    if hours:
        on = "one GPU" if gpus == 1 else f"{gpus} GPUs"
        line = f"this machine: about {rounded(min(hours))} hours on {on}"
    if max_hours is not None and (not hours or min(hours) > max_hours):
        raise InputError(f"{line}; max_hours is {max_hours:g}: raise it, or name fewer rows")
    return line if hours else f"{line}; on a GPU, rslib profile table7 makes one"


def table(
    studies: Mapping[str, Sequence[Run]], explored: Mapping[str, Any], names: Iterable[str]
) -> str:
    """Markdown: hours of each study at paper scale, one seed, and money where there is a price.

    studies: {name: its runs}.
    """
    names = list(names)
    lines = [
        (study, runs, found)
        for study, runs in studies.items()
        for found in on_devices(runs, explored, names)
    ]
    priced = any(price for _, _, (_, price, _) in lines)
    heads = ["study", "runs", "disk, GB", "machine", *(f"hours on {n}" for n in GPUS)]
    heads += ["money on 1"] if priced else []
    rows = [heads, ["---", "---:", "---:", "---", *(["---:"] * (len(heads) - 4))]]
    for study, runs, (name, price, hours) in lines:
        cells = [study, f"{len(runs)}", f"{disk(runs) / 1e9:.0f}", name]
        cells += [rounded(each) for each in hours]
        rows.append(cells + ([prices.in_words(price, hours[:1])] if priced else []))
    return as_markdown(rows)


def measured(recorded: Mapping[str, Sequence[dict]], priced: Mapping[str, dict]) -> str:
    """Markdown: what the recorded runs of each study have taken, and money where there is a price.

    recorded: {study: results}; priced: as `prices.read`.
    """
    every = [result for results in recorded.values() for result in results]
    money = any(prices.of_session(priced, result["environment"])[0] for result in every)
    heads = ["study", "scale, images", "runs", "machine", "hours of one process", "minutes a run"]
    heads += ["money"] if money else []
    rows = [heads, ["---", "---", "---:", "---", *(["---:"] * (len(heads) - 4))]]
    for name, results in recorded.items():
        for group in protocols.by_protocol(results):
            seconds = [result["timing"].get("seconds", 0) for result in group]
            ends = dict.fromkeys(f"{each / 60:.1f}" for each in (min(seconds), max(seconds)))
            machines = sorted({s["device_name"] for result in group for s in result["sessions"]})
            cells = [name, protocols.short(group), f"{len(group)}", ", ".join(machines)]
            cells += [f"{sum(seconds) / 3600:.1f}", " to ".join(ends)]
            rows.append([*cells, *([spent(group, priced)] if money else [])])
    return as_markdown(rows)


def of_page(study: Study, groups: Iterable[Sequence[dict]]) -> str:
    """MyST: under a page's commands, what its recorded runs have taken, and where the rest is."""
    runs = [result for group in groups for result in group]
    paper = "[What a study costs](../book/cloud.md#what-a-study-costs) has the paper's scale"
    if not runs:
        return f"No run is recorded, so no time is known. {paper}."
    name = study.title.split(":")[0]
    caption = f"What the runs of {name} that this page shows have taken."
    table = measured({study.name: runs}, prices.read())
    unpriced = "" if "money" in table else ". No price of this machine is in `data/prices.csv`"
    return f":::{{table}} {caption}\n\n{table}:::\n\n{paper}{unpriced}."


def spent(group: Iterable[dict], priced: Mapping[str, dict]) -> str:
    """What results have cost, each by its share of its machine, or of as many as it took."""
    known, hours = [], []  # prices, and hours at each
    for result in group:
        session = result["environment"]
        price, share = prices.of_session(priced, session)
        if price not in known:
            known.append(price)
            hours.append(0.0)
        seconds = result["timing"].get("seconds", 0) * session.get("world_size", 1)
        hours[known.index(price)] += share * seconds / 3600
    each = zip(known, hours, strict=True)
    return " and ".join(prices.in_words(price, [amount]) for price, amount in each)


def prediction(explored: Mapping[str, Any], names: Iterable[str] = (PAPERS_GPU,)) -> str:
    """Markdown: milliseconds of gradients around a ring, and their share of a step of each GPU.

    The share is the most that it costs: nothing is hidden behind the backward pass. names: as of
    `gpus`; what has no measured step of a network has no line of it.
    """
    heads = ["network", "gradients, MB", "machine", "step, ms", "GPUs", *LINKS]
    rows = [heads, ["---", "---:", "---", *(["---:"] * (len(heads) - 3))]]
    known = [one for one in explored["devices"] if one["device"] in list(names)]
    for name, one in ((n, one) for n in PREDICTED for one in known if n in one["networks"]):
        point, step = explored["points"][name], one["networks"][name].get("seconds")
        if not step:  # it did not fit
            continue
        about = [point["label"], f"{4 * point['parameters'] / 1e6:.0f}"]
        about += [f"{one['device']}, {one['variant']}", f"{1000 * step:,.0f}"]
        for ring in RINGS:
            each = [all_reduce(point["parameters"], ring, speed) for speed in LINKS.values()]
            cells = [f"{1000 * t:,.0f} ms, {100 * t / (step + t):.1f} %" for t in each]
            rows.append([*about, f"{ring}", *cells])
    return as_markdown(rows)


def as_markdown(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows) + "\n"
