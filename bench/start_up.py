"""What it costs to start on a set of ImageNet's size that was looked at before.

    .venv/bin/python bench/start_up.py [--layout shards|folders] [--entries 1281167]

It makes a set of tiny JPEGs in a temporary folder, as 1,024 TFRecord shards or as hard links in
1,000 folders, and starts on it once: every image is decoded and the outcome remembered. Then a
fresh process starts a second time, and is what is measured, from the look at the folder to the
three splits; imports are left out. Of fewer than all, minival is chosen by a hash of names. Its
loader workers read 4,000 images each before their memory is looked at. `unique` is what a process
shares with no other: what it adds. `PSS` splits what is shared.

At full size it takes 2 GB of disk and some ten minutes, nearly all of them to make the set and to
decode it.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from argparse import SUPPRESS
from pathlib import Path

from measure import load, parser
from PIL import Image

from rslib.config import Recipe, evolve
from rslib.data import check, images
from rslib.data.loaders import train_batches

CLASSES, SHARDS, TEST_SHARDS = 1000, 1024, 64
IMAGENET = 1_281_167
WORKERS, EACH, BATCH = 2, 4_000, 250


def jpeg():
    held = io.BytesIO()
    Image.linear_gradient("L").resize((16, 16)).convert("RGB").save(held, "JPEG")
    return held.getvalue()


def parts(entries):
    """(name in shards, name in folders, images, shards): as many in each as ImageNet has."""
    tested = max(CLASSES, entries * 50_000 // IMAGENET)
    return ("train", "train", entries, SHARDS), ("validation", "val", tested, TEST_SHARDS)


def make_shards(root, entries):
    from tfrecord.writer import TFRecordWriter

    image = jpeg()
    for part, _, count, shards in parts(entries):
        for shard in range(shards):
            writer = TFRecordWriter(str(root / f"{part}-{shard:05d}-of-{shards:05d}"))
            for number in range(shard, count, shards):
                label = number // shards % CLASSES
                wnid = f"n{label:08d}"
                writer.write(
                    {
                        "image/encoded": (image, "byte"),
                        "image/class/label": (label + 1, "int"),
                        "image/class/synset": (wnid.encode(), "byte"),
                        "image/filename": (f"{wnid}_{number}.JPEG".encode(), "byte"),
                    }
                )
            writer.close()


def make_folders(root, entries):
    for _, part, count, _ in parts(entries):
        for label in range(CLASSES):
            folder = root / part / f"n{label:08d}"
            folder.mkdir(parents=True)
            first = folder / f"n{label:08d}_{label}.JPEG"
            first.write_bytes(jpeg())
            for number in range(label + CLASSES, count, CLASSES):
                os.link(first, folder / f"n{label:08d}_{number}.JPEG")


def memory(process="self"):
    """MB of a process: {"resident", "unique", "PSS"}."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    unique = kb["Private_Clean"] + kb["Private_Dirty"]
    return {"resident": kb["Rss"] // 1024, "unique": unique // 1024, "PSS": kb["Pss"] // 1024}


def start(root, entries):
    """A start and what it took, as plain data."""
    check.SMALL_FILES = 0  # tiny as they are, they are not to be kept in memory
    images.IMAGENET_COUNTS = tuple(count for _, _, count, _ in parts(entries))
    changes = {"data.resolution": 32, "optim.batch_size": BATCH}
    if entries < IMAGENET:  # fewer than the paper's 25,022 have to do
        changes["data.minival_images"] = entries // 50
    recipe = evolve(Recipe(), changes)
    before, begin = memory(), time.perf_counter()
    listing = images.source("imagenet", str(root / "set"), root / "cache", report=str)
    listed = time.perf_counter()
    found = images.open_images(recipe.data, listing, root / "cache", report=str)
    took = {"list": listed - begin, "open": time.perf_counter() - listed}
    del listing
    opened = memory()
    batches = train_batches(found, recipe, seed=1, workers=WORKERS)
    read = iter(batches)
    for _ in range(WORKERS * EACH // BATCH):
        next(read)
    workers = [memory(worker.pid) for worker in read._workers]
    return {
        "manifest": found.manifest,
        "seconds": took,
        "before": before,
        "opened": opened,
        "reading": memory(),
        "workers": workers,
    }


def fresh(root, entries):
    """`start` in a process of its own."""
    words = [sys.executable, __file__, "--entries", str(entries), "--start", str(root)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def floor(cache):
    """Seconds to read what was remembered, and nothing else; MB of it."""
    begin = time.perf_counter()
    size = sum(len(file.read_bytes()) for file in cache.iterdir())
    return time.perf_counter() - begin, size / 2**20


def bench(layout, entries):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "set").mkdir()
        {"shards": make_shards, "folders": make_folders}[layout](root / "set", entries)
        print(f"{layout}: {entries:,} images are made", flush=True)
        first, second = fresh(root, entries), fresh(root, entries)
        assert first["manifest"] == second["manifest"], "the second start found another set"
        least, size = floor(root / "cache")
    for name, run in (("first", first), ("second", second)):
        took = run["seconds"]
        listed, opened = took["list"], took["open"]
        print(f"{name} start {listed + opened:.2f} s: listing {listed:.2f}, opening {opened:.2f}")
    print(f"reading the {size:.0f} MB that were remembered: {least:.2f} s")
    for name in ("before", "opened", "reading"):
        print(f"MB {name}: {second[name]}")
    for worker in second["workers"]:
        print(f"MB of a worker: {worker}")
    print(f"load {load()} (1, 5, 15 minutes)")


if __name__ == "__main__":
    options = parser()
    options.add_argument("--layout", choices=("shards", "folders"), default="shards")
    options.add_argument("--entries", type=int, default=IMAGENET)
    options.add_argument("--start", type=Path, help=SUPPRESS)  # for the processes it starts
    asked = options.parse_args()
    if asked.start:
        print(json.dumps(start(asked.start, asked.entries)))
    else:
        bench(asked.layout, asked.entries)
