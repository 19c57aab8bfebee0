"""What can be trained: one file a task, and one entry in `TASKS`.

A task is a class. Its static methods answer what a plan asks before anything is trained: which
data to use, at which scale, and how to open it. Its instances have the five names that the engine
knows. `running` and `report` name no task: a recipe does, in its field `task`. `classify` is of
images, and has their normalisation, which `weights` uses; `video` is of clips.

May import training, data, models, recipes and the ground.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch

from rslib.config import InputError, Recipe, suggest
from rslib.recipes import Row
from rslib.tasks.classify import Classify
from rslib.tasks.video import Video
from rslib.training import task

__all__ = ["TASKS", "Task", "of"]

Say = Callable[[str], None]


class Opened(Protocol):
    """Data that are checked and split; manifest: plain data, with how many are in "train",
    "minival" and "test", the number of "classes", and "sha256" of all that is used."""

    @property
    def manifest(self) -> dict: ...


class Task(task.Task, Protocol):
    """What `TASKS` holds classes of: the engine's five names, and what a plan asks before them."""

    PAPERS_DATA: ClassVar[str]  # what the paper trains on: "ImageNet"

    def __init__(self, recipe: Recipe, data: Any, workers: int, device: torch.device | None): ...

    @staticmethod
    def papers_data(dataset: str, data_dir: str) -> Path | None:
        """Where the paper's own data lie, complete; None where they are not found."""

    @staticmethod
    def choose_dataset(scale: str, dataset: str, data_dir: str) -> str:
        """The data set of that name, or the scale's own. Raises InputError."""

    @staticmethod
    def source(dataset: str, data_dir: str, cache_dir: Path, report: Say) -> Any:
        """What there is, unsplit and unread; its length by `available`. Raises InputError."""

    @staticmethod
    def decoded(listing: Any, report: Say) -> Any:
        """A source that is split many times, read once if it is small."""

    @staticmethod
    def available(source: Any) -> int:
        """How many training examples a source has."""

    @staticmethod
    def at_scale(
        row: Row,
        scale: str,
        *,
        epochs: int | None,
        dataset: str,
        available: int,
        block: int | None,
    ) -> Row:
        """The row at a scale, by a rule that was written before any run. Raises InputError."""

    @staticmethod
    def own_epochs(scale: str) -> int:
        """Length of the scale's long schedule."""

    @staticmethod
    def open(recipe: Recipe, source: Any, cache_dir: Path, report: Say) -> Opened:
        """The splits that a recipe asks for. Raises InputError."""

    @staticmethod
    def in_words(recipe: Recipe, manifest: dict, name: str) -> str:
        """One line on network and data. name: of the data set."""


TASKS: dict[str, type[Task]] = {"classify": Classify, "video": Video}


def of(recipe: Recipe) -> type[Task]:
    """The task of a recipe. Raises InputError for a name that does not exist."""
    if recipe.task not in TASKS:
        raise InputError(f"no task {recipe.task!r}{suggest(recipe.task, TASKS)}")
    return TASKS[recipe.task]
