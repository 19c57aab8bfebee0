"""RandAugment of one uint8 image (3, H, W) on the CPU.

It is the version that the ResNet-RS authors trained with: N = 2 of sixteen operations, drawn
uniformly with replacement and always applied, and one fixed magnitude M on a scale of M/10 without
upper limit (Table 8: M = 10 at 160 px, 15 above).
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch

from rslib.data.augment.crops import check_image
from rslib.data.augment.operations import OPERATIONS, Draw, by_table, contrast, solarize


class RandAugment:
    """`layers` random operations at `magnitude` (0 or more; the paper: 10 to 20) on a uint8 image.

    Call with a tensor (3, H, W) and a torch.Generator; returns a new tensor of the same shape.
    reference_side: below it, in pixels, shifts and cut-outs shrink with the image; None keeps their
    lengths, as in TF. solarize_wrap, contrast_count: two quirks of the TF code, off by default.
    Raises ValueError for a magnitude below 0, layers or reference_side below 1, or an image of
    another type or shape.
    """

    def __init__(
        self,
        magnitude: float,
        layers: int = 2,
        *,
        reference_side: int | None = None,  # pixels, see `drawn`; None: lengths are absolute
        solarize_wrap: bool = False,
        contrast_count: bool = False,
    ) -> None:
        if not 0 <= magnitude < math.inf:
            raise ValueError(f"magnitude is {magnitude}; give a finite number of 0 or more")
        if layers < 1:
            raise ValueError(f"layers is {layers}; give 1 or more, or leave RandAugment out")
        if reference_side is not None and reference_side < 1:
            raise ValueError(f"reference_side is {reference_side}; give pixels, as 256, or None")
        self.magnitude, self.layers, self.reference_side = magnitude, layers, reference_side
        quirks = {
            "Solarize": partial(by_table, solarize, wrap=solarize_wrap),  # deviation C13
            "Contrast": partial(contrast, count=contrast_count),  # deviation C14
        }
        self.operations = list((OPERATIONS | quirks).values())  # `|` keeps the order of OPERATIONS

    def __call__(self, image: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        check_image(image)
        pixels = np.ascontiguousarray(image.numpy())  # (3, H, W); the loops want it without gaps
        for row in self.draw(generator).tolist():
            operation, draw = self.drawn(row, image.shape[1:])
            pixels = operation(pixels, self.magnitude, draw)
        return torch.from_numpy(pixels)

    def draw(self, generator: torch.Generator) -> torch.Tensor:
        """All random numbers of one image: float32 (layers, 4) in [0, 1)."""
        # operation, sign, y, x; all drawn for every operation, so that none shifts the next layer's
        return torch.rand((self.layers, 4), generator=generator)

    def drawn(
        self, row: Sequence[float], size: Sequence[int]
    ) -> tuple[Callable[..., np.ndarray], Draw]:
        """The operation of a layer, by its row of `draw`, and how it acts on an image of (H, W)."""
        # Translate and Cutout have lengths in pixels, and the paper's Table 1 is at 256 px. At
        # 32 px a shift of 100 px would leave nothing but grey, so small images scale the lengths.
        scale = min(1.0, min(size) / self.reference_side) if self.reference_side else 1.0
        operation, sign, y, x = row
        chosen = self.operations[int(operation * len(self.operations))]
        # y and x are fractions, not pixels: one draw fits every size of image
        return chosen, Draw(1 if sign < 0.5 else -1, y, x, scale)
