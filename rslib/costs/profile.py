"""Latency and memory of training steps, as the paper's Appendix H has them measured.

A batch begins at 128 images on a GPU, or few on a CPU, and is halved until it fits; each try is a
process of its own.
"""

import json
import multiprocessing
import re
import signal
import tempfile
from functools import cache
from pathlib import Path
from statistics import quantiles

from rslib import machine
from rslib.config import InputError, suggest
from rslib.costs import counts, measure
from rslib.costs.measure import VARIANTS, memory_of
from rslib.evidence import devices
from rslib.training import memory

BEGIN = {"cuda": 128, "cpu": 4}  # images
USUAL = {"cuda": ("fp32", "tf32", "bf16"), "cpu": ("fp32",)}
SECONDS = 10.0  # of timed steps
# Forks processes that have imported what a measurement needs, which takes seconds, and no more
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["rslib.costs.measure"])


def on_paper(name, resolution):
    """What needs no device: parameters, and FLOPs and activations of one image."""
    found = counts.count(name, resolution)
    return {
        "model": name,
        "resolution": resolution,
        "parameters": found.parameters,
        "flops": found.flops,
        "training_flops": found.training_flops,
        "activations": found.activations,
    }


def words(found):
    """`on_paper` for a terminal."""
    return (
        f"{found['model']} at {found['resolution']} px: {found['parameters'] / 1e6:.1f} million "
        f"parameters; {found['flops'] / 1e9:.2f} billion FLOPs an image, "
        f"{found['training_flops'] / 1e9:.1f} billion in a training step of one; "
        f"{found['activations'] / 1e6:.1f} million activations an image"
    )


def measure_all(runs_dir, rows, *, device="auto", variants=(), threads=None, report=print):
    """Measure networks and keep each in the device's file as it ends; rows: as `pareto.table_7`.

    First all by one process each, then by as many as a verdict takes. What is kept or recorded
    already is not measured again, so the same command goes on where it stopped; only what
    uncommitted code measured is, once the code is committed. Raises machine.Held where another
    process measures, and at the end InputError for what could not be measured.
    """
    device, threads = machine.choose_device(device), threads or machine.cores()
    variants = chosen(variants, device)
    name = in_a_process({"device": device})["environment"]["device_name"]
    file = machine.usable(runs_dir / devices.FOLDER) / f"{devices.slug(name, device, threads)}.json"
    numbers = range(1, devices.PROCESSES + 1)
    todo = [(row, variant, number) for number in numbers for row in rows for variant in variants]
    failed = {}
    # two processes that measure would measure each other
    with machine.claim(file.with_suffix(".lock"), f"{file.name} is being measured", report):
        for row, variant, number in todo:
            key = (row.name, row.resolution, variant)
            before = known(file).get(key)
            if key in failed or devices.enough(before, number):
                continue
            what = f"{row.label} at {row.resolution} px"
            images = before["images"] if before else None
            try:
                (one,) = profile(*key[:2], device, [variant], threads, images=images)
            except InputError as error:
                failed[key] = f"{what}, {variant}"
                report(f"{what}: {error}")
                continue
            devices.add_process(file, one)
            report(f"{what}, {line(one)}")
        report(f"{file} holds {len(devices.read(file))} measurements")
    if failed:
        raise InputError(
            f"not measured: {'; '.join(failed.values())}; the same command tries again"
        )


def known(file):
    """{key: measurement} of what need not be measured again: recorded with enough processes, or
    kept and no worse than a new one would be."""
    dirty = machine.code_version()["dirty"]
    kept = [
        one
        for one in devices.read(file)
        if not one.get("miniature") and (dirty or not one["environment"]["dirty"])
    ]
    recorded = filter(devices.enough, devices.read(devices.recorded_file(file)))
    return {devices.key(one): one for one in [*kept, *recorded]}


def profile(
    name, resolution, device="auto", variants=(), threads=None, *, seconds=SECONDS, images=None
):
    """Yield a measurement for each variant, those usual on the device if none is given.

    seconds: of timed steps, of which there are always a few; images: the batch to begin with.
    Raises InputError for what does not exist, and where a process fails for other reasons than
    memory, with its last line.
    """
    counts.count(name, resolution)  # raises for a wrong name before anything is started
    device = machine.choose_device(device)
    for variant in chosen(variants, device):
        asked = {"model": name, "resolution": resolution, "device": device, "variant": variant}
        asked |= {"seconds": seconds, "threads": threads or machine.cores()}
        yield largest_that_fits(asked, images or first_batch(asked))


