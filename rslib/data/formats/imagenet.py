"""ImageNet in the layouts that people have it in; class order by sorted wnid in all of them.

- folders: ``train/<wnid>/*`` and ``val/<wnid>/*``;
- ``val/`` flat, ``ILSVRC2012_val_00000001.JPEG`` …, with the devkit's answers beside it; it may be
  called otherwise, as that of folders;
- TFRecord shards, in the keys of the TPU scripts or of TFDS; in the folder, or its train/ and val/.
"""

import pickle
import re
import struct
from tempfile import TemporaryDirectory

import numpy as np
from torchvision.datasets import imagenet as published

from rslib.config import InputError
from rslib.data.formats import folders, parts, tfrecord
from rslib.data.formats.shards import PARTS, index, numbered
from rslib.paths import entries

# what torchvision's readers raise for files that are not theirs
UNREADABLE = (RuntimeError, OSError, EOFError, pickle.UnpicklingError, ValueError, struct.error)
DEVKIT = published.ARCHIVE_META["devkit"][0]
VALIDATION = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG", re.IGNORECASE)


def flat(root):
    """The folder val/ that holds the images as they were published; None if it has classes.

    By the names of `parts`, of which the first with images of either kind is taken.
    """
    for name in parts.folders_of(root, parts.TEST_NAMES[1:]):
        if any(VALIDATION.fullmatch(entry.name) for entry in entries(root / name)):
            return name
        if folders.classes_of(root / name):
            return None
    return None


def flat_validation(root, part, classes):
    """(names, labels, files, Noticed) of a flat val/, called part, by the devkit's answers.

    They are read by torchvision, from meta.bin as it writes it, or from the devkit's archive beside
    val/, where nothing is written: the folder may be read-only. An answer is looked up by the
    number in an image's name. Raises InputError where answers are missing, or speak of other
    classes than train/ has.
    """
    if not (root / published.META_FILE).is_file() and not (root / DEVKIT).is_file():
        raise InputError(f"{root / part} has no class folders; put {DEVKIT} into {root}")
    try:
        answers = answers_of(root)
    except UNREADABLE as error:
        raise InputError(
            f"{root / published.META_FILE} or {DEVKIT} cannot be read ({error}); remove the "
            "first, and fetch the second again"
        ) from error
    known = {name: label for label, name in enumerate(classes)}
    rows, labels, noticed = [], [], folders.Noticed()
    for row in folders.below(root, part, noticed):
        name = row[0].removeprefix(f"{part}/")
        if not (match := VALIDATION.fullmatch(name)):
            noticed.passed.add("of other names than ILSVRC2012_val_…", name)
            continue
        number = int(match[1])
        if not 1 <= number <= len(answers) or answers[number - 1] not in known:
            raise InputError(
                f"{root / row[0]}: the devkit has no answer of train/'s classes for it"
            )
        rows.append(row)
        labels.append(known[answers[number - 1]])
    names, files = folders.columns(root, [rows])
    return names, np.array(labels, dtype=np.int64), files, noticed


def answers_of(root):
    """The validation images' wnids, in the order of the images' numbers."""
    if (root / published.META_FILE).is_file():
        return published.load_meta_file(root)[1]
    with TemporaryDirectory() as folder:
        published.parse_devkit_archive(folder, str((root / DEVKIT).resolve()))
        return published.load_meta_file(folder)[1]


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
    found, synsets = {}, {}
    for part, files in sharded(root).items():
        found[part], synsets[part] = index(part, files, tfrecord.records, cache_dir, report)
    classes = class_names(synsets["train"], root)
    known = {name: label for label, name in enumerate(classes)}
    for part, (_, labels, _) in found.items():
        if set(labels.tolist()) - set(known.values()) or synsets[part].items() - known.items():
            raise InputError(f"{root}: {part} has labels that do not follow train's classes")
    return found, classes


def class_names(synsets, root):
    """wnids in the order of labels. Raises InputError where that is not their sorted order."""
    classes = sorted(synsets)
    wrong = [wnid for place, wnid in enumerate(classes) if synsets[wnid] != place]
    if not classes or wrong:
        first = f", first {wrong[0]}" if wrong else ""
        raise InputError(
            f"{root}: labels do not follow the sorted wnids ({len(wrong)} differ{first}); these "
            "shards have another class order"
        )
    return classes
