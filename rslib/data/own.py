"""One's own images: a folder or a table of them, split by class into training and held-out ones.

What is understood: `train/<class>/*` with or without a held-out part (`val/`, `valid/`,
`validation/`) and `test/`; `<class>/*` without those; and a CSV with the columns `path` and
`label`, with paths as seen from its folder, and perhaps `part` (train, valid, test).
"""

import csv
import io
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rslib import paths
from rslib.config import InputError
from rslib.data import splits
from rslib.data.check import check
from rslib.data.formats import folders, parts
from rslib.data.formats.columns import Names
from rslib.data.images import Images, ImageSet, labelled, tell
from rslib.data.unreadable import shown

HELD_OUT = ("val", "valid", "validation")
PARTS = ("train", "valid", "test")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Listing:
    """Undecoded. valid, test: None where there is no such part. root: names are as seen from it."""

    root: Path
    train: Images
    valid: Images | None
    test: Images | None
    classes: list


def listed(given: Path, report: Say = print, runs_dir: Path | None = None) -> Listing:
    """What a folder or a CSV holds. Raises InputError, in one line, for what cannot be used.

    runs_dir: a folder that is no class, wherever it is.
    """
    if paths.existing(given, "give a folder of images, or a CSV of them").is_dir():
        found = of_folder(given.resolve(), report, runs_dir)
    elif given.suffix.lower() == ".csv":
        found = of_csv(given)
    else:
        raise InputError(f"{given} is neither a folder nor a .csv; give the folder of the images")
    if len(found.classes) < 2:
        inside = given / str(found.classes[0])
        meant = f", or {inside}, which has folders" if folders.classes_of(inside) else ""
        raise InputError(
            f"{given} has one class, {found.classes[0]!r}; give two or more, a folder each{meant}"
        )
    return found


def of_folder(root: Path, report: Say, runs_dir: Path | None) -> Listing:
    names = {name: parts.folders_of(root, (name,)) for name in ("train", *HELD_OUT, "test")}
    there = {name: found[0] for name, found in names.items() if found}
    if "train" not in there:
        if there:
            raise InputError(
                f"{root} has {'/, '.join(there.values())}/, but no train/; add it, or give the "
                "folder that holds the class folders"
            )
        train, classes = beneath(root, report, runs_dir)
        return Listing(root, train, None, None, classes)
    train, classes = labelled(root, there["train"], report)
    held_out = [there[name] for name in HELD_OUT if name in there]
    if held_out[1:]:
        report(f"{root}: held out is {held_out[0]}/; {'/, '.join(held_out[1:])}/ is not looked at")
    valid = part_of(root, held_out[0], classes, report) if held_out else None
    test = part_of(root, there["test"], classes, report) if "test" in there else None
    return Listing(root, train, valid, test, classes)


def beneath(root: Path, report: Say, runs_dir: Path | None = None) -> tuple[Images, list]:
    """(images, class names) of ``<root>/<class>/*``."""
    of_runs = [
        name
        for name in folders.classes_of(root)
        if root / name == runs_dir or has_runs(root / name)
    ]
    if len(folders.classes_of(root)) == len(of_runs):
        raise InputError(f"{root} has no folders; give one with a folder of images for each class")
    (names, labels, files), classes, noticed = folders.tree(root.parent, root.name, of_runs)
    tell(noticed, root, report)
    for name in of_runs:
        report(shown(f"{root / name} is for runs of rslib train, no class"))
    short = Names.of(name.partition("/")[2] for name in names)  # the same where the folder moves
    return Images(short, labels, files), classes


def has_runs(folder: Path) -> bool:
    """Are there runs in the folder, as in the `runs/` that a run was trained in?"""
    return any(folder.glob("train/*/split.csv"))


