"""Bring what readers see up to date with what is recorded: notebooks, generated pages."""

import hashlib

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from rslib import paths
from rslib.config import InputError
from rslib.evidence import devices, results
from rslib.recipes.studies import TRAINED
from rslib.report import pages

SHOWN = (
    *("rslib/**/*.py", "rslib/**/*.mplstyle"),
    *("data/paper/*.csv", "data/results/**/*.json", "data/photos/*.jpg"),
)


def render(names=(), report=print):
    """Execute notebooks/<name>.ipynb for the given names; without names all, and the pages.

    Reproducible: without timing, so that nothing changes where nothing has changed. Raises on a
    cell's error.
    """
    folder = paths.ROOT / "notebooks"
    files = [folder / f"{name}.ipynb" for name in names] or sorted(folder.glob("*.ipynb"))
    for file in files:
        if not file.exists():
            raise InputError(f"no notebook {file.stem!r} in {folder.relative_to(paths.ROOT)}/")
        execute(file)
        report(f"rendered {file.relative_to(paths.ROOT)}")
    for file, text in {} if names else generated().items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        report(f"wrote {file.relative_to(paths.ROOT)}")


def execute(file):
    notebook = nbformat.read(file, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=600,
        record_timing=False,
        coalesce_streams=True,  # how output was cut into pieces is chance
        kernel_name="python3",
        resources={"metadata": {"path": str(file.parent)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise InputError(f"{file.name} is left as it was; a cell of it fails\n{error}") from error
    notebook.metadata["rendered_from"] = made_of(notebook)
    nbformat.write(notebook, file)


def made_of(notebook):
    """One digest of a notebook's code and of all that its outputs are made of.

    It tells outputs, figures included, that belong to other code or other results.
    """
    digest = hashlib.sha256()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            digest.update(cell.source.encode() + b"\0")
    for pattern in SHOWN:
        for file in sorted(paths.ROOT.glob(pattern)):
            digest.update(file.relative_to(paths.ROOT).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def generated():
    """{file: text} of the book's pages that are made from what is recorded."""
    from rslib.costs import profile

    studies = list(TRAINED.values())
    recorded = {study.name: results.recorded(study.name) for study in studies}
    folder = paths.ROOT / "book" / "generated"
    return {
        folder / "scorecard.md": pages.scorecard(studies, recorded),
        folder / "environment.md": pages.environment(studies, recorded),
        folder / "pace.md": pages.pace(devices.recorded()),
        folder / "fast.md": pages.fast(pages.benches()),
        folder / "roofline.md": pages.roofline(pages.shares(devices.recorded(), profile.of_roof)),
    }
