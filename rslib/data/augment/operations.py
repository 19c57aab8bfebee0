"""RandAugment's sixteen operations on uint8 images of shape (3, H, W).

They are those of the ResNet-RS authors (TF1 autoaugment.py), which were ported from Pillow; here
they equal Pillow, value by value. `OPERATIONS[name](pixels, magnitude, draw)` takes a contiguous
array, for a tensor `image.numpy()`, and returns a new one.

What an operation is, apart from the pixels, is said once: a table of 256 levels, or a matrix, or a
box. `batched`, beside this file, reads the same ones for whole batches on a GPU.
"""

import math
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from rslib.data.augment.loops import (
    GREY,
    coloured,
    equalized,
    moved,
    replace,
    rows_moved,
    sharpened,
    stretched,
    total_grey,
)

LEVELS = np.arange(256)


class Draw(NamedTuple):
    """What chance and the image size decide for one layer; each operation takes what it needs."""

    sign: int = 1  # the "±" of Rotate, Shear and Translate
    y: float = 0.5  # Cutout centre, as a fraction in [0, 1) of the height
    x: float = 0.5  # and of the width
    scale: float = 1.0  # factor on lengths in pixels: Translate and Cutout


CENTRED = Draw()


def as_levels(values):
    """Clipped to 0 … 255 and truncated to uint8, as TF and Pillow do."""
    return np.clip(values, 0, 255).astype(np.uint8)


def factor(magnitude):
    """Of Color, Contrast, Brightness and Sharpness. One-sided: M = 5 is the identity."""
    return np.float32(1.8 * magnitude / 10 + 0.1)


# --- operations that replace each level by another ------------------------------------------------


def invert(magnitude):
    return 255 - LEVELS


def posterize(magnitude):
    """Keep the int(4 M/10) high bits: weaker with M, and nothing is left to remove at M = 20."""
    dropped = max(0, 8 - int(4 * magnitude / 10))
    return LEVELS & (0xFF >> dropped << dropped)


def solarize(magnitude, wrap=False):
    """Invert values from int(256 M/10) on, so none at M >= 10; TF's uint8 wrapped it (C13)."""
    threshold = int(256 * magnitude / 10)
    threshold = threshold % 256 if wrap else threshold
    return np.where(threshold <= LEVELS, 255 - LEVELS, LEVELS)


def brightness(magnitude):
    return factor(magnitude) * LEVELS.astype(np.float32)


def solarize_add(magnitude):
    return np.where(LEVELS < 128, LEVELS + int(110 * magnitude / 10), LEVELS)


@cache
def table(levels, magnitude, **quirk):
    """uint8 (256,) of one of the functions above."""
    return as_levels(levels(magnitude, **quirk))


@cache
def contrast_table(mean, magnitude):
    """Away from the mean grey, a level."""
    mean, levels = np.float32(mean), LEVELS.astype(np.float32)
    return as_levels(mean + factor(magnitude) * (levels - mean))


def looked_up(pixels, table):
    result = np.empty_like(pixels)
    replace(pixels, table, result)
    return result


def by_table(levels, pixels, magnitude, draw=CENTRED, **quirk):
    return looked_up(pixels, table(levels, magnitude, **quirk))


def autocontrast(pixels, magnitude, draw=CENTRED):
    return stretched(pixels)


def mean_grey(total, count, quirk):
    """A level; TF took the number of pixels / 256 for the mean (C14)."""
    return min(255, count // 256) if quirk else (2 * total + count) // (2 * count)


def contrast(pixels, magnitude, draw=CENTRED, count=False):
    total, size = total_grey(pixels), pixels[0].size
    return looked_up(pixels, contrast_table(mean_grey(total, size, count), magnitude))


def equalize(pixels, magnitude, draw=CENTRED):
    return equalized(pixels)


# --- operations that mix a pixel with a degenerate one --------------------------------------------


def color(pixels, magnitude, draw=CENTRED):
    return coloured(pixels, factor(magnitude))


def sharpness(pixels, magnitude, draw=CENTRED):
    """Away from a smoothed image: mean of 3x3 with the centre five times, rounded."""
    return sharpened(pixels, factor(magnitude))


# --- operations that move pixels: a matrix takes a pixel's place to where it comes from -----------


def rotation(magnitude, draw, height, width):
    """30° per ten levels about the image centre; a positive sign turns counter-clockwise."""
    angle = math.radians(draw.sign * 30 * magnitude / 10)
    cos, sin, y, x = math.cos(angle), math.sin(angle), height / 2, width / 2
    return cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y


def shear_x(magnitude, draw, height, width):
    return 1, draw.sign * 0.3 * magnitude / 10, 0, 0, 1, 0


def shear_y(magnitude, draw, height, width):
    return 1, 0, 0, draw.sign * 0.3 * magnitude / 10, 1, 0


def translate_x(magnitude, draw, height, width):
    """100 px per ten levels, to the left if positive: 12.5 px is 13 to the left, 12 to the right.

    Only the nearest lookup rounds, and its ties are those of Pillow.
    """
    return 1, 0, draw.sign * draw.scale * 100 * magnitude / 10, 0, 1, 0


def translate_y(magnitude, draw, height, width):
    return 1, 0, 0, 0, 1, draw.sign * draw.scale * 100 * magnitude / 10


def fixed_point(a, b, c, d, e, f):
    """A matrix for pixel centres in 16.16 as in Pillow's Image.transform, so that ties round as
    there: the source of pixel (x, y) is ((a x + b y + c) >> 16, (d x + e y + f) >> 16)."""
    at_centres = a, b, c + (a + b) / 2, d, e, f + (d + e) / 2
    return tuple(math.floor(value * 65536 + 0.5) for value in at_centres)


def by_matrix(matrix, pixels, magnitude, draw=CENTRED):
    a, b, c, d, e, f = fixed_point(*matrix(magnitude, draw, *pixels.shape[1:]))
    return moved(pixels, a, b, c, d, e, f) if d or a != 1 << 16 else rows_moved(pixels, b, c, e, f)


def box(magnitude, draw, height, width):
    """Top, bottom, left and right of Cutout's square: 2 int(40 M/10 scale) px, its centre anywhere,
    clipped at the border."""
    pad = int(40 * magnitude / 10 * draw.scale)
    y, x = int(draw.y * height), int(draw.x * width)
    return max(0, y - pad), y + pad, max(0, x - pad), x + pad


def cutout(pixels, magnitude, draw=CENTRED):
    top, bottom, left, right = box(magnitude, draw, *pixels.shape[1:])
    result = pixels.copy()
    result[:, top:bottom, left:right] = GREY
    return result


OPERATIONS = {  # in TF's order, by which they are drawn
    "AutoContrast": autocontrast,
    "Equalize": equalize,
    "Invert": partial(by_table, invert),
    "Rotate": partial(by_matrix, rotation),
    "Posterize": partial(by_table, posterize),
    "Solarize": partial(by_table, solarize),
    "Color": color,
    "Contrast": contrast,
    "Brightness": partial(by_table, brightness),
    "Sharpness": sharpness,
    "ShearX": partial(by_matrix, shear_x),
    "ShearY": partial(by_matrix, shear_y),
    "TranslateX": partial(by_matrix, translate_x),
    "TranslateY": partial(by_matrix, translate_y),
    "Cutout": cutout,
    "SolarizeAdd": partial(by_table, solarize_add),
}
