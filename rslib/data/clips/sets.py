"""Clip sets: the embedded one, and Kinetics-400. Listed, split, and decoded once if small."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rslib import paths
from rslib.config import Data, InputError, sha256, suggest
from rslib.data import splits
from rslib.data.clips import embedded, frames, motions
from rslib.data.clips.crops import Show
from rslib.data.clips.keep import Say
from rslib.data.clips.kinetics import Listing, kinetics
from rslib.data.clips.reading import opened
from rslib.data.unreadable import shown

DATASETS = ("clips", "kinetics-400")
UNREADABLE_BUDGET = 0.01  # of all clips of a part; more is refused


@dataclass(frozen=True)
class Clips:
    """One split. labels: int64 (N,); kept: decoded frames, or None: files are read."""

    names: list[str]
    labels: np.ndarray
    files: list[Path]
    kept: frames.Kept | None = None

    def __len__(self):
        return len(self.labels)

    def take(self, positions: Sequence[int] | np.ndarray) -> "Clips":
        return replace(
            self,
            names=[self.names[p] for p in positions],
            labels=self.labels[positions],
            files=[self.files[p] for p in positions],
            kept=self.kept.take(positions) if self.kept else None,
        )

    def frames(self, position: int, choose):
        """choose(frames there are) says which; returns uint8 (T, 3, H, W), or raises
        UnreadableClip."""
        if self.kept is not None:
            video = self.kept.video(position)
            return video.read(choose(len(video)))
        with opened(self.files[position]) as video:
            return video.read(choose(len(video)))


@dataclass(frozen=True)
class ClipSet:
    """Disjoint splits, the class names in label order, and what they were made of.

    manifest: how many clips are in "train", "minival" and "test", the number of "classes",
    "sha256" of all that is used, and of what was "listed" how many clips were "found".
    """

    train: Clips
    minival: Clips
    test: Clips
    classes: list[str]
    manifest: dict


@dataclass(frozen=True)
class Source:
    """A clip set, unsplit and unread. listing: None for the embedded one, which `open_clips` builds
    for the block that a recipe names."""

    listing: tuple[Listing, Listing, list[str]] | None = None

    @property
    def available(self) -> int:
        """How many training clips there are, minival's among them."""
        if self.listing is None:
            return embedded.COUNTS["train"] + embedded.COUNTS["minival"]
        return len(self.listing[0])


def source(dataset: str, data_dir: str = "", report: Say = print) -> Source:
    """A clip set by its name. Raises InputError where it is missing or damaged."""
    if dataset == "clips":
        return Source()
    if dataset == "kinetics-400":
        root = paths.data_root(data_dir)
        if root is None:
            raise InputError("Kinetics is not found: set data_dir, or RSLIB_DATA, to its folder")
        return Source(kinetics(root, report))
    raise InputError(f"no clips called {dataset!r}{suggest(dataset, DATASETS)}")


def open_clips(data: Data, found: Source, show: Show, cache_dir: Path, report: Say = print):
    """The ClipSet that a recipe's Data fields ask for, out of a `source`.

    Of `data` count: train_images, minival_images, test_images (clips; 0: all) and subset.
    cache_dir: where embedded clips are built, and the frames of small sets kept. Raises InputError.
    """
    about, identity = {}, None
    listing = found.listing
    if listing is None:
        counts = {
            "train": data.train_images,
            "minival": data.minival_images,
            "test": data.test_images,
        }
        root, identity = embedded.built(counts, data.subset, show.short_side, cache_dir, report)
        listing = kinetics(root, lambda line: None)
        about["builder"] = motions.VERSION
    train, test, classes = listing
    whole = {"train": Clips(train.names, train.labels, train.files)}
    whole["test"] = Clips(test.names, test.labels, test.files)
    chosen = split(whole, data, of_list=identity is not None)
    parts = {
        name: whole["test" if name == "test" else "train"].take(chosen[name]) for name in chosen
    }
    content = identity or digest(parts, classes)
    known_by = [content, [] if identity else times(parts)]
    parts, unreadable = decoded(parts, known_by, show, cache_dir, report)
    before = whole["train"].labels[chosen["train"]]
    after = parts["train"].labels
    splits.refuse_untrained(before, after, classes, "clip that can be read", "repair some")
    about |= {
        "listed": {"train": train.listed, "test": test.listed},
        "found": {"train": len(train), "test": len(test)},
    }
    if unreadable:
        about["unreadable"] = unreadable
    if parts["train"].kept is not None:
        about["short_side"] = show.short_side
    held_out = [parts[name].names for name in ("minival", "test")]
    counts = {name: len(clips) for name, clips in parts.items()}
    manifest = {
        "classes": len(classes),
        **counts,
        "sha256": content,
        "held_out": sha256(held_out),
        **splits.largest(parts["test"].labels, classes),
        **about,
    }
    return ClipSet(**parts, classes=classes, manifest=manifest)


