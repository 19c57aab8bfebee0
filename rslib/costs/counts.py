"""What a network costs on paper: parameters, FLOPs, activations, and the least time for them.

All of it is counted on the meta device, where tensors have shapes and no values.
"""

from typing import NamedTuple

import torch
from torch import nn
from torchvision.ops import SqueezeExcitation

from rslib import models
from rslib.models.resnet import SqueezeExcite

# Memory passes over each element in a training step, unfused and compiled: of BN with its ReLU
# (statistics, normalising, and both ways back), and of the gate of Squeeze-and-Excitation
PASSES = {"eager": (13, 7), "compiled": (8, 4)}


class Layer(NamedTuple):
    """A convolution or linear layer: FLOPs of one forward pass, elements in and out, one image."""

    flops: int
    inputs: int
    outputs: int


class Counts(NamedTuple):
    parameters: int
    layers: list
    normalised: int  # elements that BN puts out
    gated: int  # elements that Squeeze-and-Excitation multiplies

    @property
    def flops(self):
        """Of one forward pass of one image, as the paper has them: 2 × MACs (Tables 3 and 7)."""
        return sum(layer.flops for layer in self.layers)

    @property
    def training_flops(self):
        """Of one training step of one image: forward, and twice that back, but for the images."""
        return 3 * self.flops - self.layers[0].flops

    @property
    def activations(self):
        """Elements that convolutions and linear layers put out for one image."""
        return sum(layer.outputs for layer in self.layers)


def count(name, resolution):
    """Counts of a published network (`models.named`) at a resolution in pixels.

    Raises InputError for a name that does not exist, or a resolution that is too small.
    """
    return count_network(*models.on_meta(name, resolution))


def count_recipe(recipe, num_classes=1000):
    """Counts of the network that a recipe builds, at its resolution."""
    side = recipe.data.resolution
    with torch.device("meta"):
        model = models.build(recipe, num_classes).eval()
        return count_network(model, torch.empty(1, 3, side, side))


def count_network(model, image):
    normalised, gated = [], []
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda m, i, output: normalised.append(output.numel()))
        elif isinstance(module, SqueezeExcite | SqueezeExcitation):
            module.register_forward_hook(lambda m, i, output: gated.append(output.numel()))
    layers = layers_of(model)
    with torch.no_grad():
        model(image)
    return Counts(parameters_of(model), layers, sum(normalised), sum(gated))


def count_blocks(name, resolution):
    """{stage: (FLOPs, parameters)} of a ResNet's second block in each, which repeats to its end."""
    model, image = models.on_meta(name, resolution)
    blocks = {stage: getattr(model, stage)[1] for stage in ("c2", "c3", "c4", "c5")}
    layers = {stage: layers_of(block) for stage, block in blocks.items()}
    with torch.no_grad():
        model(image)
    return {
        stage: (sum(layer.flops for layer in layers[stage]), parameters_of(block))
        for stage, block in blocks.items()
    }


def layers_of(module):
    """A list to which the next forward pass through the module adds its layers, in order."""
    layers = []

    def weigh(layer, inputs, output):
        macs = output.numel() * layer.weight[0].numel()
        layers.append(Layer(2 * macs, inputs[0].numel(), output.numel()))

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(weigh)
    return layers


def parameters_of(module):
    return sum(p.numel() for p in module.parameters())


def least_seconds(counts, *, flop_rate, bandwidth, element_bytes, how="eager"):
    """Seconds an image's training step takes at least: the roofline of a device.

    flop_rate: FLOP/s; bandwidth: bytes/s. Each layer is bound by its arithmetic or by the memory it
    moves; BN and Squeeze-and-Excitation by memory alone. Weights, additions and gaps between
    kernels are left out. how: "eager", or "compiled" where passes over memory are fused.
    """
    seconds = 0.0
    for place, layer in enumerate(counts.layers):
        passes = 3 if place else 2  # nobody asks for the gradient of the images
        moved = element_bytes * (layer.inputs + layer.outputs)
        seconds += passes * max(layer.flops / flop_rate, moved / bandwidth)
    norm, gate = PASSES[how]
    touched = norm * counts.normalised + gate * counts.gated
    return seconds + element_bytes * touched / bandwidth
