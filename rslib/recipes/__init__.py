"""The paper's tables as data: rows that each carry a recipe and the number the paper printed."""

from dataclasses import dataclass
from difflib import get_close_matches

from rslib.config import InputError, Recipe, evolve, suggest


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table of the paper.

    weights: which of a run's two models the row is evaluated by, "raw" or "ema". A row that only
    changes this shares its run with the row before it.
    """

    id: str
    label: str  # the paper's wording
    kind: str  # baseline, training, regularization, architecture
    recipe: Recipe
    weights: str
    paper: dict  # {"top1": percent, "delta": points or None}


@dataclass(frozen=True, kw_only=True)
class Study:
    """A table of the paper."""

    name: str
    rows: tuple

    def run_as(self, row):
        """The id that a row's run is named after: the first row with the same paper recipe."""
        recipe = next(r.recipe for r in self.rows if r.id == row.id)
        return next(r.id for r in self.rows if r.recipe == recipe)

    def select(self, wanted=()):
        """The rows with these ids or labels, in the table's order; all if none is named."""
        ids = {name: row.id for row in self.rows for name in (row.id, row.label)}
        for name in wanted:
            if name not in ids:
                near = get_close_matches(name, ids, n=1, cutoff=0.5)
                known = near or [row.id for row in self.rows]
                raise InputError(f"no row {name!r} in {self.name}{suggest(name, known)}")
        kept = {ids[name] for name in wanted}
        return [row for row in self.rows if not kept or row.id in kept]


def ladder(base, steps, *, top1, label, weights="raw"):
    """Rows that each add one step to the row before: (id, label, kind, changes, top1) …

    changes are evolve's, and may hold "weights" to change which model is evaluated.
    """
    rows = [
        Row(
            id="baseline",
            label=label,
            kind="baseline",
            recipe=base,
            weights=weights,
            paper={"top1": top1, "delta": None},
        )
    ]
    for id, label, kind, changes, top1 in steps:
        before, changes = rows[-1], dict(changes)
        weights = changes.pop("weights", before.weights)
        paper = {"top1": top1, "delta": round(top1 - before.paper["top1"], 1)}
        rows.append(
            Row(
                id=id,
                label=label,
                kind=kind,
                recipe=evolve(before.recipe, changes),
                weights=weights,
                paper=paper,
            )
        )
    return tuple(rows)
