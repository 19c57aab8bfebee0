"""The paper's tables as data: rows that each carry a recipe and the number the paper printed.

`additive` (Table 1, its rows and claims), `blocks` (Table 1's corners over training subsets),
`weight_decay` (Table 2), `scaling` (Appendix E, and Figure 3), `grid` (Figure 2), `pareto` (Tables
3, 4 and 7), `video` (Table 6), `resnet_rs` (Table 8), `efficientnet_rs` (Figure 5), `scales` (the
rule that shrinks a recipe to a laptop or one GPU), `video_scales` (the same of clips), `studies`
(all that are shown, by name); `own` (the recipe for one's own images), `reasons` (that in words),
`dimensions` (networks that are larger in one dimension).

May import the ground. A `Recipe` itself is defined in `rslib.config`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from rslib.config import InputError, Recipe, evolve, suggest


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table of the paper.

    weights: which of a run's two models the row is evaluated by, "raw" or "ema". A row that only
    changes this shares its run with the row before it.
    reduced: fields that a reduced scale gives it beside its rule; see `rslib.recipes.scales`.
    scales: those that it is trained at; none named means all.
    """

    id: str
    label: str  # the paper's wording
    kind: str  # baseline, training, regularization, architecture
    recipe: Recipe
    weights: str
    paper: dict = field(default_factory=lambda: {"top1": None, "delta": None})  # percent, points
    reduced: Mapping = field(default_factory=dict)
    scales: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What the paper says of a table, as a sum over its rows: written before any run is recorded.

    cells: {row id: weight}; the claim is that Σ weight · mean top-1 has this sign. Sign 0 claims
    that it is no larger than what `rslib.evidence.blocks` counts as the same.
    weights: which of a run's models every cell is read by; empty for each row's own.
    overfitting: it can be tested only where the network overfits.
    runs: of each cell, fixed beforehand; nothing is judged earlier.
    margin: points that count as the same, at paper scale.
    part, whole: cells of two gains; the first one's share of the second is reported beside.
    after: id of the claim whose component it is: judged only where that one is told from zero.
    """

    id: str
    says: str
    where: str  # in the paper
    cells: dict[str, float]
    sign: int
    weights: str = ""
    overfitting: bool = True
    runs: int = 3
    margin: float = 0.5
    part: dict | None = None
    whole: dict | None = None
    after: str = ""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A table of the paper, with what it claims.

    cells: rows that no table prints, but that a claim has to be compared with.
    afterwards: sums that were looked at when runs were known; they get no verdict.
    laws: claims about all rows at once, as `rslib.recipes.grid` has them.
    gate: the row whose runs tell whether the network overfits.
    ladder: each row adds something to the row before, so that the change is of interest.
    networks: what is measured for it: rows of Table 7, or others with name and resolution.
    A study without rows is not trained, one without networks is not measured.
    blocked: run k of each row trains on a subset of its own, the same for all rows.
    experiment: studies of one experiment share the runs of rows that have one id; "" is its own.
    split: that its table is printed for.
    """

    name: str
    title: str
    rows: tuple[Row, ...] = ()
    cells: tuple[Row, ...] = ()
    claims: tuple[Claim, ...] = ()
    afterwards: tuple[Claim, ...] = ()
    laws: tuple = ()
    gate: str = ""
    ladder: bool = True
    networks: tuple = ()
    blocked: bool = False
    experiment: str = ""
    split: str = "test"

    @property
    def folder(self) -> str:
        """Where its runs lie, below runs_dir and among the recorded results."""
        return self.experiment or self.name

    def row(self, id: str) -> Row:
        return next(row for row in (*self.rows, *self.cells) if row.id == id)

    def run_as(self, row: Row) -> str:
        """The id that a row's run is named after: the first row with the same paper recipe."""
        of = self.row(row.id)
        same = (of.recipe, of.reduced)
        return next(r.id for r in (*self.rows, *self.cells) if (r.recipe, r.reduced) == same)

    def at(self, scale: str) -> "Study":
        """Without the rows that are not trained at that scale, and without claims on them.

        A component whose claim is left out becomes a claim of its own.
        """
        rows, cells = (
            tuple(r for r in kept if not r.scales or scale in r.scales)
            for kept in (self.rows, self.cells)
        )
        there = {row.id for row in (*rows, *cells)}
        claims, afterwards = (
            [c for c in kept if c.cells.keys() <= there] for kept in (self.claims, self.afterwards)
        )
        ids = {claim.id for claim in claims}
        claims = [c if c.after in ids else replace(c, after="") for c in claims]
        changes = {"claims": tuple(claims), "afterwards": tuple(afterwards)}
        return replace(self, rows=rows, cells=cells, **changes)

    def select(self, wanted: Iterable[str] = ()) -> list[Row]:
        """The rows with these ids or labels, in the table's order; the printed ones if none is."""
        rows = (*self.rows, *self.cells)
        ids = {name: row.id for row in rows for name in (row.id, row.label)}
        for name in wanted:
            if name not in ids:
                near = get_close_matches(name, ids, n=1, cutoff=0.5)
                known = near or [row.id for row in rows]
                raise InputError(f"no row {name!r} in {self.name}{suggest(name, known)}")
        kept = {ids[name] for name in wanted}
        return [row for row in rows if row.id in kept] if kept else list(self.rows)

    def paper_effect(self, claim: Claim) -> float | None:
        """Σ weight · printed top-1, in points; None where the paper prints no such number."""
        rows = [self.row(id) for id in claim.cells]
        if any(row.paper["top1"] is None for row in rows):
            return None
        if claim.weights and any(row.weights != claim.weights for row in rows):
            return None
        return self.printed(claim.cells)

    def printed(self, cells: dict[str, float]) -> float:
        """Σ weight · printed top-1 of rows that the paper prints; cells: {row id: weight}."""
        return round(sum(w * self.row(id).paper["top1"] for id, w in cells.items()), 1)

    def resolved_by_paper(self, claim: Claim) -> bool | None:
        """Can the paper's two runs a row tell its effect from 0? None where it prints no effect.

        With a deviation of 0.1 points between seeds, which is assumed, not known, a difference of
        two means of two runs is sure to ± 0.2.
        """
        effect = self.paper_effect(claim)
        if effect is None:
            return None
        return abs(effect) > 0.2 * (sum(w**2 for w in claim.cells.values()) / 2) ** 0.5


def ladder(
    base: Recipe, steps: Iterable[tuple], *, top1: float, label: str, weights: str = "raw"
) -> tuple[Row, ...]:
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
