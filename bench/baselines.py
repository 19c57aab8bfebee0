"""`rslib train` against other libraries' recipes: the same images, as many CPU seconds.

    .venv/bin/python bench/baselines.py CIFAR-10 file.json [--minutes 4]

Each contestant of `baseline_peers.py` trains on the same 200 images of each class for the same CPU
seconds on one thread: a few steps of its own are timed first, then its schedule is as long as the
minutes allow. Seed k has images of its own, and all contestants train on them before seed k + 1.
All are tested on all test images. Of weights and their average, the better there counts for the
others; for ours it is always the average, which `rslib` evaluates. Nothing else is chosen on test
images, and no contestant was tuned here.

CIFAR-10 is a folder with train/<class>/ and test/<class>/. fastai is left out where it is not
installed. Each result is written at once, and the same command goes on.
"""

import argparse
import json
import math
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch
from baseline_peers import CONTESTANTS
from fine_tuning import in_order

from rslib import machine
from rslib.atomic import write_atomically
from rslib.config import InputError
from rslib.recipes import own

SEEDS, EACH, HELD_OUT = (1, 2, 3), 200, 10  # images of a class; held-out ones choose nothing
PROBED = 11  # epochs that are timed; with ten or fewer, ours has no regularization


def linked(folder, images, seed, each):
    """A folder of links to the images of a seed: train/ (each of a class), valid/ and test/."""
    start = HELD_OUT + EACH * (seed - 1)
    for source in sorted((images / "train").iterdir()):
        files = in_order(source)
        parts = {"train": files[start : start + each], "valid": files[:HELD_OUT]}
        parts["test"] = sorted((images / "test" / source.name).iterdir())
        for part, chosen in parts.items():
            if not chosen:
                raise InputError(f"{source} has no {part} images for seed {seed}; give more images")
            to = folder / part / source.name
            to.mkdir(parents=True, exist_ok=True)
            for file in chosen:
                if not (to / file.name).exists():
                    (to / file.name).symlink_to(file.resolve())
    return folder


def trained(contestant, *asked):
    """(CPU seconds of training, the call that judges what was trained)."""
    begin = time.process_time()
    judge = CONTESTANTS[contestant](*asked)
    return time.process_time() - begin, judge


def epochs_for(contestant, images, work, minutes, batch, steps):
    """As many epochs of so many steps as the minutes allow, by runs of one and of three steps."""
    classes, seconds = len(list((images / "train").iterdir())), []
    for part in (1, 1, 3):  # the first one compiles loops and fills caches
        folder = linked(work / f"timed-{part}", images, 1, math.ceil(part * batch / classes))
        seconds.append(trained(contestant, folder, PROBED, 1, batch)[0])
    step = max(1e-6, seconds[2] - seconds[1]) / (2 * PROBED)
    begin = seconds[1] - PROBED * step
    return max(PROBED, round((60 * minutes - begin) / (step * steps)))


def main(images, file, minutes):
    work, there = file.with_suffix(".runs").resolve(), installed()
    found = {"schema": 1, "environment": machine.session("cpu"), "images": images.name}
    found |= {"minutes": minutes, "each": EACH, "versions": {}, "epochs": {}, "rows": []}
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
    if found["minutes"] != minutes:
        raise SystemExit(f"{file} is of --minutes {found['minutes']:g}; give that, or another file")
    found["versions"] |= {name: version(name) for name in there if name != "rslib"}

    def keep():
        write_atomically(file, (json.dumps(found, indent=1) + "\n").encode())

    for seed in SEEDS:
        folder = linked(work / f"images-{seed}", images, seed, EACH)
        count = len(list(folder.glob("train/*/*")))
        batch = own.batch_for(count)
        for contestant in there:
            if any((row["variant"], row["seed"]) == (contestant, seed) for row in found["rows"]):
                continue
            if contestant not in found["epochs"]:
                steps = count // batch
                epochs = epochs_for(contestant, images, work, minutes, batch, steps)
                found["epochs"][contestant] = epochs
                keep()
            epochs = found["epochs"][contestant]
            seconds, judge = trained(contestant, folder, epochs, seed, batch)
            judged = judge()
            right = max(judged.get(weights, 0) for weights in ("raw", "average"))
            row = {"variant": contestant, "seed": seed, "correct": right, "cpu_seconds": seconds}
            found["rows"].append(row | {"epochs": epochs} | judged)
            keep()
            print(found["rows"][-1], flush=True)


def installed():
    """The contestants whose package is there; of others, a line that they are left out."""
    there = [name for name in CONTESTANTS if find_spec(name)]
    for name in CONTESTANTS.keys() - there:
        print(f"{name} is not installed and is left out", flush=True)
    return there


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--minutes", type=float, default=4.0, help="CPU minutes of each run")
    main(**vars(parser.parse_args()))
