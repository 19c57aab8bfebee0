"""Write a data set once more as tars of smaller JPEGs, so that training decodes less.

Each shard's SHA-256 is noted once it is written: the same command goes on where it was stopped, and
writes anew a shard that is not what was noted.
"""

import errno
import hashlib
import io
import json
import math
import re
import tarfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from rslib.atomic import write_atomically
from rslib.config import InputError, sha256
from rslib.data.augment.crops import padding, tf1_window
from rslib.data.check import check
from rslib.data.formats.columns import Slices
from rslib.data.formats.tars import MANIFEST, sha256_of
from rslib.data.splits import LIST, lines_of, list_beside, stem
from rslib.machine import cores
from rslib.system.lease import Taken, held

QUALITY = 90
SIDES = {"train": "side", "val": "test_side"}  # of each part, as manifest.json calls them
EACH = 1_000  # images a shard, or somewhat fewer
BEGUN = "building.json"  # as manifest.json, with those shards that are written so far
DRAFT = re.compile(
    r"((train|val)-\d+-of-\d+\.tar|building\.json|manifest\.json|minival\.txt)\.\d+\.tmp"
)


def build(listing, out, side, report=print, cache_dir=None):
    """Write training and test images, the shorter side as `side` pixels, to tars below out.

    listing: of `rslib.data.images.source`. Test images are larger by what evaluation crops away, so
    that `side` pixels remain of them. Smaller images keep their size. Training images are
    shuffled, the same way always, so that every shard holds a bit of everything. All are decoded
    once before: a few that cannot be read are left out, as in training. That is remembered in
    cache_dir. Returns the manifest: classes, side, quality, counts of what was written, and each
    shard's SHA-256. Raises InputError where more cannot be read, or the disk is full; what is
    written then stays, and counts when the command is given again.
    """
    train, _, classes = listing
    about = {"classes": classes, "side": side, "test_side": test_side(side), "quality": QUALITY}
    out = Path(out)
    refuse_own(listing, out)
    with told(out):
        if out.exists() and not out.is_dir():
            raise InputError(f"{out} is no folder; name another")
        noted_shards(out, about)  # refused before all is decoded, not after
    with claimed(out, report) as lease:
        readable, source = checked(listing, report, cache_dir)
        listed = minival(train, readable["train"])
        about["counts"] = {part: len(images) for part, images in readable.items()}
        about |= {"source": source, "minival": sha256(listed)}
        with told(out):
            return written(readable, listed, about, out, report, lease)


def written(readable, listed, about, out, report, lease):
    """Write what is not there yet, and note each shard; returns the manifest."""
    noted, shards = noted_shards(out, about), {}
    for file in out.iterdir():
        if DRAFT.fullmatch(file.name):  # of a build that was killed
            file.unlink()
    note(out, BEGUN, about, noted)
    if listed:
        write_atomically(out / LIST, "\n".join(listed).encode())
    for part, images in readable.items():
        for file, positions in planned(part, len(images), out):
            if not file.exists() or sha256_of(file) != noted.get(file.name):
                lease.check()
                noted[file.name] = write(file, images, positions, about[SIDES[part]])
                report(f"wrote {file.name}")
                note(out, BEGUN, about, noted)
            shards[file.name] = noted[file.name]
    lease.check()
    note(out, MANIFEST, about, shards)
    (out / BEGUN).unlink()
    return about | {"shards": shards}


@contextmanager
def told(out):
    """What the system has against a folder becomes one line with the remedy."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = (
            "make room and give the command again"
            if full
            else "name a folder that can be written to"
        )
        raise InputError(f"cannot write to {out}: {error.strerror or error}; {remedy}") from error


@contextmanager
def claimed(out, report):
    """Hold a folder for this process: two builds would each remove the other's drafts."""
    with ExitStack() as stack:
        try:
            with told(out):
                out.mkdir(parents=True, exist_ok=True)
                lease = stack.enter_context(held(out / "lock", report=report))
        except Taken:
            raise InputError(
                f"another process builds into {out}; wait for it, or name another folder"
            ) from None
        yield lease


def refuse_own(listing, out):
    """Raise InputError where tars would lie among the images that they are made of, or above."""
    out = out.resolve()
    for images in listing[:2]:
        if images.in_memory:
            continue
        items, part = images.items, images.names[0].partition("/")[0]
        sharded = isinstance(items, Slices)
        folder = (items.files[0].parent if sharded else items.root).resolve()
        if folder.is_relative_to(out) or (not sharded and out.is_relative_to(folder / part)):
            raise InputError(f"{out} holds the images themselves; name another folder with --to")


def checked(listing, report, cache_dir):
    """({part: images that can be read}, the SHA-256 of their names, labels and contents)."""
    train, test, classes = listing
    about = ["built", train.digest(), test.digest(), classes] if cache_dir else None
    return check({"train": train, "val": test}, classes, about, cache_dir, report)


def minival(train, readable):
    """Names in the `minival.txt` beside the images, without those that are left out."""
    if not (file := list_beside(train)):
        return []
    lost = set()
    if len(readable) < len(train):
        lost = set(map(stem, {*train.names} - {*readable.names}))
    return [name for name in lines_of(file) if stem(name) not in lost]


def note(out, name, about, shards):
    content = json.dumps(about | {"shards": shards}, indent=1)
    write_atomically(out / name, content.encode())


def noted_shards(out, about):
    """{name: SHA-256} of the shards that were written into a folder.

    Raises InputError where they are of other images, or of another side, or of nobody knows what.
    """
    for file in (out / BEGUN, out / MANIFEST):
        if file.exists():
            try:
                held = json.loads(file.read_bytes())
                noted = dict(held.get("shards", {}))
            except (ValueError, TypeError, AttributeError) as error:
                raise InputError(f"{file} is of no build; name another folder") from error
            if {name: held.get(name) for name in about} != about:
                raise InputError(f"{out} was begun with other images or sides; name another folder")
            return noted
    if any(out.glob("*.tar")):
        raise InputError(f"{out} holds tars of unknown images; name another folder")
    return {}


def planned(part, images, out):
    """(file, positions of its images) of each shard of a part."""
    order = np.arange(images)
    if part == "train":
        np.random.default_rng(0).shuffle(order)
    count = max(1, math.ceil(images / EACH))
    for number, positions in enumerate(np.array_split(order, count)):
        yield out / f"{part}-{number:05d}-of-{count:05d}.tar", positions.tolist()


def write(file, images, positions, side):
    """Write a shard; returns its SHA-256."""
    with ThreadPoolExecutor(cores()) as pool:  # Pillow works outside the interpreter's lock
        shrunk = pool.map(lambda p: shrink(images.image(p), side), positions)
        content = packed(images, positions, shrunk)
    write_atomically(file, content)
    return hashlib.sha256(content).hexdigest()


def test_side(side):
    """The shorter side of which evaluation at `side` pixels crops as many, and enlarges none."""
    larger = side + padding(side)
    # TF1 truncates: a pixel more where it would crop one less than `side`
    return larger + (tf1_window((larger, larger), side)[2] < side)


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
