"""`run.json`: what a run on one's own images has to know of them later: class names and folder."""

import json
from pathlib import Path
from typing import Any

from rslib import config
from rslib.atomic import write_atomically
from rslib.config import InputError, Recipe

NAME, SPLIT = "run.json", "split.csv"


def write(run_dir: Path, about: dict[str, Any], split: str) -> None:
    """Both files, once: those of a run that goes on are the same."""
    run_dir.mkdir(parents=True, exist_ok=True)
    text = json.dumps(about, indent=1, allow_nan=False) + "\n"
    for name, content in ((SPLIT, split), (NAME, text)):
        if not (run_dir / name).exists():
            write_atomically(run_dir / name, content.encode("utf-8", "surrogateescape"))


def of(run_dir: Path) -> dict[str, Any]:
    """{"classes": names in the order of labels, "images": their folder}. Raises InputError."""
    file = run_dir / NAME
    if run_dir.is_file():
        raise InputError(
            f"{run_dir} is a file without class names; give the folder of a run, as rslib train "
            "names it at its end"
        )
    if not run_dir.is_dir():
        raise InputError(f"no run in {run_dir}: train one first, rslib train FOLDER")
    if not file.is_file():
        raise InputError(f"{run_dir} has no class names ({NAME}); give a run of rslib train")
    try:
        found = json.loads(file.read_text(encoding="utf-8", errors="surrogateescape"))
    except json.JSONDecodeError as error:
        raise InputError(f"{file} is no JSON ({error}); restore it, or train again") from error
    if not isinstance(found, dict) or not found.keys() >= {"classes", "images"}:
        raise InputError(f"{file} lacks classes or images; restore it, or train again")
    return found


def recipe_of(said: dict[str, str]) -> Recipe:
    """The recipe in what `rslib.weights.export.trained` says about a network."""
    return config.from_dict(json.loads(said["recipe"]))
