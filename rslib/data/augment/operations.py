"""RandAugment's sixteen operations on uint8 images of shape (3, H, W).

They are those of the ResNet-RS authors (TF1 autoaugment.py), which were ported from Pillow; here
they equal Pillow, value by value. `OPERATIONS[name](pixels, magnitude, draw)` takes a contiguous
array, for a tensor `image.numpy()`, and returns a new one.

What defines an operation, apart from the pixels, is written once: a table of 256 levels, a matrix
or a box. `batched` uses the same ones for whole batches on a GPU.
"""

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

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

LEVELS = np.arange(256)  # int64, so that sums and products do not wrap as uint8 would
Levels = Callable[..., np.ndarray]  # (magnitude) -> (256,), a new value for each level
Matrix = tuple[float, float, float, float, float, float]  # a, b, c, d, e, f as in `fixed_point`


class Draw(NamedTuple):
    """Random numbers and the scale of lengths of one layer; an operation takes what it needs."""

    sign: int = 1  # the "±" of Rotate, Shear and Translate
    y: float = 0.5  # Cutout centre, as a fraction in [0, 1) of the height
    x: float = 0.5  # and of the width
    scale: float = 1.0  # factor on lengths in pixels: Translate and Cutout


CENTRED = Draw()


def as_levels(values: np.ndarray) -> np.ndarray:
    """Clipped to 0 … 255 and truncated to uint8, as TF and Pillow do."""
    return np.clip(values, 0, 255).astype(np.uint8)


def factor(magnitude: float) -> np.float32:
    """Of Color, Contrast, Brightness and Sharpness. One-sided: M = 5 is the identity."""
    return np.float32(1.8 * magnitude / 10 + 0.1)  # 1.9 at M = 10, 2.8 at 15


# --- operations that replace each level by another ------------------------------------------------


def invert(magnitude: float) -> np.ndarray:
    return 255 - LEVELS


def posterize(magnitude: float) -> np.ndarray:
    """Keep the int(4 M/10) high bits: weaker with M, and the identity at M = 20."""
    dropped = max(0, 8 - int(4 * magnitude / 10))  # low bits: 4 at M = 10, 2 at 15
    return LEVELS & (0xFF >> dropped << dropped)


def solarize(magnitude: float, wrap: bool = False) -> np.ndarray:
    """Invert values from int(256 M/10) on, so none at M >= 10. wrap: TF's quirk, deviation C13."""
    threshold = int(256 * magnitude / 10)
    threshold = threshold % 256 if wrap else threshold  # 256 to 0, which inverts all; 384 to 128
    return np.where(threshold <= LEVELS, 255 - LEVELS, LEVELS)


def brightness(magnitude: float) -> np.ndarray:
    return factor(magnitude) * LEVELS.astype(np.float32)  # the degenerate image is black: 0


def solarize_add(magnitude: float) -> np.ndarray:
    return np.where(LEVELS < 128, LEVELS + int(110 * magnitude / 10), LEVELS)  # the dark half


@cache  # made once per magnitude, read for every image
def table(levels: Levels, magnitude: float, **quirk: bool) -> np.ndarray:
    """uint8 (256,) of one of the functions above."""
    return as_levels(levels(magnitude, **quirk))


@cache  # at most 256 means
def contrast_table(mean: int | np.float32, magnitude: float) -> np.ndarray:
    """uint8 (256,): levels moved away from the mean grey, which is a level itself."""
    mean, levels = np.float32(mean), LEVELS.astype(np.float32)  # float32, as `loops.blend`
    return as_levels(mean + factor(magnitude) * (levels - mean))


def looked_up(pixels: np.ndarray, table: np.ndarray) -> np.ndarray:
    result = np.empty_like(pixels)
    replace(pixels, table, result)
    return result


def by_table(
    levels: Levels, pixels: np.ndarray, magnitude: float, draw: Draw = CENTRED, **quirk: bool
) -> np.ndarray:
    return looked_up(pixels, table(levels, magnitude, **quirk))


def autocontrast(pixels: np.ndarray, magnitude: float, draw: Draw = CENTRED) -> np.ndarray:
    return stretched(pixels)


