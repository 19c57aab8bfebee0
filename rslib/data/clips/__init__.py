"""Video clips: where they come from, how they are split, how they are shown.

`sets` (opens any clip set), `kinetics` (lists as published), `embedded` (the clips that are built
at first use; `motions` is their list, `drawing` makes pictures and MP4 of it), `reading` (frames of
a video file by their times), `frames` (decoded once, kept on disk), `crops` (which frames, and
which part of them), `loaders` (training and evaluation batches), `keep` (folders that are made
once).

May import the other rooms of data and the ground. PyAV is imported where a file is read or written.
"""

from rslib.data.clips.crops import Show
from rslib.data.clips.kinetics import is_kinetics
from rslib.data.clips.loaders import Batches, eval_batches, train_batches
from rslib.data.clips.reading import UnreadableClip, Video, opened
from rslib.data.clips.sets import DATASETS, Clips, ClipSet, Source, open_clips, source

__all__ = [
    "DATASETS",
    "Batches",
    "ClipSet",
    "Clips",
    "Show",
    "Source",
    "UnreadableClip",
    "Video",
    "eval_batches",
    "is_kinetics",
    "open_clips",
    "opened",
    "source",
    "train_batches",
]
