"""ResNet-RS, run again: models, training engine and recorded results behind the book.

The rooms, from the top floor down. A file imports from its own room and from lower floors:

    commands                   the command line
    report                     tables, figures, pages
    own                        training on one's own images
    running                    from parameters to trained runs
    costs, weights             what a network costs; weights as files
    tasks                      what is trained
    training, evidence         the engine; results and what they say
    recipes, models, data      the paper as data; networks; images
    config, paths, machine, atomic, system    the ground

For one's own images: `train` a ResNet-RS on a folder, `load` what was trained, and predict;
`scales` compares depth, width and resolution.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rslib.own.classifier import load
    from rslib.own.scales import scales
    from rslib.own.train import train

__all__ = ["load", "scales", "train"]
_HOMES = {"load": "classifier", "scales": "scales", "train": "train"}


def __getattr__(name: str) -> object:
    """The functions above, imported when they are asked for: they need torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rslib' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"rslib.own.{_HOMES[name]}"), name)
