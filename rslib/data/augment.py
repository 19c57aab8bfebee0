"""RandAugment, random crop, flip and evaluation crop on uint8 CPU images of shape (3, H, W).

RandAugment is the one the ResNet-RS authors trained with: N = 2 of its sixteen operations, drawn
uniformly with replacement and always applied, one fixed magnitude M on a scale of M/10 without
ceiling (Table 8: M = 10 at 160 px, 15 above).
"""

import math
from functools import partial

import numpy as np
import torch
from torch.nn.functional import interpolate

from rslib.data.operations import OPERATIONS, Draw, by_table, contrast, solarize


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


def random_window(size, generator, area=(0.08, 1.0), aspect=(3 / 4, 4 / 3)):
    """Top, left, height and width of a random crop out of `size` = (H, W), in pixels.

    Aspect (width / height) is uniform, then the height between those of the two areas, as in TF's
    sample_distorted_bounding_box: small crops are likelier than with a uniform area. TF1 also asks
    for 0.1 of the image (min_object_covered), which `area=(0.1, 1.0)` gives. After ten attempts
    without a crop of whole pixels within `area` it is the centre square of evaluation (§5).
    """
    height, width = size
    least, most = area[0] * height * width, area[1] * height * width
    for u_aspect, u_height, u_top, u_left in torch.rand((10, 4), generator=generator).tolist():
        ratio = aspect[0] + u_aspect * (aspect[1] - aspect[0])
        low = round(math.sqrt(least / ratio))
        high = min(round(math.sqrt(most / ratio)), height, int(width / ratio + 0.5))
        h = low + int(u_height * (high - low + 1))
        w = round(h * ratio)
        if low <= high and least <= h * w <= most and 0 < w <= width:
            return int(u_top * (height - h + 1)), int(u_left * (width - w + 1)), h, w
    return centre_window(size)


def centre_window(size):
    """Top, left, height and width of the centre square of side 0.875 min(H, W)."""
    side = max(1, round(0.875 * min(size)))
    return (size[0] - side + 1) // 2, (size[1] - side + 1) // 2, side, side


def resized(image, window, side):
    top, left, height, width = window
    crop = image[:, top : top + height, left : left + width]
    if (height, width) == (side, side):
        return crop.clone(memory_format=torch.contiguous_format)
    # C10: bicubic. With antialias, which the legacy TF op lacked, it is that of Pillow. It reads a
    # crop twice as fast where the channels of a pixel lie together, without gaps between rows.
    crop = crop[None].contiguous(memory_format=torch.channels_last)
    return interpolate(crop, (side, side), mode="bicubic", antialias=True)[0].contiguous()


def random_resized_crop(image, generator, side, area=(0.08, 1.0), aspect=(3 / 4, 4 / 3)):
    """A `random_window` of a uint8 image (3, H, W), resized to a new (3, side, side)."""
    check_image(image, side)
    if not 0 < area[0] <= area[1] <= 1:
        raise ValueError(f"area is {area}; give fractions of the image, 0 < least <= most <= 1")
    if not 0 < aspect[0] <= aspect[1]:
        raise ValueError(f"aspect is {aspect}; give width / height, 0 < least <= most")
    return resized(image, random_window(image.shape[1:], generator, area, aspect), side)


def random_flip(image, generator):
    """A uint8 image (3, H, W) mirrored left to right with probability 0.5, else itself."""
    check_image(image)
    return image.flip(-1) if torch.rand((), generator=generator).item() < 0.5 else image


def eval_crop(image, side):
    """Centre square of 0.875 min(H, W) of a uint8 (3, H, W), then resized to (3, side, side).

    An image that already is (3, side, side) is returned as it is, without a crop.
    """
    check_image(image, side)
    if image.shape[1:] == (side, side):
        return image
    return resized(image, centre_window(image.shape[1:]), side)


def check_image(image, side=1):
    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3:
        got = f"{image.dtype} of shape {tuple(image.shape)}"
        raise ValueError(f"image must be uint8 of shape (3, H, W), got {got}; convert it first")
    if side < 1:
        raise ValueError(f"side is {side}; give the output size in pixels, 1 or more")
