"""Write a data set once more as tars of smaller JPEGs, so that training decodes less.

A shard under its final name is whole: the same command goes on where it was stopped.
"""

import hashlib
import io
import json
import math
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from rslib.atomic import write_atomically
from rslib.config import InputError, sha256
from rslib.data.tars import MANIFEST
from rslib.machine import cores

QUALITY = 90
EACH = 1_000  # images a shard, or somewhat fewer


def build(listing, out, side, report=print):
    """Write training and test images, the shorter side as `side` pixels, to tars below out.

    listing: of `rslib.data.images.source`. Smaller images keep their size. Training images are
    shuffled, the same way always, so that every shard holds a bit of everything. Returns the
    manifest: classes, side, quality, counts, and each shard's SHA-256. Raises InputError where the
    disk is full; what is written then stays, and counts when the command is given again.
    """
    train, test, classes = listing
    about = {"classes": classes, "side": side, "quality": QUALITY}
    about["counts"] = {"train": len(train), "val": len(test)}
    about["source"] = sha256([train.digest(), test.digest()])
    out = Path(out)
    begun = out / "building.json"
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is no folder; name another")
    try:
        out.mkdir(parents=True, exist_ok=True)
        refuse_others(out, about)
        write_atomically(begun, json.dumps(about).encode())
        shards = {}
        for part, images in (("train", train), ("val", test)):
            shards |= write_part(part, images, out, side, report)
        manifest = about | {"shards": shards}
        write_atomically(out / MANIFEST, json.dumps(manifest, indent=1).encode())
        begun.unlink()
    except OSError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"cannot write to {out}: {error.strerror}; make room and give the command again"
        ) from error
    return manifest


def refuse_others(out, about):
    """Raise InputError where a folder holds tars of other images, or of another side."""
    for file in (out / "building.json", out / MANIFEST):
        if file.exists():
            held = json.loads(file.read_text())
            if {name: held.get(name) for name in about} != about:
                raise InputError(f"{out} was begun with other images or sides; name another folder")
            return
    if any(out.glob("*.tar")):
        raise InputError(f"{out} holds tars of unknown images; name another folder")


def write_part(part, images, out, side, report):
    """{name: SHA-256} of a part's shards, those written that are missing."""
    order = np.arange(len(images))
    if part == "train":
        np.random.default_rng(0).shuffle(order)
    count = max(1, math.ceil(len(images) / EACH))
    shards = {}
    with ThreadPoolExecutor(cores()) as pool:  # Pillow works outside the interpreter's lock
        for number, positions in enumerate(np.array_split(order, count)):
            file = out / f"{part}-{number:05d}-of-{count:05d}.tar"
            if not file.exists():
                shrunk = pool.map(lambda p: shrink(images.image(p), side), positions.tolist())
                write_atomically(file, packed(images, positions.tolist(), shrunk))
                report(f"wrote {file.name}, {number + 1} of {count}")
            shards[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return shards


def shrink(pixels, side):
    """A JPEG of uint8 (3, H, W), its shorter side as `side` pixels at most."""
    image = Image.fromarray(pixels.permute(1, 2, 0).numpy())
    scale = side / min(image.size)
    if scale < 1:
        size = [max(side, round(scale * length)) for length in image.size]
        image = image.resize(size, Image.Resampling.BICUBIC)
    held = io.BytesIO()
    image.save(held, "JPEG", quality=QUALITY)
    return held.getvalue()


def packed(images, positions, shrunk):
    """Bytes of a tar: an image, its label and its name in turn, with nothing of the machine or day.

    The name is the one before, below train/ or val/: minival is chosen by it.
    """
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for position, image in zip(positions, shrunk, strict=True):
            key = f"{position:08d}"
            name = images.names[position].partition("/")[2].encode("utf-8", "surrogateescape")
            label = str(images.labels[position]).encode()
            for suffix, content in ((".jpg", image), (".cls", label), (".txt", name)):
                member = tarfile.TarInfo(key + suffix)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return held.getvalue()
