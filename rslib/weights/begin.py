"""Weights that training begins with: others', ours, or a run's; the last layer may be a new one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from rslib import config, models
from rslib.config import InputError, Recipe
from rslib.models import loading
from rslib.training import checkpoint
from rslib.weights import about, export, files

HEAD = "fc."  # the names of the last layer, in timm too


@dataclass(frozen=True)
class Begin:
    """Tensors by name. recipe, classes: of the run that they are of; None and [] of a file."""

    source: Path
    tensors: Mapping[str, torch.Tensor]
    recipe: Recipe | None
    classes: list


def found(source: Path, report: Callable[[str], None]) -> Begin:
    """Weights of a run's folder, which are their average, or of a file. Raises InputError."""
    if not source.is_dir():
        return Begin(source, files.read(source, report), None, [])
    network, _, said = export.trained(source)
    named = (source / about.NAME).is_file()  # runs of the book's studies have no such file
    classes = about.of(source)["classes"] if named else []
    return Begin(source, network.state_dict(), config.from_dict(said["recipe"]), classes)


def fitted(
    begin: Begin, recipe: Recipe, classes: list, report: Callable[[str], None]
) -> tuple[dict[str, torch.Tensor], str]:
    """(the tensors for the network of a recipe, their digest).

    The last layer is left out, so that it begins at random, where it knows other classes; report
    is told. Raises InputError for weights of another network.
    """
    network = models.build(recipe, len(classes))
    held = loading.unprefixed(begin.tensors)
    known = loading.classes(held)
    new = known != len(classes) or (bool(begin.classes) and begin.classes != classes)
    if new:
        held = {name: tensor for name, tensor in held.items() if not name.startswith(HEAD)}
        ours = network.state_dict().items()
        held |= {name: tensor for name, tensor in ours if name.startswith(HEAD)}
    try:
        loading.load(network, held)
    except InputError as error:
        m = recipe.model
        raise InputError(
            f"{begin.source} does not fit ResNet-RS-{m.depth} of width {m.width:g}; give the "
            f"--model and --width that it was trained as ({error})"
        ) from error
    tensors = dict(network.state_dict())
    if new:
        tensors = {n: tensor for n, tensor in tensors.items() if not n.startswith(HEAD)}
        of = f"{known} others" if known else "none"
        report(
            f"{begin.source}: a new last layer for {len(classes)} classes; the old one knew {of}"
        )
    else:
        same = "the same names" if begin.classes else "as many; their names are not in the file"
        report(f"{begin.source}: its last layer is kept, for its classes are {same}")
    return tensors, checkpoint.tensors_sha256(tensors)[:16]
