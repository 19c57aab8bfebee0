"""The book's files agree with each other. Building it has an environment of its own."""

import ast
import copy
import importlib
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from PIL import Image

from rslib import paths
from rslib.paths import ROOT
from rslib.report import in_blocks
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


def test_the_browser_opens_pages_wherever_the_book_is_built():
    assert "make book-test" in (ROOT / ".ci/run").read_text()
    workflow = (ROOT / ".github/workflows/book.yml").read_text()
    assert workflow.index("install -y --no-install-recommends chromium") < workflow.index(
        "python book/check_browser.py"
    )


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_without_chromium_one_line_says_so_and_only_ci_fails(ci, code, tmp_path):
    (tmp_path / "index.html").touch()
    command = [sys.executable, ROOT / "book/check_browser.py", tmp_path]
    environment = {"PATH": str(tmp_path), "CI": ci}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (code, "")
    (line,) = done.stdout.splitlines()
    assert "apt-get install chromium" in line


def test_built_pages_lose_what_misleads_and_nothing_else(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book")
    mended = importlib.import_module("built_pages").mended
    page = '<p>a</p>\n<script src="../_static/scripts/fontawesome.js?digest=1"></script>\n'
    assert mended(page) == "<p>a</p>\n"
    parameter = '<em class="sig-param">depth</em>,'
    page = f"(<dl>\n<dd>{parameter}</dd>\n</dl>\n)<dl>\n<dd>kept</dd>\n</dl>"
    lines = f'<span class="sig-lines">\n<span class="sig-line">{parameter}</span>\n</span>'
    assert mended(page) == f"({lines}\n)<dl>\n<dd>kept</dd>\n</dl>"
    assert "role" not in mended('<div role="list" class="citation-list">')


def test_built_pages_load_mathjax_for_formulas_and_words_for_a_search_only(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book")
    mended = importlib.import_module("built_pages").mended
    mathjax = (
        '<script>window.MathJax = {"options": {"processHtmlClass": "math"}}</script>\n'
        '<script defer="defer" src="../_static/mathjax/tex-svg.js?v=1"></script>'
    )
    words = "".join(
        f'<script src="{name}.js"></script>' for name in ("../_static/searchtools", "searchindex")
    )
    other, text = '<script src="wide.js"></script>', '<p class="mathless">about math</p>'
    assert mended(f"{other}{mathjax}{words}{text}") == f"{other}{text}"
    for formula in ('<span class="math notranslate nohighlight">', '<div class="a math">'):
        assert mended(f"{mathjax}{words}{formula}") == f"{mathjax}{formula}"
    assert mended(f'{words}<div id="search-results">') == f'{words}<div id="search-results">'


def test_symbols_of_verdicts_get_a_class_and_other_signs_none(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book")
    mended = importlib.import_module("built_pages").mended
    cells = (
        "<td><p>✓\u00a0<strong>same</strong></p></td><td>✗ opposite</td><li><p><strong>? 2</strong>"
    )
    found = re.findall(r'<span class="sign (\w+)">(.)</span>', mended(cells))
    assert found == [("agrees", "✓"), ("opposes", "✗"), ("undecided", "?")]
    other = '<td class="text-center"><p>✓</p></td><td>−0.6 ? x</td><p>✓ all</p>'
    assert mended(other) == other
    css = (ROOT / "book/_static/custom.css").read_text()
    signs = importlib.import_module("built_pages").SIGNS
    assert set(signs) == set(in_blocks.SYMBOLS.values())
    assert all(f".{name}" in css for name in signs.values())


def offered(monkeypatch, address):
    monkeypatch.syspath_prepend(ROOT / "book")
    options = {"repository_url": address}
    offer = importlib.import_module("built_pages").offer_launch
    offer(None, SimpleNamespace(html_theme_options=options))
    return options.keys() - {"repository_url"}


def test_buttons_of_a_public_address_wait_for_one_that_colab_can_open(monkeypatch):
    buttons = {"launch_buttons", "use_repository_button"}
    assert offered(monkeypatch, "https://github.com/someone/book") == buttons
    assert not offered(monkeypatch, "")
    assert not offered(monkeypatch, "https://gitlab.com/someone/book")


def test_results_lead_to_their_files_and_commits(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book")
    linked = importlib.import_module("built_pages").linked
    code = '<code class="docutils"><span class="pre">data/results/table1/</span></code>'
    page = linked(f"commits 96c464e, 0123456; results in {code}", "https://a.org/b", "main")
    addresses = ["commit/96c464e", "commit/0123456", "tree/main/data/results/table1"]
    assert re.findall(r'href="https://a.org/b/([^"]+)"', page) == addresses
    assert re.sub("</?a[^>]*>", "", page) == f"commits 96c464e, 0123456; results in {code}"


JUPYTER_BOOK = ROOT / ".venv-book/bin/jupyter-book"


@pytest.mark.long
@pytest.mark.skipif(not JUPYTER_BOOK.exists(), reason="needs .venv-book; run `make book` first")
def test_with_a_public_address_notebooks_open_in_colab(tmp_path):
    """A book of one page and one notebook, with this book's settings and a dummy address."""
    config = copy.deepcopy(CONFIG)
    config["repository"]["url"] = "https://github.com/someone/book"
    (tmp_path / "_config.yml").write_text(yaml.safe_dump(config))
    chapters = [{"file": "notebooks/figure2"}, {"file": "notebooks/table2"}]
    toc = {"format": "jb-book", "root": "book/intro", "chapters": chapters}
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(toc))
    for folder in ("book", "notebooks", "rslib"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "book/intro.md").write_text("# Front page\n")
    subprocess.run([JUPYTER_BOOK, "build", "."], cwd=tmp_path, check=True, capture_output=True)
    html = tmp_path / "_build/html"
    page = (html / "notebooks/figure2.html").read_text()
    colab = (
        "https://colab.research.google.com/github/someone/book/blob/main/notebooks/figure2.ipynb"
    )
    links = (colab, "https://github.com/someone/book", "../_sources/notebooks/figure2.py")
    assert [link for link in links if f'href="{link}"' not in page] == []
    assert "colab" not in (html / "book/intro.html").read_text()
    results = 'href="https://github.com/someone/book/tree/main/data/results/'
    assert results in (html / "notebooks/table2.html").read_text()


FAULTY = '<img src="https://x.org/a.png"><a href="no.html">b</a><a href="#c">d</a>'


ALIKE = "<img alt='the same words for two' src='_images/../index.html'>" * 2
ALIKE = f"<figure>{ALIKE}<figcaption><span class='caption-number'>1</span></figcaption></figure>"
NUMBERED = "<table><caption><span class='caption-number'>2</span></caption></table>"
IN_A_DROPDOWN = "<details><table></table></details>"


HEAVY = "<script src='large.js'></script><link rel='preload' href='large.js'>"
FORMULA = "<p class='math notranslate'></p>"


@pytest.mark.parametrize(
    ("name", "body", "size", "told"),
    [
        ("a.html", HEAVY, 990_000, ""),
        ("a.html", HEAVY, 1_010_000, "loads 1.01 MB"),
        ("a.html", HEAVY + FORMULA, 3_150_000, ""),
        ("explorer.html", HEAVY, 2_450_000, ""),
        ("explorer.html", HEAVY, 2_510_000, "loads 2.51 MB"),
    ],
)
def test_check_html_weighs_a_page(name, body, size, told, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book")
    check = importlib.import_module("check_html")
    (tmp_path / "large.js").write_bytes(b" " * size)
    (tmp_path / name).write_text(body)
    (tmp_path / "never.js").write_bytes(b" " * 9_000_000)
    found = check.heavy(check.Page(tmp_path / name))
    assert found.startswith(told) and bool(found) == bool(told)


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ("<p id='a'><a href='#a'>b</a>", 0),
        (FAULTY, 3),
        (ALIKE, 1),
        (NUMBERED, 0),
        (IN_A_DROPDOWN, 0),
        ("<table></table>", 1),
    ],
)
def test_check_html_tells_every_fault(body, faults, tmp_path):
    (tmp_path / "index.html").write_text(body)
    command = [sys.executable, ROOT / "book/check_html.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == bool(faults)
    assert len(done.stdout.splitlines()) == max(1, faults), done.stdout
