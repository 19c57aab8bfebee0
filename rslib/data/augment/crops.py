"""Random crop, flip and evaluation crop of uint8 CPU images of shape (3, H, W)."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import interpolate

Window = tuple[int, int, int, int]  # top, left, height, width; pixels


def random_window(
    size: Sequence[int],
    generator: torch.Generator,
    area: tuple[float, float] = (0.08, 1.0),
    aspect: tuple[float, float] = (3 / 4, 4 / 3),
) -> Window:
    """Top, left, height and width of a random crop out of `size` = (H, W), in pixels.

    First the aspect (width / height) is uniform, then the height, between those of the two areas,
    as in TF's sample_distorted_bounding_box: small crops are likelier than with a uniform area. TF1
    also asks for 0.1 of the image (min_object_covered), which `area=(0.1, 1.0)` gives. If ten
    attempts give no crop of whole pixels within `area`, it is the centre square of evaluation (§5).
    """
    height, width = size
    least, most = area[0] * height * width, area[1] * height * width  # square pixels
    # all ten attempts are drawn at once, so that what is drawn afterwards does not depend on them
    for u_aspect, u_height, u_top, u_left in torch.rand((10, 4), generator=generator).tolist():
        ratio = aspect[0] + u_aspect * (aspect[1] - aspect[0])
        low = round(math.sqrt(least / ratio))  # height² · ratio = area
        # at most the image's height, and the height at which the width would be the image's
        high = min(round(math.sqrt(most / ratio)), height, int(width / ratio + 0.5))
        h = low + int(u_height * (high - low + 1))
        w = round(h * ratio)
        # whole pixels may miss the area, or the image, which real numbers would meet
        if low <= high and least <= h * w <= most and 0 < w <= width:
            return int(u_top * (height - h + 1)), int(u_left * (width - w + 1)), h, w
    return centre_window(size)


def centre_window(size: Sequence[int]) -> Window:
    """Top, left, height and width of the centre square of side 0.875 min(H, W)."""
    side = max(1, round(0.875 * min(size)))  # 0.875 = 224 / 256
    return (size[0] - side + 1) // 2, (size[1] - side + 1) // 2, side, side


def resized(image: torch.Tensor, window: Window, side: int) -> torch.Tensor:
    """A window of a uint8 image (3, H, W) as a new image (3, side, side)."""
    top, left, height, width = window
    crop = image[:, top : top + height, left : left + width]  # a view (3, height, width)
    if (height, width) == (side, side):  # a copy: the caller may change what it gets
        return crop.clone(memory_format=torch.contiguous_format)
    # Bicubic (deviation C10). With antialias, which the legacy TF op lacked, it equals Pillow's. It
    # reads a crop twice as fast if the channels of a pixel lie together, without gaps between rows.
    crop = crop[None].contiguous(memory_format=torch.channels_last)  # (1, 3, height, width)
    return interpolate(crop, (side, side), mode="bicubic", antialias=True)[0].contiguous()


def random_resized_crop(
    image: torch.Tensor,
    generator: torch.Generator,
    side: int,
    area: tuple[float, float] = (0.08, 1.0),
    aspect: tuple[float, float] = (3 / 4, 4 / 3),
) -> torch.Tensor:
    """Crop a random window of a uint8 image (3, H, W) and resize it to a new (3, side, side).

    area: least and largest share of the image. aspect: least and largest width / height. Raises
    ValueError for another kind of image, or ranges that are no ranges.
    """
    check_image(image, side)
    if not 0 < area[0] <= area[1] <= 1:
        raise ValueError(f"area is {area}; give fractions of the image, 0 < least <= most <= 1")
    if not 0 < aspect[0] <= aspect[1]:
        raise ValueError(f"aspect is {aspect}; give width / height, 0 < least <= most")
    return resized(image, random_window(image.shape[1:], generator, area, aspect), side)


def random_flip(image: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirror a uint8 image (3, H, W) left to right with probability 0.5; else return it."""
    check_image(image)
    return image.flip(-1) if torch.rand((), generator=generator).item() < 0.5 else image


def eval_crop(image: torch.Tensor, side: int, stored: bool = False) -> torch.Tensor:
    """Centre square of about 0.875 min(H, W) of a uint8 (3, H, W), resized to (3, side, side).

    The square is TF1's, by which the authors evaluate. stored: the image is of a data set that is
    stored at a network's size, as Fashion-MNIST and CIFAR here; at that side it is returned as it
    is, as a crop would discard nearly a quarter, and at others its square is rounded. That is for
    the data set to say: an image of a folder is cropped whatever its size.
    """
    check_image(image, side)
    if not stored:
        return resized(image, tf1_window(image.shape[1:], side), side)  # first crop, then resize
    if image.shape[1:] == (side, side):
        return image
    return resized(image, centre_window(image.shape[1:]), side)


def tf1_window(size: Sequence[int], side: int) -> Window:
    """Top, left, height and width of the centre square out of `size` = (H, W) as TF1 takes it.

    Its side is min(H, W) · side / (side + padding) in float32, truncated: a pixel or two less than
    0.875 min(H, W) where 7 does not divide the side.
    """
    share = np.float32(side / (side + padding(side)))
    square = max(1, int(share * np.float32(min(size))))
    return (size[0] - square + 1) // 2, (size[1] - square + 1) // 2, square, square


def padding(side: int) -> int:
    """By how much the shorter side exceeds the square of `side` pixels that is cut out of it."""
    return round(side * (1 / 0.875 - 1))


def check_image(image: torch.Tensor, side: int = 1) -> None:
    """Raises ValueError for an image that is not uint8 (3, H, W), and for a side below 1."""
    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3:
        got = f"{image.dtype} of shape {tuple(image.shape)}"
        raise ValueError(f"image must be uint8 of shape (3, H, W), got {got}; convert it first")
    if side < 1:
        raise ValueError(f"side is {side}; give the output size in pixels, 1 or more")
