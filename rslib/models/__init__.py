"""Networks behind one contract: features(x) -> {"c2": …, "c5": …} and forward(x) -> logits."""

from rslib.config import InputError, suggest
from rslib.models.efficientnet import SIZES, efficientnet
from rslib.models.resnet import BLOCKS, resnet, resnet_rs

__all__ = ["NAMES", "build", "efficientnet", "named", "resnet", "resnet_rs"]

NAMES = (
    *(f"resnet_rs_{depth}" for depth in BLOCKS),
    *(f"efficientnet_{size}" for size in SIZES),
    *(f"resnet_{depth}" for depth in BLOCKS),
)


def build(recipe, num_classes):
    """The network of a recipe: its Model fields, and the regularizers that live inside it."""
    m, r = recipe.model, recipe.regularization
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
    """A network as it was published: "resnet_rs_50", "efficientnet_b0", "resnet_200", …

    Dropout and stochastic depth are those it was trained with (Table 8; facts §7).
    Raises InputError for a name that does not exist.
    """
    if name not in NAMES:
        raise InputError(f"no model {name!r}{suggest(name, NAMES)}")
    family, _, size = name.rpartition("_")
    if family == "efficientnet":
        return efficientnet(size, num_classes=num_classes)
    if family == "resnet":
        return resnet(int(size), num_classes=num_classes)
    rate = 0.1 if int(size) >= 200 else 0.0
    return resnet_rs(int(size), stochastic_depth=rate, dropout=0.25, num_classes=num_classes)
