"""Weights out of what trainers save around them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from rslib.config import InputError
from rslib.models import loading

# an average of the weights is what is meant to be evaluated: it is looked for first
AVERAGES = ("state_dict_ema", "ema_state_dict", "model_ema", "ema_model", "ema")
RAW = ("state_dict", "model_state_dict", "model", "module", "net", "network", "weights")
DEPTH = 3  # of wrappers within wrappers, such as {"ema": {"module": {…}}}


def unwrapped(held: object, file: Path, report: Callable[[str], None]) -> dict[str, torch.Tensor]:
    """{name: tensor} in what a file holds, under the network's own names. Raises InputError."""
    for _ in range(DEPTH):
        if not isinstance(held, Mapping) or _named(held):
            break
        inner = {
            name: held[name]
            for name in (*AVERAGES, *RAW)
            if isinstance(held.get(name), Mapping) and held[name]
        }
        if not inner:
            break
        taken = next(iter(inner))
        if taken in AVERAGES and (other := next((n for n in inner if n in RAW), None)):
            report(f"{file} has weights, {other!r}, and their average, {taken!r}: the latter taken")
        held = inner[taken]
    if not isinstance(held, Mapping) or not _named(held):
        raise InputError(f"{file} holds no weights by name, but {_described(held)}")
    return loading.unprefixed(_average_of(dict(held), file, report))


def _average_of(weights: dict, file: Path, report: Callable[[str], None]) -> dict:
    """Those of the average, where weights and average stand side by side under prefixes."""
    for average in AVERAGES:
        if not average.startswith("state_dict"):
            found = {n: t for n, t in weights.items() if n.startswith(f"{average}.")}
            if found and len(found) < len(weights):
                report(f"{file} has weights and their average, {average!r}: the latter taken")
            if found:
                return {name.removeprefix(f"{average}."): t for name, t in found.items()}
    return weights


def _named(held: Mapping) -> bool:
    whole = all(isinstance(name, str) and torch.is_tensor(held[name]) for name in held)
    return bool(held) and whole


def _described(held: object) -> str:
    if not isinstance(held, Mapping):
        return f"a {type(held).__name__}"
    if not held:
        return "nothing"
    odd = next((n for n, t in held.items() if not isinstance(n, str) or not torch.is_tensor(t)), "")
    return f"{odd!r}, a {type(held[odd]).__name__}"
