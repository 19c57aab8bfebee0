"""What was measured on devices: one JSON file each, of training steps of many networks. No torch.

While a device is being measured its file lies in ``runs/profile/``; ``record`` brings what is new
to ``data/results/profile/``, which is committed. A measurement that is there gives way to none but
one of more processes, if these extend it, or if it has too few of them for a verdict.

A measurement is of one process, or of several that measured the same: then ``by_process`` has the
blocks of each, and ``block_seconds`` all of them.
"""

import json
import re
from statistics import median

from rslib import paths
from rslib.atomic import write_atomically
from rslib.config import InputError

SCHEMA = 1
FOLDER = "profile"
FIELDS = {"model": str, "resolution": int, "variant": str, "images": int, "fits": bool}
FIELDS |= {"free": int, "total": int, "environment": dict}
MEASURED = {"block_seconds", "step_seconds", "memory", "rates", "machine"}
STEPS, PROCESSES = 10, 2  # that a verdict takes of each network
BATCH = 128  # that latencies are normalised to, as the paper's are on a GPU (Appendix H)


def slug(name, device, threads):
    """A device's file name; on a CPU the number of threads makes it another device."""
    words = f"{name} {threads} threads" if device == "cpu" else name
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def key(measurement):
    return measurement["model"], measurement["resolution"], measurement["variant"]


def read(file):
    """The measurements in a device's file, none if there is no file. Raises InputError."""
    if not file.exists():
        return []
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{file} is no JSON ({error}); restore or remove it") from error
    if not isinstance(held, dict) or held.get("schema") != SCHEMA:
        raise InputError(f"{file} holds no measurements of schema {SCHEMA}")
    for one in held["measurements"]:
        lacks = [name for name, kind in FIELDS.items() if not isinstance(one.get(name), kind)]
        lacks += sorted(MEASURED - one.keys()) if one.get("fits") else []
        if lacks:
            raise InputError(f"{file}: a measurement lacks {', '.join(lacks)}")
    return held["measurements"]


def write(file, measurements):
    file.parent.mkdir(parents=True, exist_ok=True)
    held = {"schema": SCHEMA, "measurements": sorted(measurements, key=key)}
    write_atomically(file, (json.dumps(held, indent=1, allow_nan=False) + "\n").encode())


def add(file, measurement):
    """Put a measurement into a device's file, in place of an older one of the same thing."""
    others = [one for one in read(file) if key(one) != key(measurement)]
    write(file, [*others, measurement])


def by_process(measurement: dict) -> list:
    """[[seconds a step, of each block], …], a list for each process that has measured."""
    return measurement.get("by_process", [measurement["block_seconds"]])


def enough(measurement: dict | None, processes: int = PROCESSES) -> bool:
    """Have so many processes measured it, or does it not fit at all?"""
    if measurement is None or not measurement["fits"]:
        return measurement is not None
    return len(by_process(measurement)) >= processes


def add_process(file, measurement):
    """Put one more process's measurement into a device's file, beside those of the same thing.

    Where that was measured by other code, of another batch, or did not fit, it takes its place.
    """
    known = next((one for one in read(file) if key(one) == key(measurement)), None)
    add(file, merged(known, measurement) if known and alike(known, measurement) else measurement)


def alike(one, another):
    """Are these two measurements of the very same thing?"""

    def about(measurement):
        environment = measurement["environment"]
        told = [environment.get(name) for name in ("code", "dirty", "device_name", "torch")]
        return [*told, measurement["images"], measurement.get("miniature", False)]

    return one["fits"] and another["fits"] and about(one) == about(another)


def merged(one: dict, another: dict) -> dict:
    """A measurement with the blocks and steps of two; all else is as the first one has it."""
    both = {name: one[name] + another[name] for name in ("block_seconds", "step_seconds")}
    return one | both | {"by_process": by_process(one) + by_process(another)}


def extends(one, known):
    """Does a measurement hold all processes of a known one, unchanged and in order, and more?"""
    if not (one["fits"] and known["fits"] and alike(one, known)):
        return False
    mine, before = by_process(one), by_process(known)
    return len(mine) > len(before) and mine[: len(before)] == before


def unfit(measurement):
    """Why a measurement is no evidence, or an empty string."""
    if measurement.get("miniature"):
        return "a miniature of it shows that the path works"
    return "the code was not committed" if measurement["environment"]["dirty"] else ""


def record(runs_dir, report=print):
    """Copy what is new in every device's file to data/results; return how many measurements.

    New is also what `extends` a recorded one. Left out is what is `unfit`. Raises InputError if
    nothing was measured.
    """
    files = sorted((runs_dir / FOLDER).glob("*.json"))
    if not files:
        raise InputError(f"nothing is measured in {runs_dir}; python -m rslib profile does")
    new = 0
    for file in files:
        target = recorded_file(file)
        known = {key(one): one for one in read(target)}
        for one in read(file):
            before = known.get(key(one))
            if before and not extends(one, before) and (enough(before) or not enough(one)):
                continue
            if reason := unfit(one):
                report(f"left out {' '.join(map(str, key(one)))}: {reason}")
                continue
            known[key(one)] = one
            new += 1
        if known:
            write(target, known.values())
            report(f"{target.relative_to(paths.ROOT)} holds {len(known)}")
    return new


def recorded(folder=None):
    """{name: measurements} of every device in data/results; with those in another folder, if given.

    Where both have one, the recorded counts.
    """
    held = {}
    for where in filter(None, (folder, paths.RESULTS / FOLDER)):
        for file in sorted(where.glob("*.json")):
            for one in read(file):
                held.setdefault(file.name, {})[key(one)] = one
    groups = [sorted(found.values(), key=key) for _, found in sorted(held.items())]
    return {name(measurements): measurements for measurements in groups}


def recorded_file(file):
    """Where a device's file is, or will be, in data/results."""
    return paths.RESULTS / FOLDER / file.name


def latency(measurement):
    """Seconds for 128 images in training steps: (median of the blocks, lowest, highest)."""
    scale = BATCH / measurement["images"]
    blocks = [scale * seconds for seconds in measurement["block_seconds"]]
    return median(blocks), min(blocks), max(blocks)


def image_bytes(measurement):
    """Bytes of memory that each further image of a batch costs; None where that is not known."""
    memory, images = measurement["memory"], measurement["images"]
    if "half" not in memory:
        return None
    return (memory["full"] - memory["half"]) / (images - images // 2)


def memory(measurement, images=32):
    """Bytes that a training step of so many images takes, as Table 3 has them; None if unknown.

    A straight line through the two batches that were measured.
    """
    each = image_bytes(measurement)
    if each is None:
        return None
    return measurement["memory"]["full"] + (images - measurement["images"]) * each


def name(measurements):
    """What readers call a device."""
    environment = measurements[0]["environment"]
    if environment["device"] == "cpu":
        return f"{environment['device_name']}, {environment['threads']} threads"
    return environment["device_name"]
