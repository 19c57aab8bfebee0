"""The embedded clips on disk: built at first use, as Kinetics is laid out.

`train.csv` and `val.csv`, MP4 files in a folder for each motion, and `minival.txt`, which names the
training clips that are held out.
"""

import csv
import time
from pathlib import Path

from rslib.atomic import write_atomically
from rslib.config import InputError
from rslib.data.clips import drawing, motions
from rslib.data.clips.keep import Say, made_once
from rslib.data.splits import LIST

COUNTS = {"train": 640, "minival": 64, "test": 320}  # where a recipe asks for all
HEIGHTS = 32  # pixels; clips are as high as their short side needs, in such steps
LOWEST = 96
MOST = 20_000  # clips of a part; more are nothing new, as they share items and photographs
SECONDS = 3  # as the file names state, rounded up from 2.56
HEADER = ("label", "youtube_id", "time_start", "time_end", "split")


def built(counts: dict[str, int], block: int, short_side: int, cache_dir: Path, report: Say):
    """(folder of the clips, what tells them from others), drawn and encoded if not there yet.

    counts: clips of the parts train, minival and test; 0 stands for `COUNTS`. block: the training
    part, see `motions.clips`. short_side: of the frames that are to be made of them, in pixels.
    """
    counts = {part: counts[part] or COUNTS[part] for part in COUNTS}
    least = len(motions.MOTIONS)
    if min(counts.values()) < least or max(counts.values()) > MOST:
        raise InputError(f"{counts} embedded clips: give {least} to {MOST:,} of each part")
    parts = {part: motions.clips(part, count, block) for part, count in counts.items()}
    height = max(LOWEST, -(-short_side // HEIGHTS) * HEIGHTS)
    identity = motions.identity(parts, height)
    folder = cache_dir / f"clips-{identity[:16]}"

    def make(draft):
        began, total = time.perf_counter(), sum(counts.values())
        report(f"drawing and encoding {total:,} clips, {height} px high, once into {folder}")
        for split, names in (("train", ("train", "minival")), ("val", ("test",))):
            fill(draft, split, [clip for name in names for clip in parts[name]], height)
        held_out = "\n".join(file_name(clip) for clip in parts["minival"])
        write_atomically(draft / LIST, held_out.encode())
        report(f"{total:,} clips took {time.perf_counter() - began:.0f} s")

    return made_once(folder, make, report), identity


def fill(root: Path, split: str, clips: list[motions.Clip], height: int) -> None:
    """A part's list and files."""
    with open(root / f"{split}.csv", "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEADER)
        rows.writerows([clip.motion, clip.name, 0, SECONDS, split] for clip in clips)
    for motion in motions.MOTIONS:
        (root / split / motion).mkdir(parents=True)
    for clip in clips:
        drawing.write(clip, height, root / split / clip.motion / f"{file_name(clip)}.mp4")


def file_name(clip: motions.Clip) -> str:
    return f"{clip.name}_{0:06d}_{SECONDS:06d}"
