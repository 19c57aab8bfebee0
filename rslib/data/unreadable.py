"""Files in an image's place that are none: what they are, said in a few words."""

import errno
import os
import re
import stat
from contextlib import contextmanager
from pathlib import Path

from PIL import UnidentifiedImageError

from rslib.config import InputError

IRREGULAR = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)
BEGINNINGS = (  # of what people find in an image's place, in small letters
    (b"version https://git-lfs", "a Git LFS pointer: git lfs pull fetches the image"),
    (b"<!doctype html", "an HTML page, as a failed download leaves"),
    (b"<html", "an HTML page, as a failed download leaves"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML file"),
    (b"%pdf", "a PDF"),
    (b"\0\5\x16\7", "macOS's resource fork, not the image"),
    (b"\0\0\0", "an image or film as phones make them, HEIC for one: convert it to JPEG"),
)


class UnreadableImage(InputError):
    """A file that is no whole image. reason: why, without its name and the remedy."""

    reason = ""


class UnopenedFile(UnreadableImage):
    """A file that the disk, the network or its permissions do not give; another day they may."""


@contextmanager
def named(item, as_what=UnreadableImage, begins=b""):
    """Decoders raise whatever a broken file leads them to; it becomes UnreadableImage.

    begins: the file's first bytes, which tell what it is instead. A full memory is no fault of the
    file: that ends all.
    """
    try:
        yield
    except Exception as error:
        name = item if isinstance(item, Path) else f"{item.file} at byte {item.offset}"
        if isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error):  # PyTorch's
            raise InputError(f"memory is full at {name}; free some, or remove it") from error
        reason = reason_of(error, begins)
        told = as_what(f"{name} cannot be read ({reason}); repair or remove it")
        told.reason = reason
        raise told from error


def reason_of(error, begins):
    """What a decoder, or the system, has against a file; without the file's name."""
    if of_system := getattr(error, "strerror", ""):  # of OSError, and of FFmpeg's own errors
        return of_system
    if isinstance(error, UnidentifiedImageError):
        start = begins.lstrip().lower()
        kinds = (kind for first, kind in BEGINNINGS if start.startswith(first))
        return next(
            kinds, "no known kind of image, by its first bytes" if begins else "it is empty"
        )
    told = re.sub(r".*\.cpp:\d+,\s*", "", " ".join(str(error).split()))  # TorchCodec's place of it
    return told or type(error).__name__


def refuse_irregular(file):
    """Raise OSError for what would never end, or never begin, when it is read: a pipe, a device."""
    mode = os.stat(file).st_mode
    if not stat.S_ISREG(mode):
        kind = next((what for is_it, what in IRREGULAR if is_it(mode)), "something else")
        raise OSError(errno.EINVAL, f"{kind}, no regular file")


def shown(text):
    """Text that any output takes: bytes of a name that are no UTF-8 are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
