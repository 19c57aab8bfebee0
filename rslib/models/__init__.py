"""Networks behind one contract: features(x) -> {"c2": …, "c5": …} and forward(x) -> logits."""

from rslib.models.efficientnet import efficientnet
from rslib.models.resnet import resnet, resnet_rs

__all__ = ["build", "efficientnet", "resnet", "resnet_rs"]


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
