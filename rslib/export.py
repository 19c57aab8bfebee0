"""A trained network as a file that other programs read: ONNX, or safetensors.

Both take float images (N, 3, S, S) that are normalised as `rslib.tasks.classify.normalise` does,
and give logits (N, classes).
"""

import json
import logging
import warnings
from pathlib import Path

import torch
from safetensors.torch import save

from rslib import checkpoint, config, models, results
from rslib.atomic import write_atomically
from rslib.config import InputError
from rslib.models import weights
from rslib.recipes import pareto

SUFFIXES = (".onnx", ".safetensors")


def export(network, file, *, resolution, about):
    """Write a network to file, by its suffix; about: {name: word}, kept inside.

    Raises InputError for another suffix, and where there is such a file already.
    """
    file = Path(file)
    if file.suffix not in SUFFIXES:
        raise InputError(f"{file.name} is no {' or '.join(SUFFIXES)} file; end it so")
    if file.exists():
        raise InputError(f"{file} is there already; name another, or remove it")
    if not file.parent.is_dir():
        raise InputError(f"no folder {file.parent}; make it first")
    network = network.eval()
    write = {".onnx": onnx, ".safetensors": tensors}[file.suffix]
    try:
        write_atomically(file, write(network, resolution, about))
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror}") from error


def tensors(network, resolution, about):
    """Bytes of a .safetensors file, under our own names."""
    held = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    return save(held, metadata={**about, "resolution": str(resolution)})


def onnx(network, resolution, about):
    """Bytes of an ONNX model, for any number of images of this side."""
    try:
        import onnxscript  # noqa: F401  what torch's exporter needs
    except ImportError as error:
        raise InputError("ONNX needs two more packages: pip install onnx onnxscript") from error
    images = torch.zeros(2, 3, resolution, resolution)
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
    for name, word in {**about, "resolution": str(resolution)}.items():
        model.metadata_props.add(key=name, value=word)
    return model.SerializeToString()


def published(name, weights_file, resolution=None):
    """(network, resolution, about) of one of `rslib.models.NAMES` with weights from a file."""
    held = weights.read(weights_file)
    classes = held["fc.weight"].shape[0] if "fc.weight" in held else 1000
    network = weights.load(models.named(name, num_classes=classes), held)
    return network, resolution or pareto.only_resolution(name), {"model": name}


def trained(run_dir):
    """(network, resolution, about) of a finished run of this book, by the weights of its row.

    run_dir: such as runs/table1/cosine-0123456789-s1. Raises InputError where no run has ended.
    """
    run_dir = Path(run_dir)
    ended = sorted(run_dir.glob("attempt-*/result.json"))
    if not ended:
        raise InputError(f"no finished run in {run_dir}; name a folder like runs/table1/<run>")
    result = results.read(ended[0])
    state = checkpoint.newest(ended[0].parent)
    if state is None:
        raise InputError(f"{ended[0].parent} holds no checkpoint; its weights are gone")
    recipe = config.from_dict(result["recipe"])
    network = models.build(recipe, num_classes=result["data"]["classes"])
    network.load_state_dict(state["ema"])
    about = {"run": result["run_id"], "weights": "average", "recipe": json.dumps(result["recipe"])}
    return network, recipe.data.resolution, about
