"""What the runs of a study take on any device: images, FLOPs, parameters. No data are read."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from rslib import tasks
from rslib.config import IMAGENET_COUNTS, KINETICS_COUNTS, Data, Model, Recipe
from rslib.costs import count_recipe
from rslib.costs.counts import count_depths
from rslib.models.resnet import BLOCKS
from rslib.recipes import Study
from rslib.running.estimate import Run
from rslib.running.timing import passes

PUBLISHED = {"imagenet": IMAGENET_COUNTS, "kinetics-400": KINETICS_COUNTS}
CLASSES = {"imagenet": 1000, "kinetics-400": 400}


def at_paper_scale(
    study: Study,
    wanted: Iterable[str] = (),
    seeds: int = 1,
    epochs: int | None = None,
) -> list[tuple[Recipe, Run]]:
    """Each run of a study at paper scale, once where rows share it.

    wanted: ids of rows; none means the printed ones. epochs: of the long schedule. Raises
    InputError for a row that does not exist.
    """
    study = study.at("paper")
    found = {}
    for row in study.select(wanted):
        task = tasks.of(row.recipe)
        options = {"epochs": epochs, "dataset": row.recipe.data.dataset, "available": 0}
        found[study.run_as(row)] = task.at_scale(row, "paper", **options, block=None).recipe
    return [(recipe, run_of(recipe)) for recipe in found.values() for _ in range(seeds)]


def run_of(recipe: Recipe) -> Run:
    """Of a recipe that trains on a data set as published, all of it but minival."""
    data = recipe.data
    shape = Data(resolution=data.resolution, frames=data.frames)
    flops, parameters = _counted(recipe.model, shape, CLASSES[data.dataset])
    batch = recipe.optim.batch_size
    micro_batches = batch // (recipe.optim.micro_batch or batch)
    images = passes(recipe, counts(recipe))
    return Run(recipe.model.family, images, flops, parameters, micro_batches)


def counts(recipe: Recipe) -> dict[str, int]:
    """How many examples of the published data set are in "train", "minival" and "test"."""
    held_out = recipe.data.minival_images
    train, test = PUBLISHED[recipe.data.dataset]
    return {"train": train - held_out, "minival": held_out, "test": test}


def data_in_words(recipe: Recipe) -> str:
    """One line on the data set that a recipe trains on at paper scale."""
    kind = "clips" if recipe.data.frames else "images"
    held = counts(recipe)
    minival = f"{held['minival']:,} held out of them, " if held["minival"] else ""
    return (
        f"data: {tasks.of(recipe).PAPERS_DATA} as published, {held['train']:,} training {kind}, "
        f"{minival}{held['test']:,} test {kind}; a copy may lack some"
    )


@cache
def _counted(model: Model, shape: Data, classes: int) -> tuple[int, int]:
    """(FLOPs of a forward pass of one example, parameters); shape: its pixels and frames."""
    if model.family != "resnet":
        found = count_recipe(Recipe(model=model, data=shape), classes)
        return found.flops, found.parameters
    return _depths(replace(model, depth=min(BLOCKS)), shape.resolution)[model.depth]


@cache
def _depths(model: Model, resolution: int) -> dict[int, tuple[int, int]]:
    return count_depths(Recipe(model=model, data=Data(resolution=resolution)))
