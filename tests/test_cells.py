"""Cells can be run twice and in any order after their own: none takes away what another needs."""

import builtins
import dis

import jupytext
import pytest

from rslib import paths

NOTEBOOKS = sorted((paths.ROOT / "notebooks").glob("*.py"))


def order(source):
    """[(name, is it bound?)] of a cell's own names, in the order of its code."""
    code = compile(source, "cell", "exec")
    kinds = {"LOAD_NAME": False, "STORE_NAME": True, "DELETE_NAME": True}
    return [
        (step.argval, kinds[step.opname])
        for step in dis.get_instructions(code)
        if step.opname in kinds
    ]


def taken_away(sources):
    """[(number, name)] of cells after the first, the parameters', that could not be run twice."""
    parameters = {name for name, bound in order(sources[0]) if bound}
    parameters -= {"__annotations__", "__conditional_annotations__"}
    found = []
    for number, source in enumerate(sources[1:], start=2):
        first = {}  # is a name bound before it is read?
        for name, bound in order(source):
            first.setdefault(name, bound)
        for name in dict.fromkeys(name for name, bound in order(source) if bound):
            of_others = not first[name] and not hasattr(builtins, name)
            if name in parameters or of_others:
                found.append((number, name))
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_cell_takes_away_a_parameter_or_what_it_reads_itself(path):
    cells = [c.source for c in jupytext.read(path).cells if c.cell_type == "code"]
    assert not taken_away(cells)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ("rows = {1: 2}", ["rows"]),
        ("for rows in range(3): pass", ["rows"]),
        ("import rows", ["rows"]),
        ("def rows(): pass", ["rows"]),
        ("with open('x') as rows: pass", ["rows"]),
        ("del rows", ["rows"]),
        ("other = other + 1", ["other"]),
        ("other += 1", ["other"]),
        ("other = 1\nother = other + 1", []),
        ("other = [rows for rows in range(3)]", []),
        ("def f(rows): return rows", []),
        ("print(rows)", []),
    ],
)
def test_such_cells_are_found(second, expected):
    assert [name for _, name in taken_away(["rows: list = []  # help", second])] == expected
