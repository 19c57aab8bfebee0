"""The least memory of a training step, counted before anything is computed.

On a GPU in bfloat16 an image of Table 7's networks takes 1.00 to 1.02 times as much as is counted
here; in float32 on a CPU, whose library keeps copies in a layout of its own, 1.07 to 1.68 times.
"""

from functools import cache

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from rslib import models
from rslib.config import Data, Model, Recipe

# Of each parameter, in float32: the weight, its gradient, its momentum, its average
STATE = 16


@cache
def saved_bytes(recipe: Recipe, num_classes: int) -> int:
    """Bytes an example (image or clip) that the forward pass keeps for the backward, in float32.

    Counted on the meta device: what autograd saves, each storage once, but for the weights.
    """
    data = recipe.data
    with torch.device("meta"):
        network = models.build(recipe, num_classes)
    frames = [data.frames] if data.frames else []
    return kept(network, (3, *frames, data.resolution, data.resolution))


@cache
def saved_by(name: str, resolution: int) -> int:
    """The same of a published network (`rslib.models.named`) for an image at a resolution."""
    return kept(models.on_meta(name, resolution)[0], (3, resolution, resolution))


def kept(network: nn.Module, shape: tuple[int, ...]) -> int:
    """Bytes that autograd keeps of one example of a shape, by a network on the meta device."""
    saved = {}

    def keep(tensor):
        saved[tensor.untyped_storage()._cdata] = tensor  # alive, so that no address comes twice
        return tensor

    with torch.device("meta"):
        shown = torch.empty(2, *shape)  # two, as BN takes no single value for each channel
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            cross_entropy(network.train()(shown), torch.empty(2, dtype=torch.long))
    own = {t.untyped_storage()._cdata for t in (*network.parameters(), *network.buffers())}
    return sum(t.untyped_storage().nbytes() for key, t in saved.items() if key not in own) // 2


@cache
def parameters(model: Model, frames: int, num_classes: int) -> int:
    """Of a network; frames: of a clip, 0 for images."""
    with torch.device("meta"):
        network = models.build(Recipe(model=model, data=Data(frames=frames)), num_classes)
    return sum(p.numel() for p in network.parameters())


def least_bytes(recipe: Recipe, num_classes: int, images: int, *, bf16: bool = False) -> int:
    """Bytes that a training step of so many images takes at least. bf16: by autocast."""
    state = STATE * parameters(recipe.model, recipe.data.frames, num_classes)
    return state + images * saved_bytes(recipe, num_classes) // (2 if bf16 else 1)


def in_words(recipe: Recipe, num_classes: int) -> str:
    """What a GPU needs at least for the recipe's micro-batch."""
    images = recipe.optim.micro_batch or recipe.optim.batch_size
    shown = f"clips of {recipe.data.frames} frames" if recipe.data.frames else "images"
    fp32, bf16 = (least_bytes(recipe, num_classes, images, bf16=half) for half in (False, True))
    return (
        f"memory: at least {fp32 / 2**30:,.0f} GiB in float32 or {bf16 / 2**30:,.0f} GiB in "
        f"bfloat16 for {images} {shown} of {recipe.model} at {recipe.data.resolution} px at once "
        f"(counted: {STATE} bytes a parameter, and what autograd keeps of each "
        f"{'clip' if recipe.data.frames else 'image'})"
    )


def too_small(
    recipe: Recipe, num_classes: int, usable: int, total: int = 0, *, bf16: bool = False
) -> str:
    """One line for a GPU into whose `usable` bytes a micro-batch did not fit: which one may.

    Halved until the least memory is below them, so that it is an upper bound. total: bytes of the
    GPU, where other processes may hold some.
    """
    optim = recipe.optim
    tried = optim.micro_batch or optim.batch_size
    state = STATE * parameters(recipe.model, recipe.data.frames, num_classes)
    image = least_bytes(recipe, num_classes, 1, bf16=bf16) - state
    fits = tried // 2
    while fits and state + fits * image > usable:
        fits //= 2
    what = f"{tried} images of {recipe.model} at {recipe.data.resolution} px"
    room = f"the GPU's {usable / 2**30:.1f} GiB"
    if usable < 0.95 * total:  # a context alone takes some hundreds of MiB
        room = f"the {usable / 2**30:.1f} GiB that others leave of the GPU's {total / 2**30:.1f}"
    line = f"{what} do not fit into {room} at once; take a larger GPU"
    if not fits:
        return line
    return (
        f"{line}, or another recipe, as BN normalises by what is trained at once: at most {fits} "
        f"fit, {-(-optim.batch_size // fits)} times accumulated for a batch of {optim.batch_size} "
        f"(optim.micro_batch in rslib/recipes), or --batch {fits} of rslib train"
    )
