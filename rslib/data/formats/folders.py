"""Images that are files of their own, in a folder for each class."""

import os
from collections import Counter

import numpy as np

from rslib.config import InputError
from rslib.data.formats.columns import Files, Names
from rslib.paths import entries

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


def classes_of(folder):
    """Names of the class folders, in order; hidden ones, as editors make them, are none."""
    visible = (entry for entry in entries(folder) if entry.name[0] != ".")
    return sorted(entry.name for entry in visible if os.path.isdir(entry.path))


def tree(root, part):
    """((names, labels, Files), class names) of ``<root>/<part>/<class>/*``, deeper ones too."""
    classes, counts = classes_of(root / part), []

    def of_each_class():
        for name in classes:
            rows = below(root, f"{part}/{name}")
            if not rows:
                raise InputError(f"{root / part / name} holds no image; fill or remove the folder")
            counts.append(len(rows))
            yield rows

    names, files = columns(root, of_each_class())
    return (names, np.repeat(np.arange(len(classes)), counts), files), classes


def below(root, folder):
    """Sorted [(name, size, time)] of all images in a folder; name: from root on.

    What is hidden, links to folders and other suffixes are passed over, as `passed_over` tells.
    One look at each file: a set is listed at every start, and a million looks take seconds.
    """
    rows, waiting = [], [folder]
    while waiting:
        folder = waiting.pop()
        for entry in entries(root / folder):
            if entry.name[0] == ".":
                continue
            name = f"{folder}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                waiting.append(name)
            elif entry.name.lower().endswith(SUFFIXES):
                rows.append((name, *size_and_time(entry)))
    return sorted(rows)


def passed_over(root, part):
    """What `tree` leaves out below ``<root>/<part>/<class>``, counted in words; "" if nothing."""
    found, waiting = Counter(), [root / part / name for name in classes_of(root / part)]
    while waiting:
        for entry in entries(waiting.pop()):
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_folder and entry.name[0] != ".":
                waiting.append(entry.path)
            elif is_folder:
                found["hidden folders"] += 1
            elif entry.name[0] == ".":
                found["hidden files"] += 1
            elif os.path.isdir(entry.path):
                found["links to folders"] += 1
            elif not entry.name.lower().endswith(SUFFIXES):
                found[os.path.splitext(entry.name)[1].lower() or "files without a suffix"] += 1
    return ", ".join(f"{count:,} {what}" for what, count in found.most_common())


def size_and_time(entry):
    try:
        about = entry.stat()
    except OSError:  # as of a link to nowhere: decoding will count and name it
        return 0, 0
    return about.st_size, about.st_mtime_ns


def columns(root, groups):
    """(names, files) of lists of rows as `below` gives them; no two are held at a time."""
    texts, numbers = [], []
    for rows in groups:
        encoded = [name.encode("utf-8", "surrogateescape") for name, _, _ in rows]
        texts.append(b"".join(encoded))
        pairs = zip(rows, encoded, strict=True)
        numbers += [np.array([(len(name), *row[1:]) for row, name in pairs]).reshape(-1, 3)]
    lengths, *stamps = np.concatenate(numbers).astype(np.int64).T
    ends = np.cumsum(lengths)
    where = np.column_stack([ends - lengths, ends, *stamps])
    text = np.frombuffer(b"".join(texts), dtype=np.uint8)
    return Names(text, where[:, :2].copy()), Files(root, text, where)
