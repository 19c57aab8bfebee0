"""ImageNet in the layouts that people have it in; class order by sorted wnid in all of them.

- folders: ``train/<wnid>/*`` and ``val/<wnid>/*``;
- ``val/`` flat, ``ILSVRC2012_val_00000001.JPEG`` …, with the devkit's answers beside it;
- TFRecord shards, in the keys of the TPU scripts or of TFDS; in the folder, or its train/ and val/.
"""

import pickle
import re
import struct
from pathlib import Path

import numpy as np
from torchvision.datasets import imagenet as published

from rslib.config import InputError
from rslib.data import tfrecord
from rslib.data.shards import PARTS, Slices, numbered, remembered

WNID = re.compile(r"n\d{8}")


# what torchvision's readers raise for files that are not theirs
UNREADABLE = (RuntimeError, OSError, EOFError, pickle.UnpicklingError, ValueError, struct.error)
DEVKIT = published.ARCHIVE_META["devkit"][0]
VALIDATION = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG", re.IGNORECASE)


def flat(root):
    """Does val/ hold the images as they were published, without class folders?"""
    val = root / "val"
    return val.is_dir() and any(VALIDATION.fullmatch(file.name) for file in val.iterdir())


def flat_validation(root, classes):
    """(names, labels, files) of a flat val/, by the devkit's answers.

    They are read by torchvision, from meta.bin as it writes it, or from the devkit's archive beside
    val/. An answer is looked up by the number in an image's name. Raises InputError where answers
    are missing, or speak of other classes than train/ has.
    """
    if not (root / published.META_FILE).is_file() and not (root / DEVKIT).is_file():
        raise InputError(f"{root}/val has no class folders; put {DEVKIT} into {root}")
    try:
        if not (root / published.META_FILE).is_file():
            published.parse_devkit_archive(root)
        _, answers = published.load_meta_file(root)
    except UNREADABLE as error:
        raise InputError(
            f"{root / published.META_FILE} or {DEVKIT} can not be read; remove the first, and "
            "fetch the second again"
        ) from error
    names, labels = [], []
    for file in sorted((root / "val").iterdir()):
        if not (match := VALIDATION.fullmatch(file.name)):
            continue
        number = int(match[1])
        if not 1 <= number <= len(answers) or answers[number - 1] not in classes:
            raise InputError(f"{file}: the devkit has no answer of train/'s classes for it")
        names.append(f"val/{file.name}")
        labels.append(classes.index(answers[number - 1]))
    return names, labels, [root / name for name in names]


def sharded(root):
    """{part: [shards]} of a folder that holds TFRecords; empty if it holds none."""
    found = {}
    for part, names in PARTS.items():
        for folder in (root, root / part, *(root / name for name in names)):
            if files := numbered(folder, names):
                found[part] = files
                break
    if found and len(found) < 2:
        (part,) = found
        raise InputError(f"{root} has shards of {part} alone; ImageNet needs train and validation")
    return found


def from_records(root, cache_dir=None, report=print):
    """{part: (names, labels, Slices)} and the class names of TFRecord shards.

    The first look at them takes a minute or so; it is remembered in cache_dir, by the names, sizes
    and times of the files. Raises InputError where shards are damaged or labels do not fit.
    """
    files = sharded(root)
    found = {part: index(part, shards, cache_dir, report) for part, shards in files.items()}
    classes = class_names(found["train"], root)
    parts = {}
    for part, held in found.items():
        known = dict(zip(classes, range(len(classes)), strict=True))
        if set(held["labels"]) - set(known.values()) or held["synsets"].items() - known.items():
            raise InputError(f"{root}: {part} has labels that do not follow train's classes")
        where = np.array(held["where"], dtype=np.int64).reshape(-1, 3)
        parts[part] = held["names"], held["labels"], Slices(files[part], where)
    return parts, classes


def index(part, files, cache_dir, report):
    """{"names", "labels", "synsets", "where"} of all records, in the order of the shards."""
    return remembered(files, cache_dir, lambda: listed(part, files, report))


def listed(part, files, report):
    report(f"listing {len(files)} shards of {part}; the outcome is remembered")
    held = {"names": [], "labels": [], "synsets": {}, "where": []}
    for number, file in enumerate(files):
        for record in tfrecord.records(file):
            held["names"].append(f"{part}/{record.name or len(held['names'])}")
            held["labels"].append(record.label)
            held["where"].append((number, record.offset, record.length))
            wnid = record.synset or wnid_of(record.name)
            if wnid and held["synsets"].setdefault(wnid, record.label) != record.label:
                raise InputError(f"{file}: {wnid} has labels {held['synsets'][wnid]} and others")
    return held


def wnid_of(name):
    """The class in a training image's name, n01440764_10026.JPEG; None if there is none."""
    match = WNID.match(Path(name).name)
    return match[0] if match else None


def class_names(train, root):
    """wnids in the order of labels. Raises InputError where that is not their sorted order."""
    classes = sorted(train["synsets"])
    wrong = [wnid for place, wnid in enumerate(classes) if train["synsets"][wnid] != place]
    if not classes or wrong:
        first = f", first {wrong[0]}" if wrong else ""
        raise InputError(
            f"{root}: labels do not follow the sorted wnids ({len(wrong)} differ{first}); these "
            "shards have another class order"
        )
    return classes
