"""Decoded frames of a small set in one file, at the size that is evaluated: no mp4 is read twice.

Clips are written one behind the other, each uint8 (frames, height, width, 3), into `frames.bin`;
`index.json` beside it has their shapes. It is mapped to memory: only what is shown is read.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from rslib.config import InputError, sha256
from rslib.data.clips.crops import shortened
from rslib.data.clips.keep import Say, made_once
from rslib.data.clips.reading import UnreadableClip, opened
from rslib.data.unreadable import shown

VERSION = 1  # raised when what is kept, or how it is made, becomes another
SMALL_FILES = 256 * 2**20  # bytes of files, and
SMALL_FRAMES = 8 * 2**30  # bytes of their decoded frames, up to which they are kept
LEAST = 8  # bytes that a frame takes in a file
LONG = 15_000  # frames, ten minutes at 25 a second: where a video has more, it is sought instead
AT_ONCE = 250  # frames of a video in memory


@dataclass(frozen=True)
class Kept:
    """Decoded videos. shapes: int64 (N, 3) of frames, height, width, no frames of an unreadable
    one; begins: where each begins in the file."""

    file: Path
    shapes: np.ndarray
    begins: np.ndarray

    def take(self, positions: Sequence[int] | np.ndarray) -> "Kept":
        return Kept(self.file, self.shapes[positions], self.begins[positions])

    def video(self, position: int) -> "KeptVideo":
        return KeptVideo(self.file, tuple(self.shapes[position]), int(self.begins[position]))


@dataclass(frozen=True)
class KeptVideo:
    """One of them, as `rslib.data.clips.reading.Video`."""

    file: Path
    shape: tuple[int, int, int]
    begin: int

    def __len__(self):
        return int(self.shape[0])

    def read(self, numbers: Sequence[int]) -> torch.Tensor:
        pixels = mapped(self.file)[self.begin : self.begin + 3 * int(np.prod(self.shape))]
        chosen = pixels.reshape(*self.shape, 3)[list(numbers)]  # a copy of these alone
        return torch.from_numpy(chosen).permute(0, 3, 1, 2)


@cache  # once a process
def mapped(file: Path) -> np.memmap:
    return np.memmap(file, np.uint8, "r")


def is_small(files: Sequence[Path], side: int) -> bool:
    """Are all videos short, and do their frames fit on disk?

    By the files' sizes, then by what their headers say.
    """
    try:
        if sum(file.stat().st_size for file in files) > SMALL_FILES:
            return False
    except OSError:  # what is not there takes no place; reading will name it
        pass
    total = 0
    for file in files:
        try:
            with opened(file) as video:
                # a broken header may claim more; and as if all were twice as wide as high
                count = min(len(video), file.stat().st_size // LEAST)
                if count > LONG:
                    return False
                total += count * 3 * side * 2 * side
        except UnreadableClip:
            continue
    return total <= SMALL_FRAMES


def kept(files: Sequence[Path], side: int, about, cache_dir: Path, report: Say):
    """(the frames of all files, {position: why it is unreadable}), decoded at the first call.

    side: to which the shorter side is reduced; smaller videos keep their size. about: plain data
    that tells these files from others.
    """
    folder = cache_dir / f"clip-frames-{sha256([VERSION, side, about])[:16]}"

    def make(draft):
        report(shown(f"decoding {len(files):,} clips once into {folder}"))
        shapes, bad = [], {}
        with open(draft / "frames.bin", "wb") as written:
            for position, file in enumerate(files):
                before = written.tell()
                try:
                    shapes.append(append(written, file, side))
                except UnreadableClip as error:
                    bad[position] = error.reason
                    written.seek(before)
                    written.truncate()
                    shapes.append([0, 0, 0])
        index = json.dumps({"shapes": shapes, "bad": bad})
        (draft / "index.json").write_text(index, encoding="utf-8")

    made_once(folder, make, report)
    try:
        index = json.loads((folder / "index.json").read_bytes())
        shapes = np.array(index["shapes"], dtype=np.int64).reshape(-1, 3)
        if (folder / "frames.bin").stat().st_size != 3 * shapes.prod(1).sum():
            raise ValueError("frames.bin has another length than was written")
        if len(shapes) != len(files):
            raise ValueError("index.json has another number of clips")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder} is damaged ({error}); remove it") from error
    sizes = 3 * shapes.prod(1)
    store = Kept(folder / "frames.bin", shapes, np.cumsum(sizes) - sizes)
    return store, {int(k): why for k, why in index["bad"].items()}


def append(written, file: Path, side: int) -> list[int]:
    """Write all frames of a video; returns their number, height and width."""
    with opened(file) as video:
        for begin in range(0, len(video), AT_ONCE):
            frames = video.read(range(begin, min(begin + AT_ONCE, len(video))))
            if min(frames.shape[2:]) > side:
                frames = shortened(frames, side)
            written.write(np.ascontiguousarray(frames.permute(0, 2, 3, 1).numpy()))
        return [len(video), *frames.shape[2:]]
