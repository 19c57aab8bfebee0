"""RandAugment of one uint8 image (3, H, W) on the CPU.

It is the one the ResNet-RS authors trained with: N = 2 of its sixteen operations, drawn
uniformly with replacement and always applied, one fixed magnitude M on a scale of M/10 without
ceiling (Table 8: M = 10 at 160 px, 15 above).
"""

import math
from functools import partial

import numpy as np
import torch

from rslib.data.augment.crops import check_image
from rslib.data.augment.operations import OPERATIONS, Draw, by_table, contrast, solarize


class RandAugment:
    """`layers` random operations at `magnitude` (0 or more; the paper: 10 to 20) on a uint8 image.

    Call with a tensor (3, H, W) and a torch.Generator; returns a new tensor of the same shape.
    Raises ValueError for a magnitude below 0, layers or reference_side below 1, or another image.
    """

    def __init__(
        self, magnitude, layers=2, *, reference_side=None, solarize_wrap=False, contrast_count=False
    ):
        if not 0 <= magnitude < math.inf:
            raise ValueError(f"magnitude is {magnitude}; give a finite number of 0 or more")
        if layers < 1:
            raise ValueError(f"layers is {layers}; give 1 or more, or leave RandAugment out")
        if reference_side is not None and reference_side < 1:
            raise ValueError(f"reference_side is {reference_side}; give pixels, as 256, or None")
        self.magnitude, self.layers, self.reference_side = magnitude, layers, reference_side
        quirks = {
            "Solarize": partial(by_table, solarize, wrap=solarize_wrap),
            "Contrast": partial(contrast, count=contrast_count),
        }
        self.operations = list((OPERATIONS | quirks).values())

    def __call__(self, image, generator):
        check_image(image)
        pixels = np.ascontiguousarray(image.numpy())
        for row in self.draw(generator).tolist():
            operation, draw = self.drawn(row, image.shape[1:])
            pixels = operation(pixels, self.magnitude, draw)
        return torch.from_numpy(pixels)

    def draw(self, generator):
        """All that chance decides of one image: float32 (layers, 4) in [0, 1)."""
        return torch.rand((self.layers, 4), generator=generator)

    def drawn(self, row, size):
        """The operation of a layer, by its row of `draw`, and how it acts on an image of (H, W)."""
        # Translate and Cutout have lengths in pixels, and the paper's Table 1 is at 256 px: at
        # 32 px a shift of 100 px would leave nothing but grey, so smaller images shrink them.
        scale = min(1.0, min(size) / self.reference_side) if self.reference_side else 1.0
        operation, sign, y, x = row
        chosen = self.operations[int(operation * len(self.operations))]
        return chosen, Draw(1 if sign < 0.5 else -1, y, x, scale)
