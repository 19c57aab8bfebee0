"""Latency and memory of training steps, as the paper's Appendix H has them measured.

A batch begins at 128 images on a GPU, or few on a CPU, and is halved until it fits; each try is a
process of its own.
"""

import json
import subprocess
import sys

from rslib import counts, devices, machine, provenance, runs
from rslib.config import InputError, suggest
from rslib.recipes import pareto

BEGIN = {"cuda": 128, "cpu": 4}  # images
VARIANTS = ("fp32", "tf32", "bf16", "fp32-compiled", "bf16-compiled")
USUAL = {"cuda": ("fp32", "tf32", "bf16"), "cpu": ("fp32",)}
SECONDS = 10.0  # of timed steps


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
        f"{found['training_flops'] / 1e9:.1f} billion a training step; "
        f"{found['activations'] / 1e6:.1f} million activations"
    )


def table_7(runs_dir, rows=(), *, device="auto", variants=(), threads=None, report=print):
    """Measure every row of Table 7, or those given, and keep each in the device's file as it ends.

    What the file holds already is not measured again, so the same command goes on where it stopped.
    """
    device, threads = runs.choose_device(device), threads or machine.cores()
    folder = runs.usable(runs_dir / devices.FOLDER)
    file = folder / f"{devices.slug(provenance.device_name(device), device, threads)}.json"
    kept = {devices.key(one) for one in devices.read(file)}
    for row in rows or pareto.table_7():
        todo = [v for v in chosen(variants, device) if (row.name, row.resolution, v) not in kept]
        for variant in todo:
            (one,) = profile(row.name, row.resolution, device, [variant], threads)
            devices.add(file, one)
            report(f"{row.label} at {row.resolution} px, {line(one)}")
    report(f"{file} holds {len(devices.read(file))} measurements")


def profile(name, resolution, device="auto", variants=(), threads=None):
    """Yield a measurement for each variant, those usual on the device if none is given.

    Raises InputError for what does not exist, and where a process fails for other reasons than
    memory, with its last line.
    """
    counts.count(name, resolution)  # raises for a wrong name before anything is started
    device = runs.choose_device(device)
    for variant in chosen(variants, device):
        asked = {"model": name, "resolution": resolution, "device": device, "variant": variant}
        asked |= {"seconds": SECONDS, "threads": threads or machine.cores()}
        yield largest_that_fits(asked, BEGIN[device])


def chosen(variants, device):
    for variant in variants:
        if variant not in VARIANTS:
            raise InputError(f"no variant {variant!r}{suggest(variant, VARIANTS)}")
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
    command = [sys.executable, "-m", "rslib.measure", json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        what = f"{asked['model']} at {asked['resolution']} px, {asked['variant']}"
        raise InputError(f"measuring {what} failed: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def line(measurement):
    """A measurement in words, for a terminal."""
    what = f"{measurement['variant']}, batch {measurement['images']}"
    if not measurement["fits"]:
        gib = measurement["free"] / 2**30
        return f"{what}: does not fit into {gib:.1f} GiB, which was all that was free"
    middle, low, high = devices.latency(measurement)
    each = devices.image_bytes(measurement)
    memory = f"; {each / 2**20:,.0f} MiB an image" if each else ""
    return (
        f"{what}: {middle:.3g} s for 128 images ({low:.3g} to {high:.3g}), "
        f"{devices.BATCH / middle:.3g} images/s; peak {measurement['memory']['full'] / 2**30:.2f} "
        f"GiB{memory}; {100 * of_roof(measurement):.0f} % of the device's roof"
    )


def of_roof(measurement):
    """The share of the roofline that is reached: least time over measured time, 0 to 1."""
    variant, rates = measurement["variant"], measurement["rates"]
    least = counts.least_seconds(
        counts.count(measurement["model"], measurement["resolution"]),
        flop_rate=rates["flops"],
        bandwidth=rates["bytes"],
        element_bytes=2 if variant.startswith("bf16") else 4,
        how="compiled" if variant.endswith("compiled") else "eager",
    )
    return least * devices.BATCH / devices.latency(measurement)[0]