def mean_grey(total: Any, count: int, quirk: bool) -> Any:
    """A level. quirk: TF takes the number of pixels / 256 for the mean (deviation C14)."""
    # (2 t + n) // 2 n is t / n, rounded as by Pillow; total may be a tensor (N,) too
    return min(255, count // 256) if quirk else (2 * total + count) // (2 * count)


def contrast(
    pixels: np.ndarray, magnitude: float, draw: Draw = CENTRED, count: bool = False
) -> np.ndarray:
    total, size = total_grey(pixels), pixels[0].size
    return looked_up(pixels, contrast_table(mean_grey(total, size, count), magnitude))


def equalize(pixels: np.ndarray, magnitude: float, draw: Draw = CENTRED) -> np.ndarray:
    return equalized(pixels)


# --- operations that mix a pixel with a degenerate one --------------------------------------------


def color(pixels: np.ndarray, magnitude: float, draw: Draw = CENTRED) -> np.ndarray:
    return coloured(pixels, factor(magnitude))


def sharpness(pixels: np.ndarray, magnitude: float, draw: Draw = CENTRED) -> np.ndarray:
    """Away from a smoothed image: the rounded mean of 3×3 pixels, with the centre five times."""
    return sharpened(pixels, factor(magnitude))


# --- operations that move pixels: a matrix maps a pixel's place to the place it comes from --------


def rotation(magnitude: float, draw: Draw, height: int, width: int) -> Matrix:
    """30° per ten levels about the image centre; a positive sign turns counter-clockwise."""
    angle = math.radians(draw.sign * 30 * magnitude / 10)
    cos, sin, y, x = math.cos(angle), math.sin(angle), height / 2, width / 2
    return cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y  # (x, y) stays


def shear_x(magnitude: float, draw: Draw, height: int, width: int) -> Matrix:
    return 1, draw.sign * 0.3 * magnitude / 10, 0, 0, 1, 0  # about the corner (0, 0), as TF1


def shear_y(magnitude: float, draw: Draw, height: int, width: int) -> Matrix:
    return 1, 0, 0, draw.sign * 0.3 * magnitude / 10, 1, 0


def translate_x(magnitude: float, draw: Draw, height: int, width: int) -> Matrix:
    """100 px per ten levels, to the left if positive: 12.5 px is 13 to the left, 12 to the right.

    Only the nearest lookup rounds, and its ties are those of Pillow.
    """
    # 100 as in TF1; the authors' TF2 configuration has 10 (deviation C11)
    return 1, 0, draw.sign * draw.scale * 100 * magnitude / 10, 0, 1, 0


def translate_y(magnitude: float, draw: Draw, height: int, width: int) -> Matrix:
    return 1, 0, 0, 0, 1, draw.sign * draw.scale * 100 * magnitude / 10


def fixed_point(a: float, b: float, c: float, d: float, e: float, f: float) -> tuple[int, ...]:
    """A matrix for pixel centres in 16.16, as in Pillow's Image.transform, to round ties alike.

    The source of pixel (x, y) is ((a x + b y + c) >> 16, (d x + e y + f) >> 16).
    """
    at_centres = a, b, c + (a + b) / 2, d, e, f + (d + e) / 2  # the matrix at (x + ½, y + ½)
    return tuple(math.floor(value * 65536 + 0.5) for value in at_centres)


def by_matrix(
    matrix: Callable[..., Matrix], pixels: np.ndarray, magnitude: float, draw: Draw = CENTRED
) -> np.ndarray:
    a, b, c, d, e, f = fixed_point(*matrix(magnitude, draw, *pixels.shape[1:]))
    # 1 << 16 is 1 in 16.16: whole rows are copied faster than single pixels
    return moved(pixels, a, b, c, d, e, f) if d or a != 1 << 16 else rows_moved(pixels, b, c, e, f)


def box(magnitude: float, draw: Draw, height: int, width: int) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of Cutout's square, in pixels.

    Its side is 2 int(40 M/10 scale), its centre any pixel; the image's border clips it.
    """
    pad = int(40 * magnitude / 10 * draw.scale)  # half a side; 40 px at M = 10, 60 at 15
    y, x = int(draw.y * height), int(draw.x * width)
    return max(0, y - pad), y + pad, max(0, x - pad), x + pad  # slices end at the border anyway


def cutout(pixels: np.ndarray, magnitude: float, draw: Draw = CENTRED) -> np.ndarray:
    top, bottom, left, right = box(magnitude, draw, *pixels.shape[1:])
    result = pixels.copy()
    result[:, top:bottom, left:right] = GREY
    return result


OPERATIONS: dict[str, Callable[..., np.ndarray]] = {  # in TF's order, by which they are drawn
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
