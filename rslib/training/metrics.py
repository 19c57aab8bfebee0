"""Metrics keep counts and which images were right, not only a percentage."""

import base64

import numpy as np
import torch
from ignite.metrics import Metric


class Correct(Metric):
    """Top-1 over (logits (N, C), labels (N,)) pairs, in the order of the data.

    Computes ``{"correct": int, "n": int, "bits": str}``; ``bits`` is base64 of one bit an image,
    most significant first, so that two models can be compared image by image.
    """

    def reset(self):
        self._right = []

    def update(self, output):
        logits, labels = output
        self._right.append((logits.argmax(1) == labels).cpu())

    def compute(self):
        right = torch.cat(self._right).numpy()
        bits = base64.b64encode(np.packbits(right).tobytes()).decode()
        return {"correct": int(right.sum()), "n": len(right), "bits": bits}
