"""RandAugment, random crop, flip and evaluation crop on uint8 CPU images of shape (3, H, W).

RandAugment is the one the ResNet-RS authors trained with (TF1 autoaugment.py): sixteen operations,
N = 2 layers drawn uniformly with replacement and always applied, one fixed magnitude M on a scale
of M/10 without ceiling (Table 8: M = 10 at 160 px, 15 above). TF ported its operations from Pillow;
here they equal Pillow, value by value.

An operation is called as `OPERATIONS[name](pixels, magnitude, draw)` with a uint8 array (3, H, W),
for a tensor `image.numpy()`, and returns a new one. NumPy, because at 32 px the cost of a torch
call exceeds that of the arithmetic; and integers or single float steps, so no thread count matters.
"""

import math
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import interpolate

GREY = np.uint8(128)  # fills whatever an operation uncovers
LEVELS = np.arange(256)


class Draw(NamedTuple):
    """What chance and the image size decide for one layer; each operation takes what it needs."""

    sign: int = 1  # the "±" of Rotate, Shear and Translate
    y: float = 0.5  # Cutout centre, as a fraction in [0, 1) of the height
    x: float = 0.5  # and of the width
    scale: float = 1.0  # factor on lengths in pixels: Translate and Cutout


CENTRED = Draw()


def look_up(pixels, tables):
    """Replace value v by tables[v], clipped and truncated; one table of 256, or one per channel."""
    tables = np.clip(tables, 0, 255).astype(np.uint8)
    # bytearray.translate is several times faster than tables[pixels] at 160 px, and writable.
    if tables.ndim == 1:
        values = bytearray(pixels).translate(tables)
    else:
        channels = zip(pixels, tables, strict=True)
        values = bytearray().join(bytearray(c).translate(t) for c, t in channels)
    return np.frombuffer(values, np.uint8).reshape(pixels.shape)


def affine(pixels, a, b, c, d, e, f):
    """Nearest pixel at (a x + b y + c, d x + e y + f) for each pixel centre (x, y), grey outside.

    Coordinates are 16.16 fixed point as in Pillow's Image.transform, so that ties round as there.
    """
    _, height, width = pixels.shape
    x, y = np.arange(width), np.arange(height)[:, None]
    a, b, c, d, e, f = (
        math.floor(v * 65536 + 0.5) for v in (a, b, c + (a + b) / 2, d, e, f + (d + e) / 2)
    )
    source_x = (a * x + (b * y + c) if b else a * x + c) >> 16  # one row where rows are alike
    source_y = (d * x + (e * y + f) if d else e * y + f) >> 16  # one column
    inside = (source_x >= 0) & (source_x < width) & ((source_y >= 0) & (source_y < height))
    source = np.where(inside, source_y * width + source_x, height * width)
    flat = np.full((3, height * width + 1), GREY)  # the last pixel stays grey: it is the outside
    flat[:, :-1] = pixels.reshape(3, -1)
    return flat.take(source, axis=1, mode="clip")  # all are inside; "clip" only skips the check


def blend(degenerate, pixels, magnitude):
    """degenerate + factor (pixels - degenerate), clipped: float32. One-sided: M = 5 is identity."""
    factor = np.float32(1.8 * magnitude / 10 + 0.1)
    degenerate = np.asarray(degenerate, np.float32)
    return np.clip(degenerate + factor * (pixels.astype(np.float32) - degenerate), 0, 255)


