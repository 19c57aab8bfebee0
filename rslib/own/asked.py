"""What `rslib train` is asked for, checked before anything is read; and its small grid."""

import itertools
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from rslib import config, paths
from rslib.config import InputError, suggest
from rslib.recipes import own
from rslib.running.params import MOST_HOURS, text

WIDEST, MOST_CELLS = 4.0, 100
GRID = ("lr", "steps")
PATHS = {
    "folder": "give a folder of images, or a CSV of them",
    "weights": "give a file of weights, or the folder of a run",
    "classes_from": "give a file with a name in each line, a run, or a folder",
}
WORDS = ("grid", "name", "balance", "tracker", "device", "runs_dir")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options of `rslib train`. What is None or empty is chosen, by the weights or by rule."""

    folder: Path | str = ""
    model: str | None = None
    width: float | None = None
    resolution: int | None = None
    epochs: int | None = None
    batch: int | None = None
    weights: Path | str | None = None
    classes_from: Path | str | None = None
    grid: str = ""
    valid: float = 0.1
    seed: int = 1
    name: str = ""
    balance: str = ""
    tracker: str = ""
    device: str = "auto"
    runs_dir: str = ""
    max_hours: float | None = None
    threads: int | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        """Raises InputError for paths that are not there too; all of it without torch."""
        for name, remedy in PATHS.items():
            if getattr(self, name):
                paths.existing(getattr(self, name), remedy)
        for name in WORDS:  # a notebook's parameter that looks like a number comes as one
            object.__setattr__(self, name, text(name, getattr(self, name)))
        for name, least in (("resolution", 1), ("epochs", 1), ("batch", 2), ("threads", 1)):
            config.count(name, getattr(self, name), least, optional=True)
        config.count("workers", self.workers, 0, optional=True)
        config.count("seed", self.seed, 0)
        _between("width", self.width, WIDEST, "such as 0.25 or 1")
        _between("valid", self.valid, 0.5, "the share that is held out, up to 0.5")
        _between("max_hours", self.max_hours, MOST_HOURS, "hours above 0")
        if self.model is not None:
            own.depth_of(self.model)
        if self.balance not in own.BALANCES:
            raise InputError(
                f"balance is {self.balance!r}{suggest(self.balance, own.BALANCES[1:])}"
            )
        if self.grid and self.epochs and "steps" in cells_of(self.grid)[0]:
            raise InputError("epochs and steps of the grid say the same; leave one away")

    @property
    def slug(self) -> str:
        """The name of the run, else of the images' folder, in a-z, 0-9 and hyphens."""
        name = self.name or paths.expanded(self.folder).resolve().stem
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "images"


def _between(name: str, given: object, most: float, what: str) -> None:
    right = isinstance(given, int | float) and not isinstance(given, bool) and 0 < given <= most
    if given is not None and not right:
        raise InputError(f"{name} is {given!r:.40}; give {what}")


def cells_of(grid: str) -> list[dict[str, float]]:
    """Every combination that a grid names: "lr=0.01,0.1,steps=500" has two. One, empty, of "".

    "paper" spans the ranges of Appendix F, whose rates, "lr at 512", are those of its batch. Raises
    InputError for other names, and for what is no number above 0.
    """
    if grid.strip() == "paper":
        pairs = itertools.product(own.PAPERS_RATES, own.PAPERS_STEPS)
        return [{"lr at 512": rate, "steps": steps} for rate, steps in pairs]
    values: dict[str, list[float]] = {}
    name = ""
    for word in filter(None, map(str.strip, grid.split(","))):
        before, marked, after = word.rpartition("=")
        name = before.strip() if marked else name
        if name not in GRID:
            how = "lr=0.01,0.03,steps=500,2000, or as paper"
            raise InputError(f"grid has {word!r}; write it as {how}")
        try:
            number = float(after) if name == "lr" else int(after)
        except ValueError:
            number = 0
        if not 0 < number < 1e9:
            raise InputError(f"grid has {name} {after!r}; give numbers above 0")
        values.setdefault(name, []).append(number)
    cells = [dict(zip(values, cell, strict=True)) for cell in itertools.product(*values.values())]
    if len(cells) > MOST_CELLS:
        raise InputError(f"the grid has {len(cells)} cells; at most {MOST_CELLS} are trained")
    return cells
