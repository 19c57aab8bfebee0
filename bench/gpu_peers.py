"""Ratios to named peers on a GPU, in the form of `bench/all.py`: a step of `bench/gpu.py`.

Sides are timed in turn in one process; each call is waited for, and is long enough that the wait
does not count. Wall seconds only: what the host computes meanwhile is no part of them. Rows that
the file has already, by the same code, are not measured again.
"""

import json
import tempfile
from importlib.metadata import version
from pathlib import Path

import pipeline
import sgd_ema
import torch
import train_step
import video_step
from gpu_steps import DONE, LEFT, left, write_json
from measure import compared, interleaved, load, words

from rslib import machine, models
from rslib.config import Recipe, evolve
from rslib.data import check
from rslib.data.augment import RandAugment, batched
from rslib.data.randomness import generator
from rslib.evidence import devices
from rslib.tasks.classify import normalise

PEERS = ("timm", "torchvision", "pillow", "pytorch-ignite")
RATE = 200_000  # images a second that RandAugment and normalisation should reach
COMPILING = 90.0  # seconds that must be left for a compiled step to be tried


class Sizes:
    """What is measured; in miniature what a CPU does in seconds."""

    def __init__(self, miniature):
        self.miniature = miniature
        self.rounds, self.steps = (2, 1) if miniature else (8, 10)
        self.side, self.batch = (32, 4) if miniature else (160, 256)
        self.large = (50, 32, 2) if miniature else (350, 256, 64)  # depth, pixels, images
        self.jpegs, self.workers = (8, 0) if miniature else (128, max(1, machine.cores() - 1))
        self.copies = 4 if miniature else pipeline.COPIES
        self.augmented = 64 if miniature else 1024
        self.clips = (2, 4, 32) if miniature else (8, 32, 112)  # clips, frames, pixels


def main(asked):
    """Measure what is missing. Exit code: 0, or 75 where time did not suffice for all."""
    device, sizes = torch.device(asked.device), Sizes(asked.miniature)
    session = machine.session(asked.device)
    name = devices.slug(session["device_name"], asked.device, session["threads"])
    file = asked.out / "bench" / f"{name}.json"
    found = opened(file, session, asked.miniature)
    benches = [small_step, large_step, sgd_and_average, augmentation, from_jpegs, clip_step]
    if not asked.miniature:
        benches += [small_compiled]
    for bench in benches:
        if any(row["bench"] == f"gpu_{bench.__name__}" for row in found["rows"]):
            continue
        if left(asked) < (COMPILING if bench is small_compiled else 3.0):
            return LEFT
        before = load()
        for row in bench(device, sizes):
            about = {"bench": f"gpu_{bench.__name__}", "load": [before, load()]}
            found["rows"].append(row | about)
            print(words(row), flush=True)
        write_json(file, found)
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return DONE


def opened(file, session, miniature):
    """What the file holds of this code on this device, else a new one."""
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
        if all(found["environment"][k] == session[k] for k in ("code", "dirty", "device_name")):
            return found
    versions = {name: version(name) for name in PEERS}
    found = {"schema": 1, "environment": session, "versions": versions, "rows": []}
    return found | ({"miniature": True} if miniature else {})


def repeated(device, steps):
    """call -> a call that does it so many times and then waits for the device."""

    def of(call):
        def run():
            for _ in range(steps):
                call()
            if device.type == "cuda":
                torch.cuda.synchronize()

        return run

    return of


def row(what, seconds, ours, peer, goal=""):
    """As `measure.ratio`, of wall seconds alone; seconds: {side: of each round}."""
    found = {"what": what, "ours": ours, "peer": peer, "goal": goal, "rounds": len(seconds[ours])}
    return found | {"wall": compared(seconds[ours], seconds[peer])}


def timed(device, sizes, sides, steps=None):
    """{side: seconds of one call in each round}; each round is several calls."""
    steps = steps or sizes.steps
    calls = {name: repeated(device, steps)(call) for name, call in sides.items()}
    found = interleaved(calls, sizes.rounds, warmup=1 if sizes.miniature else 2)
    return {name: [s / steps for s in clocks["wall"]] for name, clocks in found.items()}


def steps_of(device, depth, side, images, compiled=False):
    """{"rslib" | "timm, …": one whole training step on the same images}."""
    shown = torch.randint(0, 256, (images, 3, side, side), dtype=torch.uint8, device=device)
    batch = shown, torch.randint(0, train_step.CLASSES, (images,), device=device)
    half = device.type == "cuda"  # as the engine has it
    how = {"channels_last": True, "amp": half, "compiled": compiled}
    recipe = evolve(train_step.RS, {"model.depth": depth})
    kind = "compiled" if compiled else "channels last"
    with tempfile.TemporaryDirectory() as folder:
        ours, mine = train_step.rslib_step(recipe, batch, folder, compiled)
    theirs, other = train_step.timm_step(batch, name=f"resnetrs{depth}", **how)
    sizes = {sum(p.numel() for p in model.parameters()) for model in (mine, other)}
    assert len(sizes) == 1, sizes
    return {"rslib": ours, f"timm, {'AMP, ' if half else ''}{kind}": theirs}


