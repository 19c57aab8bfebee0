"""The rooms of rslib: a file imports from its own room and from floors below, never upwards."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rslib

PACKAGE = Path(rslib.__file__).parent
FLOORS = [  # from the ground up; rooms of one floor know nothing of each other
    {"config", "paths", "atomic", "machine", "system"},
    {"recipes", "models", "data"},
    {"training", "evidence"},
    {"tasks"},
    {"costs", "weights"},
    {"running"},
    {"own"},
    {"report"},
    {"commands"},
    {"__main__"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
TORCH_FREE = ("config", "paths", "atomic", "system", "recipes", "evidence", "report", "commands")
TORCH_FREE += ("__main__",)
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


def room(name):
    """Of a module, by its name below rslib."""
    return name.split(".")[0]


def name_of(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def imports(path):
    """Names of modules that a file imports, at any place in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inside = node.module == "rslib"
            yield from (f"rslib.{a.name}" for a in node.names) if inside else (node.module,)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_down(path):
    here = room(name_of(path))
    for name in imports(path):
        if name.startswith("rslib."):
            there = room(name.removeprefix("rslib."))
            same = here == there or {here, there} <= FLOORS[0]
            assert same or FLOOR[there] < FLOOR[here], f"{here} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_ignite_stays_in_training(path):
    roots = {name.split(".")[0] for name in imports(path)}
    assert "ignite" not in roots or room(name_of(path)) == "training"


def test_what_readers_see_needs_no_torch():
    names = [f"rslib.{n}" for n in map(name_of, FILES) if room(n) in TORCH_FREE]
    names = [n for n in names if n != "rslib.__main__"]
    code = f"import sys, importlib; [importlib.import_module(name) for name in {names}]; "
    code += "assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_room_has_a_floor():
    rooms = {room(name_of(p)) for p in FILES}
    assert rooms <= set(FLOOR), rooms - set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_text_has_an_encoding(path):
    """Else what is read depends on the locale of the machine."""
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    for call in calls:
        name, words = ast.unparse(call.func), ast.unparse(call)
        if name == "open" or name.endswith((".read_text", ".write_text")):
            binary = name == "open" and isinstance(call.args[-1], ast.Constant)
            binary = binary and "b" in call.args[-1].value
            assert binary or "encoding=" in words, f"line {call.lineno}: {words}"
