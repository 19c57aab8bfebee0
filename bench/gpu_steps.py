"""The steps of `bench/gpu.py`, each in a process of its own.

    python bench/gpu_steps.py NAME --out DIR --device DEVICE --seconds S [--data-dir FOLDER]

Exit codes: 0 the step is complete, 75 time ran out with things left, another one: it failed, and
the last line says why. On the CPU every step is a miniature of itself.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DONE, FAILED, LEFT = 0, 1, 75

# the paper's pairs, those first that matter most: ResNet-RS at a side, its EfficientNets
PAIRS = (
    (("resnet_rs_350", 256), "efficientnet_b6"),
    (("resnet_rs_420", 320), "efficientnet_b7"),
    (("resnet_rs_152", 224), "efficientnet_b5", "efficientnet_b4"),
    (("resnet_rs_270", 256), "efficientnet_b5"),
    (("resnet_rs_101", 160), "efficientnet_b2"),
)
PRECISIONS = ("bf16", "fp32")  # the quick one first
COMPILED = ("resnet_rs_50", "resnet_rs_152", "resnet_rs_350", "efficientnet_b4", "efficientnet_b6")
TIMED_SHARE = 0.25  # of a measurement's time; the rest is its start, and steps that are not timed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--data-dir", default="")
    asked = parser.parse_args()
    asked.until = time.monotonic() + asked.seconds
    asked.miniature = asked.device == "cpu"
    threading.Thread(target=leave_with, args=(os.getppid(),), daemon=True).start()
    return STEPS[asked.step](asked)


def leave_with(parent):
    """When the process that started this one is gone, end this one and all that it started."""
    while os.getppid() == parent:
        time.sleep(0.3)
    os.killpg(os.getpgrp(), signal.SIGTERM)


def left(asked):
    return asked.until - time.monotonic()


def right(asked):
    """Is what the device computes right? tests/gpu, with the device as it is."""
    words = ["-m", "pytest", "-vv", "-p", "no:cacheprovider", "-m", "gpu", "tests/gpu"]
    environment = {**os.environ, "RSLIB_TEST_DEVICE": asked.device}
    return subprocess.run([sys.executable, *words], cwd=ROOT, env=environment).returncode


def works(asked):
    """Does the command work? Table 1 at smoke scale, with loader workers, to its end."""
    words = ["-m", "rslib", "run", "table1", "--scale", "smoke", "--device", asked.device]
    words += ["--runs-dir", str(asked.out / "works"), "--executor", "inline"]
    words += ["--epochs", "1" if asked.miniature else "2", "--workers", "2"]
    words += ["--rows", "dropout" if asked.miniature else "cosine,dropout,se"]
    return subprocess.run([sys.executable, *words], cwd=ROOT).returncode


def headline(asked):
    """Training latency and memory (Appendix H) of the paper's pairs: bfloat16, then float32."""
    from rslib.recipes import pareto

    if asked.miniature:
        return measured(asked, [(row, "fp32") for row in tiny_pair()])
    rows = paired(pareto.table_7())
    # by all processes in one precision before the next one begins: a verdict takes two of them
    codes = [
        measured(asked, [(row, v) for row in rows], len(PRECISIONS) - n)
        for n, v in enumerate(PRECISIONS)
    ]
    return max(codes)


def more(asked):
    """The rest of Table 7, EfficientNet-RS, and some networks with a compiled step."""
    from rslib.recipes import pareto
    from rslib.recipes.efficientnet_rs import slow_networks

    table = pareto.table_7()
    rest = [row for row in table if row not in paired(table)]
    wanted = [(row, v) for v in PRECISIONS for row in (*rest, *slow_networks())]
    shown = {row.name: row for row in table + paired(table)}  # of each name, as in its pair
    return measured(asked, wanted + [(shown[name], "bf16-compiled") for name in COMPILED])


def paired(table):
    """The rows of Table 7 that PAIRS name, each once, in that order."""
    found = []
    for (ours, side), *theirs in PAIRS:
        wanted = [row for row in table if (row.name, row.resolution) == (ours, side)]
        wanted += [row for name in theirs for row in table if row.name == name]
        found += [row for row in wanted if row not in found]
    return found


def tiny_pair():
    from rslib.recipes import pareto

    rows = {row.name: row for row in pareto.table_7()}
    return [replace(rows[name], resolution=32) for name in ("resnet_rs_50", "efficientnet_b0")]


def measured(asked, wanted, parts=1):
    """Measure [(row, variant)], first all of them once, then by one more process each.

    parts: of the time that is left this may take one, so that as much is left for each of the rest.
    """
    from rslib.config import InputError
    from rslib.costs import profile
    from rslib.evidence.devices import PROCESSES

    failed, todo = [], [(row, v, n) for n in range(1, PROCESSES + 1) for row, v in wanted]
    for place, (row, variant, number) in enumerate(todo):
        held = kept(asked)
        if (row.name, row.resolution, variant) in failed or done(held, row, variant, number):
            continue
        missing = sum(not done(held, *item) for item in todo[place:])
        most = 0.5 if asked.miniature else profile.SECONDS
        seconds = min(most, max(0.5, TIMED_SHARE * left(asked) / parts / missing))
        try:
            measure(asked, held, row, variant, seconds)
        except InputError as error:
            failed.append((row.name, row.resolution, variant))
            print(f"{row.label} at {row.resolution} px, {variant}: {error}")
    if failed:
        print(f"not measured: {'; '.join(' '.join(map(str, key)) for key in failed)}")
    return FAILED if failed else DONE


def kept(asked):
    """{key: measurement} of what this folder holds and need not be measured again."""
    from rslib.evidence import devices
    from rslib.machine import code_version

    dirty = code_version()["dirty"]
    files = sorted((asked.out / devices.FOLDER).glob("*.json"))
    found = [one for file in files for one in devices.read(file)]
    return {devices.key(one): one for one in found if dirty or not one["environment"]["dirty"]}


def done(held, row, variant, number):
    from rslib.evidence import devices

    return devices.enough(held.get((row.name, row.resolution, variant)), number)


def measure(asked, held, row, variant, seconds):
    """One process's measurement, added to the device's file."""
    from rslib import machine
    from rslib.costs import profile
    from rslib.evidence import devices

    before = held.get((row.name, row.resolution, variant))
    threads = 1 if asked.miniature else machine.cores()  # two would wait for other work's turns
    images = before["images"] if before else None
    asked_for = (row.name, row.resolution, asked.device, [variant], threads)
    (one,) = profile.profile(*asked_for, seconds=seconds, images=images)
    if asked.miniature:
        one["miniature"] = True
    name = devices.slug(one["environment"]["device_name"], asked.device, threads)
    file = machine.usable(asked.out / devices.FOLDER) / f"{name}.json"
    devices.add_process(file, one)
    print(f"{row.label} at {row.resolution} px, {profile.line(one)}", flush=True)


def peers(asked):
    """Speed against named peers, as `bench/all.py` has it of a CPU."""
    import gpu_peers

    return gpu_peers.main(asked)


def evidence(asked):
    """Table 1's contrast cells, many runs side by side."""
    import gpu_evidence

    return gpu_evidence.main(asked)


def write_json(file, value):
    """One JSON file, all of it or nothing."""
    from rslib.atomic import write_atomically

    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


STEPS = {step.__name__: step for step in (right, works, headline, peers, evidence, more)}

if __name__ == "__main__":
    sys.exit(main())
