"""What a network is made of, stage by stage: what Figure 6 of the paper draws, read off a model."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from rslib import models
from rslib.config import Recipe, evolve
from rslib.costs.counts import Layer, layers_of, parameters_of
from rslib.models.resnet import BLOCKS, ResNet, SqueezeExcite

NAMES = ("stem", "c2", "c3", "c4", "c5", "fc")


class Part(NamedTuple):
    """A layer without its BN and ReLU."""

    kind: str  # "conv", "average pool", "max pool", "SE" or "linear"
    channels: int  # that it puts out; of a pool 0, which keeps them
    kernel: int = 1  # pixels
    stride: int = 1
    squeezed: int = 0  # channels in the middle of Squeeze-and-Excitation


class Stage(NamedTuple):
    """A stage of a ResNet for one image; of the stem and the classifier, the only block."""

    name: str
    blocks: int
    parts: list[Part]  # of the first block's branch, in order
    shortcut: list[Part]  # of the first block; empty in stem and classifier
    channels: int  # of the output
    side: int  # of the output, pixels
    parameters: int
    flops: int  # 2 × MACs of one image, as in `rslib.costs.counts`
    further: tuple[int, int]  # (parameters, FLOPs) of each block but the first


def stages(model: ResNet, image: torch.Tensor) -> list[Stage]:
    """The stages of a ResNet, as one forward pass of one image (1, 3, H, W) shows them.

    Model and image may be on the meta device: only shapes are read.
    """
    modules = {name: getattr(model, name) for name in NAMES}
    layers = {name: layers_of(module) for name, module in modules.items()}
    second = {name: layers_of(modules[name][1]) for name in NAMES[1:-1]}
    shapes: dict[str, torch.Size] = {}
    for name, module in modules.items():
        module.register_forward_hook(lambda m, i, out, name=name: shapes.update({name: out.shape}))
    with torch.no_grad():
        model(image)
    return [_stage(name, modules[name], shapes[name], layers[name], second) for name in NAMES]


def of_recipe(recipe: Recipe, num_classes: int = 1000) -> list[Stage]:
    """The stages of the ResNet that a recipe builds, at its resolution."""
    side = recipe.data.resolution
    with torch.device("meta"):
        model = models.build(recipe, num_classes).eval()
        assert isinstance(model, ResNet)
        return stages(model, torch.empty(1, 3, side, side))


def _stage(name, module, shape, layers, second):
    in_blocks = name in second
    first = module[0] if in_blocks else None
    own = [*first.branch] if first else [module] if name == "fc" else [*module]
    return Stage(
        name=name,
        blocks=len(module) if in_blocks else 1,
        parts=parts_of(own),
        shortcut=parts_of(first.shortcut.children()) if first else [],
        channels=shape[1],
        side=shape[2] if len(shape) > 2 else 1,
        parameters=parameters_of(module),
        flops=_flops(layers),
        further=(parameters_of(module[1]), _flops(second[name])) if in_blocks else (0, 0),
    )


def _flops(layers: Sequence[Layer]) -> int:
    return sum(layer.flops for layer in layers)


def parts_of(layers):
    """The `Part` of each layer, in order; BN, ReLU and stochastic depth are left out."""
    found = []
    for layer in layers:
        if isinstance(layer, SqueezeExcite):
            squeeze, excite = layer.squeeze, layer.excite
            found.append(Part("SE", excite.out_channels, squeezed=squeeze.out_channels))
        elif isinstance(layer, nn.Linear):
            found.append(Part("linear", layer.out_features))
        elif isinstance(layer, nn.Conv2d):
            found.append(Part("conv", layer.out_channels, layer.kernel_size[0], layer.stride[0]))
        elif isinstance(layer, nn.AvgPool2d | nn.MaxPool2d):
            kind = "average pool" if isinstance(layer, nn.AvgPool2d) else "max pool"
            found.append(Part(kind, 0, layer.kernel_size, layer.stride))
    return found


def with_blocks(found: Sequence[Stage], blocks: Sequence[int]) -> tuple[int, int]:
    """(parameters, FLOPs) of the same network with other numbers of blocks in c2 to c5.

    A stage's blocks after its first are all alike, so that a shallow network tells what a deep one
    costs.
    """
    counts = (1, *blocks, 1)
    added = [count - stage.blocks for count, stage in zip(counts, found, strict=True)]
    parameters = sum(s.parameters + n * s.further[0] for s, n in zip(found, added, strict=True))
    flops = sum(s.flops + n * s.further[1] for s, n in zip(found, added, strict=True))
    return parameters, flops


def flops_by_blocks(recipe: Recipe) -> int:
    """FLOPs of one image in a recipe's ResNet, counted on the shallowest network like it.

    The same number as `rslib.costs.count_recipe` has, without building hundreds of blocks.
    """
    shallow = of_recipe(evolve(recipe, {"model.depth": min(BLOCKS)}))
    return with_blocks(shallow, BLOCKS[recipe.model.depth])[1]