def part_of(root: Path, part: str, classes: list, report: Say) -> Images | None:
    """The images of val/ or test/ with the labels of train/. None if it has no class folders, or
    is a test/ whose one folder is no class, as "unknown" in downloaded sets without test labels."""
    if not folders.classes_of(root / part):
        report(shown(f"{root / part} has no class folders: not looked at"))
        return None
    found, theirs = labelled(root, part, report)
    known = set(map(folders.composed, classes))
    if part == "test" and len(theirs) == 1 and folders.composed(theirs[0]) not in known:
        inside = root / part / str(theirs[0])
        report(shown(f"{inside} is no class of train/: not looked at; rslib predict takes it"))
        return None
    return relabelled(found, theirs, classes, f"{part}/", report)


def in_order(listing: Listing, classes: list, by: str, report: Say) -> Listing:
    """The same images with labels in the order of classes; by: who names them. Raises InputError.

    A class without images is reported and stays.
    """

    def ordered(images: Images, say: Say) -> Images:
        return relabelled(images, listing.classes, classes, str(listing.root), say, by)

    valid, test = (
        images if images is None else ordered(images, lambda line: None)
        for images in (listing.valid, listing.test)
    )
    return Listing(listing.root, ordered(listing.train, report), valid, test, classes)


def relabelled(
    found: Images, theirs: list, classes: list, part: str, report: Say, by: str = "training"
) -> Images:
    """The same images with labels in the order of classes. theirs: the classes of their labels.

    by: who names the classes.
    """
    known = {folders.composed(name): label for label, name in enumerate(classes)}
    if unknown := [name for name in theirs if folders.composed(name) not in known]:
        raise InputError(
            f"{part} has classes that {by} has not: {', '.join(map(str, unknown[:5]))}; remove or "
            "rename them"
        )
    if missing := len(classes) - len(theirs):
        report(f"{part} lacks {missing} of {len(classes)} classes: nothing is known of these")
    ours = np.array([known[folders.composed(name)] for name in theirs])
    return replace(found, labels=ours[found.labels])


def of_csv(file: Path, root: Path | None = None) -> Listing:
    """The images that a CSV names. root: where those of a run's `split.csv` lie, whose names may be
    of any bytes."""
    rows = csv_rows(file, "surrogateescape" if root else "strict")
    root = (root or file.parent).resolve()
    missing = [(line, path) for line, path, _, _ in rows if not (root / path).is_file()]
    if missing:
        line, path = missing[0]
        raise InputError(f"{file} line {line}: no file {path} (of {len(missing):,}); correct it")
    classes = sorted({label for _, _, label, _ in rows})
    found = {
        part: named(root, [(path, label) for _, path, label, of in rows if of == part], classes)
        for part in PARTS
    }
    if found["train"] is None:
        raise InputError(f"{file} has no row of part train; add some")
    return Listing(root, found["train"], found["valid"], found["test"], classes)


