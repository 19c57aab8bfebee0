"""Every file that takes part is decoded once before training: a bad one is named then."""

import hashlib
import io
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchcodec.decoders import decode_jpeg

from rslib.atomic import write_atomically
from rslib.config import InputError, sha256
from rslib.machine import cores

CHUNK = 10_000  # files decoded between two looks at the clock
UNREADABLE_BUDGET = 0.001  # of all files that are used; more is refused
SMALL_FILES = 128 * 2**20  # bytes of files, and
SMALL_PIXELS = 2 * 2**30  # bytes of their pixels, up to which decoded images are kept in memory


def decode(item):
    """The pixels of a file or a `Slice` as uint8 (3, H, W): CMYK, grey, palette and misnamed too.

    In memory the three values of a pixel lie together, as decoders write them and as the crop reads
    them fastest. Raises UnreadableImage.
    """
    with named(item):
        content = content_of(item)
        header = content[: content.find(b"\xff\xda")]  # of a JPEG: up to the scan
        # TorchCodec has Pillow's pixels without its copies, but turns images as EXIF asks for
        if header.startswith(b"\xff\xd8") and b"Exif\0\0" not in header:
            return decode_jpeg(content)
    with opened(item) as image:
        if image.mode[0] in "IF":
            raise ValueError(f"mode {image.mode} has no 8-bit channels")
        return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


class UnreadableImage(InputError):
    """A file that is no whole image."""


@contextmanager
def opened(item):
    file = item if isinstance(item, Path) else io.BytesIO(item.read())
    with named(item), Image.open(file) as image:
        yield image


@contextmanager
def named(item):
    """Decoders raise whatever a broken file leads them to; it becomes UnreadableImage."""
    try:
        yield
    except Exception as error:
        name = item if isinstance(item, Path) else f"{item.file} at byte {item.offset}"
        raise UnreadableImage(f"{name} cannot be read ({error}); repair or remove it") from error


def check(splits, cache_dir, report):
    """Decode every file once: drop and name unreadable ones, keep small sets in memory.

    Returns the splits and, for each, what its images hold: [name, label, digest of the file].
    """
    stored = [item for images in splits.values() for item in images.items]
    files = [item for item in stored if not isinstance(item, torch.Tensor)]
    keep = _is_small(files)
    if keep or not cache_dir:
        read = _read_all(files, keep, report)
    else:
        read = _read_once(files, Path(cache_dir), report)
    _judge([file for file, (_, digest) in read.items() if digest is None], len(files), report)
    good, contents = {}, []
    for name, images in splits.items():
        tensors = [isinstance(item, torch.Tensor) for item in images.items]
        pairs = [
            (item, digest_of(item)) if tensor else read[item]
            for item, tensor in zip(images.items, tensors, strict=True)
        ]
        kept = [position for position, (_, digest) in enumerate(pairs) if digest is not None]
        good[name] = images.take(kept)
        if keep:
            good[name] = replace(good[name], items=[pairs[p][0] for p in kept])
        rows = [[images.names[p], images.labels[p], pairs[p][1]] for p in kept]
        contents.append([name, rows])
    return good, contents


def digest_of(pixels):
    return hashlib.sha256(pixels.numpy().tobytes()).hexdigest()[:16]


def _is_small(files):
    """Do the files, decoded, fit in memory? By their sizes, then by what their headers say."""
    if sum(map(_size, files)) > SMALL_FILES:
        return False
    return sum(map(_pixel_bytes, files)) <= SMALL_PIXELS


def _size(item):
    if not isinstance(item, Path):
        return item.length
    return item.stat().st_size if item.exists() else 0


def content_of(item):
    return item.read_bytes() if isinstance(item, Path) else item.read()


def _pixel_bytes(file):
    try:
        with opened(file) as image:
            return 3 * image.width * image.height
    except UnreadableImage:
        return 0  # it takes no memory; decoding will count and name it


def _read_once(files, cache_dir, report):
    """_read_all of a large set, remembered by the names, sizes and times of its files."""
    stats = [stamp(item) for item in files]
    remembered = cache_dir / f"checked-{sha256(stats)[:16]}.json"
    if remembered.exists():
        return {
            f: (f, digest)
            for f, digest in zip(files, json.loads(remembered.read_text()), strict=True)
        }
    report(f"decoding all {len(files):,} images once; the outcome is remembered")
    read = _read_all(files, False, report)
    cache_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(remembered, json.dumps([read[f][1] for f in files]).encode())
    return read


def stamp(item):
    """What tells that an item is not what it was: name, size, time, and a slice's place."""
    file, *place = (item,) if isinstance(item, Path) else item
    if not file.exists():
        return str(file)
    return str(file), file.stat().st_size, file.stat().st_mtime_ns, *place


def _read_all(files, keep, report):
    """{file: (image or file, digest)}; the digest of an unreadable file is None."""
    read, begin = {}, time.monotonic()
    with ThreadPoolExecutor(cores()) as pool:  # Pillow decodes outside the interpreter's lock
        for start in range(0, len(files), CHUNK):
            chunk = files[start : start + CHUNK]
            read.update(zip(chunk, pool.map(lambda f: _read(f, keep), chunk), strict=True))
            if time.monotonic() - begin > 60:
                report(f"{len(read):,} of {len(files):,} images decoded")
                begin = time.monotonic()
    return read


def _read(path, keep):
    try:
        image = decode(path)
        return image if keep else path, hashlib.sha256(content_of(path)).hexdigest()[:16]
    except UnreadableImage:
        return path, None


def _judge(unreadable, total, report):
    if not unreadable:
        return
    named = ", ".join(map(str, unreadable[:5])) + (", …" if len(unreadable) > 5 else "")
    if len(unreadable) > UNREADABLE_BUDGET * total:
        raise InputError(
            f"{len(unreadable)} of {total} images cannot be read (0.1 % is the limit); "
            f"repair or remove: {named}"
        )
    report(f"left out {len(unreadable)} of {total} images that cannot be read: {named}")
