"""torch.hub.load("path/or/repository", "resnet_rs_50"): every network of `rslib.models.NAMES`.

weights: a file of timm's or of our own names; num_classes as the network is to have.
"""

from rslib import models
from rslib.weights import read

dependencies = ["torch", "torchvision", "safetensors"]


def _entry(name):
    def build(weights=None, num_classes=1000):
        model = models.named(name, num_classes=num_classes)
        return models.load(model, read(weights)) if weights else model

    build.__name__ = name
    build.__doc__ = f"{name} as published: (N, 3, H, W) float -> (N, num_classes) logits."
    return build


globals().update({name: _entry(name) for name in models.NAMES})
