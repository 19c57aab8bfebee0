"""Bring what readers see up to date with what is recorded: notebooks, generated pages."""

import hashlib
import io
import os
from pathlib import Path

import matplotlib.pyplot as plt
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from rslib import paths
from rslib.config import InputError
from rslib.evidence import devices, prices, results, verdicts
from rslib.recipes import pareto
from rslib.recipes.studies import TRAINED
from rslib.report import (
    architecture,
    benched,
    cells,
    estimate,
    explorer,
    found,
    front,
    hours,
    pages,
    pairs,
    ways,
)

SHOWN = (
    *("rslib/**/*.py", "rslib/**/*.mplstyle"),
    *("data/paper/*.csv", "data/results/**/*.json", "data/photos/*.jpg"),
)
# of the smallest recipe, and of the last row of Table 1
HOURS = {"resnet_rs_50@160": "ResNet-RS-50 @160", "resnet_rs_200@256": "ResNet-RS-200 @256"}
BINARY = (".jpg", ".png", ".npz")


def render(names=(), report=print, execute_too=True):
    """Execute notebooks/<name>.ipynb for the given names; without names all, and the pages.

    First an edit of one half of a pair is brought into the other; with execute_too False that is
    all. Reproducible: without timing, so that nothing changes where nothing has changed. Raises
    InputError on a cell's error, and where both halves were edited.
    """
    folder = paths.ROOT / "notebooks"
    stems = dict.fromkeys(Path(name).stem for name in names)  # of either half, by name or by path
    files = [folder / f"{stem}.ipynb" for stem in stems] or sorted(folder.glob("*.ipynb"))
    for file in files:
        if not file.exists():
            raise InputError(f"no notebook {file.stem!r} in {folder.relative_to(paths.ROOT)}/")
        notebook = pairs.in_step(file, report)
        if execute_too:
            execute(file, notebook)
            report(f"rendered {file.relative_to(paths.ROOT)}")
    if not execute_too:
        return
    for file, text in {} if names else generated().items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        report(f"wrote {file.relative_to(paths.ROOT)}")


def execute(file, notebook):
    text_file = file.with_suffix(".py")
    before = file.read_bytes(), text_file.read_bytes()
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
    if file.read_bytes() != before[0]:
        raise InputError(f"{file.name} was edited while it was executed, and is left so; again")
    notebook.metadata["rendered_from"] = made_of(notebook)
    pairs.write(notebook, file)
    if text_file.read_bytes() != before[1]:
        os.utime(text_file)  # edited meanwhile: it stays the newer half for jupytext


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
            digest.update(file.relative_to(paths.ROOT).as_posix().encode() + content(file))
    return digest.hexdigest()


def content(file):
    """A file's bytes; of text with the line ends that are committed, whatever git made of them."""
    held = file.read_bytes()
    return held if file.suffix in BINARY else held.replace(b"\r\n", b"\n")


def generated():
    """{file: text} of the book's pages that are made from what is recorded."""
    from rslib.costs import counts, profile
    from rslib.models.resnet import BLOCKS
    from rslib.running import needs

    studies = list(TRAINED.values())
    recorded = {s.name: verdicts.of(s, results.recorded(s.folder)) for s in studies}
    measured = devices.recorded()
    recipes = [cell for table in architecture.tables(BLOCKS).values() for cell in table]
    explored = explorer.data(counts.count_depths, counts.count, measured, prices.read())
    networks = {row: counts.count(row.name, row.resolution) for row in pareto.table_7()}
    needed = {
        study.name: [run for _, run in needs.at_paper_scale(study)]
        for study in studies
        if study.rows[0].recipe.data.dataset == "imagenet"
    }
    folder = paths.ROOT / "book" / "generated"
    return {
        folder / "all_reduce.md": estimate.prediction(explored, estimate.gpus(measured)),
        folder / "answer.md": found.answer(recorded, cells.tally(recipes), measured, networks),
        folder / "claims.svg": svg(front.figure(recorded)),
        folder / "claims.md": front.provenance(recorded),
        folder / "coverage.md": front.coverage(recorded, measured),
        folder / "decided.md": found.decided(recorded, measured, networks),
        folder / "explorer.md": explorer.page(explored),
        folder / "hours.md": hours.table(explored["devices"], HOURS),
        folder / "study_costs.md": estimate.table(needed, explored, estimate.gpus(measured)),
        folder / "study_hours.md": estimate.measured(recorded, prices.read()),
        folder / "scorecard.md": pages.scorecard(studies, recorded),
        folder / "environment.md": pages.environment(studies, recorded),
        folder / "pace.md": pages.pace(measured),
        folder / "memory.md": pages.lighter(measured, networks),
        folder / "fast.md": benched.fast(benched.benches()),
        folder / "ways.md": ways.shown(),
        folder / "roofline.md": benched.roofline(benched.shares(measured, profile.of_roof)),
    }


def svg(figure):
    """A figure as text, the same for the same figure; letters are drawn as paths."""
    drawn = io.StringIO()
    with plt.rc_context({"svg.hashsalt": "rslib", "savefig.facecolor": "none"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return drawn.getvalue()