def csv_rows(file: Path, errors: str) -> list[tuple[int, str, str, str]]:
    """[(line, path, label, part)]; part: "train" where the table has no such column."""
    try:
        text = file.read_text(encoding="utf-8-sig", errors=errors)  # as spreadsheets write it
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8; save it so") from error
    reader = csv.DictReader(io.StringIO(text))
    columns = [name.strip().lower() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    if not {"path", "label"} <= set(columns):
        raise InputError(f"{file} has the columns {columns}; its first line must be path,label")
    rows = []
    for row in reader:
        path, label = ((row[name] or "").strip() for name in ("path", "label"))
        part = (row.get("part") or "train").strip().lower()
        part = "valid" if part in HELD_OUT else part
        if not path or not label or part not in PARTS:
            raise InputError(f"{file} line {reader.line_num}: {row}; give path, label and part")
        rows.append((reader.line_num, path, label, part))
    if not rows:
        raise InputError(f"{file} names no image; add rows of path,label")
    counts = Counter(path for _, path, _, _ in rows)
    if twice := [path for path, count in counts.items() if count > 1]:
        raise InputError(f"{file} names {twice[0]} more than once; remove the others")
    return rows


def named(root: Path, rows: list, classes: list) -> Images | None:
    """Images of [(path below root, label)]; None if there are none."""
    if not rows:
        return None
    label_of = {name: label for label, name in enumerate(classes)}
    stats = [os.stat(root / path) for path, _ in rows]
    stamps = [(p, s.st_size, s.st_mtime_ns) for (p, _), s in zip(rows, stats, strict=True)]
    names, files = folders.columns(root, [stamps])
    return Images(names, np.array([label_of[label] for _, label in rows]), files)


def held_out(train: Images, share: float, seed: int, classes: list) -> np.ndarray:
    """Positions of the share of each class that is not trained on, at least one image of it.

    Chosen by a hash of seed and name, so that adding images moves few others. Raises InputError
    for a class of one image.
    """
    sizes = np.bincount(train.labels, minlength=len(classes))
    if len(single := np.flatnonzero(sizes == 1)):
        raise InputError(
            f"{splits.named(single, classes)} has one image; it needs two, one to train on and one "
            "that is held out: add images, or remove the class"
        )
    wanted = np.clip(np.rint(share * sizes).astype(int), 1, sizes - 1)
    order, turns = splits.in_turns(train, f"valid-{seed}")
    return np.sort(order[turns < wanted[train.labels[order]]])


def opened(
    listing: Listing, share: float, seed: int, cache_dir: Path | None = None, report: Say = print
) -> ImageSet:
    """The images, decoded once; the held-out ones are `minival`. share: if there are none yet."""
    train, valid, classes = listing.train, listing.valid, listing.classes
    if valid is None:
        chosen = held_out(train, share, seed, classes)
        valid, train = train.take(chosen), train.take(np.setdiff1d(np.arange(len(train)), chosen))
    test = listing.test if listing.test is not None else train.take([])
    found = {"train": train, "minival": valid, "test": test}
    before = train.labels
    about = [*(images.digest() for images in found.values()), classes]
    found, content = check(found, classes, about, cache_dir, report)
    remedy = "repair some"
    splits.refuse_untrained(before, found["train"].labels, classes, "that can be read", remedy)
    counts = {name: len(images) for name, images in found.items()}
    manifest = {"classes": len(classes), **counts, "sha256": content}
    return ImageSet(**found, classes=classes, manifest=manifest)


def as_csv(image_set: ImageSet) -> str:
    """The split as a table that `of_csv` reads: path,label,part."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label", "part"])
    named_parts = zip(PARTS, (image_set.train, image_set.minival, image_set.test), strict=True)
    for part, images in named_parts:
        for name, label in zip(images.names, images.labels.tolist(), strict=True):
            writer.writerow([name, image_set.classes[label], part])
    return text.getvalue()


def to_judge(given: Path, classes: list, report: Say = print) -> Images:
    """Images to evaluate on, with labels by classes: `test/` of a folder, else its held-out part,
    else its class folders; or a CSV's test part, else all of it. Raises InputError."""
    given = given.resolve()
    if given.is_dir():
        there = [name for name in ("test", *HELD_OUT) if parts.folders_of(given, (name,))]
        for name in there:
            (part,) = parts.folders_of(given, (name,))[:1]
            if found := part_of(given, part, classes, report):
                report(f"{given}: evaluated on {part}/")
                return found
        found, theirs = beneath(given, report)
        return relabelled(found, theirs, classes, str(given), report)
    found = listed(given, report)
    images = found.test or found.valid or found.train
    return relabelled(images, found.classes, classes, str(given), report)


def files_in(root: Path, report: Say = print) -> list[Path]:
    """All images in a folder, deeper too, sorted; what is passed over is reported."""
    noticed = folders.Noticed()
    rows = folders.below(root, ".", noticed)
    tell(noticed, root, report)
    return [root / name for name, _, _ in rows]