def grey_image(pixels):
    """Luma of ITU-R 601, in Pillow's integer weights: (H, W), 0 to 255."""
    red, green, blue = pixels.astype(np.int32)
    return (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16


def autocontrast(pixels, magnitude, draw=CENTRED):
    low, high = pixels.min((1, 2))[:, None].astype(float), pixels.max((1, 2))[:, None]
    scale = 255 / np.maximum(high - low, 1)
    return look_up(pixels, np.where(high > low, LEVELS * scale + -low * scale, LEVELS))


def equalize(pixels, magnitude, draw=CENTRED):
    tables = []
    for channel in pixels:
        counts = np.bincount(channel.ravel(), minlength=256)
        step = (channel.size - counts[channel.max()]) // 255
        below = counts.cumsum() - counts
        tables.append((below + step // 2) // step if step else LEVELS)  # too few pixels: as it is
    return look_up(pixels, tables)


def invert(pixels, magnitude, draw=CENTRED):
    return 255 - pixels


def rotate(pixels, magnitude, draw=CENTRED):
    """30° per ten levels about the image centre; a positive sign turns counter-clockwise."""
    angle = math.radians(draw.sign * 30 * magnitude / 10)
    cos, sin = math.cos(angle), math.sin(angle)
    y, x = pixels.shape[1] / 2, pixels.shape[2] / 2
    return affine(pixels, cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y)


def posterize(pixels, magnitude, draw=CENTRED):
    """Keep the int(4 M/10) high bits: weaker with M, and nothing is left to remove at M = 20."""
    dropped = max(0, 8 - int(4 * magnitude / 10))
    return pixels & np.uint8(0xFF >> dropped << dropped)


def solarize(pixels, magnitude, draw=CENTRED, wrap=False):
    """Invert values from int(256 M/10) on, so none at M >= 10; TF's uint8 wrapped it (C13)."""
    threshold = int(256 * magnitude / 10)
    threshold = threshold % 256 if wrap else threshold
    return look_up(pixels, np.where(threshold <= LEVELS, 255 - LEVELS, LEVELS))


def color(pixels, magnitude, draw=CENTRED):
    return blend(grey_image(pixels), pixels, magnitude).astype(np.uint8)


def contrast(pixels, magnitude, draw=CENTRED, count=False):
    """Away from the mean grey; TF took the number of pixels / 256 for the mean (C14)."""
    grey = grey_image(pixels)
    mean = min(255, grey.size // 256) if count else int(grey.mean() + 0.5)
    return look_up(pixels, blend(mean, LEVELS, magnitude))


def brightness(pixels, magnitude, draw=CENTRED):
    return look_up(pixels, blend(0, LEVELS, magnitude))


def sharpness(pixels, magnitude, draw=CENTRED):
    """Away from a smoothed image: mean of 3x3 with the centre five times, the border as it was."""
    smooth = pixels.astype(np.int16)
    rows = smooth[:, :-2] + smooth[:, 1:-1] + smooth[:, 2:]
    total = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * smooth[:, 1:-1, 1:-1]
    smooth[:, 1:-1, 1:-1] = (2 * total + 13) // 26  # total / 13, rounded
    return blend(smooth, pixels, magnitude).astype(np.uint8)


def shear_x(pixels, magnitude, draw=CENTRED):
    return affine(pixels, 1, draw.sign * 0.3 * magnitude / 10, 0, 0, 1, 0)


def shear_y(pixels, magnitude, draw=CENTRED):
    return affine(pixels, 1, 0, 0, draw.sign * 0.3 * magnitude / 10, 1, 0)


def translate_x(pixels, magnitude, draw=CENTRED):
    """100 px per ten levels, to the left if positive: 12.5 px is 13 to the left, 12 to the right.

    Only the nearest lookup rounds, and its ties are those of Pillow.
    """
    return affine(pixels, 1, 0, draw.sign * draw.scale * 100 * magnitude / 10, 0, 1, 0)


def translate_y(pixels, magnitude, draw=CENTRED):
    return affine(pixels, 1, 0, 0, 0, 1, draw.sign * draw.scale * 100 * magnitude / 10)


def cutout(pixels, magnitude, draw=CENTRED):
    """A grey square of side 2 int(40 M/10 scale) px, its centre anywhere, clipped at the border."""
    pad = int(40 * magnitude / 10 * draw.scale)
    y, x = int(draw.y * pixels.shape[1]), int(draw.x * pixels.shape[2])
    result = pixels.copy()
    result[:, max(0, y - pad) : y + pad, max(0, x - pad) : x + pad] = GREY
    return result


def solarize_add(pixels, magnitude, draw=CENTRED):
    added = int(110 * magnitude / 10)
    return look_up(pixels, np.where(LEVELS < 128, LEVELS + added, LEVELS))


OPERATIONS = {
    "AutoContrast": autocontrast,
    "Equalize": equalize,
    "Invert": invert,
    "Rotate": rotate,
    "Posterize": posterize,
    "Solarize": solarize,
    "Color": color,
    "Contrast": contrast,
    "Brightness": brightness,
    "Sharpness": sharpness,
    "ShearX": shear_x,
    "ShearY": shear_y,
    "TranslateX": translate_x,
    "TranslateY": translate_y,
    "Cutout": cutout,
    "SolarizeAdd": solarize_add,
}


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
            "Solarize": partial(solarize, wrap=solarize_wrap),
            "Contrast": partial(contrast, count=contrast_count),
        }
        self.operations = list((OPERATIONS | quirks).values())

    def __call__(self, image, generator):
        check_image(image)
        # Translate and Cutout have lengths in pixels, and the paper's Table 1 is at 256 px: at
        # 32 px a shift of 100 px would leave nothing but grey, so smaller images shrink them.
        side = min(image.shape[1:])
        scale = min(1.0, side / self.reference_side) if self.reference_side else 1.0
        pixels = np.ascontiguousarray(image.numpy())
        for op, sign, y, x in torch.rand((self.layers, 4), generator=generator).tolist():
            operation = self.operations[int(op * len(self.operations))]
            pixels = operation(pixels, self.magnitude, Draw(1 if sign < 0.5 else -1, y, x, scale))
        return torch.from_numpy(pixels)


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
    # C10: bicubic. With antialias, which the legacy TF op lacked, it is that of Pillow.
    return interpolate(crop[None], (side, side), mode="bicubic", antialias=True)[0].contiguous()


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
