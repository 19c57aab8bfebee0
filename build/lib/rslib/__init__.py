"""ResNet-RS, run again: models, training engine and recorded results behind the book."""

from importlib.metadata import version

__version__ = version("rslib")
