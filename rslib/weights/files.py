"""Files of weights that others wrote, read without running anything that they may hold."""

import argparse
import json
import pickle
import re
import struct
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from rslib.config import InputError
from rslib.models import loading
from rslib.weights import wrappers

# what readers raise for a file that is not theirs, is damaged, or holds a program
UNREADABLE = (pickle.UnpicklingError, SafetensorError, EOFError, OSError, RuntimeError, ValueError)
UNREADABLE += (struct.error, KeyError, IndexError, AttributeError, TypeError)
AGAIN = "copy or download it again"
# first bytes, what such a file is, what to do
OTHERS = (
    (b"version https://git-lfs", "is a Git LFS pointer, not the weights", "run git lfs pull"),
    (b"\x1f\x8b", "is packed by gzip", "unpack it, and name the file of weights in it"),
    (b"\x89HDF", "is HDF5, as Keras writes it", "take weights of PyTorch"),
    (b"\x93NUMPY", "is one NumPy array", "take a .safetensors file"),
)
PAGE = re.compile(rb"\s*(<!doctype|<html|<head|<\?xml|<!--)", re.IGNORECASE)
# what torch's own reader says of what is no tensor, and readers of a file that ends too early
CODE = re.compile(r"(?:GLOBAL|Unsupported class|unrecognized function) <?(?:built-in )?([\w.]+)")
CUT = re.compile(r"truncated|unexpected EOF|Ran out of input|unpack requires|index out of range")


def to_stderr(line: str) -> None:
    print(line, file=sys.stderr)


def read(file: Path | str, report: Callable[[str], None] = to_stderr) -> dict[str, torch.Tensor]:
    """Reads {name: tensor} from a .safetensors file or a file that torch.save wrote.

    Wrappers and prefixes of trainers, DDP and torch.compile are taken off. Where a file holds
    weights and their average, the average is taken, and report told so.

    Raises InputError, which says what the file is, if it is missing or damaged, holds NaN or Inf,
    or more than tensors: such a pickle could run any program when it is opened.
    """
    file = Path(file)
    if not file.is_file():
        kind = "a folder" if file.is_dir() else "no regular file"
        raise InputError(f"{file} is {kind}; name a file" if file.exists() else f"no file {file}")
    try:
        with open(file, "rb") as opened:
            begin = opened.read(512)
        held = _opened(file, begin)
    except InputError:
        raise
    except UNREADABLE as error:
        _refuse(file, error)
    weights = wrappers.unwrapped(held, file, report)
    if fault := loading.not_finite(weights):
        raise InputError(f"{file}: {fault}; such weights compute nothing, take others")
    return weights


def _opened(file: Path, begin: bytes) -> object:
    if not begin:
        raise InputError(f"{file} is empty; {AGAIN}")
    for first, what, remedy in OTHERS:
        if begin.startswith(first):
            raise InputError(f"{file} {what}; {remedy}")
    if PAGE.match(begin):
        raise InputError(f"{file} is a web page, such as one to log in; download the file itself")
    if begin[8:9] == b"{":  # the header's length, then a header in JSON
        _whole_safetensors(file, struct.unpack("<Q", begin[:8])[0])
        return load_file(file)
    if begin.startswith(b"PK"):
        _torchs_zip(file)
    elif begin[:1] != b"\x80":  # a pickle's
        _refuse_unknown(file, begin)
    with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
        warnings.simplefilter("ignore")  # what torch warns of, we refuse
        with open(file, "rb") as opened:  # of a name, torch would believe the suffix
            return torch.load(opened, map_location="cpu", weights_only=True)


def _whole_safetensors(file: Path, header: int) -> None:
    """The header says how long the file is."""
    size = file.stat().st_size - 8
    if header > 100_000_000:  # more than the format allows
        raise InputError(f"{file} is no .safetensors file, though it begins like one; {AGAIN}")
    end = header
    if header <= size:
        with open(file, "rb") as opened:
            opened.seek(8)
            tensors = json.loads(opened.read(header))
        end += max((t["data_offsets"][1] for k, t in tensors.items() if k[:2] != "__"), default=0)
    if end > size:
        raise InputError(f"{file} is cut off: {size + 8:,} of {end + 8:,} bytes are there; {AGAIN}")


def _torchs_zip(file: Path) -> None:
    try:
        with zipfile.ZipFile(file) as opened:
            names = opened.namelist()
    except zipfile.BadZipFile as error:
        raise InputError(f"{file} is cut off or damaged ({error}); {AGAIN}") from error
    if any(name.endswith("/constants.pkl") for name in names):
        raise InputError(
            f"{file} is a TorchScript program; save the state_dict() of the network that it was"
        )
    if not any(name.endswith("data.pkl") for name in names):
        example = f"such as {names[0]!r}" if names else "none"
        raise InputError(
            f"{file} is a zip of other files, {example}; unpack it, and name the weights in it"
        )


def _refuse_unknown(file: Path, begin: bytes) -> NoReturn:
    if all(byte in b"\t\n\r" or 32 <= byte < 127 or byte > 127 for byte in begin):
        line = begin.decode(errors="replace").strip().splitlines()[:1]
        shown = repr(line[0][:60]) if line else "blanks"
        raise InputError(f"{file} is text, not weights; it begins with {shown}")
    raise InputError(
        f"{file} is neither a .safetensors file nor one of torch.save; it begins with {begin[:8]!r}"
    )


def _refuse(file: Path, error: Exception) -> NoReturn:
    """In the reader's own words, on one line."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    before, marked, after = reason.partition("WeightsUnpickler error: ")
    reason = (after if marked else before)[:160]
    if code := CODE.search(reason):
        raise InputError(
            f"{file} is refused: besides tensors it holds {code[1]}, which could run any program; "
            "take a .safetensors file, or have its author save its state_dict() alone"
        ) from error
    if isinstance(error, EOFError) or CUT.search(reason):
        raise InputError(f"{file} is cut off: its end is missing; {AGAIN}") from error
    raise InputError(f"{file} is damaged ({reason}); {AGAIN}") from error
