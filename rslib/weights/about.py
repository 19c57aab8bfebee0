"""`run.json`: what a run on one's own images has to know of them later: class names and folder.

And what an export of such a run says of itself.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from rslib.atomic import write_atomically
from rslib.config import InputError

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


def of_export(file: Path) -> dict[str, Any]:
    """What a .safetensors file of `rslib export` says of its network, as plain data.

    Raises InputError for other files, and where it does not name its classes.
    """
    if file.suffix != ".safetensors":
        raise InputError(
            f"{file} is a file without class names; give the folder of a run, as rslib train "
            "names it at its end, or a .safetensors file that rslib export wrote of it"
        )
    try:
        with safe_open(file, "pt") as opened:
            said = opened.metadata() or {}
        found = {name: json.loads(word) for name, word in said.items() if name != "format"}
    except (SafetensorError, json.JSONDecodeError) as error:
        raise InputError(f"{file} is no export of rslib ({error}); export the run again") from error
    if missing := sorted({"classes", "recipe"} - found.keys()):
        raise InputError(
            f"{file} has no {' and no '.join(missing)} in its metadata; export a run of rslib train"
        )
    return found
