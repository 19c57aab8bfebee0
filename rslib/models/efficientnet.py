"""EfficientNet B0 to B7, the rival: torchvision's blocks behind the contract of this book."""

from typing import NamedTuple

import torchvision
from torch import nn

from rslib.config import InputError, suggest
from rslib.models.resnet import Staged


class Size(NamedTuple):
    resolution: int  # side of the training images, pixels
    dropout: float


# Compound scaling as published: width and depth are in torchvision's own table (facts §7).
SIZES = {
    "b0": Size(224, 0.2),
    "b1": Size(240, 0.2),
    "b2": Size(260, 0.3),
    "b3": Size(300, 0.3),
    "b4": Size(380, 0.4),
    "b5": Size(456, 0.4),
    "b6": Size(528, 0.5),
    "b7": Size(600, 0.5),
}


class EfficientNet(Staged):
    """See `efficientnet`, which checks its arguments."""

    def __init__(self, network):
        super().__init__()
        stem, *stages, head = network.features
        self.stem = nn.Sequential(stem, stages[0])
        self.c2 = stages[1]
        self.c3 = stages[2]
        self.c4 = nn.Sequential(stages[3], stages[4])
        self.c5 = nn.Sequential(stages[5], stages[6])
        self.head = head
        self.dropout, self.fc = network.classifier
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                # the authors' values for every size; torchvision has them from B5 on only
                module.eps, module.momentum = 1e-3, 0.01

    def forward(self, x):
        """x (N, 3, H, W) float -> logits (N, num_classes)."""
        pooled = self.head(self.features(x)["c5"]).mean((2, 3))
        return self.fc(self.dropout(pooled))


def efficientnet(size, *, stochastic_depth=0.2, dropout=None, num_classes=1000):
    """EfficientNet of a size "b0" … "b7": (N, 3, H, W) float -> (N, num_classes) logits.

    stochastic_depth: block i of n is left out with this · i/n, where it has a shortcut. dropout:
    before the classifier; None for the published rate of that size, which grows from 0.2 to 0.5.
    Raises InputError for a size that does not exist.
    """
    if size not in SIZES:
        raise InputError(f"no EfficientNet of size {size!r}{suggest(size, SIZES)}")
    build = getattr(torchvision.models, f"efficientnet_{size}")
    network = build(
        stochastic_depth_prob=stochastic_depth,
        dropout=SIZES[size].dropout if dropout is None else dropout,
        num_classes=num_classes,
    )
    return EfficientNet(network)
