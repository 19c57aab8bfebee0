"""Tables that the code makes, cell by cell beside those that the paper prints. Without torch."""

import csv
from dataclasses import dataclass

import pandas as pd

from rslib import paths

NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of a table: what the paper prints, and what the code here has; `NONE` of neither."""

    row: str
    column: str
    paper: str
    here: str

    @property
    def printed(self):
        """Whether the paper has the cell."""
        return self.paper != NONE

    @property
    def agrees(self):
        """Equal as numbers where both are numbers, else as words."""
        try:
            return float(self.paper) == float(self.here)
        except ValueError:
            return self.paper == self.here


def printed(file, name):
    """{row: {column: text}} of a table in data/paper; name: of a line, which is a dict."""
    with open(paths.PAPER / file, encoding="utf-8") as lines:
        return {name(line): line for line in csv.DictReader(lines)}


def beside(paper, ours):
    """Every cell of rows that the paper or the code has; paper, ours: {row: {column: value}}.

    Columns are those of the code.
    """
    columns = list(next(iter(ours.values())))
    return [
        Cell(
            row=row,
            column=column,
            paper=str(paper.get(row, {}).get(column, NONE)),
            here=str(ours.get(row, {}).get(column, NONE)),
        )
        for row in dict.fromkeys([*paper, *ours])
        for column in columns
    ]


def frame(cells, heads):
    """Cells as a table; heads: {column: heading}.

    A number that agrees is written once, as the paper writes it; another one is behind the paper's.
    """
    lines = {}
    for cell in cells:
        line = lines.setdefault(cell.row, {})
        line[heads[cell.column]] = cell.paper if cell.agrees else f"{cell.paper}; here {cell.here}"
    return pd.DataFrame.from_dict(lines, orient="index")


def tally(cells):
    """(cells that agree, cells that the paper prints)."""
    shown = [cell for cell in cells if cell.printed]
    return sum(cell.agrees for cell in shown), len(shown)


def said(tables):
    """Markdown: how many cells of each table agree, and every one that does not.

    tables: {name: cells}.
    """
    lines = []
    for name, cells in tables.items():
        agreed, of = tally(cells)
        line = f"- **{name}**: {agreed} of {of} cells agree."
        differ = [cell for cell in cells if cell.printed and not cell.agrees]
        for cell in differ:
            line += f" {cell.row}, {cell.column}: the paper has {cell.paper}, here is {cell.here}."
        if extra := dict.fromkeys(cell.row for cell in cells if not cell.printed):
            line += f" The paper does not print {', '.join(extra)}."
        lines.append(line)
    return "\n".join(lines)


def answer(tables):
    """MyST: an admonition with all tables' cells together; tables: {name: cells}."""
    agreed, of = map(sum, zip(*map(tally, tables.values()), strict=True))
    sign, kind = ("✓", "tip") if agreed == of else ("✗", "danger")
    names = ", ".join(name.removeprefix("Table ") for name in tables)
    return (
        f":::{{admonition}} Answer\n:class: {kind}\n"
        f"**{sign} {agreed} of {of} cells agree.** Recipes and networks of this book hold what "
        f"Tables {names} print. This compares settings, not accuracies: no recipe of Table 8 was "
        "trained here at paper scale. Six rows of Table 10 are check marks, which are not compared."
        "\n:::"
    )