def whole_step(device, sizes, network, goal, compiled=False):
    depth, side, images = network
    sides = steps_of(device, depth, side, images, compiled)
    steps = max(1, sizes.steps // 4) if depth > 50 else sizes.steps
    what = f"training step of ResNet-RS-{depth}, {images} images of {side} px"
    _, peer = sides
    return [row(what, timed(device, sizes, sides, steps), "rslib", peer, goal)]


def small_step(device, sizes):
    return whole_step(device, sizes, (50, sizes.side, sizes.batch), "")


def large_step(device, sizes):
    return whole_step(device, sizes, sizes.large, "")


def small_compiled(device, sizes):
    return whole_step(device, sizes, (50, sizes.side, sizes.batch), "≥ 1.05", compiled=True)


def sgd_and_average(device, sizes):
    sides = sgd_ema.sides(device)
    found = timed(device, sizes, sides)
    goals = {"SGD, timm ModelEmaV2": "≥ 2", "SGD, Ignite EMAHandler": "≥ 5"}
    what = "SGD and average of ResNet-RS-50"
    return [row(what, found, "rslib", p, goals.get(p, "")) for p in sides if p != "rslib"]


def augmentation(device, sizes):
    """RandAugment and normalisation of a batch that lies on the device."""
    augment, count = RandAugment(10), sizes.augmented
    shown = torch.randint(0, 256, (count, 3, sizes.side, sizes.side), dtype=torch.uint8)
    shown, chance = shown.to(device), generator(0)
    draws = torch.stack([augment.draw(chance) for _ in range(count)])
    sides = {"rslib": lambda: normalise(batched.randaugment(augment, shown, draws))}
    found = timed(device, sizes, sides)
    peer = f"the time at {RATE:,} images/s"
    found[peer] = [count / RATE] * len(found["rslib"])
    what = f"RandAugment(2, 10) and normalisation, {count} images of {sizes.side} px"
    return [row(what, found, "rslib", peer, "≥ 1")]


def from_jpegs(device, sizes):
    """Training from JPEG files, decoded by loader workers, against the same step on one batch."""
    check.SMALL_FILES = 0  # as for a large set: files are decoded when it is their turn
    changes = {"optim.batch_size": sizes.jpegs, "data.resolution": sizes.side}
    recipe = evolve(Recipe(), {**pipeline.SETTINGS, **changes})
    shown = torch.randint(0, 256, (sizes.jpegs, 3, sizes.side, sizes.side), dtype=torch.uint8)
    batch = shown.to(device), torch.randint(0, 2, (sizes.jpegs,), device=device)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "files")
        pipeline.lay_out(root, sizes.copies)
        there = device if device.type == "cuda" else None
        stream = pipeline.ours(root, Path(folder), recipe, sizes.workers, there)
        step, _ = train_step.rslib_step(
            evolve(train_step.RS, {"optim.batch_size": sizes.jpegs}), batch, f"{folder}/run"
        )
        sides = {
            "from JPEG files": lambda: step(
                [t.to(device, non_blocking=True) for t in next(stream)]
            ),
            "synthetic": step,
        }
        # one after the other: in turn, the workers would decode ahead while the other one runs
        found = {}
        for name, call in sides.items():
            found |= timed(device, sizes, {name: call})
    what = f"training step of ResNet-RS-50, {sizes.jpegs} images of {sizes.side} px"
    decoder = "" if check.fast_decoder() else ", decoded by Pillow"
    found[f"from JPEG files{decoder}"] = found.pop("from JPEG files")
    return [row(what, found, f"from JPEG files{decoder}", "synthetic", "≥ 0.9")]


def clip_step(device, sizes):
    """Training steps of 3D ResNet-50, and of the last row of Table 6, in float32 and bfloat16.

    The peer is the same network in the default memory format, with torch's SGD and average.
    """
    count, frames, side = sizes.clips
    shown = torch.randint(0, 256, (count, 3, frames, side, side), dtype=torch.uint8)
    batch = shown.to(device), torch.randint(0, video_step.CLASSES, (count,), device=device)
    found, peer, before = [], "plain network", torch.backends.cudnn.allow_tf32
    for name, id in (("3D ResNet-50", "baseline"), ("3D ResNet-50 with SE and -D", "resnet-d")):
        model = video_step.TABLE_6.row(id).recipe.model
        changes = {"model.se_ratio": model.se_ratio, "model.resnet_d": model.resnet_d}
        recipe = evolve(video_step.RECIPE, changes)
        for precision in ("fp32", "bf16"):
            half = precision == "bf16"
            torch.backends.cudnn.allow_tf32 = half  # else float32 is none in convolutions
            plain = models.build(recipe, video_step.CLASSES)
            sides = {
                "rslib": video_step.our_step(batch, recipe, half),
                peer: video_step.peer_step(plain, batch, half=half),
            }
            seconds = timed(device, sizes, sides, max(1, sizes.steps // 4))
            what = f"training step of {name}, {precision}"
            about = f"{count} clips of {frames} frames, {side} px"
            found.append(row(f"{what}, {about}", seconds, "rslib", peer))
    torch.backends.cudnn.allow_tf32 = before
    return found
