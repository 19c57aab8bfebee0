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
CLASSES = {"imagenet": 1000, "kinetics-400": 400, "clips": 8}


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
    found = recipes(study, "paper", wanted, epochs)
    return [(recipe, run_of(recipe)) for recipe in found for _ in range(seeds)]


def recipes(
    study: Study, scale: str, wanted: Iterable[str] = (), epochs: int | None = None
) -> list[Recipe]:
    """Of each run of a study at a scale whose data set is known: once where rows share it."""
    study = study.at(scale)
    found = {}
    for row in study.select(wanted):
        task = tasks.of(row.recipe)
        dataset = task.choose_dataset(scale, "", "") if scale != "paper" else ""
        options = {"epochs": epochs, "dataset": dataset or row.recipe.data.dataset, "available": 0}
        found[study.run_as(row)] = task.at_scale(row, scale, **options, block=None).recipe
    return list(found.values())


def run_of(recipe: Recipe) -> Run:
    """Of a recipe that names how many examples it takes, or takes a published set as it is."""
    data = recipe.data
    shape = Data(resolution=data.resolution, frames=data.frames)
    flops, parameters = _counted(recipe.model, shape, CLASSES[data.dataset])
    batch = recipe.optim.batch_size
    micro_batches = batch // (recipe.optim.micro_batch or batch)
    images = passes(recipe, counts(recipe))
    return Run(recipe.model.family, images, flops, parameters, micro_batches)


def counts(recipe: Recipe) -> dict[str, int]:
    """How many examples are in "train", "minival" and "test"; of a set as published, all."""
    data = recipe.data
    held_out = data.minival_images
    if data.train_images:
        return {"train": data.train_images, "minival": held_out, "test": data.test_images}
    train, test = PUBLISHED[data.dataset]
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
