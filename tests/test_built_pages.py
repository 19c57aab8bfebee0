"""Built pages: what is mended in them, what checks them, and where their buttons lead."""

import copy
import importlib
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
import yaml

from rslib.paths import ROOT
from rslib.report import standing

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


def test_the_browser_opens_pages_wherever_the_book_is_built():
    assert "make book-test" in (ROOT / ".ci/run").read_text(encoding="utf-8")
    workflow = (ROOT / ".github/workflows/book.yml").read_text(encoding="utf-8")
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
    css = (ROOT / "book/_static/custom.css").read_text(encoding="utf-8")
    signs = importlib.import_module("built_pages").SIGNS
    assert set(signs) == set(standing.SYMBOLS.values())
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
    page = (html / "notebooks/figure2.html").read_text(encoding="utf-8")
    colab = (
        "https://colab.research.google.com/github/someone/book/blob/main/notebooks/figure2.ipynb"
    )
    links = (colab, "https://github.com/someone/book", "../_sources/notebooks/figure2.py")
    assert [link for link in links if f'href="{link}"' not in page] == []
    assert "colab" not in (html / "book/intro.html").read_text(encoding="utf-8")
    results = 'href="https://github.com/someone/book/tree/main/data/results/'
    assert results in (html / "notebooks/table2.html").read_text(encoding="utf-8")


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
