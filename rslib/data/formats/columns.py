"""Columns of an image set, kept as numbers and bytes.

A million Python objects are slow to make and heavy to hold. Each also carries a count of its users,
so that a loader's worker which only reads them copies the memory that they lie in.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Column:
    """A row of numbers for each image, `where`, and what all of them share, `shared`."""

    def __len__(self):
        return len(self.where)

    def __getitem__(self, position):
        return self.at(*self.where[position].tolist())

    def __iter__(self):
        return (self.at(*row) for row in self.where.tolist())

    def take(self, positions):
        return type(self)(*self.shared, self.where[np.asarray(positions, dtype=np.int64)])

    def digest(self):
        """What tells this column from others; of files, by their names, sizes and times.

        Not by where they lie: the same files are the same by another path too.
        """
        told = hashlib.sha256(repr(self.where.shape).encode() + self.where.tobytes())
        for held in self.shared:
            if isinstance(held, list):  # shards
                told.update(repr([stamp(file) for file in held]).encode())
            elif isinstance(held, np.ndarray):
                told.update(held)
        return told.hexdigest()


@dataclass(frozen=True, eq=False)
class Names(Column):
    """Strings. text: uint8, one after the other; where: int64 (N, 2), each one's begin and end."""

    text: np.ndarray
    where: np.ndarray

    @classmethod
    def of(cls, strings):
        encoded = [string.encode("utf-8", "surrogateescape") for string in strings]
        ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
        text = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        return cls(text, np.stack([ends[:-1], ends[1:]], axis=1))

    @property
    def shared(self):
        return (self.text,)

    def at(self, begin, end):
        return self.text[begin:end].tobytes().decode("utf-8", "surrogateescape")


@dataclass(frozen=True, eq=False)
class Files(Column):
    """Files of their own, as `Path`s. names: text of a `Names`, below root.

    where: int64 (N, 4): a name's begin and end, the file's size and its time in nanoseconds.
    """

    root: Path
    names: np.ndarray
    where: np.ndarray

    @property
    def shared(self):
        return self.root, self.names

    @property
    def sizes(self):
        return self.where[:, 2]

    def at(self, begin, end, *_):
        return self.root / self.names[begin:end].tobytes().decode("utf-8", "surrogateescape")


class Slice(NamedTuple):
    """One image's bytes within a file."""

    file: Path
    offset: int
    length: int

    def read(self):
        with open(self.file, "rb") as opened:
            opened.seek(self.offset)
            return opened.read(self.length)


@dataclass(frozen=True, eq=False)
class Slices(Column):
    """`Slice`s. where: int64 (N, 3): the file's place in files, offset, length."""

    files: list
    where: np.ndarray

    @property
    def shared(self):
        return (self.files,)

    @property
    def sizes(self):
        return self.where[:, 2]

    def at(self, file, offset, length):
        return Slice(self.files[file], offset, length)


def stamp(file):
    """A file's name, size and time, which tell that it is not what it was."""
    about = file.stat()
    return file.name, about.st_size, about.st_mtime_ns
