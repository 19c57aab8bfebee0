"""Networks behind one contract: features(x) -> {"c2": …, "c5": …} and forward(x) -> logits."""

import torch
from torch import nn

from rslib.config import InputError, suggest
from rslib.models.efficientnet import SIZES, efficientnet
from rslib.models.loading import load, load_timm
from rslib.models.resnet import BLOCKS, resnet, resnet_rs

__all__ = [
    "NAMES",
    "build",
    "efficientnet",
    "load",
    "load_timm",
    "named",
    "on_meta",
    "resnet",
    "resnet_rs",
]

NAMES = (
    *(f"resnet_rs_{depth}" for depth in BLOCKS),
    *(f"efficientnet_{size}" for size in SIZES),
    *(f"resnet_{depth}" for depth in BLOCKS),
)
SMALLEST, LARGEST = 32, 4096  # both families halve a side five times


def build(recipe, num_classes):
    """The network of a recipe: its Model fields, and the regularizers that live inside it."""
    m, r = recipe.model, recipe.regularization
    if m.family == "efficientnet":
        return efficientnet(
            m.size,
            width=m.width,
            stochastic_depth=r.stochastic_depth,
            dropout=r.dropout,
            stem_stride=m.stem_stride,
            num_classes=num_classes,
        )
    return resnet(
        m.depth,
        width=m.width,
        resnet_d=m.resnet_d,
        se_ratio=m.se_ratio,
        stochastic_depth=r.stochastic_depth,
        dropout=r.dropout,
        stem_stride=m.stem_stride,
        num_classes=num_classes,
        zero_gamma=m.zero_gamma,
    )


def named(name, num_classes=1000):
    """A network by its name: "resnet_rs_50", "efficientnet_b0", "resnet_200", …

    Dropout and stochastic depth are those of Table 8, at 256 pixels for depth 350, and by the same
    rule for depths that it does not have; EfficientNet's are its authors'.
    Raises InputError for a name that does not exist.
    """
    if name not in NAMES:
        raise InputError(f"no model {name!r}{suggest(name, NAMES)}")
    family, _, size = name.rpartition("_")
    if family == "efficientnet":
        return efficientnet(size, num_classes=num_classes)
    if family == "resnet":
        return resnet(int(size), num_classes=num_classes)
    depth = int(size)
    return resnet_rs(
        depth,
        stochastic_depth=0.1 if depth >= 200 else 0.0,
        dropout=0.4 if depth >= 400 else 0.25,
        num_classes=num_classes,
    )


def on_meta(name: str, resolution: int) -> tuple[nn.Module, torch.Tensor]:
    """(network, one image), with shapes and no values. Raises InputError for a name that does not
    exist, and for a side in pixels that no network here makes sense of."""
    if resolution < SMALLEST:
        raise InputError(f"resolution {resolution} is too small; the least is {SMALLEST}")
    if resolution > LARGEST:
        raise InputError(f"resolution {resolution} is too large; the most is {LARGEST}")
    with torch.device("meta"):
        return named(name).eval(), torch.empty(1, 3, resolution, resolution)
