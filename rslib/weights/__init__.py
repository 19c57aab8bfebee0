"""Networks that enter or leave: weights as files.

`files` (reads safetensors and pickles of tensors, nothing else), `wrappers` (weights out of what
trainers save around them), `evaluate` (others' weights on validation images), `export` (a trained
network as ONNX or safetensors), `begin` (weights that training begins with), `about` (what a run on
one's own images knows of its classes).

May import models, data, tasks, training, recipes, evidence and the ground.
"""

from rslib.weights.files import read

__all__ = ["read"]
