"""EfficientNet B0 to B7, the rival: torchvision's blocks behind the contract of this book."""

from typing import NamedTuple

import torch
from torch import nn
from torchvision.models import EfficientNet as Published
from torchvision.models.efficientnet import MBConvConfig

from rslib.config import InputError, suggest
from rslib.models.resnet import Staged


class Size(NamedTuple):
    """Compound scaling as published: each size is wider and deeper, and sees larger images."""

    width: float  # multiplies channels, then rounded to a multiple of 8
    depth: float  # multiplies the blocks of a stage, then rounded up
    resolution: int  # side of the training images, pixels
    dropout: float  # rate before the classifier


SIZES = {
    "b0": Size(1.0, 1.0, 224, 0.2),
    "b1": Size(1.0, 1.1, 240, 0.2),
    "b2": Size(1.1, 1.2, 260, 0.3),
    "b3": Size(1.2, 1.4, 300, 0.3),
    "b4": Size(1.4, 1.8, 380, 0.4),
    "b5": Size(1.6, 2.2, 456, 0.4),
    "b6": Size(1.8, 2.6, 528, 0.5),
    "b7": Size(2.0, 3.1, 600, 0.5),
}
# The stages of B0: (expansion, kernel, stride, channels in, channels out, blocks)
STAGES = (
    (1, 3, 1, 32, 16, 1),  # stem: (N, 16, H/2, W/2)
    (6, 3, 2, 16, 24, 2),  # c2: (N, 24, H/4, W/4)
    (6, 5, 2, 24, 40, 2),  # c3: (N, 40, H/8, W/8)
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),  # c4: (N, 112, H/16, W/16)
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),  # c5: (N, 320, H/32, W/32)
)


class EfficientNet(Staged):
    """See `efficientnet`, which checks its arguments."""

    def __init__(self, network: Published) -> None:
        super().__init__()
        stem, *stages, head = network.features
        self.stem = nn.Sequential(stem, stages[0])  # the first stage keeps the resolution
        self.c2 = stages[1]
        self.c3 = stages[2]
        self.c4 = nn.Sequential(stages[3], stages[4])
        self.c5 = nn.Sequential(stages[5], stages[6])
        self.head = head  # 1×1 convolution, BN and SiLU: 320 to 1280 channels in B0
        self.dropout, self.fc = network.classifier
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                # The authors' values for all sizes (TF's momentum 0.99); torchvision has them from
                # B5 on only.
                module.eps, module.momentum = 1e-3, 0.01
            if isinstance(module, nn.Conv2d) and module.groups > 1:
                # Depthwise, weight (C, 1, k, k): TF counts the outputs of one group as fan-out, k²;
                # PyTorch those of all groups, C·k².
                nn.init.normal_(module.weight, std=(2 / module.weight[0, 0].numel()) ** 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (N, 3, H, W) float -> logits (N, num_classes)."""
        pooled = self.head(self.features(x)["c5"]).mean((2, 3))  # B0: (N, 1280)
        return self.fc(self.dropout(pooled))


def efficientnet(
    size: str,
    *,
    width: float = 1.0,
    stochastic_depth: float = 0.2,
    dropout: float | None = None,
    stem_stride: int = 2,
    num_classes: int = 1000,
) -> EfficientNet:
    """EfficientNet of a size "b0" … "b7": (N, 3, H, W) float -> (N, num_classes) logits.

    width: multiplies the channels of the size, stem and head included. stochastic_depth: block i of
    n, counted from 0, is left out with probability stochastic_depth · i/n if it has a shortcut.
    dropout: rate before the classifier; None is the published rate of the size, 0.2 to 0.5.
    stem_stride: 1 keeps twice the resolution, for small images.
    Raises InputError for a size or stride that does not exist.
    """
    if size not in SIZES:
        raise InputError(f"no EfficientNet of size {size!r}{suggest(size, SIZES)}")
    if stem_stride not in (1, 2):
        raise InputError(f"EfficientNet's stem has stride 2, or 1; not {stem_stride}")
    scale = SIZES[size]
    network = Published(
        [MBConvConfig(*stage, width * scale.width, scale.depth) for stage in STAGES],
        stochastic_depth_prob=stochastic_depth,
        dropout=scale.dropout if dropout is None else dropout,
        num_classes=num_classes,
    )
    # torchvision has no argument for it
    network.features[0][0].stride = (stem_stride, stem_stride)
    return EfficientNet(network)
