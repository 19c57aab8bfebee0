"""Images that lie in large files: where each one begins, and how long it is."""

import mmap
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np

from rslib import paths
from rslib.config import InputError
from rslib.data.formats.columns import Names, Slices, stamp
from rslib.data.formats.remember import remembered
from rslib.data.unreadable import shown

PARTS = {"train": ("train",), "val": ("validation", "val")}  # and how they are called in names


class Entry(NamedTuple):
    """An image in a shard. offset, length: of its bytes in the file; label counts from 0."""

    name: str
    label: int
    offset: int
    length: int
    synset: str | None = None


def numbered(root, part, suffix=""):
    """The shards of a part in their order, whole or none; part: as in their names.

    Raises InputError where one is missing, or there twice.
    """
    found = {}
    for number, count, file in paths.shards(root, part, suffix):
        files = found.setdefault(count, {})
        if number in files:
            twice = f"{files[number].name} and {file.name}"
            raise InputError(f"{root} has a shard twice, {twice}; keep one set")
        if number >= count:
            raise InputError(f"{file} is none of {count} shards, which count from 0; remove it")
        files[number] = file
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


def index(part, files, entries, cache_dir, report, passed=""):
    """((names, labels, Slices), {synset: label}) of a part's shards, in their order.

    entries: gives the `Entry`s of a shard. It is called once; the outcome is remembered in
    cache_dir, by the names, sizes and times of the files. passed: says, once the shards are listed,
    what was passed over in them; that is remembered and reported too. Raises InputError.
    """
    about = [part, [stamp(file) for file in files]]
    look = partial(listed, part, files, entries, cache_dir, report, passed)
    held = remembered(cache_dir, "index", about, look, report)
    if left := str(held["passed"]):
        report(shown(f"{files[0].parent}, {part}: skipped {left}"))
    names = Names(held["text"], held["names"])
    columns = names, held["labels"], Slices(files, held["where"])
    return columns, dict(zip(held["synsets"].tolist(), held["numbers"].tolist(), strict=True))


def listed(part, files, entries, cache_dir, report, passed):
    kept = "; the outcome is remembered" if cache_dir else ""
    report(f"listing {len(files)} shards of {part}{kept}")
    names, numbers, synsets = [], [], {}
    for place, file in enumerate(files):
        for entry in entries(file):
            names.append(f"{part}/{entry.name or len(names)}")
            numbers.append((entry.label, place, entry.offset, entry.length))
            known = synsets.setdefault(entry.synset, entry.label) if entry.synset else entry.label
            if known != entry.label:
                raise InputError(f"{file}: {entry.synset} has labels {known} and others")
    names, numbers = Names.of(names), np.array(numbers, dtype=np.int64).reshape(-1, 4)
    return {
        "passed": np.array(shown(str(passed))),
        "text": names.text,
        "names": names.where,
        "labels": numbers[:, 0].copy(),
        "where": numbers[:, 1:].copy(),
        "synsets": np.array(list(synsets), dtype=str),
        "numbers": np.array(list(synsets.values()), dtype=np.int64),
    }


@contextmanager
def mapped(file):
    """A file's bytes without reading those that nobody looks at; empty for an empty file."""
    if not file.stat().st_size:
        yield b""
        return
    with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as held:
        yield held
