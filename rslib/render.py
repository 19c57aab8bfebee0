"""Execute notebooks in place with their default parameters, reproducibly: no timing."""

import nbformat
from nbclient import NotebookClient

from rslib import paths
from rslib.config import InputError


def render(names=(), report=print):
    """Execute notebooks/<name>.ipynb for the given names, or all. Raises on a cell's error."""
    folder = paths.ROOT / "notebooks"
    files = [folder / f"{name}.ipynb" for name in names] or sorted(folder.glob("*.ipynb"))
    for file in files:
        if not file.exists():
            raise InputError(f"no notebook {file.stem!r} in {folder.relative_to(paths.ROOT)}/")
        notebook = nbformat.read(file, as_version=4)
        NotebookClient(
            notebook,
            timeout=600,
            record_timing=False,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
        ).execute()
        nbformat.write(notebook, file)
        report(f"rendered {file.relative_to(paths.ROOT)}")
