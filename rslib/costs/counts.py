"""What a network costs on paper: parameters, FLOPs, activations, and the least time for them.

All of it is counted on the meta device, where tensors have shapes and no values.
"""

from functools import cache
from typing import NamedTuple

import torch
from torch import nn
from torchvision.ops import SqueezeExcitation

from rslib import models
from rslib.config import Recipe, evolve
from rslib.models.resnet import BLOCKS, SqueezeExcite

# Memory passes over each element in a training step, unfused and compiled: of BN with its ReLU
# (statistics, normalising, and both ways back), and of the gate of Squeeze-and-Excitation
PASSES = {"eager": (13, 7), "compiled": (8, 4)}


class Layer(NamedTuple):
    """A convolution or linear layer: FLOPs of one forward pass, elements in and out, one image.

    Of a network for video, one clip takes the place of one image, here and below.
    """

    flops: int
    inputs: int
    outputs: int


class Counts(NamedTuple):
    """What `count` returns, for one image."""

    parameters: int
    layers: list[Layer]  # in order
    normalised: int  # elements that BN puts out
    gated: int  # elements that Squeeze-and-Excitation multiplies

    @property
    def flops(self) -> int:
        """Of one forward pass of one image, as the paper has them: 2 × MACs (Tables 3 and 7)."""
        return sum(layer.flops for layer in self.layers)

    @property
    def training_flops(self) -> int:
        """Of one training step of one image: forward, and twice that back, but for the images."""
        return 3 * self.flops - self.layers[0].flops

    @property
    def activations(self) -> int:
        """Elements that convolutions and linear layers put out for one image."""
        return sum(layer.outputs for layer in self.layers)


@cache
def count(name: str, resolution: int) -> Counts:
    """Counts of a published network (`rslib.models.named`) at a resolution in pixels.

    Raises InputError for a name that does not exist, or a resolution that is too small or too
    large.
    """
    return count_network(*models.on_meta(name, resolution))


def count_recipe(recipe: Recipe, num_classes: int = 1000) -> Counts:
    """Counts of the network that a recipe builds, at its resolution and its frames."""
    side, frames = recipe.data.resolution, recipe.data.frames
    with torch.device("meta"):
        model = models.build(recipe, num_classes).eval()
        return count_network(model, torch.empty(1, 3, *([frames] if frames else []), side, side))


def count_network(model: nn.Module, image: torch.Tensor) -> Counts:
    """Counts of a network from one forward pass of one image (1, 3, H, W) or clip."""
    normalised, gated = [], []
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.register_forward_hook(lambda m, i, output: normalised.append(output.numel()))
        elif isinstance(module, SqueezeExcite | SqueezeExcitation):
            module.register_forward_hook(lambda m, i, output: gated.append(output.numel()))
    layers = layers_of(model)
    with torch.no_grad():
        model(image)
    return Counts(parameters_of(model), layers, sum(normalised), sum(gated))


def count_blocks(name: str, resolution: int) -> dict[str, tuple[int, int]]:
    """{stage: (FLOPs, parameters)} of a ResNet's second block in each, which repeats to its end."""
    return _with_blocks(*models.on_meta(name, resolution))[1]


def count_depths(recipe: Recipe) -> dict[int, tuple[int, int]]:
    """{depth: (FLOPs, parameters)} of a recipe's ResNet at every depth of `BLOCKS`.

    Only the shallowest is built: a stage's blocks after its first are all alike.
    """
    least, side = min(BLOCKS), recipe.data.resolution
    with torch.device("meta"):
        model = models.build(evolve(recipe, {"model.depth": least}), 1000).eval()
        whole, blocks = _with_blocks(model, torch.empty(1, 3, side, side))
    found = {}
    for depth, numbers in BLOCKS.items():
        further = [n - had for n, had in zip(numbers, BLOCKS[least], strict=True)]
        repeated = list(zip(further, blocks.values(), strict=True))
        flops = whole.flops + sum(n * flops for n, (flops, _) in repeated)
        parameters = whole.parameters + sum(n * parameters for n, (_, parameters) in repeated)
        found[depth] = flops, parameters
    return found


def _with_blocks(
    model: nn.Module, image: torch.Tensor
) -> tuple[Counts, dict[str, tuple[int, int]]]:
    """(counts, as `count_network`; those of each stage's second block, as `count_blocks`)."""
    blocks = {stage: getattr(model, stage)[1] for stage in ("c2", "c3", "c4", "c5")}
    layers = {stage: layers_of(block) for stage, block in blocks.items()}
    whole = count_network(model, image)
    return whole, {
        stage: (sum(layer.flops for layer in layers[stage]), parameters_of(block))
        for stage, block in blocks.items()
    }


def layers_of(module: nn.Module) -> list[Layer]:
    """A list to which the next forward pass through the module adds its layers, in order."""
    layers = []

    def weigh(layer, inputs, output):
        macs = output.numel() * layer.weight[0].numel()
        layers.append(Layer(2 * macs, inputs[0].numel(), output.numel()))

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Conv3d | nn.Linear):
            layer.register_forward_hook(weigh)
    return layers


def parameters_of(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def least_seconds(
    counts: Counts, *, flop_rate: float, bandwidth: float, element_bytes: int, how: str = "eager"
) -> float:
    """The least time of one image's training step, in seconds: the roofline of a device.

    Each layer is limited by arithmetic or by the memory it moves; BN and Squeeze-and-Excitation by
    memory alone. Weights, additions and gaps between kernels are left out.

    counts: from `count`. flop_rate: FLOP/s. bandwidth: bytes/s. element_bytes: 4 for float32, 2 for
    bfloat16. how: "eager", or "compiled" where passes over memory are fused.
    """
    seconds = 0.0
    for place, layer in enumerate(counts.layers):
        passes = 3 if place else 2  # nobody asks for the gradient of the images
        moved = element_bytes * (layer.inputs + layer.outputs)
        seconds += passes * max(layer.flops / flop_rate, moved / bandwidth)
    norm, gate = PASSES[how]
    touched = norm * counts.normalised + gate * counts.gated
    return seconds + element_bytes * touched / bandwidth
