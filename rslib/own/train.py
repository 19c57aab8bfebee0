"""Train on one's own images: the paper's recipe, from a folder to a finished run.

One run for each cell of the grid, by the book's own engine and store: a finished one is never
trained twice, one that was stopped goes on, and which is best is judged on held-out images alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from rslib import config, machine, models, paths
from rslib.config import InputError, Recipe, suggest
from rslib.data import own as own_images
from rslib.data.images import ImageSet
from rslib.evidence import results
from rslib.own.asked import Asked, cells_of
from rslib.own.classes import named_by
from rslib.own.classifier import Classifier, load
from rslib.recipes import Row, own
from rslib.recipes.reasons import reasons
from rslib.recipes.scales import OWN
from rslib.running import runs
from rslib.running.processes import Stop
from rslib.running.timing import done_share, image_passes, image_seconds
from rslib.training import distributed, tracking
from rslib.training.clock import duration
from rslib.training.engine import Diverged
from rslib.weights import about, begin

STUDY, LISTED = "train", 20  # folder of the runs; classes that are listed one by one
Say = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """Checked and read: what will be trained, on which images, and where. cells: of the grid."""

    plan: runs.Plan
    images: ImageSet
    root: Path
    cells: list[dict[str, float]]


def train(folder: str | Path, *, report: Say = print, **options) -> Classifier:
    """Train a ResNet-RS on the images of a folder, or finish or load that run; as `rslib train`.

    folder: `train/<class>/*` with or without `val/` and `test/`, `<class>/*`, or a CSV of
    path,label. options: model="resnet_rs_50", width=1.0, resolution=160 (pixels), epochs=100,
    batch=128, weights (a file, or a run's folder), classes_from (names and order of the classes: a
    text file, a run, a folder), grid ("lr=0.01,0.1,steps=500"), valid=0.1,
    seed=1, name, balance ("sampling" or "weights"), tracker ("tensorboard", "wandb" or "mlflow"),
    device, runs_dir, max_hours, threads, workers.
    report: takes each line that is told.

    Returns the trained run, as `rslib.load` does. Raises InputError for what cannot be trained on,
    training.engine.Preempted where it was told to stop (the same call goes on), and Diverged.
    """
    asked = asked_for("train", folder, options)
    prepared = prepare(asked, report)
    announce(prepared, asked, report)
    plan, split = prepared.plan, own_images.as_csv(prepared.images)
    known_later = {"classes": prepared.images.classes, "images": str(prepared.root)}
    with Stop() as stop:
        for job in plan.jobs:
            if len(plan.jobs) > 1:
                report(f"{in_words(job.row.recipe)}: {job.run_id}")
            about.write(folder_of(job, plan), known_later, split)
            how = {"workers": asked.workers, "tracker": asked.tracker}
            runs.run(job, plan.device, plan.runs_dir, report=report, stop=stop, **how)
    return load(folder_of(best(prepared, report), plan), device=asked.device)


def asked_for(command: str, folder: str | Path, options: dict) -> Asked:
    """The options, checked; threads are set. Raises InputError."""
    distributed.refuse_others(f"rslib {command}")
    known = Asked.__dataclass_fields__
    for name in options:
        if name not in known:
            raise InputError(f"{command} has no option {name!r}{suggest(name, known)}")
    asked = Asked(folder=folder, **options)
    tracking.refuse(asked.tracker)
    if asked.resolution:
        models.refuse_side(asked.resolution)
    if asked.threads:  # else torch's own, which follows OMP_NUM_THREADS
        torch.set_num_threads(asked.threads)
    return asked


def prepare(asked: Asked, report: Say = print) -> Prepared:
    """Read weights and images, choose the recipes. Raises InputError."""
    device = machine.choose_device(asked.device)
    runs_dir = machine.usable(paths.runs_dir(asked.runs_dir))
    names = named_by(paths.expanded(asked.classes_from)) if asked.classes_from else []
    weights = begin.found(paths.expanded(asked.weights), report) if asked.weights else None
    listing = own_images.listed(paths.expanded(asked.folder), report, runs_dir)
    if names:
        listing = own_images.in_order(listing, names, str(asked.classes_from), report)
    images = own_images.opened(listing, asked.valid, asked.seed, runs_dir, report)
    cells = cells_of(asked.grid)
    recipes = [recipe_of(asked, cell, len(images.train), weights) for cell in cells]
    start = None
    if weights:
        start, digest = begin.fitted(weights, recipes[0], images.classes, report)
        recipes = [config.evolve(recipe, {"model.start": digest}) for recipe in recipes]
    # the engine never sees test images: whatever is chosen, it is not chosen on them
    data = replace(images, test=images.train.take([]))
    jobs = [job_of(asked, recipe, data, start) for recipe in recipes]
    jobs = list({job.run_id: job for job in jobs}.values())
    rows = [job.row for job in jobs]
    plan = runs.Plan(STUDY, OWN, "own images", rows, jobs, device, runs_dir)
    return Prepared(plan, images, listing.root, cells)


def recipe_of(asked: Asked, cell: dict, images: int, weights: begin.Begin | None) -> Recipe:
    """The recipe of a cell of the grid. What is not asked for is the weights' own, or by rule."""
    theirs = weights.recipe if weights else None
    depth = own.depth_of(asked.model) if asked.model else theirs.model.depth if theirs else 50
    side = theirs.data.resolution if theirs else own.LEAST_RESOLUTION
    batch = asked.batch or own.batch_for(images)
    epochs = asked.epochs or (own.FINE_TUNING_EPOCHS if weights else own.EPOCHS)
    if steps := cell.get("steps"):
        epochs = max(1, round(steps / max(1, images // batch)))
    return own.recipe(
        depth,
        images=images,
        resolution=asked.resolution or side,
        width=asked.width or (theirs.model.width if theirs else 1.0),
        epochs=epochs,
        batch=batch,
        balance=asked.balance,
        start="given" if weights else "",
        stem_stride=(theirs.model.stem_stride if theirs else 4) if weights else 0,
        rate=cell.get("lr") or cell.get("lr at 512", 0.0) * batch / own.RATES_BATCH or None,
    )


def job_of(asked: Asked, recipe: Recipe, data: ImageSet, start) -> runs.Job:
    key = config.key(recipe, data.manifest["sha256"])
    row = Row(id=asked.slug, label=asked.slug, kind=OWN, recipe=recipe, weights="ema", paper={})
    return runs.Job(
        study=STUDY,
        scale=OWN,
        row=row,
        seed=asked.seed,
        data=data,
        images=paths.expanded(asked.folder).resolve().name,
        run_id=f"{asked.slug}-{key}-s{asked.seed}",
        long_epochs=recipe.optim.epochs,
        protocol_id=key[:8],
        start=start,
    )


def folder_of(job: runs.Job, plan: runs.Plan) -> Path:
    return plan.runs_dir / job.study / job.run_id


def announce(prepared: Prepared, asked: Asked, report: Say) -> None:
    """Images of each class, the recipe with its reasons, and the hours, before anything is trained.

    Raises InputError where it would take longer than max_hours.
    """
    plan = prepared.plan
    for line in images_in_words(prepared.images):
        report(line)
    first = plan.jobs[0].row.recipe
    for name, value, why in reasons(first, len(prepared.images.train)):
        report(f"  {name:16} {value:26} {why}")
    if len(plan.jobs) > 1:
        report(f"  grid             {len(plan.jobs)} runs; the best on held-out images is kept")
        rates = [job.row.recipe.optim.peak_rate for job in plan.jobs]
        report(f"  grid's rates     {min(rates):g} to {max(rates):g}, where {ranges(first)}")
    pending = [j for j in plan.jobs if not results.find(j.study, j.run_id, plan.runs_dir)]
    if not pending:
        return report("trained before; this is what it gave")
    an_image = image_seconds(pending[0], plan.device)  # cells differ in rate and length alone
    passes = sum(image_passes(job) * (1 - done_share(plan, job)) for job in pending)
    seconds = an_image * passes
    report(
        f"about {duration(seconds)} (h:mm:ss) of training on {plan.device}, by a few timed steps"
    )
    if asked.max_hours is not None and seconds / 3600 > asked.max_hours:
        raise InputError(
            f"about {seconds / 3600:.2g} hours are more than max_hours {asked.max_hours:g}; lower "
            "epochs, resolution or width, or raise it"
        )


def ranges(recipe: Recipe) -> str:
    """Appendix F's, which it searched for fine-tuning, in words."""
    low, high = (rate * recipe.optim.batch_size / own.RATES_BATCH for rate in own.RATES)
    steps = " to ".join(f"{steps:,}" for steps in own.PAPERS_STEPS)
    return f"Appendix F has {low:.2g} to {high:.2g} for this batch, and {steps} steps"


def images_in_words(images: ImageSet) -> list[str]:
    """Counts of each part, and of each class, or the ends where there are many."""
    parts = {"training": images.train, "held-out": images.minival, "test": images.test}
    told = [f"{len(of):,} {name}" for name, of in parts.items() if len(of)]
    each = np.bincount(images.train.labels, minlength=len(images.classes))
    lines = [f"{len(images.classes):,} classes; images: {', '.join(told)}"]
    if len(images.classes) > LISTED:
        lines.append(f"training images of a class: {each.min():,} to {each.max():,}")
    else:
        of = [f"{name} {n:,}" for name, n in zip(images.classes, each, strict=True)]
        lines.append(f"training images of each class: {', '.join(of)}")
    if each.max() > 10 * max(1, each.min()):
        lines.append(
            "the largest class has over ten times the images of the smallest: see --balance"
        )
    return lines


def best(prepared: Prepared, report: Say) -> runs.Job:
    """The run of most right held-out images; the first of equals. Raises Diverged if all did."""
    plan, scores = prepared.plan, {}
    for job in plan.jobs:
        result = results.find(job.study, job.run_id, plan.runs_dir)
        if result and result["status"] == "complete":
            scores[job.run_id] = result["metrics"]["minival"]["ema"]
    if not scores:
        raise Diverged(
            "training diverged: the loss is no longer finite; lower the rate, --grid lr=…"
        )
    for job in plan.jobs[: len(plan.jobs) if len(plan.jobs) > 1 else 0]:
        found = scores.get(job.run_id)
        share = f"{100 * found['correct'] / found['n']:.2f} % held out" if found else "diverged"
        report(f"{in_words(job.row.recipe)}: {share}")
    chosen = max(scores, key=lambda run_id: scores[run_id]["correct"])
    if len(plan.jobs) > 1 and not len(prepared.images.test):
        report("held-out images chose among these, so that their top-1 is a little too high")
    return next(job for job in plan.jobs if job.run_id == chosen)


def in_words(recipe: Recipe) -> str:
    return f"lr {recipe.optim.peak_rate:g}, {recipe.optim.epochs} epochs"
