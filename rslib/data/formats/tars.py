"""Images in tar files, as WebDataset has them: ``<key>.jpg``, ``<key>.cls``, the label, and
``<key>.txt``, the image's name, in turn; without one its key is its name. Folders that have members
of their own are passed over, as `tar` writes them, and what systems add, as macOS does, is told.

Beside them lies manifest.json, which names the classes. `rslib.data.build` writes such a folder.
"""

import hashlib
import json
import tarfile
from functools import partial
from pathlib import PurePosixPath

import numpy as np

from rslib.config import InputError
from rslib.data.formats import folders
from rslib.data.formats.columns import Slices
from rslib.data.formats.folders import Counted
from rslib.data.formats.shards import PARTS, Entry, index, numbered

MANIFEST = "manifest.json"


def sharded(root):
    """{part: [tars]} of a folder, empty if it holds none."""
    found = {part: numbered(root, names, ".tar") for part, names in PARTS.items()}
    return {part: files for part, files in found.items() if files}


def from_tars(root, cache_dir=None, report=print):
    """{part: (names, labels, Slices)} and the class names. Raises InputError.

    A tar that holds anything but plain files and folders below itself is refused whole.
    """
    files = sharded(root)
    classes, counts, _ = manifest_of(root)
    parts = {}
    for part, shards in files.items():
        passed = Counted()
        look = partial(members, passed=passed)
        parts[part], _ = index(part, shards, look, cache_dir, report, passed)
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
        held = json.loads((root / MANIFEST).read_bytes())
        classes, counts = held["classes"], held["counts"]
        if {type(counts), type(held.get("shards", {}))} != {dict} or not all_differ(classes):
            raise TypeError("other kinds of values")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{root / MANIFEST} does not say classes, each once, and counts; repair it, or build "
            "into another folder"
        ) from error
    return classes, counts, held


def all_differ(classes):
    strings = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
    return strings and len({*classes}) == len(classes)


def built(images):
    """{"side", "quality"} that images were encoded anew with; empty where they were not."""
    if not isinstance(images.items, Slices) or images.items.files[0].suffix != ".tar":
        return {}
    *_, held = manifest_of(images.items.files[0].parent)
    if "side" not in held or "quality" not in held:  # tars that another program wrote
        return {}
    return {name: held[name] for name in ("side", "quality")}


def verify(file):
    """Compare all of a tar with manifest.json; False where that has no checksums.

    Raises InputError where it has another.
    """
    *_, held = manifest_of(file.parent)
    if "shards" not in held:
        return False
    if held["shards"].get(file.name) != sha256_of(file):
        raise InputError(f"{file} has not the SHA-256 in {MANIFEST}; build again")
    return True


def sha256_of(file):
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def members(file, passed=None):
    """The `Entry`s of a tar, in its order. passed: a `Counted`, told of what is no part of them."""
    passed = Counted() if passed is None else passed
    images, labels, names = {}, {}, {}
    try:
        with tarfile.open(file, "r:") as opened:
            for member in opened:
                path = below(member, file)
                suffix = path.suffix.lower()
                if member.isdir():
                    continue
                if others := [name for name in path.parts if folders.is_systems(name)]:
                    resource = others[0].startswith("._")
                    passed.add(
                        "._ files of macOS" if resource else others[0], f"{file.name}/{path}"
                    )
                    continue
                key = str(path.with_suffix(""))
                if suffix in folders.SUFFIXES and key in images:
                    raise InputError(f"{file} has two images of the name {key}")
                if suffix in folders.SUFFIXES:
                    images[key] = member.offset_data, member.size
                elif suffix == ".cls":
                    labels[key] = label_of(opened.extractfile(member).read(20), file, key)
                elif suffix == ".txt":
                    content = opened.extractfile(member).read(4096)
                    names[key] = content.decode("utf-8", "surrogateescape")
                else:
                    passed.add(suffix or "files without a suffix", f"{file.name}/{path}")
        size = file.stat().st_size
    except (tarfile.TarError, EOFError) as error:
        raise InputError(f"{file} is no whole tar ({error}); build it again") from error
    for key, (offset, length) in images.items():
        if key not in labels or offset + length > size:
            raise InputError(f"{file}: {key} has no label, or is not whole; build it again")
    for key in labels.keys() - images.keys():
        passed.add("labels without an image", f"{file.name}/{key}.cls")
    return [Entry(names.get(key, key), labels[key], *place) for key, place in images.items()]


def below(member, file):
    """A member's path, without ``./``. Raises InputError where it could lead elsewhere."""
    path = PurePosixPath(member.name)
    plain = member.isdir() or (member.isreg() and not member.issparse() and path.name)
    if not plain or path.is_absolute() or ".." in path.parts:
        raise InputError(f"{file} is refused: {member.name!r} is no plain file in it")
    return path


def label_of(content, file, key):
    try:
        return int(np.int64(int(content)))  # as labels are kept
    except (ValueError, OverflowError) as error:
        raise InputError(f"{file}: the label of {key} is no number") from error
