"""Kinetics-400 as published: a list for each part, and files of the clips that one still has.

A list is a CSV with the columns label, youtube_id, time_start and time_end; a clip is
`{youtube_id}_{time_start:06d}_{time_end:06d}.mp4`, flat below the part's folder or in folders by
label, in whatever spelling. Videos vanish from YouTube: every copy lacks some, so that what is
listed and what is found are counted and told beside every accuracy.
"""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rslib.config import InputError
from rslib.data.clips.keep import Say
from rslib.data.formats.folders import composed, is_systems
from rslib.data.unreadable import shown
from rslib.paths import entries

COLUMNS = ("label", "youtube_id", "time_start", "time_end")
PARTS = {"train": ("train",), "test": ("val", "validate", "validation")}  # tested on as the paper
UNKNOWN_BUDGET = 0.01  # of a list's rows that may have labels that no training clip has
SUFFIXES = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v")


@dataclass(frozen=True)
class Listing:
    """One part: names of the clips in the list's order, labels int64 (N,), files; listed: how many
    clips the list has, with those that are not found."""

    names: list[str]
    labels: np.ndarray
    files: list[Path]
    listed: int

    def __len__(self):
        return len(self.names)


def kinetics(root: Path, report: Say = print) -> tuple[Listing, Listing, list[str]]:
    """(training clips, validation clips, class names in order) of a folder, none opened yet.

    What is not found, not listed or of no known label is counted and reported. Raises InputError
    for lists that are missing or damaged, and where a class has no training clip.
    """
    if not root.is_dir():
        raise InputError(f"data_dir {root} is no folder; give that of Kinetics")
    rows, found = {}, {}
    for part, names in PARTS.items():
        list_file, folder = located(root, names)
        rows[part] = list(rows_of(list_file))
        found[part] = files_below(folder, report)
    classes = sorted({label for label, _ in rows["train"]})
    if len(classes) < 2:
        raise InputError(f"{root}: the training list has {len(classes)} label; two are needed")
    made = {part: listing(part, rows[part], found[part], classes, report) for part in PARTS}
    for part, which in (("train", "training"), ("test", "validation")):
        if not len(made[part]):
            raise InputError(
                f"{root}: of {made[part].listed:,} {which} clips that are listed none is found; "
                "files are named {youtube_id}_{time_start:06d}_{time_end:06d}.mp4"
            )
    left = np.bincount(made["train"].labels, minlength=len(classes))
    if len(lost := [classes[k] for k in np.flatnonzero(left == 0)]):
        raise InputError(
            f"{root}: no training clip is found of {len(lost)} of {len(classes)} classes "
            f"({', '.join(lost[:5])}{', …' * (len(lost) > 5)}); add some, or take them off the list"
        )
    return made["train"], made["test"], classes


def located(root: Path, names: tuple[str, ...]) -> tuple[Path, Path]:
    """(list, folder of clips) of a part, by the first of its names that has both."""
    places = (root, root / "annotations")
    for name in names:
        for file in (place / f"{name}.csv" for place in places):
            if file.is_file() and (root / name).is_dir():
                return file, root / name
    raise InputError(
        f"{root} lacks {names[0]}.csv, or the folder {names[0]}/ next to it: a list with the "
        f"columns {', '.join(COLUMNS)}, and the clips"
    )


def is_kinetics(root: Path) -> bool:
    """Does the folder hold lists and clips of all parts? No list is read."""
    try:
        return all(located(root, names) for names in PARTS.values())
    except InputError:
        return False


def rows_of(file: Path) -> Iterator[tuple[str, str]]:
    """(label, name of the clip) of each row. Raises InputError, which names the line."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened, skipinitialspace=True, strict=True)
            if lacking := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
                raise InputError(f"{file} has no column {lacking[0]}; its first line names them")
            for row in reader:
                label, name = row["label"], None
                try:
                    begin, end = (int(float(row[at])) for at in COLUMNS[2:])
                    if row["youtube_id"] and 0 <= begin < end:
                        name = f"{row['youtube_id']}_{begin:06d}_{end:06d}"
                except (TypeError, ValueError, OverflowError):
                    pass  # of a row that is too short, or has other things there
                if not label or not name:
                    raise InputError(
                        f"{file}, line {reader.line_num}: {list(row.values())} is not a label, an "
                        "id, and two times in seconds; correct or remove it"
                    )
                yield composed(label.strip()), name
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} cannot be read ({error}); write it as CSV in UTF-8") from error


def files_below(folder: Path, report: Say) -> dict[str, Path]:
    """{name without suffix: file} of all videos in a folder, and in folders of it."""
    found, twice, waiting = {}, [], [folder]
    while waiting:
        for entry in sorted(entries(waiting.pop()), key=lambda entry: entry.name):
            if is_systems(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            elif entry.name.lower().endswith(SUFFIXES):
                name = os.path.splitext(entry.name)[0]
                if name in found:
                    twice.append(entry.path)
                else:
                    found[name] = Path(entry.path)
    if twice:
        report(shown(f"{folder}: {len(twice):,} clips are there twice ({twice[0]}); one is taken"))
    return found


def listing(part, rows, files, classes, report) -> Listing:
    """What of a list is found. Raises InputError where too many rows have unknown labels."""
    known = {label: number for number, label in enumerate(classes)}
    unknown = sorted({label for label, _ in rows if label not in known})
    strange = sum(label not in known for label, _ in rows)
    if strange > UNKNOWN_BUDGET * len(rows):
        raise InputError(
            f"{strange:,} of {len(rows):,} clips of the {part} list have labels that the training "
            f"list has not ({', '.join(unknown[:5])}); correct them, 1 % is the limit"
        )
    taken = {}  # a clip that is listed twice counts once
    for label, name in rows:
        if label in known and name in files:
            taken.setdefault(name, known[label])
    told = f"{part}: {len(taken):,} of {len(rows):,} listed clips are found"
    if strange:
        told += f"; left out are {strange:,} of unknown labels ({', '.join(unknown[:5])})"
    if spare := files.keys() - {name for _, name in rows}:
        told += f"; {len(spare):,} files are not listed ({min(spare)})"
    report(shown(told))
    labels = np.fromiter(taken.values(), np.int64, len(taken))
    return Listing(list(taken), labels, [files[name] for name in taken], len(rows))
