"""Images that lie in large files: where each one begins, and how long it is."""

import json
import mmap
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rslib.atomic import write_atomically
from rslib.config import InputError, sha256

PARTS = {"train": ("train",), "val": ("validation", "val")}  # and how they are called in names
# train-00003-of-01024, imagenet2012-validation.tfrecord-00000-of-00064, val-000012-of-000050.tar
NUMBERED = re.compile(r"(train|validation|val|test)\b.*-(\d+)-of-(\d+)(\.tar)?$")


class Slice(NamedTuple):
    """One image's bytes within a file."""

    file: Path
    offset: int
    length: int

    def read(self):
        with open(self.file, "rb") as opened:
            opened.seek(self.offset)
            return opened.read(self.length)


@dataclass(frozen=True)
class Slices:
    """A column of `Slice`s, kept as numbers: a million of them take 24 MB.

    where: int64 (N, 3): the file's place in files, offset, length.
    """

    files: list
    where: np.ndarray

    def __len__(self):
        return len(self.where)

    def __getitem__(self, position):
        file, offset, length = self.where[position].tolist()
        return Slice(self.files[file], offset, length)

    def take(self, positions):
        return Slices(self.files, self.where[np.asarray(positions, dtype=np.int64)])


def numbered(root, part, suffix=""):
    """The shards of a part in their order, whole or none; part: as in their names.

    Raises InputError where one is missing.
    """
    found = {}
    for file in sorted(root.iterdir()) if root.is_dir() else ():
        match = NUMBERED.search(file.name)
        if match and match[1] in part and (match[4] or "") == suffix and file.is_file():
            found.setdefault(int(match[3]), {})[int(match[2])] = file
    if len(found) > 1:
        raise InputError(f"{root} has shards of several sets ({sorted(found)}); keep one")
    for count, files in found.items():
        if len(files) < count:
            first = next(number for number in range(count) if number not in files)
            raise InputError(
                f"{root} lacks {count - len(files)} of {count} shards of {part[0]}, first {first}"
            )
        return [files[number] for number in range(count)]
    return []


def remembered(files, cache_dir, look):
    """What look() finds in files, as JSON keeps it; kept in cache_dir until one of them changes."""
    if not cache_dir:
        return look()
    stats = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    kept = cache_dir / f"index-{sha256(stats)[:16]}.json"
    if not kept.exists():
        found = json.dumps(look())
        cache_dir.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, found.encode())
    return json.loads(kept.read_text())


@contextmanager
def mapped(file):
    """A file's bytes without reading those that nobody looks at; empty for an empty file."""
    if not file.stat().st_size:
        yield b""
        return
    with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as held:
        yield held
