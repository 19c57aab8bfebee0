"""Where things lie, whatever the working directory of the caller is."""

import os
import re
from collections.abc import Container
from pathlib import Path

from rslib.config import InputError

ROOT = Path(__file__).resolve().parent.parent
PAPER = ROOT / "data" / "paper"
if not PAPER.is_dir():  # not in place, but copied by pip: see setup.py
    PAPER = ROOT / "rslib" / "paper"
RESULTS = ROOT / "data" / "results"
EMBEDDED = ROOT / "data" / "fashion-mnist" / "fashion-mnist.npz"
PHOTOS = ROOT / "data" / "photos"
# train-00003-of-01024, imagenet2012-validation.tfrecord-00000-of-00064, val-000012-of-000050.tar
SHARD = re.compile(r"(train|validation|val|test)\b.*-(\d+)-of-(\d+)(\.tar)?$")


def expanded(given: str | Path) -> Path:
    """A path whose ~ is looked up. Raises InputError where no such user is."""
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise InputError(f"{given}: no home of such a user; write the path out") from error


def existing(given: str | Path, remedy: str) -> Path:
    """A path to something that is there. Raises InputError, which ends with the remedy."""
    path = expanded(given)
    if not os.path.lexists(path):
        raise InputError(f"{given} does not exist; {remedy}")
    return path


def entries(folder: Path) -> list[os.DirEntry]:
    """What lies in a folder, as `os.DirEntry`s; nothing where there is no folder.

    Raises InputError where it may not be looked into.
    """
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        remedy = "give its permissions, or another folder"
        raise InputError(f"{folder} cannot be listed ({error.strerror}); {remedy}") from error


def shards(root: Path, part: Container[str], suffix: str = "") -> list[tuple[int, int, Path]]:
    """[(number, of how many, file)] by name, of a part; part: as in names. TFRecords or .tar."""
    found = []
    for entry in sorted(entries(root), key=lambda entry: entry.name):
        match = SHARD.search(entry.name)
        if match and match[1] in part and (match[4] or "") == suffix and entry.is_file():
            found.append((int(match[2]), int(match[3]), root / entry.name))
    return found


def runs_dir(given: str = "") -> Path:
    """Folder of checkpoints and histories: the one given, or ``runs/`` of the project."""
    return expanded(given).resolve() if given else ROOT / "runs"


def data_root(given: str = "") -> Path | None:
    """Folder of data sets: the one given, else $RSLIB_DATA; None without either.

    Raises InputError where RSLIB_DATA is asked and names no folder.
    """
    if given:
        return expanded(given)
    if not (named := os.environ.get("RSLIB_DATA")):
        return None
    root = expanded(named)
    if not os.path.isdir(root):
        wrong = "is no folder" if os.path.lexists(root) else "does not exist"
        raise InputError(f"RSLIB_DATA is {named}, which {wrong}; correct it, or unset it")
    return root


def imagenet_dir(given: str = "") -> Path | None:
    """ImageNet's folder: as given, else $RSLIB_DATA/imagenet or $RSLIB_DATA; None if absent."""
    if given:
        return expanded(given)
    root = data_root()
    candidates = [root / "imagenet", root] if root else []
    return next((c for c in candidates if os.path.isdir(c / "train") or has_shards(c)), None)


def has_shards(root: Path) -> bool:
    """Does the folder hold training images as tars, or it or its train/ as TFRecords?"""
    return bool(training_shards(root) or shards(root, ("train",), ".tar"))


def training_shards(root: Path) -> list[tuple[int, int, Path]]:
    return shards(root, ("train",)) + shards(root / "train", ("train",))


def is_imagenet(root: Path | None) -> bool:
    """Does the folder hold ImageNet's 1,000 classes, train/<wnid>, or its 1,024 training shards?

    Or tars that `python -m rslib data build` made of them, which name the classes.
    """
    if root is None:
        return False
    wnids = list(root.glob("train/n[0-9]*"))
    if shards(root, ("train",), ".tar") and (root / "manifest.json").is_file():
        wnids = set(re.findall(rb'"n\d{8}"', (root / "manifest.json").read_bytes()))
    return len(training_shards(root)) == 1024 or len(wnids) == 1000
