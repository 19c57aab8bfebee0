"""Metrics keep counts and which images were classified correctly, not only a percentage."""

import base64

import numpy as np
import torch
from ignite.metrics import Metric

from rslib.training import distributed


class Correct(Metric):
    """Top-1 over (logits (N, C), labels (N,)) pairs, in the order of the data.

    Computes ``{"correct": int, "n": int, "bits": str}``; ``bits`` is base64 of one bit per image,
    most significant first, so that two models can be compared image by image.
    """

    def reset(self) -> None:
        self._right: list[torch.Tensor] = []  # bool (N,) of each batch

    def update(self, output: tuple[torch.Tensor, torch.Tensor]) -> None:
        logits, labels = output
        self._right.append((logits.argmax(1) == labels).cpu())

    def compute(self) -> dict[str, int | str]:
        # each process had a part of the split, in the order of ranks
        parts = distributed.gathered(torch.cat([torch.empty(0, dtype=torch.bool), *self._right]))
        right = torch.cat(parts).numpy()  # bool (images of the split,)
        # 8 images per byte, the last one filled up with zeros: `n` tells where to stop
        bits = base64.b64encode(np.packbits(right).tobytes()).decode()
        return {"correct": int(right.sum()), "n": len(right), "bits": bits}
