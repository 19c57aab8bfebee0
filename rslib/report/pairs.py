"""The two halves of a notebook, .ipynb and .py, in step: an edit of either one is never lost.

jupytext's own rule is that the newer file wins, and whatever is executed or copied becomes newer.
Here cells are compared, with those that were in both halves when they were last in step.
"""

import json
import os
import subprocess

import jupytext
import nbformat
from jupytext.combine import combine_inputs_with_outputs
from jupytext.config import load_jupytext_config

from rslib import paths
from rslib.config import InputError, sha256

BASE = "in_step"  # metadata of the .ipynb: the digest of the cells that both halves had
FORMAT = "py:percent"
COMMITS = 20  # that are looked through for halves in step


def cells(notebook):
    """What an edit changes: kinds, sources, tags and figures' words; not outputs."""
    kept = ("tags", "mystnb")
    return [
        [
            c.cell_type,
            c.source.rstrip(),
            {key: c.metadata[key] for key in kept if key in c.metadata},
        ]
        for c in notebook.cells
        if c.source.strip()
    ]


def digest(notebook):
    return sha256(json.loads(json.dumps(cells(notebook))))


def in_step(file, report=print):
    """The notebook of an .ipynb, after an edit of one half is brought into the other.

    Raises InputError where both halves were edited, and changes neither.
    """
    text_file = file.with_suffix(".py")
    notebook = nbformat.read(file, as_version=4)
    if not text_file.exists():
        raise InputError(f"{text_file} is missing; restore it from git")
    text = jupytext.read(text_file)
    of_text, of_notebook = digest(text), digest(notebook)
    if of_text == of_notebook:
        return notebook
    bases = {notebook.metadata.get(BASE), *committed(file)}
    if of_notebook in bases:
        notebook = combine_inputs_with_outputs(text, notebook, FORMAT)
        notebook.metadata.get("jupytext", {}).pop("text_representation", None)  # of the .py alone
        write(notebook, file)
        report(f"{file.name} brought in step with {text_file.name}")
    elif of_text in bases:
        config = load_jupytext_config(str(text_file))
        jupytext.write(notebook, text_file, fmt=FORMAT, config=config)
        report(f"{text_file.name} brought in step with {file.name}")
        write(notebook, file)
    else:
        raise InputError(
            f"{file.name} and {text_file.name} were both edited; bring one's edit into the other "
            f"by hand, or drop one: jupytext --to ipynb --update {text_file.name}, or jupytext "
            f"--to {FORMAT} {file.name}"
        )
    return notebook


def write(notebook, file):
    """The .ipynb, which from now on knows which cells it shares with its .py."""
    notebook.metadata[BASE] = digest(notebook)
    nbformat.write(notebook, file)


def committed(file):
    """{digest} of both halves where git last had them in step: for what has no BASE, or an old one.

    Empty without git, or where they were not in step in the last commits.
    """
    halves = [os.path.relpath(half, paths.ROOT) for half in (file, file.with_suffix(".py"))]
    try:
        for commit in git("log", f"-{COMMITS}", "--format=%H", "--", *halves).split():
            notebook, text = (git("show", f"{commit}:./{half}") for half in halves)
            found = {digest(nbformat.reads(notebook, 4)), digest(jupytext.reads(text, FORMAT))}
            if len(found) == 1:
                return found
    except (OSError, subprocess.CalledProcessError, ValueError):
        pass
    return set()


def git(*words):
    done = subprocess.run(["git", "-C", str(paths.ROOT), *words], capture_output=True, check=True)
    return done.stdout.decode()
