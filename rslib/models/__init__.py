"""Networks behind one contract: features(x) -> {"c2": …, "c5": …} and forward(x) -> logits.

`resnet` (ResNet, -D, SE, -RS), `resnet3d` (the same for video), `efficientnet`, `loading` (weights
by name, timm's names too).

May import the ground.
"""

import torch
from torch import nn

from rslib.config import InputError, Recipe, suggest
from rslib.models.efficientnet import SIZES, EfficientNet, efficientnet
from rslib.models.loading import load, load_timm
from rslib.models.resnet import BLOCKS, ResNet, resnet, resnet_rs
from rslib.models.resnet3d import resnet3d

__all__ = [
    "NAMES",
    "build",
    "channels_last",
    "efficientnet",
    "load",
    "load_timm",
    "named",
    "on_meta",
    "resnet",
    "resnet3d",
    "resnet_rs",
]

NAMES = (
    *(f"resnet_rs_{depth}" for depth in BLOCKS),  # §7
    *(f"efficientnet_{size}" for size in SIZES),
    *(f"resnet_{depth}" for depth in BLOCKS),  # as of 2015, the baseline of Table 1
)
FAMILIES = ("resnet", "resnet3d", "efficientnet")
SMALLEST, LARGEST = 32, 4096  # pixels; the networks halve an image five times: 32 leaves one


def build(recipe: Recipe, num_classes: int) -> EfficientNet | ResNet:
    """The network of a recipe: its Model fields, and the regularizers that are layers.

    Raises InputError for a family that does not exist, or not for the recipe's data.
    """
    m, r = recipe.model, recipe.regularization
    if m.family not in FAMILIES:
        raise InputError(f"no family {m.family!r}{suggest(m.family, FAMILIES)}")
    if (m.family == "resnet3d") != bool(recipe.data.frames):
        raise InputError(
            f"model.family {m.family!r} does not take clips of {recipe.data.frames} frames: "
            "'resnet3d' takes 1 or more, all others 0"
        )
    if m.family == "efficientnet":  # which always has SE, and no depth of its own beside the size
        return efficientnet(
            m.size,
            width=m.width,
            stochastic_depth=r.stochastic_depth,
            dropout=r.dropout,  # 0 is no dropout here, not the published rate
            stem_stride=m.stem_stride,
            num_classes=num_classes,
        )
    family = resnet3d if m.family == "resnet3d" else resnet
    return family(
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


def channels_last(network: nn.Module) -> torch.memory_format:
    """The memory format in which a network is trained: channels last, of images or of clips."""
    video = any(weight.ndim == 5 for weight in network.parameters())
    return torch.channels_last_3d if video else torch.channels_last


def named(name: str, num_classes: int = 1000) -> EfficientNet | ResNet:
    """A network by its name: "resnet_rs_50", "efficientnet_b0", "resnet_200", …

    A ResNet-RS has dropout and stochastic depth of Table 8 (depth 350 as at 256 pixels); depths
    that are not in the table follow the same rule. An EfficientNet has the rates of its authors.
    Raises InputError for a name that does not exist.
    """
    if name not in NAMES:
        raise InputError(f"no model {name!r}{suggest(name, NAMES)}")
    family, _, size = name.rpartition("_")
    if family == "efficientnet":
        return efficientnet(size, num_classes=num_classes)
    if family == "resnet":
        return resnet(int(size), num_classes=num_classes)  # in 2015 without either regularizer
    depth = int(size)
    return resnet_rs(
        depth,
        stochastic_depth=0.1 if depth >= 200 else 0.0,  # Table 8
        dropout=0.4 if depth >= 400 else 0.25,  # Table 8; 350 has 0.4 too, but at 320 pixels only
        num_classes=num_classes,
    )


def on_meta(name: str, resolution: int) -> tuple[nn.Module, torch.Tensor]:
    """(network, one image), with shapes but no values.

    Raises InputError for a name that does not exist, and for a resolution in pixels that is too
    small or too large.
    """
    refuse_side(resolution)
    with torch.device("meta"):
        # eval mode: a batch of one image may leave BN a single value per channel
        return named(name).eval(), torch.empty(1, 3, resolution, resolution)


def refuse_side(resolution: int) -> None:
    """Raises InputError for a resolution in pixels that is too small or too large."""
    if resolution < SMALLEST:
        raise InputError(f"resolution {resolution} is too small; the least is {SMALLEST}")
    if resolution > LARGEST:
        raise InputError(f"resolution {resolution} is too large; the most is {LARGEST}")