def first_batch(asked):
    """The largest batch that is worth a try on a GPU: of more not even the counted least fits."""
    device, images = asked["device"], BEGIN[asked["device"]]
    if device == "cpu":
        return images
    each = memory.saved_by(asked["model"], asked["resolution"])
    each //= 2 if VARIANTS[asked["variant"]].bf16 else 1
    state = memory.STATE * counts.count(asked["model"], asked["resolution"]).parameters
    while images > 1 and state + images * each > total_memory(device):
        images //= 2
    return images


@cache
def total_memory(device):
    """Bytes; in another process, as this one takes none of a GPU's memory for itself."""
    return in_a_process({"device": device})["total"]


def chosen(variants, device):
    for variant in variants:
        if variant not in VARIANTS:
            raise InputError(f"no variant {variant!r}{suggest(variant, VARIANTS)}")
        if variant == "tf32" and device == "cpu":
            raise InputError("variant tf32 is a GPU's; a CPU computes fp32 or bf16")
    return variants or USUAL[device]


def largest_that_fits(asked, images):
    """The measurement of the largest batch, of those from images down by halves, that fits."""
    while True:
        found = in_a_process(asked | {"images": images})
        if found["fits"] or images == 1:
            about = {name: asked[name] for name in ("model", "resolution", "variant")}
            return about | {"images": images, **found}
        images //= 2


def in_a_process(asked):
    """What `measure` prints. Raises InputError where it fails, unless for want of memory."""
    with tempfile.TemporaryDirectory() as folder:
        printed, said = Path(folder, "printed"), Path(folder, "said")
        child = SERVER.Process(target=measure.into, args=(printed, said, json.dumps(asked)))
        child.start()
        try:
            child.join()
        finally:  # told to stop, this process leaves no other behind
            child.kill()
            child.join()
        code, last, found = child.exitcode, reason(content(said)), content(printed)
    if code == -signal.SIGKILL and asked["device"] == "cpu":
        # so the kernel ends a process that takes the machine's last memory
        session = machine.session("cpu") | {"precision": asked["variant"]}
        free, total = memory_of("cpu")
        return {"fits": False, "environment": session, "free": free, "total": total}
    if code:
        raise InputError(f"measuring failed: {(last or str(code)).removeprefix('rslib: ')}")
    return json.loads(found.splitlines()[-1])


def content(file):
    """Text; none of a file that was never written, as by a process that was killed at once."""
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def reason(stderr):
    """The line that names the exception: CUDA and the compiler put advice below it."""
    named = [line for line in stderr.splitlines() if re.match(r"[\w.]+(Error|Exception)\b", line)]
    return named[-1] if named else stderr.strip().rpartition("\n")[2]


def line(measurement):
    """A measurement in words, for a terminal."""
    what = f"{measurement['variant']}, batch {measurement['images']}"
    if not measurement["fits"]:
        gib = measurement["free"] / 2**30
        total = measurement["total"] / 2**30
        return f"{what}: does not fit into {gib:.1f} GiB, which were free of {total:.1f}"
    middle, low, high = devices.latency(measurement)
    each = devices.image_bytes(measurement)
    more = f"; {each / 2**20:,.0f} MiB an image" if each else ""
    single = measurement["step_seconds"]
    slow = (
        f", one step in twenty above {quantiles(single, n=20)[-1]:.3g} s"
        if len(single) > 19
        else ""
    )
    share, load = 100 * of_roof(measurement), measurement["machine"]["before"]["load"]
    peak = f"peak {measurement['memory']['full'] / 2**30:.2f} GiB{more}"
    return (
        f"{what}: {middle:.3g} s for 128 images ({low:.3g} to {high:.3g}){slow}, "
        f"{devices.BATCH / middle:.3g} images/s; {peak}; {least_in_words(share)}; "
        f"load before {load:.1f}"
    )


def least_in_words(share):
    """share: least time in percent of what was measured."""
    if share > 100:  # by rates that were measured in another minute
        return "faster than the machine's own rates allow, which were measured when it was slower"
    return f"the least time of such a step is {share:.0f} % of that"


def of_roof(measurement):
    """Least time over measured time, 0 to 1: the share of the device's roofline that is reached."""
    variant, rates = measurement["variant"], measurement["rates"]
    least = counts.least_seconds(
        counts.count(measurement["model"], measurement["resolution"]),
        flop_rate=rates["flops"],
        bandwidth=rates["bytes"],
        element_bytes=2 if variant.startswith("bf16") else 4,
        how="compiled" if variant.endswith("compiled") else "eager",
    )
    return least * devices.BATCH / devices.latency(measurement)[0]
