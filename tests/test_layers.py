"""Imports point one way: what is left of a module in ORDER it may use, what is right it may not."""

import ast
from pathlib import Path

import pytest

import rslib

PACKAGE = Path(rslib.__file__).parent
ORDER = [
    {"config", "atomic", "clock"},
    {"paths"},
    {"machine"},
    {"recipes", "models", "data", "optim", "ema", "metrics"},
    {"checkpoint", "results", "params", "stats", "counts", "devices", "released"},
    {"tasks", "verdicts", "fast"},
    {"engine", "tables"},
    {"judged"},
    {"provenance", "plot", "sheets", "speed"},
    {"runs", "rescale", "pages", "tally"},
    {"processes", "timing", "measure", "evaluate", "export", "speed_plot"},
    {"sweep", "profile"},
    {"collect", "render"},
    {"__main__"},
]
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}
TORCH_FREE = {
    "config",
    "atomic",
    "paths",
    "clock",
    "recipes",
    "results",
    "params",
    "tables",
    "plot",
    "sheets",
    "stats",
    "verdicts",
    "pages",
    "judged",
    "devices",
    "speed",
    "speed_plot",
    "rescale",
    "tally",
    "released",
}
TORCH_FREE |= {"collect", "render", "__main__"}
# files of one folder
SAME_RANK = {("data", "data"), ("models", "models"), ("recipes", "recipes")}
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path, top_level_only=False):
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module == "rslib":
                yield from (f"rslib.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_point_left(path):
    for name in imports(path):
        if name.startswith("rslib."):
            other = name.split(".")[1]
            assert RANK[other] < RANK[room(path)] or (room(path), other) in SAME_RANK, name


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_ignite_and_torch_stay_in_their_rooms(path):
    roots = {name.split(".")[0] for name in imports(path)}
    assert "ignite" not in roots or room(path) in {"engine", "metrics"}
    at_import = {name.split(".")[0] for name in imports(path, top_level_only=True)}
    assert not at_import & {"torch", "torchvision", "ignite"} or room(path) not in TORCH_FREE


def test_every_room_has_a_place():
    assert {room(p) for p in FILES} == set(RANK)
