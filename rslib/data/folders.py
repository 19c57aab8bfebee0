"""Images that are files of their own, in a folder for each class."""

import os

import numpy as np

from rslib.config import InputError
from rslib.data.columns import Files, Names

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


def classes_of(folder):
    """Names of the class folders, in order; hidden ones, as editors make them, are none."""
    if not folder.is_dir():
        return []
    return sorted(e.name for e in os.scandir(folder) if e.is_dir() and e.name[0] != ".")


def tree(root, part):
    """((names, labels, Files), class names) of ``<root>/<part>/<class>/*``, deeper ones too."""
    classes = classes_of(root / part)
    rows, counts = [], []
    for name in classes:
        rows += (found := below(root, f"{part}/{name}"))
        counts.append(len(found))
        if not found:
            raise InputError(f"{root / part / name} holds no image; fill or remove the folder")
    names, items = columns(root, rows)
    return (names, np.repeat(np.arange(len(classes)), counts), items), classes


def below(root, folder):
    """Sorted [(name, size, time)] of all images in a folder; name: from root on.

    One look at each file: a set is listed at every start, and a million looks take seconds.
    """
    rows, waiting = [], [folder]
    while waiting:
        folder = waiting.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                name = f"{folder}/{entry.name}"
                if entry.is_dir():
                    if not entry.is_symlink():
                        waiting.append(name)
                elif os.path.splitext(entry.name)[1].lower() in SUFFIXES and entry.name[0] != ".":
                    rows.append((name, *size_and_time(entry)))
    return sorted(rows)


def size_and_time(entry):
    try:
        about = entry.stat()
    except FileNotFoundError:  # a link to nowhere: decoding will count and name it
        return 0, 0
    return about.st_size, about.st_mtime_ns


def columns(root, rows):
    """(names, files) of the rows of `below`."""
    names = Names.of(name for name, _, _ in rows)
    stamps = np.array([row[1:] for row in rows], dtype=np.int64).reshape(-1, 2)
    return names, Files(root, names.text, np.hstack([names.where, stamps]))
