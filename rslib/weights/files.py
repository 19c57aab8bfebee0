"""Files of weights that others wrote, read without running anything that they may hold."""

import pickle
import struct
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from rslib.config import InputError

# what readers raise for a file that is not theirs, is damaged, or holds a program
UNREADABLE = (pickle.UnpicklingError, SafetensorError, EOFError, OSError, RuntimeError, ValueError)
UNREADABLE += (struct.error, KeyError, IndexError)


def read(file: Path | str) -> dict[str, torch.Tensor]:
    """Reads {name: tensor} from a .safetensors file or a file that torch.save wrote.

    Raises InputError if the file is missing or damaged, or holds more than tensors: such a pickle
    could run any program when it is opened.
    """
    file = Path(file)
    if not file.is_file():
        raise InputError(f"no file {file}")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch warns of, we refuse
            weights = torch.load(file, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise InputError(
            f"{file} is refused: it is damaged, or holds more than tensors, such as code; take a "
            ".safetensors file"
        ) from error
    weights = weights.get("state_dict", weights) if isinstance(weights, dict) else weights
    named = isinstance(weights, dict) and all(isinstance(name, str) for name in weights)
    if not named or not all(map(torch.is_tensor, weights.values())):
        raise InputError(f"{file} holds no weights by name")
    return weights
