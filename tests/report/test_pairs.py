"""Both halves of a notebook: an edit of one reaches the other, and none is ever lost."""

import os
import subprocess
import sys

import jupytext
import nbformat
import pytest

from rslib import paths
from rslib.config import InputError
from rslib.report import pairs, render

TEXT = """# %% [markdown]
# A page

# %% tags=["parameters"]
n: int = 1  # how many

# %%
print(n)
"""


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """A notebook that was rendered: outputs in the .ipynb, which is the newer half."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    config = (paths.ROOT / "notebooks" / "jupytext.toml").read_text()
    (folder / "jupytext.toml").write_text(config)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(render.NotebookClient, "execute", lambda self: None)
    (folder / "page.py").write_text(TEXT)
    notebook = jupytext.read(folder / "page.py")
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="1\n")]
    pairs.write(notebook, folder / "page.ipynb")
    return folder / "page.ipynb"


def edit_text(pair, old="print(n)", new="print(n + 1)"):
    file = pair.with_suffix(".py")
    file.write_text(file.read_text().replace(old, new))


def edit_notebook(pair, old="print(n)", new="print(n + 2)"):
    notebook = nbformat.read(pair, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace(old, new)
    nbformat.write(notebook, pair)


def sources(pair):
    halves = jupytext.read(pair.with_suffix(".py")), nbformat.read(pair, as_version=4)
    first, second = ([cell.source for cell in half.cells] for half in halves)
    assert first == second
    return first


@pytest.mark.parametrize("newer", [".py", ".ipynb"])
@pytest.mark.parametrize(
    ("edit", "old", "new"),
    [
        (edit_text, "print(n)", "print(n + 1)"),
        (edit_notebook, "print(n)", "print(n + 1)"),
        (edit_text, "A page", "Another page"),  # words are an edit too
        (edit_notebook, "A page", "Another page"),
    ],
)
def test_an_edit_of_one_half_reaches_the_other_whichever_is_newer(pair, edit, old, new, newer):
    edit(pair, old, new)
    os.utime(pair.with_suffix(newer), (2e9, 2e9))
    said = []
    render.render(["page"], said.append)
    assert any(new in source for source in sources(pair))
    assert "brought in step with" in said[0] and said[-1] == "rendered notebooks/page.ipynb"
    words = [sys.executable, "-m", "jupytext", "--sync", str(pair.with_suffix(".py"))]
    subprocess.run(words, check=True, capture_output=True)
    assert any(new in source for source in sources(pair))
    assert nbformat.read(pair, as_version=4).cells[2].outputs  # kept
    assert pair.with_suffix(".py").read_text().startswith("# ---\n") or edit is edit_text


def test_both_halves_edited_are_refused_and_left(pair):
    edit_text(pair)
    edit_notebook(pair)
    before = pair.read_bytes(), pair.with_suffix(".py").read_bytes()
    for how in (True, False):
        with pytest.raises(InputError, match="were both edited") as caught:
            render.render(["page"], execute_too=how)
        assert "\n" not in str(caught.value)
    assert before == (pair.read_bytes(), pair.with_suffix(".py").read_bytes())


def test_the_same_edit_in_both_halves_is_one_edit(pair):
    edit_text(pair, new="print(3)")
    edit_notebook(pair, new="print(3)")
    render.render(["notebooks/page.py", "notebooks/page.ipynb"], lambda line: None)
    assert sources(pair)[2] == "print(3)"


def without_base(pair):
    notebook = nbformat.read(pair, as_version=4)
    del notebook.metadata[pairs.BASE]
    nbformat.write(notebook, pair)


def test_without_a_base_and_git_nothing_is_guessed(pair):
    without_base(pair)
    edit_text(pair)
    with pytest.raises(InputError, match="were both edited"):
        render.render(["page"])


def test_without_a_base_the_last_commit_in_step_decides(pair):
    def git(*words):
        named = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", paths.ROOT, *named, *words], check=True, capture_output=True)

    without_base(pair)
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "in step")
    edit_text(pair)
    git("commit", "-qam", "one half alone")
    render.render(["page"], lambda line: None, execute_too=False)
    assert sources(pair)[2] == "print(n + 1)"


@pytest.mark.parametrize("edit", [edit_text, edit_notebook])
def test_an_edit_while_cells_run_is_not_lost(pair, edit, monkeypatch):
    monkeypatch.setattr(render.NotebookClient, "execute", lambda self: edit(pair))
    if edit is edit_notebook:
        with pytest.raises(InputError, match="edited while it was executed"):
            render.render(["page"], lambda line: None)
    else:
        render.render(["page"], lambda line: None)
    monkeypatch.setattr(render.NotebookClient, "execute", lambda self: None)
    render.render(["page"], lambda line: None)
    assert sources(pair)[2] in ("print(n + 1)", "print(n + 2)")


def test_line_ends_of_a_checkout_do_not_count(pair):
    notebook = nbformat.read(pair, as_version=4)
    code = paths.ROOT / "rslib"
    code.mkdir()
    (code / "a.py").write_bytes(b"a = 1\nb = 2\n")
    first = render.made_of(notebook)
    (code / "a.py").write_bytes(b"a = 1\r\nb = 2\r\n")
    assert render.made_of(notebook) == first
    (code / "a.py").write_bytes(b"a = 1\nb = 3\n")
    assert render.made_of(notebook) != first
