"""A trained network as a file that other programs read: ONNX, or safetensors.

Both take float images (N, 3, S, S) that are normalised as `rslib.tasks.classify.normalise` does,
and give logits (N, classes).
"""

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from rslib import config, models
from rslib.atomic import write_atomically
from rslib.config import InputError
from rslib.data.images import STORED
from rslib.evidence import results
from rslib.models import loading
from rslib.recipes import pareto
from rslib.tasks.classify import MEAN, STD
from rslib.training import checkpoint
from rslib.weights import files

# `rslib.data.eval_crop`, in words for other programs
CROP = {"place": "centre", "share": 0.875, "of": "shorter side", "resize": "bicubic, antialias"}


def export(network: nn.Module, file: Path | str, *, resolution: int, about: dict[str, Any]) -> None:
    """Writes a network to a file; its suffix, .onnx or .safetensors, decides the format.

    resolution: side of the images in pixels. about: {name: plain data}. It is stored as metadata,
    each value as JSON, with resolution, mean, deviation and channels.

    Raises InputError for another suffix, where there is such a file already, and for NaN or Inf.
    """
    writable(Path(file))
    write(packed(network, Path(file).suffix, resolution=resolution, about=about), Path(file))


def writable(file: Path) -> None:
    """Raises InputError where `export` could not write such a file; that is known beforehand."""
    if file.suffix not in FORMATS:
        raise InputError(f"{file.name} is no .onnx or .safetensors file; end it so")
    try:
        if file.exists():
            raise InputError(f"{file} is there already; name another, or remove it")
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror}") from error
    if not file.parent.is_dir():
        raise InputError(f"no folder {file.parent}; make it first")


def packed(network: nn.Module, suffix: str, *, resolution: int, about: dict[str, Any]) -> bytes:
    """The bytes of the file that `export` writes."""
    if fault := loading.not_finite(network.state_dict()):
        raise InputError(f"not written: {fault}; such weights compute nothing")
    images = {"resolution": resolution, "mean": MEAN, "deviation": STD, "channels": "RGB"}
    words = {name: json.dumps(value, allow_nan=False) for name, value in (about | images).items()}
    return FORMATS[suffix](network.eval(), resolution, words)


def write(content: bytes, file: Path) -> None:
    """All of it or nothing. Raises InputError."""
    try:
        write_atomically(file, content)
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror}") from error


def tensors(network, resolution, words):
    """Bytes of a .safetensors file, under our own names; other readers want its format named."""
    held = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    return save(held, metadata={"format": "pt"} | words)


def onnx(network, side, words):
    """Bytes of an ONNX model, for any number of images of one side."""
    try:
        import onnxscript  # noqa: F401  what torch's exporter needs
    except ImportError as error:
        raise InputError("ONNX needs two more packages: pip install onnx onnxscript") from error
    images = torch.zeros(2, 3, side, side)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, about its own insides
        program = torch.onnx.export(
            network,
            (images,),
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    for name, word in words.items():
        model.metadata_props.add(key=name, value=word)
    return model.SerializeToString()


FORMATS = {".onnx": onnx, ".safetensors": tensors}


def published(name, weights_file, resolution=None):
    """(network, resolution, about) of one of `rslib.models.NAMES` with weights from a file."""
    resolution = resolution or pareto.only_resolution(name)
    models.on_meta(name, resolution)  # raises for a wrong name and for sides that make no sense
    held = files.read(weights_file)
    network = loading.load(models.named(name, num_classes=loading.classes(held) or 1000), held)
    return network, resolution, {"model": name, "crop": CROP}


def finished(run_dir: Path) -> tuple[Path, dict]:
    """(its file, the result) of a run that has ended. Raises InputError where there is none."""
    ended = {file: results.read(file) for file in run_dir.glob("attempt-*/result.json")}
    whole = {file: found for file, found in ended.items() if found["status"] == "complete"}
    if not whole:
        raise InputError(
            f"no finished run in {run_dir}; name a folder like runs/table1/<run>, finish this "
            "one by the command that began it, or give a network its --weights"
        )
    file = min(whole, key=lambda file: whole[file]["attempt"])
    return file, whole[file]


def trained(run_dir):
    """(network, resolution, about) of a finished run of this book, by the average of its weights.

    run_dir: such as runs/table1/cosine-0123456789-s1. Raises InputError where no run has ended, and
    where its last checkpoint does not hold the weights that its result speaks of.
    """
    file, result = finished(Path(run_dir))
    recipe = config.from_dict(result["recipe"])
    raw, network = (models.build(recipe, result["data"]["classes"]) for _ in range(2))
    if state := checkpoint.last(file.parent):
        raw.load_state_dict(state["model"])
        network.load_state_dict(state["ema"])
    if checkpoint.weights_sha256(raw, network) != result["weights_sha256"]:
        raise InputError(
            f"{file.parent} holds no whole checkpoint of its last step; train it again"
        )
    about = {
        "run": result["run_id"],
        "weights": "average",
        "crop": "none" if recipe.data.dataset in STORED else CROP,
        "recipe": result["recipe"],
    }
    return network, recipe.data.resolution, about
