"""EfficientNet B0 to B7, the rival: torchvision's blocks behind the contract of this book."""

from typing import NamedTuple

from torch import nn
from torchvision.models import EfficientNet as Published
from torchvision.models.efficientnet import MBConvConfig

from rslib.config import InputError, suggest
from rslib.models.resnet import Staged


class Size(NamedTuple):
    """Compound scaling as published: every size is wider, deeper and looks at larger images."""

    width: float
    depth: float
    resolution: int  # side of the training images, pixels
    dropout: float


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
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)


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
            if isinstance(module, nn.Conv2d) and module.groups > 1:
                # TF counts the outputs of one group as fan-out, PyTorch those of all
                nn.init.normal_(module.weight, std=(2 / module.weight[0, 0].numel()) ** 0.5)

    def forward(self, x):
        """x (N, 3, H, W) float -> logits (N, num_classes)."""
        pooled = self.head(self.features(x)["c5"]).mean((2, 3))
        return self.fc(self.dropout(pooled))


def efficientnet(
    size, *, width=1.0, stochastic_depth=0.2, dropout=None, stem_stride=2, num_classes=1000
):
    """EfficientNet of a size "b0" … "b7": (N, 3, H, W) float -> (N, num_classes) logits.

    width: multiplies the size's own channels, stem and head included. stochastic_depth: block i of
    n is left out with this · i/n, where it has a shortcut. dropout: before the classifier; None for
    the published rate of that size, which grows from 0.2 to 0.5. stem_stride: 1 keeps twice the
    side, for small images. Raises InputError for a size or stride that does not exist.
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
    network.features[0][0].stride = (stem_stride, stem_stride)
    return EfficientNet(network)
