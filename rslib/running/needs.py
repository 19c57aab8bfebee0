"""What the runs of a study take on any device: images, FLOPs, parameters. No data are read."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from rslib import tasks
from rslib.config import IMAGENET_COUNTS, Data, InputError, Model, Recipe
from rslib.costs import count_recipe
from rslib.costs.counts import count_depths
from rslib.models.resnet import BLOCKS
from rslib.recipes import Study
from rslib.running.estimate import Run
from rslib.running.timing import passes


def at_paper_scale(
    study: Study,
    wanted: Iterable[str] = (),
    seeds: int = 1,
    epochs: int | None = None,
) -> list[tuple[Recipe, Run]]:
    """Each run of a study at paper scale, once where rows share it.

    wanted: ids of rows; none means the printed ones. epochs: of the long schedule. Raises
    InputError for a study that does not train on ImageNet: how many clips of Kinetics-400 there
    are is known when they are on disk.
    """
    study = study.at("paper")
    found = {}
    for row in study.select(wanted):
        task = tasks.of(row.recipe)
        options = {"epochs": epochs, "dataset": row.recipe.data.dataset, "available": 0}
        recipe = task.at_scale(row, "paper", **options, block=None).recipe
        if recipe.data.dataset != "imagenet":
            raise InputError(
                f"{study.name} trains on {task.PAPERS_DATA}, whose clips are counted on disk: "
                "give --scale laptop, or leave out --estimate"
            )
        found[study.run_as(row)] = recipe
    return [(recipe, run_of(recipe)) for recipe in found.values() for _ in range(seeds)]


def run_of(recipe: Recipe) -> Run:
    """Of a recipe that trains on ImageNet, all of it but minival."""
    held_out = recipe.data.minival_images
    train, test = IMAGENET_COUNTS
    counts = {"train": train - held_out, "minival": held_out, "test": test}
    flops, parameters = _counted(recipe.model, recipe.data.resolution)
    batch = recipe.optim.batch_size
    micro_batches = batch // (recipe.optim.micro_batch or batch)
    return Run(recipe.model.family, passes(recipe, counts), flops, parameters, micro_batches)


def _counted(model: Model, resolution: int) -> tuple[int, int]:
    if model.family != "resnet":
        found = count_recipe(Recipe(model=model, data=Data(resolution=resolution)))
        return found.flops, found.parameters
    return _depths(replace(model, depth=min(BLOCKS)), resolution)[model.depth]


@cache
def _depths(model: Model, resolution: int) -> dict[int, tuple[int, int]]:
    return count_depths(Recipe(model=model, data=Data(resolution=resolution)))
