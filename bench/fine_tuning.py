"""Does fine-tuning pay? From a network trained on five classes of CIFAR-10 to the other five.

    .venv/bin/python bench/fine_tuning.py CIFAR-10 file.json

Released ImageNet weights are not used: a ResNet-RS-26 of quarter width is trained here on 5,000
images of the first five classes. Then 100 images of each other class are learned: from these
weights, from random ones for as many epochs (equal minutes), and from random ones for 350. Seed k
has training images of its own; all are tested on the 5,000 test images of those classes. Every run
is `rslib train` with its own rules; nothing is chosen on test images.

CIFAR-10 is a folder with train/<class>/ and test/<class>/. The same command goes on.
"""

import argparse
import csv
import hashlib
import itertools
import json
import time
from pathlib import Path

import torch

import rslib
from rslib import machine
from rslib.atomic import write_atomically

SEEDS, BEFORE, LEARNED, HELD_OUT = (1, 2, 3), 1000, 100, 50  # images of a class
SMALL = {"model": "resnet_rs_26", "width": 0.25, "resolution": 32, "threads": 1, "device": "cpu"}
VARIANTS = {  # None: 50 with weights, by the rule
    "fine-tuned": {"epochs": None},
    "from random weights, as long": {"epochs": 50},
    "from random weights, 350 epochs": {"epochs": 350},
}


def in_order(folder):
    """Images of a class, in an order that no name decides."""
    return sorted(folder.iterdir(), key=lambda file: hashlib.sha256(file.name.encode()).digest())


def listed(file, images, classes, chosen):
    """A CSV for `rslib train`. chosen: {part: slice of the training images of a class}."""
    rows = [
        (path, name, part)
        for name in classes
        for part, of in chosen.items()
        for path in in_order(images / "train" / name)[of]
    ]
    tests = [(p, name, "test") for name in classes for p in in_order(images / "test" / name)]
    with open(file, "w", newline="", encoding="utf-8") as table:
        csv.writer(table).writerows([("path", "label", "part"), *rows, *tests])
    return file


def trained(file, **options):
    """(the run, what it reached and took)."""
    begin = time.process_time()
    run = rslib.train(file, runs_dir=str(file.parent), **SMALL, **options)
    seconds = time.process_time() - begin
    right, n = run.evaluate().top1
    return run, {
        "correct": right,
        "n": n,
        "cpu_seconds": seconds,
        "epochs": run.recipe.optim.epochs,
    }


def main(images, file):
    classes = sorted(folder.name for folder in (images / "train").iterdir())
    work = file.with_suffix(".runs").resolve()
    work.mkdir(parents=True, exist_ok=True)
    here = machine.session("cpu")
    found = {"schema": 1, "environment": here, "images": images.name, "rows": []}
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
    done = {(row["variant"], row["seed"]) for row in found["rows"]}

    def keep(variant, seed, row):
        found["rows"].append({"variant": variant, "seed": seed, **row, "commit": here["commit"]})
        write_atomically(file, (json.dumps(found, indent=1) + "\n").encode())
        print(found["rows"][-1], flush=True)

    half = len(classes) // 2
    part = {"train": slice(BEFORE), "valid": slice(BEFORE, BEFORE + HELD_OUT)}
    first = listed(work / "before.csv", images, classes[:half], part)
    before, row = trained(first, epochs=40)
    if ("before", 1) not in done:
        keep("before", 1, row)
    # the longest runs last
    for (variant, options), seed in itertools.product(VARIANTS.items(), SEEDS):
        if (variant, seed) in done:
            continue
        start = HELD_OUT + LEARNED * (seed - 1)
        part = {"train": slice(start, start + LEARNED), "valid": slice(HELD_OUT)}
        second = listed(work / f"learned-{seed}.csv", images, classes[half:], part)
        weights = str(before.folder) if variant == "fine-tuned" else None
        _, row = trained(second, weights=weights, seed=seed, **options)
        keep(variant, seed, row)


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("file", type=Path)
    main(**vars(parser.parse_args()))
