"""Where things lie, whatever the working directory of the caller is."""

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAPER = ROOT / "data" / "paper"
RESULTS = ROOT / "data" / "results"
EMBEDDED = ROOT / "data" / "fashion-mnist" / "fashion-mnist.npz"


def runs_dir(given=""):
    """Folder of checkpoints and histories: the one given, or ``runs/`` of the project."""
    return Path(given).expanduser().resolve() if given else ROOT / "runs"


def data_root(given=""):
    """Folder of data sets: the one given, else $RSLIB_DATA; None without either."""
    named = given or os.environ.get("RSLIB_DATA")
    return Path(named).expanduser() if named else None


def imagenet_dir(given=""):
    """ImageNet's folder: as given, else $RSLIB_DATA/imagenet or $RSLIB_DATA; None if absent."""
    if given:
        return Path(given).expanduser()
    root = os.environ.get("RSLIB_DATA")
    candidates = [Path(root).expanduser() / "imagenet", Path(root).expanduser()] if root else []
    return next((c for c in candidates if (c / "train").is_dir() or has_shards(c)), None)


def has_shards(root):
    """Does the folder hold training images as tars, or it or its train/ as TFRecords?"""
    return bool(training_shards(root)) or any(root.glob("train-*-of-*.tar"))


def training_shards(root):
    files = (file for folder in (root, root / "train") for file in folder.glob("*train*-of-*"))
    return [file for file in files if re.search(r"\btrain\b.*-\d+-of-\d+$", file.name)]


def is_imagenet(root):
    """Does the folder hold ImageNet's 1,000 classes, train/<wnid>, or its 1,024 training shards?

    Or tars that `python -m rslib data build` made of them, which name the classes.
    """
    if root is None:
        return False
    wnids = list(root.glob("train/n[0-9]*"))
    if any(root.glob("train-*-of-*.tar")) and (root / "manifest.json").is_file():
        wnids = set(re.findall(rb'"n\d{8}"', (root / "manifest.json").read_bytes()))
    return len(training_shards(root)) == 1024 or len(wnids) == 1000
