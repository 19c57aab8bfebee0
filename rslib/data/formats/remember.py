"""What was found by looking at many files, kept for the next start."""

import io
from pathlib import Path

import numpy as np

from rslib.atomic import write_atomically
from rslib.config import InputError, sha256

VERSION = 3  # raised when what is kept, or how it is found, becomes another
KEPT = "kept"  # an array of the others' names


def remembered(cache_dir, what, about, look, report, lasting=lambda found: True):
    """{name: array} as look() gives it, read from cache_dir if that was asked before.

    about: plain data, all that the answer depends on; None if nothing tells it from other answers.
    Without it, or without cache_dir, look() is always called.
    lasting: says of an answer whether it will still be true; only then it is kept. Where it cannot
    be written, that is reported. Raises InputError for a damaged file.
    """
    if not cache_dir or about is None:
        return look()
    file = Path(cache_dir) / f"{what}-{sha256([VERSION, about])[:16]}.npz"
    if (found := read(file)) is None:
        found = look()
        if lasting(found):
            keep(file, found, report)
    return found


def read(file):
    """What was kept; None if nothing was."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            found = dict(arrays)
        if sorted(found.pop(KEPT).tolist()) != sorted(found):
            raise ValueError("arrays are missing")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # whatever zip, zlib and NumPy make of a broken file
        raise InputError(f"{file} is damaged ({error}); remove it") from error
    return found


def keep(file, found, report):
    held = io.BytesIO()
    np.savez(held, **{KEPT: np.array(list(found))}, **found)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, held.getbuffer())
    except OSError as error:
        report(f"cannot be remembered: {file} cannot be written ({error.strerror or error})")
