"""The book's files agree with each other. Building it has an environment of its own."""

import ast
import re

import numpy as np
import pytest
import yaml
from PIL import Image

from rslib import paths
from rslib.paths import ROOT
from rslib.system import faults

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
ENTRIES = [TOC["root"], *(page["file"] for part in TOC["parts"] for page in part["chapters"])]
PAGES = sorted((ROOT / "book").glob("*.md"))


def test_building_executes_nothing():
    """A bare off would be YAML's False; a misspelt key would mean "auto"."""
    assert CONFIG["execute"]["execute_notebooks"] == "off"
    assert CONFIG["execute"]["stderr_output"] == "error"


def test_the_contents_name_every_page_once_and_no_other():
    assert len(ENTRIES) == len(set(ENTRIES))
    there = [*PAGES, *(ROOT / "notebooks").glob("*.ipynb")]
    assert set(ENTRIES) == {p.relative_to(ROOT).with_suffix("").as_posix() for p in there}


def test_what_lies_about_stays_out():
    assert CONFIG["only_build_toc_files"] is True
    assert {".*", "**/.*", "data", "rslib", "runs", "tests"} <= set(CONFIG["exclude_patterns"])


def test_no_page_asks_another_host():
    settings = CONFIG["sphinx"]["config"]
    (static,) = settings["html_static_path"]
    mathjax = ROOT / static / settings["mathjax_path"]
    assert mathjax.stat().st_size > 1e6 and mathjax.with_name("LICENSE").exists()
    assert "sphinx_thebe" not in settings["extensions"]
    assert CONFIG["repository"]["url"] == "" and "launch_buttons" not in CONFIG
    assert all(
        "//" not in (ROOT / static / name).read_text() for name in settings["html_css_files"]
    )


def test_every_disagreement_stands_once_and_says_what_was_chosen():
    sections = re.split(r"^#+ ", (ROOT / "book/deviations.md").read_text(), flags=re.MULTILINE)
    found = [s for s in sections if re.match(r"C\d+: ", s)]
    numbers = sorted(int(n) for n in re.findall(r"\bC(\d+)\b", "".join(sections)))
    assert numbers == list(range(1, 30)) and len(found) == 29
    for section in found:
        assert re.findall(r"^- \*\*(\w+)\*\*: ", section, re.MULTILINE) == ["Paper", "Code", "Here"]


def test_fields_that_the_pages_name_are_fields_of_the_recipe():
    from rslib import config

    known = config.to_dict(config.Recipe())
    text = (ROOT / "book/deviations.md").read_text()
    for part, name in re.findall(r"`(model|data|regularization|optim)\.(\w+)`", text):
        assert name in known[part], f"{part}.{name}"


def test_troubleshooting_has_what_the_machine_does():
    text = (ROOT / "book/running.md").read_text().partition("## Troubleshooting")[2]
    for line in (faults.SHARED, faults.REPOSITORY, faults.ROOM):
        assert re.split("[;:]| or ", line)[0] in text


def test_every_citation_has_its_reference():
    keys = re.findall(r"^@\w+\{(.+),$", (ROOT / "book/references.bib").read_text(), re.MULTILINE)
    assert len(keys) == len(set(keys))
    text = "".join(page.read_text() for page in [*PAGES, *(ROOT / "notebooks").glob("*.py")])
    cited = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text)
    assert {key.strip() for group in cited for key in group.split(",")} == set(keys)


@pytest.mark.parametrize(
    "name",
    [
        "answer",
        "claims",
        "coverage",
        "decided",
        "explorer",
        "scorecard",
        "pace",
        "environment",
        "fast",
        "roofline",
        "hours",
    ],
)
def test_what_render_writes_is_included(name):
    text = "".join(page.read_text() for page in PAGES)
    assert text.count(f"```{{include}} generated/{name}.md\n") == 1
    assert (ROOT / f"book/generated/{name}.md").read_text().strip()


def test_the_books_lock_has_no_torch_and_names_no_index():
    lines = (ROOT / "requirements-book.lock").read_text().splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    names = {line.split("==")[0].lower() for line in lines}
    assert "jupyter-book" in names and not {"torch", "torchvision", "rslib"} & names


API = (ROOT / "book/api.md").read_text()
NAMED = {tuple(name.rsplit(".", 1)) for name in re.findall(r"rslib(?:\.\w+)+", API)}


def names_in(module):
    """(what its __all__ exports, or None; what it defines), read without importing it."""
    path = ROOT / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    exported, defined = None, set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            exported = ast.literal_eval(node.value)
    return exported, defined


def test_what_the_page_of_names_shows_can_be_imported_from_there():
    shown = re.findall(r"^```\{public\} (\S+)\n```$", API, re.MULTILINE)
    assert len(shown) == len(set(shown)) > 30
    for name in shown:
        module, _, last = name.rpartition(".")
        exported, defined = names_in(module)
        assert last in (defined if exported is None else exported), name


@pytest.mark.parametrize("room", ["models", "data", "training", "costs", "weights", "evidence"])
def test_the_page_of_names_leaves_out_nothing_that_a_room_exports(room):
    exported, _ = names_in(f"rslib.{room}")
    assert set(exported) <= {name for module, name in NAMED if module == f"rslib.{room}"}


EXAMPLES = re.findall(r"^```python\n(.+?)^```", API, re.DOTALL | re.MULTILINE)


@pytest.mark.long
def test_the_first_example_on_the_page_of_names_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(EXAMPLES[0], {})
    (written,) = tmp_path.iterdir()
    assert written.stat().st_size > 1e8
    written.unlink()  # pytest keeps its folders


@pytest.mark.long
def test_the_example_with_ones_own_images_runs(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    for name, shade in (("rose", 60), ("tulip", 190)):
        (tmp_path / "flowers" / name).mkdir(parents=True)
        for k in range(12):
            pixels = rng.integers(0, 50, (64, 64, 3)) + shade
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"flowers/{name}/{k}.png")
    (tmp_path / "new").mkdir()
    for place, name in enumerate(("rose/1.png", "tulip/2.png"), start=1):
        kind = "jpg" if place == 1 else "png"
        Image.open(tmp_path / "flowers" / name).save(tmp_path / f"new/{place}.{kind}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paths, "runs_dir", lambda given="": tmp_path / "runs")
    (code,) = EXAMPLES[1:]
    exec(code, {})
    told = capsys.readouterr().out
    assert "new/1.jpg ['rose', 'tulip']" in told and "new/2.png ['tulip', 'rose']" in told
    assert told.splitlines()[-1] == "['rose']"  # by the export
    assert (tmp_path / "flowers.safetensors.md").is_file()


def test_how_to_cite_is_what_the_citation_file_says():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    entry = (ROOT / "book/intro.md").read_text().partition("@software{")[2].partition("```")[0]
    fields = dict(re.findall(r"^  (\w+) += \{+([^}]+)\}+,$", entry, re.MULTILINE))
    assert fields.pop("author") == cited["authors"][0]["name"]
    assert fields.pop("year") == CONFIG["copyright"]
    assert fields == {name: cited[name] for name in ("title", "version", "license")}
