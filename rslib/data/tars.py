"""Images in tar files, as WebDataset has them: ``<key>.jpg``, ``<key>.cls``, the label, and
``<key>.txt``, the image's name, in turn; without one its key is its name.

Beside them lies manifest.json, which names the classes. `rslib.data.build` writes such a folder.
"""

import hashlib
import json
import tarfile
from pathlib import PurePosixPath

import numpy as np

from rslib.config import InputError
from rslib.data.columns import Slices
from rslib.data.shards import PARTS, Entry, index, numbered

MANIFEST = "manifest.json"
IMAGES = (".jpg", ".jpeg", ".png")


def sharded(root):
    """{part: [tars]} of a folder, empty if it holds none."""
    found = {part: numbered(root, names, ".tar") for part, names in PARTS.items()}
    return {part: files for part, files in found.items() if files}


def from_tars(root, cache_dir=None, report=print):
    """{part: (names, labels, Slices)} and the class names. Raises InputError.

    A tar that holds anything but plain files below itself is refused whole.
    """
    files = sharded(root)
    classes, counts, _ = manifest_of(root)
    parts = {}
    for part, shards in files.items():
        parts[part], _ = index(part, shards, members, cache_dir, report)
        names, labels, places = parts[part]
        if len(labels) != counts.get(part):
            raise InputError(
                f"{root} holds {len(labels)} images of {part}, and {counts.get(part)} were "
                "built; build again"
            )
        wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
        if len(wrong):
            file, name, label = places[wrong[0]].file, names[wrong[0]], labels[wrong[0]]
            raise InputError(f"{file}: {name} has the label {label} of {len(classes)} classes")
    if len(parts) < 2:
        raise InputError(f"{root} has tars of {next(iter(parts))} alone; it needs train and val")
    return parts, classes


def manifest_of(root):
    """(classes, images of each part, what else manifest.json says). Raises InputError."""
    if not (root / MANIFEST).is_file():
        raise InputError(f"{root} has tars, but no {MANIFEST} that names their classes")
    try:
        held = json.loads((root / MANIFEST).read_text())
        return list(held["classes"]), dict(held["counts"]), held
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{root / MANIFEST} names no classes and counts; build again") from error


def built(images):
    """{"side", "quality"} that images were encoded anew with; empty where they were not."""
    if not isinstance(images.items, Slices) or images.items.files[0].suffix != ".tar":
        return {}
    *_, held = manifest_of(images.items.files[0].parent)
    return {name: held[name] for name in ("side", "quality") if name in held}


def verify(file):
    """Read all of a tar. Raises InputError where it is not the one that manifest.json names."""
    *_, held = manifest_of(file.parent)
    with open(file, "rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if held.get("shards", {}).get(file.name) != digest:
        raise InputError(f"{file} has not the SHA-256 in {MANIFEST}; remove it, and build again")


def members(file):
    """The `Entry`s of a tar, in its order."""
    images, labels, names = {}, {}, {}
    try:
        with tarfile.open(file, "r:") as opened:
            for member in opened:
                path = PurePosixPath(member.name)
                if not member.isreg() or path.is_absolute() or ".." in path.parts:
                    raise InputError(f"{file} is refused: {member.name!r} is no plain file in it")
                key = str(path.with_suffix(""))
                if path.suffix.lower() in IMAGES and key in images:
                    raise InputError(f"{file} has two images of the name {key}")
                if path.suffix.lower() in IMAGES:
                    images[key] = member.offset_data, member.size
                elif path.suffix == ".cls":
                    labels[key] = label_of(opened.extractfile(member).read(20), file, key)
                elif path.suffix == ".txt":
                    content = opened.extractfile(member).read(4096)
                    names[key] = content.decode("utf-8", "surrogateescape")
        size = file.stat().st_size
    except (tarfile.TarError, EOFError) as error:
        raise InputError(f"{file} is no whole tar ({error}); build it again") from error
    for key, (offset, length) in images.items():
        if key not in labels or offset + length > size:
            raise InputError(f"{file}: {key} has no label, or is not whole; build it again")
    return [Entry(names.get(key, key), labels[key], *place) for key, place in images.items()]


def label_of(content, file, key):
    try:
        return int(content)
    except ValueError as error:
        raise InputError(f"{file}: the label of {key} is no number") from error
