"""What was found by looking at many files, kept for the next start."""

import io
import zipfile
from pathlib import Path

import numpy as np

from rslib.atomic import write_atomically
from rslib.config import InputError, sha256

VERSION = 1  # raised when what is kept, or how it is found, becomes another


def remembered(cache_dir, what, about, look):
    """{name: array} as look() gives it, read from cache_dir if that was asked before.

    about: plain data, all that the answer depends on. Without cache_dir look() is always called.
    Raises InputError for a damaged file.
    """
    if not cache_dir:
        return look()
    kept = Path(cache_dir) / f"{what}-{sha256([VERSION, about])[:16]}.npz"
    if not kept.exists():
        held = io.BytesIO()
        np.savez(held, **look())
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, held.getbuffer())
    try:
        with np.load(kept, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{kept} is damaged ({error}); remove it") from error
