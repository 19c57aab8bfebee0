"""Which dimension pays on one's own images: §6.4's advice as one call.

A base network and three that cost about twice as much, one deeper, one wider, one at a higher
resolution, each trained for the full schedule on as many images as the hours allow. Seed k trains
on part k of the images, no image is in two parts, and all are tested on the same held-out images.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rslib import config, machine, paths
from rslib.atomic import write_atomically
from rslib.config import InputError
from rslib.costs import count_recipe
from rslib.data import own as own_images
from rslib.data import splits
from rslib.data.images import ImageSet
from rslib.evidence import results
from rslib.evidence.gains import BASE, Compared, Cost, gains
from rslib.own import train
from rslib.own.asked import Asked
from rslib.recipes import own
from rslib.recipes.dimensions import Size, larger
from rslib.running import runs
from rslib.running.processes import Stop
from rslib.running.timing import image_passes, image_seconds
from rslib.training.clock import duration
from rslib.training.engine import Diverged

STUDY, SEEDS, HOURS = "scales", 3, 1.0
MOST_SEEDS = 20
LEAST_IMAGES = 10  # of the average class in a run: fewer say nothing
Say = Callable[[str], None]


@dataclass(frozen=True)
class Question:
    """What is compared, on which images: checked and read."""

    asked: Asked
    sizes: dict[str, Size]  # of `BASE` and the dimensions
    seeds: int
    images: ImageSet
    device: str
    runs_dir: Path

    @property
    def folder(self) -> Path:
        return self.runs_dir / STUDY / self.asked.slug

    @property
    def kept(self) -> Path:
        """Where the number of images of a run is kept, for the same command given again."""
        asked, content = self.asked, self.images.manifest["sha256"]
        about = [self.sizes[BASE], asked.epochs, asked.batch, asked.balance, asked.seed]
        about += [asked.max_hours, self.seeds, content]
        return self.folder / f"images-{config.sha256(about)[:10]}.json"


def scales(folder: str | Path, *, seeds: int = SEEDS, report: Say = print, **options) -> Compared:
    """Compare a network with a deeper one, a wider one, and one at a higher resolution.

    folder and options: as `rslib.train` takes them, but weights, grid, classes_from and tracker.
    seeds: runs of each network. max_hours: of all runs together, 1 by default; it decides how many
    images a run sees.

    Raises InputError for what cannot be compared, training.engine.Preempted where it was told to
    stop (the same call goes on), and Diverged where no run of the base network has ended.
    """
    asked = train.asked_for("scales", folder, options)
    question = read(asked, seeds, report)
    for line in train.images_in_words(question.images):
        report(line)
    jobs = fitting(question, report)
    with Stop() as stop:
        for number, job in enumerate(jobs, 1):
            report(f"{job.row.id}, seed {job.seed} ({number} of {len(jobs)})")
            how = {"workers": asked.workers, "report": report, "stop": stop}
            runs.run(job, question.device, question.runs_dir, **how)
    return compared(question, jobs)


def read(asked: Asked, seeds: int, report: Say) -> Question:
    """Check what is asked, and read the images. Raises InputError."""
    for name in ("weights", "grid", "classes_from", "tracker"):
        if getattr(asked, name):
            raise InputError(f"scales has no {name}; leave it out")
    config.count("seeds", seeds, 2)
    if seeds > MOST_SEEDS:
        raise InputError(f"seeds is {seeds}; at most {MOST_SEEDS}")
    side = asked.resolution or own.LEAST_RESOLUTION
    base = Size(own.depth_of(asked.model or "resnet_rs_50"), asked.width or 1.0, side)
    sizes = {BASE: base, **larger(base)}
    device = machine.choose_device(asked.device)
    runs_dir = machine.usable(paths.runs_dir(asked.runs_dir))
    listing = own_images.listed(paths.expanded(asked.folder), report)
    images = own_images.opened(listing, asked.valid, asked.seed, runs_dir, report)
    return Question(asked, sizes, seeds, images, device, runs_dir)


def fitting(question: Question, report: Say) -> list[runs.Job]:
    """The jobs, seed by seed, on the most images that take no longer than max_hours.

    Each seed has its share of the images, halved until the hours fit. Raises InputError where too
    few would be left to learn a class from.
    """
    seeds, images, kept = question.seeds, question.images, question.kept
    least, hours = LEAST_IMAGES * len(images.classes), question.asked.max_hours or HOURS
    size = len(images.train) // seeds
    if size < least:
        raise InputError(
            f"{len(images.train):,} training images make {seeds} parts of fewer than {least:,}, "
            f"{LEAST_IMAGES} a class; give more images or lower seeds"
        )
    if kept.exists():  # whatever else the machine is doing by now
        size = json.loads(kept.read_text(encoding="utf-8"))["images"]
        report(f"{size:,} training images each, as when this was asked first")
        return jobs_of(question, size)
    jobs = jobs_of(question, size)
    # how long one image takes does not depend on how many there are
    each = {job.row.id: image_seconds(job, question.device) for job in jobs[: len(question.sizes)]}
    while (seconds := sum(each[job.row.id] * image_passes(job) for job in jobs)) > 3600 * hours:
        if size // 2 < least:
            raise InputError(
                f"on {size:,} images a run, about {seconds / 3600:.2g} hours are more than "
                f"max_hours {hours:g}, and fewer images say nothing; lower epochs, width, "
                "resolution or seeds, or raise it"
            )
        size //= 2
        jobs = jobs_of(question, size)
    share = f"{size:,} of {len(images.train):,} training images each"
    report(f"{len(jobs)} runs, {share}: about {duration(seconds)} (h:mm:ss) on {question.device}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(kept, json.dumps({"images": size}).encode())
    return jobs


def jobs_of(question: Question, size: int) -> list[runs.Job]:
    """One Job for each network and part, part by part. All have the stem of the base network."""
    asked, found = question.asked, []
    for k, part in enumerate(parts(question.images, question.seeds, size)):
        many = len(part.train)
        stride = recipe_of(asked, question.sizes[BASE], many).model.stem_stride
        for name, scaled in question.sizes.items():
            recipe = recipe_of(asked, scaled, many, stride)
            job = train.job_of(asked, recipe, part, None)
            row = replace(job.row, id=name, label=f"{asked.slug}, {name}")
            seed, key = asked.seed + k, config.key(recipe, part.manifest["sha256"])
            run_id = f"{asked.slug}-{name}-{key}-s{seed}"
            found.append(replace(job, study=STUDY, row=row, seed=seed, run_id=run_id))
    return found


def parts(images: ImageSet, seeds: int, size: int) -> list[ImageSet]:
    """One image set for each seed, with training images of its own, as many of each class."""
    order, turns = splits.in_turns(images.train, "scales")
    labels = images.train.labels[order]
    counts = np.bincount(labels, minlength=len(images.classes))
    many = np.maximum(1, counts * size / len(images.train)).astype(int)  # of each class
    found = []
    for k in range(seeds):
        mine = order[(turns >= k * many[labels]) & (turns < (k + 1) * many[labels])]
        train_part = images.train.take(np.sort(mine))
        content = config.sha256([images.manifest["sha256"], "scales", train_part.digest()])
        manifest = {**images.manifest, "train": len(mine), "test": 0, "sha256": content}
        test = images.train.take([])  # whatever is chosen by this is not chosen on test images
        found.append(replace(images, train=train_part, test=test, manifest=manifest))
    return found


def recipe_of(asked: Asked, size: Size, images: int, stem_stride: int = 0) -> config.Recipe:
    return own.recipe(
        size.depth,
        images=images,
        resolution=size.resolution,
        width=size.width,
        epochs=asked.epochs or own.EPOCHS,
        batch=asked.batch or 0,
        balance=asked.balance,
        stem_stride=stem_stride,
    )


def compared(question: Question, jobs: list[runs.Job]) -> Compared:
    """What the runs say. The seed of one that diverged is left out of all networks."""
    sizes, images = question.sizes, question.images
    ended: dict[str, dict[int, dict]] = {name: {} for name in sizes}
    for job in jobs:
        result = results.find(job.study, job.run_id, question.runs_dir)
        if result and result["status"] == "complete":
            ended[job.row.id][job.seed] = result
    if not ended[BASE]:
        raise Diverged("training diverged: the loss is no longer finite; use another batch")
    counts = {job.row.id: count_recipe(job.row.recipe, len(images.classes)) for job in jobs}
    return Compared(
        name=question.asked.slug,
        sizes=sizes,
        costs={name: Cost(of.parameters, of.flops) for name, of in counts.items()},
        gains=gains(ended, [name for name in sizes if name != BASE]),
        top1={name: mean(found, "minival") for name, found in ended.items() if found},
        memorized={name: mean(found, "train") for name, found in ended.items() if found},
        images=jobs[0].data.manifest["train"],
        of=len(images.train),
        held_out=len(images.minival),
        folder=question.folder,
    )


def mean(ended: dict[int, dict], part: str) -> float:
    """Top-1 of the averaged weights in percent, the mean over seeds."""
    counts = [result["metrics"][part]["ema"] for result in ended.values()]
    return float(np.mean([100 * found["correct"] / found["n"] for found in counts]))