def split(whole: dict[str, Clips], data: Data, of_list: bool) -> dict[str, np.ndarray]:
    """{"train", "minival", "test": positions}; of embedded clips their list names minival."""
    train, test = whole["train"], whole["test"]
    if data.further_images:
        raise InputError("no further clips are held out of a clip set; leave further_images at 0")
    if of_list:
        minival, _ = splits.by_list(train, train.files[0].parents[2] / splits.LIST)
    else:
        taken = data.subset + 1 if data.split == "blocks" else 1  # as many as come before, and it
        needed = data.minival_images + (taken * data.train_images or 1)
        if len(train) < needed:
            raise InputError(
                f"{len(train):,} training clips are too few: this scale needs {needed:,}, of which "
                f"it holds out {data.minival_images:,} as minival; choose a smaller scale"
            )
        minival = splits.balanced(train, data.minival_images, "minival", halves=True)
    rest = np.setdiff1d(np.arange(len(train)), minival)
    if data.split == "blocks" and not of_list:
        rest, _ = splits.by_blocks(train, rest, data)
    elif data.train_images and not of_list:
        salt = f"train-{data.subset}"
        rest = rest[splits.balanced(train.take(rest), data.train_images, salt)]
    tested = np.arange(len(test))
    if data.test_images and not of_list:
        tested = splits.balanced(test, data.test_images, "test")
    return {"train": rest, "minival": minival, "test": tested}


def digest(parts: dict[str, Clips], classes: list[str]) -> str:
    """What tells files from others without reading them: names, labels and sizes."""

    def size(file):
        return file.stat().st_size if file.is_file() else 0

    rows = {
        part: [
            [name, label, size(file)]
            for name, label, file in zip(
                clips.names, clips.labels.tolist(), clips.files, strict=True
            )
        ]
        for part, clips in parts.items()
    }
    return sha256([classes, rows])


def times(parts: dict[str, Clips]) -> list[int]:
    """When each file was written: one that is repaired is looked at again."""
    files = (file for clips in parts.values() for file in clips.files)
    return [file.stat().st_mtime_ns if file.is_file() else 0 for file in files]


def decoded(parts: dict[str, Clips], known_by: list, show: Show, cache_dir: Path, report: Say):
    """(the parts, {part: how many clips were left out}); a small set's frames are kept on disk.

    Of a large one no file is opened here: `loaders` replaces what it cannot read.
    """
    files = [file for clips in parts.values() for file in clips.files]
    if not frames.is_small(files, show.short_side):
        return parts, {}
    store, bad = frames.kept(files, show.short_side, known_by, cache_dir, report)
    begin, good, lost = 0, {}, {}
    for name, clips in parts.items():
        places = np.arange(begin, begin + len(clips))
        begin += len(clips)
        clips = replace(clips, kept=store.take(places))
        if wrong := [place for place in places.tolist() if place in bad]:
            reasons = {str(files[place]): bad[place] for place in wrong}
            refuse_many(reasons, len(clips), name)
            report(shown(f"{name}: left out {in_words(reasons, len(clips))}"))
            lost[name] = len(wrong)
            clips = clips.take(np.flatnonzero(~np.isin(places, wrong)))
        good[name] = clips
    return good, lost


def refuse_many(reasons: dict[str, str], total: int, part: str) -> None:
    """Raise InputError where more clips are unreadable than may be; reasons: by file."""
    if len(reasons) > UNREADABLE_BUDGET * total:
        raise InputError(
            shown(f"{part}: {in_words(reasons, total)}; 1 % is the limit: repair or remove them")
        )


def in_words(reasons: dict[str, str], total: int) -> str:
    """How many clips, and the first five with their reasons."""
    first = "; ".join(f"{file} ({why})" for file, why in list(reasons.items())[:5])
    more = "; …" if len(reasons) > 5 else ""
    return f"{len(reasons):,} of {total:,} clips that cannot be read: {first}{more}"
