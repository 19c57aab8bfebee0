"""What a data set on disk really holds, before anybody trains on it."""

import hashlib
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from PIL.ExifTags import Base
from tqdm import tqdm

from rslib.config import InputError
from rslib.data import shared
from rslib.data.check import CHUNK, content_of, decode, opened, reason_against
from rslib.data.formats import tars, tfrecord
from rslib.data.formats.columns import Slices
from rslib.data.splits import balanced
from rslib.data.unreadable import UnreadableImage, shown
from rslib.machine import cores

FORMATS = Image.registered_extensions()  # {".jpg": "JPEG", …}; phones' JPEGs may be MPO
bar = partial(tqdm, leave=False, disable=None)  # for whoever watches a terminal


def survey(listing, sample=0, report=print):
    """Look at a data set and say what is there; returns how many images can not be read.

    listing: of `rslib.data.images.source`. sample: how many images of each part are decoded; 0 for
    all. Shards are read whole, and compared with their checksums. Raises InputError for a damaged
    shard.
    """
    train, test, classes = listing

    def tell(line):
        report(shown(line))

    first = ", ".join(map(str, classes[:5])) + (" …" if len(classes) > 5 else "")
    tell(f"{len(classes):,} classes: {first}")
    unreadable, contents = 0, []
    for part, images in (("training", train), ("test", test)):
        if not len(images):
            raise InputError(f"there are no {part} images")
        each = np.bincount(images.labels, minlength=len(classes))
        tell(f"{part}: {len(images):,} images, {each.min():,} to {each.max():,} of each class")
        if isinstance(images.items, Slices):
            files = images.items.files
            verify = tars.verify if files[0].suffix == ".tar" else tfrecord.verify
            known = all(verify(file) for file in bar(files, desc=f"{part} shards"))
            right = f"the checksums of {len(files):,} shards are right"
            tell(f"  {right if known else 'no checksums of these shards are known'}")
        chosen = balanced(images, sample, "check") if sample else np.arange(len(images))
        bad, digests = look(images, chosen.tolist(), tell)
        unreadable += bad
        contents.append(digests)
    if not train.in_memory and (line := shared.told(*contents)):
        tell(line)
    return unreadable


def look(images, positions, report):
    """Decode some images, and say how many are odd in which way.

    Returns how many can not be read, and [(name, digest of its content)] of all.
    """
    found, bad, digests = Counter(), [], []
    # Pillow decodes outside the interpreter's lock; what it warns of, damaged EXIF, is counted here
    with (
        warnings.catch_warnings(action="ignore"),
        ThreadPoolExecutor(cores()) as pool,
        bar(desc="decoded", total=len(positions)) as progress,
    ):
        for start in range(0, len(positions), CHUNK):  # not all of a million are waiting at once
            chunk = positions[start : start + CHUNK]
            kinds = pool.map(lambda p: kind_and_digest(images.items[p]), chunk)
            for position, (kind, digest) in zip(chunk, kinds, strict=True):
                found[kind] += 1
                digests.append((images.names[position], digest))
                progress.update()
                if kind == "unreadable":
                    bad.append(position)
    listed = ", ".join(f"{count:,} {kind}" for kind, count in found.most_common())
    report(f"  {len(positions):,} decoded: {listed}")
    for position in bad[:5]:
        told = f" ({reason})" if (reason := reason_against(images.items[position])) else ""
        report(f"  cannot be read: {images.names[position]}{told}")
    return len(bad), digests


def kind_and_digest(item):
    kind = kind_of(item)
    if isinstance(item, torch.Tensor) or kind == "unreadable":
        return kind, None
    return kind, hashlib.sha256(content_of(item)).hexdigest()


def kind_of(item):
    """In words what an image is: its kind of file and of colours, and a name that is wrong."""
    if isinstance(item, torch.Tensor):
        return "in memory"
    try:
        decode(item)  # as training does
        with opened(item) as image:
            kind = f"{image.format} {image.mode}{exif_of(image)}"
            suffix = item.suffix.lower() if isinstance(item, Path) else ""
            told = FORMATS.get(suffix)
            same = told in (None, image.format) or (told, image.format) == ("JPEG", "MPO")
            return kind if same else f"{kind} named {suffix}"
    except UnreadableImage:
        return "unreadable"


def exif_of(image):
    """What is odd about an image's EXIF. Decoding passes over all of it, turns too, as TF does."""
    if "exif" not in image.info:
        return ""
    held = image.getexif()
    if not held:
        return " with damaged EXIF"
    return " turned by EXIF" if held.get(Base.Orientation, 1) != 1 else ""
