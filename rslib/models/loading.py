"""Weights into networks, tensor by tensor: under our names, or under those of timm."""

import re
from collections.abc import Callable, Mapping

import torch
from torch import nn

from rslib.config import InputError

# Patterns of timm's names for the parts of a ResNet-RS, and ours. All are applied, from the top:
# later ones match what earlier ones made.
RENAMED: list[tuple[str, str | Callable[[re.Match], str]]] = [
    (r"^conv1\.", "stem."),  # conv1 is a Sequential of the first seven layers
    (r"^bn1\.", "stem.7."),
    (r"^maxpool\.0\.", "stem.9."),  # the convolution in place of the pool; 8 is a ReLU
    (r"^maxpool\.1\.", "stem.10."),
    (r"^layer(\d)\.(\d+)\.", lambda m: f"c{int(m[1]) + 1}.{m[2]}."),  # layer1 is c2
    (r"^(c\d\.\d+)\.conv(\d)\.", r"\1.branch.conv\2."),
    (r"^(c\d\.\d+)\.bn(\d)\.", r"\1.branch.norm\2."),
    (r"^(c\d\.\d+)\.se\.fc1\.", r"\1.branch.se.squeeze."),  # (f, 4f, 1, 1) in both
    (r"^(c\d\.\d+)\.se\.fc2\.", r"\1.branch.se.excite."),
    # c2 does not pool. There timm keeps a placeholder as layer 0, and we have none.
    (r"^c2\.0\.downsample\.(\d)\.", lambda m: f"c2.0.shortcut.{int(m[1]) - 1}."),
    (r"^(c\d)\.0\.downsample\.", r"\1.0.shortcut."),
]


def classes(state_dict: Mapping[str, torch.Tensor]) -> int:
    """The number of classes of the weights; 0 if the last layer is missing."""
    last = state_dict.get("fc.weight")  # (classes, channels)
    return last.shape[0] if last is not None and last.ndim == 2 else 0


def load(model: nn.Module, state_dict: Mapping[str, torch.Tensor]) -> nn.Module:
    """Give a model weights under its own names or timm's; returns the model.

    Raises InputError, naming what differs, if the weights are of another network; the model is then
    unchanged.
    """
    if any(name.startswith("conv1.") for name in state_dict):  # timm's; our first layer is in stem
        return load_timm(model, state_dict)
    wanted = model.state_dict()
    # All is compared before anything is copied: load_state_dict would copy what fits, then raise.
    both = wanted.keys() & state_dict.keys()
    differ = {
        "missing": [name for name in wanted if name not in both],
        "unknown": [name for name in state_dict if name not in both],
        "of another shape": [
            name for name in wanted if name in both and wanted[name].shape != state_dict[name].shape
        ],
    }
    faults = [
        f"{len(names)} {what}, such as {names[0]!r}" for what, names in differ.items() if names
    ]
    if faults:
        raise InputError(f"these weights are of another network: {'; '.join(faults)}")
    model.load_state_dict(state_dict)
    return model


def load_timm(model: nn.Module, state_dict: Mapping[str, torch.Tensor]) -> nn.Module:
    """Give a `resnet_rs` the weights of timm's network of the same depth. Otherwise as `load`."""
    ours = {}  # the same tensors, not copies
    for name, tensor in state_dict.items():
        for pattern, replacement in RENAMED:  # "layer1.0.bn1.bias" to "c2.0.branch.norm1.bias"
            name = re.sub(pattern, replacement, name)
        ours[name] = tensor
    return load(model, ours)
