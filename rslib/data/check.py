"""Every file that takes part is decoded once before training: a bad one is named then."""

import hashlib
import io
import math
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from rslib.config import InputError, sha256
from rslib.data import shared
from rslib.data.formats.remember import remembered
from rslib.data.unreadable import UnopenedFile, UnreadableImage, named, refuse_irregular, shown
from rslib.machine import cores

CHUNK = 10_000  # files decoded between two looks at the clock
UNREADABLE_BUDGET = 0.001  # of all files that are used; more is refused
# markers of a JPEG's segments
SCAN, APP1, FRAMES = 0xDA, 0xE1, {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
LONE = {*range(0xC0), *range(0xD0, 0xDA), 0xFF}  # without a length, or reserved
SMALL_FILES = 128 * 2**20  # bytes of files, and
SMALL_PIXELS = 2 * 2**30  # bytes of their pixels, up to which decoded images are kept in memory


def decode(item):
    """The pixels of a file or a `Slice` as uint8 (3, H, W): CMYK, grey, palette and misnamed too.

    In memory the three values of a pixel lie together, as decoders write them and as the crop reads
    them fastest. Raises UnreadableImage.
    """
    content = content_of(item)
    with named(item, begins=content[:64]):
        # TorchCodec has Pillow's pixels without its copies, but turns images as EXIF asks for, and
        # knows no limit
        decode_jpeg = fast_decoder()
        if decode_jpeg and (pixels := pixels_of_plain_jpeg(content)) is not None:
            if pixels > 2 * Image.MAX_IMAGE_PIXELS:  # where Pillow refuses
                raise ValueError(f"{pixels:,} pixels are over the limit")
            return decode_jpeg(content)
        with Image.open(io.BytesIO(content)) as image:
            if image.mode.startswith("I;16"):
                return of_16_bits(np.array(image))
            if image.mode[0] in "IF":
                raise ValueError(
                    f"{image.format} of more than 16 bits a channel, mode {image.mode}: convert it "
                    "to 8 bits"
                )
            return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


def of_16_bits(grey):
    """uint16 (H, W) -> uint8 (3, H, W): the higher byte, 0 … 65535 to 0 … 255, as Pillow does with
    colour images of 16 bits, and OpenCV and TensorFlow with all."""
    if grey.max(initial=0) < 256:
        raise ValueError(
            f"16 bits a channel, but no value above {grey.max(initial=0)}: all black; stretch it "
            "to 0 … 65535, or save it with 8 bits"
        )
    high = torch.from_numpy((grey >> 8).astype(np.uint8))
    return high[..., None].expand(-1, -1, 3).contiguous().permute(2, 0, 1)


@cache
def fast_decoder():
    """TorchCodec's `decode_jpeg`; None where only Pillow is, whose pixels are the same."""
    try:
        from torchcodec.decoders import decode_jpeg
    except ModuleNotFoundError:
        return None
    return decode_jpeg


@cache
def say_once(line, report):
    """Tell a listener a line, but never twice."""
    report(line)


def pixels_of_plain_jpeg(content):
    """How many pixels a JPEG without EXIF has; None for any other file, and any oddly made JPEG.

    Segments are walked by their lengths, as a profile or a preview holds markers of its own.
    """
    at, pixels, end = 2, None, len(content) - 9
    if content[:2] != b"\xff\xd8":
        return None
    while at < end and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == SCAN:
            return pixels
        if marker in LONE or (marker == APP1 and content[at + 4 : at + 8] == b"Exif"):
            return None
        if marker in FRAMES:
            pixels = math.prod(struct.unpack_from(">HH", content, at + 5))
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
    return None


@contextmanager
def opened(item):
    """The image by Pillow, of which only the header is read."""
    content = None if isinstance(item, Path) else content_of(item)
    with named(item, begins=content[:64] if content else b""):
        if content is None:
            refuse_irregular(item)
        with Image.open(item if content is None else io.BytesIO(content)) as image:
            yield image


def check(splits, classes, about, cache_dir, report):
    """Decode every file once: drop and name unreadable ones, keep small sets in memory.

    about: plain data that tells these splits from others; the outcome of a large set is remembered
    by it, but not what may pass: a refusal, and files that could not be opened. Returns the splits,
    and the SHA-256 of the classes and of all names, labels and contents.
    """
    total = sum(map(len, splits.values()))
    published = any(images.in_memory for images in splits.values())
    if _is_small(splits.values()):
        read = {name: _read_all(images.items, True, report) for name, images in splits.items()}
        found = outcome(splits, classes, read)
        splits = {
            name: replace(images, items=[item for item, _ in read[name]])
            for name, images in splits.items()
        }
    else:
        found = remembered(
            cache_dir,
            "checked",
            about,
            lambda: _read_once(splits, classes, cache_dir, report),
            report,
            lambda found: not found["unopened"] and not _too_many(map(found.get, splits), total),
        )
    bad = [images.items[p] for name, images in splits.items() for p in found[name].tolist()]
    _judge(bad, total, report)
    if not published and (line := str(found["shared"])):
        report(line)
    good = {name: without(images, found[name]) for name, images in splits.items()}
    return good, str(found["sha256"])


def outcome(splits, classes, read):
    """{"sha256": of all that is good, name of a split: positions of what is not, "unopened": how
    many of these could not be opened, "shared": a line on images of two parts}, as arrays."""
    contents, bad, unopened, named = [], {}, 0, {}
    for name, images in splits.items():
        rows = zip(images.names, images.labels.tolist(), read[name], strict=True)
        rows = [[called, label, digest] for called, label, (_, digest) in rows]
        bad[name] = np.flatnonzero([not isinstance(digest, str) for *_, digest in rows])
        contents.append([name, [row for row in rows if isinstance(row[-1], str)]])
        named[name] = [(row[0], row[2]) for row in rows]
        unopened += sum(digest is UnopenedFile for *_, digest in rows)
    sha = np.array(sha256([classes, contents]))
    tested = named.pop("test", [])  # a build has none
    line = np.array(shown(shared.told(chain(*named.values()), tested)))
    return {"sha256": sha, "unopened": np.array(unopened), "shared": line, **bad}


def without(images, positions):
    """The images but those; the very same where there are none."""
    kept = np.setdiff1d(np.arange(len(images)), positions) if len(positions) else None
    return images if kept is None else images.take(kept)


def digest_of(pixels):
    return hashlib.sha256(pixels.numpy().tobytes()).hexdigest()[:16]


def _is_small(splits):
    """Do the files, decoded, fit in memory? By their sizes, then by what their headers say."""
    stored = [images.items for images in splits if not images.in_memory]
    if sum(int(items.sizes.sum()) for items in stored) > SMALL_FILES:
        return False
    return sum(_pixel_bytes(item) for items in stored for item in items) <= SMALL_PIXELS


def content_of(item):
    """The bytes of a file or a `Slice`. Raises UnopenedFile."""
    with named(item, UnopenedFile):
        refuse_irregular(item if isinstance(item, Path) else item.file)
        return item.read_bytes() if isinstance(item, Path) else item.read()


def _pixel_bytes(file):
    try:
        with opened(file) as image:
            return 3 * image.width * image.height
    except UnreadableImage:
        return 0  # it takes no memory; decoding will count and name it


def _read_once(splits, classes, cache_dir, report):
    total = sum(map(len, splits.values()))
    kept = "; the outcome is remembered" if cache_dir else ""
    report(f"decoding all {total:,} images once{kept}")
    read = {name: _read_all(images.items, False, report) for name, images in splits.items()}
    return outcome(splits, classes, read)


def _read_all(items, keep, report):
    """[(image, or None if it is not to be kept, digest)]; of an unreadable one (item, its error's
    class)."""
    if isinstance(items, list):
        return [(image, digest_of(image)) for image in items]
    if fast_decoder() is None:  # asked here first, so that loader workers need not import it
        say_once("torchcodec is not installed: JPEGs are decoded by Pillow, more slowly", report)
    read, begin = [], time.monotonic()
    with ThreadPoolExecutor(cores()) as pool:  # Pillow decodes outside the interpreter's lock
        for start in range(0, len(items), CHUNK):
            chunk = items.take(range(start, min(start + CHUNK, len(items))))
            read += pool.map(lambda item: _read(item, keep), chunk)
            if time.monotonic() - begin > 60:
                report(f"{len(read):,} of {len(items):,} images decoded")
                begin = time.monotonic()
    return read


def _read(item, keep):
    try:
        image = decode(item)
        return image if keep else None, hashlib.sha256(content_of(item)).hexdigest()[:16]
    except UnreadableImage as error:
        return item, type(error)


def _too_many(bad, total):
    return sum(map(len, bad)) > UNREADABLE_BUDGET * total


def _judge(unreadable, total, report):
    if not unreadable:
        return
    named = shown(with_reasons(unreadable))
    if _too_many([unreadable], total):
        raise InputError(
            f"{len(unreadable)} of {total} images cannot be read (0.1 % is the limit); "
            f"repair or remove: {named}"
        )
    report(f"left out {len(unreadable)} of {total} images that cannot be read: {named}")


def with_reasons(unreadable):
    """The first five files, those of one reason together, and it behind them."""
    groups = {}
    for item in unreadable[:5]:
        groups.setdefault(reason_against(item), []).append(str(item))
    told = "; ".join(f"{', '.join(files)} ({reason})" for reason, files in groups.items())
    return told + (", …" if len(unreadable) > 5 else "")


def reason_against(item):
    """Why an image can not be read; "" if it can."""
    try:
        decode(item)
    except UnreadableImage as error:
        return error.reason
    return ""
