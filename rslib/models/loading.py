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


# what DDP, torch.compile, AveragedModel and trainers put before every name
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")
COUNTER = "num_batches_tracked"  # of BN; nothing here reads it, and older files lack it


def unprefixed(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same tensors, their names without what wrappers put before all of them."""
    # torch.compile leaves its mark within names too, where a part was compiled
    held = {name.replace("_orig_mod.", ""): tensor for name, tensor in state_dict.items()}
    if any(name.startswith("module.") for name in held):
        held.pop("n_averaged", None)  # of torch's AveragedModel
    while shared := next((p for p in PREFIXES if held and all(n.startswith(p) for n in held)), ""):
        held = {name.removeprefix(shared): tensor for name, tensor in held.items()}
    return held


def not_finite(state_dict: Mapping[str, torch.Tensor]) -> str:
    """Which tensor is the first to hold NaN or Inf, in words; empty if none does."""
    for name, tensor in state_dict.items():
        if tensor.is_meta or not (tensor.is_floating_point() or tensor.is_complex()):
            continue
        # float8 has no isfinite of its own
        bad = ~torch.isfinite(tensor.float() if tensor.element_size() == 1 else tensor)
        if bad.any():
            return f"{name} has {int(bad.sum()):,} of {tensor.numel():,} numbers NaN or Inf"
    return ""


def classes(state_dict: Mapping[str, torch.Tensor]) -> int:
    """The number of classes of the weights; 0 if the last layer is missing."""
    last = state_dict.get("fc.weight")  # (classes, channels)
    return last.shape[0] if last is not None and last.ndim == 2 else 0


def load(model: nn.Module, state_dict: Mapping[str, torch.Tensor]) -> nn.Module:
    """Give a model weights under its own names or timm's; returns the model.

    Prefixes that wrappers put before all names do not matter, nor BN's counters of batches.
    Raises InputError, naming what differs, if the weights are of another network, or hold NaN or
    Inf; the model is then unchanged.
    """
    held = unprefixed(state_dict)
    if any(name.startswith("conv1.") for name in held):  # timm's; our first layer is in stem
        held = _renamed(held)
    wanted = model.state_dict()
    counters = {name: t for name, t in wanted.items() if name.rpartition(".")[2] == COUNTER}
    held = counters | held
    if faults := _differences(wanted, held):
        raise InputError(f"these weights are of another network: {'; '.join(faults)}")
    cast = {name: tensor.to(wanted[name].dtype) for name, tensor in held.items()}
    if fault := not_finite(cast):  # after the cast, in which large numbers become Inf
        raise InputError(f"these weights compute nothing: {fault}; take others")
    model.load_state_dict(held)
    return model


def _differences(wanted: Mapping, held: Mapping) -> list[str]:
    # All is compared before anything is copied: load_state_dict would copy what fits, then raise.
    both = [name for name in wanted if name in held]
    differ = {
        "missing": [name for name in wanted if name not in held],
        "unknown": [name for name in held if name not in wanted],
        "of another shape": [n for n in both if wanted[n].shape != held[n].shape],
        "of whole numbers": [  # quantized ones, whose scale is lost
            n for n in both if wanted[n].is_floating_point() and not held[n].is_floating_point()
        ],
    }
    return [f"{len(names)} {what}, such as {names[0]!r}" for what, names in differ.items() if names]


def load_timm(model: nn.Module, state_dict: Mapping[str, torch.Tensor]) -> nn.Module:
    """Give a `resnet_rs` the weights of timm's network of the same depth. Otherwise as `load`."""
    return load(model, _renamed(unprefixed(state_dict)))


def _renamed(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    ours = {}  # the same tensors, not copies
    for name, tensor in state_dict.items():
        for pattern, replacement in RENAMED:  # "layer1.0.bn1.bias" to "c2.0.branch.norm1.bias"
            name = re.sub(pattern, replacement, name)
        ours[name] = tensor
    return ours
