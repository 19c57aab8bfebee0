"""Where things lie, whatever the working directory of the caller is."""

import os
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
    """Does the folder, or its train/, hold training images as TFRecords?"""
    return any(any(folder.glob("*train*-of-*")) for folder in (root, root / "train"))


def is_imagenet(root):
    """Does the folder hold ImageNet's 1,000 classes, train/<wnid>, or shards of TFRecords?"""
    if root is None:
        return False
    return has_shards(root) or sum(1 for _ in root.glob("train/n[0-9]*")) == 1000
