"""Tensors by name into networks: our own names, and those that timm gives to the same tensors."""

import re

from rslib.config import InputError

# timm's name of a part of a ResNet-RS, and ours; tried from the top
RENAMED = [
    (r"^conv1\.", "stem."),
    (r"^bn1\.", "stem.7."),
    (r"^maxpool\.0\.", "stem.9."),
    (r"^maxpool\.1\.", "stem.10."),
    (r"^layer(\d)\.(\d+)\.", lambda m: f"c{int(m[1]) + 1}.{m[2]}."),
    (r"^(c\d\.\d+)\.conv(\d)\.", r"\1.branch.conv\2."),
    (r"^(c\d\.\d+)\.bn(\d)\.", r"\1.branch.norm\2."),
    (r"^(c\d\.\d+)\.se\.fc1\.", r"\1.branch.se.squeeze."),
    (r"^(c\d\.\d+)\.se\.fc2\.", r"\1.branch.se.excite."),
    # c2 does not pool: where timm has a placeholder for the pool, we have nothing
    (r"^c2\.0\.downsample\.(\d)\.", lambda m: f"c2.0.shortcut.{int(m[1]) - 1}."),
    (r"^(c\d)\.0\.downsample\.", r"\1.0.shortcut."),
]


def classes(state_dict):
    """How many classes the weights know; 0 where the last layer is missing."""
    last = state_dict.get("fc.weight")
    return last.shape[0] if last is not None and last.ndim == 2 else 0


def load(model, state_dict):
    """Give a model weights under its own names or timm's; returns the model.

    Raises InputError, naming what differs, if they are another network's; the model then is as it
    was.
    """
    if any(name.startswith("conv1.") for name in state_dict):  # our first layer is called stem
        return load_timm(model, state_dict)
    wanted = model.state_dict()
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


def load_timm(model, state_dict):
    """Give a `resnet_rs` the weights of timm's network of the same depth. Otherwise as `load`."""
    ours = {}
    for name, tensor in state_dict.items():
        for pattern, replacement in RENAMED:
            name = re.sub(pattern, replacement, name)
        ours[name] = tensor
    return load(model, ours)
