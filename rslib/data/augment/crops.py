"""Random crop, flip and evaluation crop of uint8 CPU images of shape (3, H, W)."""

import math

import torch
from torch.nn.functional import interpolate


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
