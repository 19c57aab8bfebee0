"""RandAugment of a whole batch at once, on its own device.

With the same draws, an image gets the same pixels as from `RandAugment` one by one. Each operation
runs once per layer, over the images that drew it. Nothing is read back from the device, so the host
does not wait for it.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import torch

from rslib.data.augment import operations as single
from rslib.data.augment.operations import Draw
from rslib.data.augment.randaugment import RandAugment

GREY = int(single.GREY)


def randaugment(augment: RandAugment, images: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """`augment` of uint8 images (N, 3, H, W), as a new tensor.

    draws: float32 (N, layers, 4) on the CPU, from ``augment.draw`` with each image's generator.
    """
    images = images.clone()
    for layer in draws.unbind(1):  # (N, 4)
        groups: dict[Callable, tuple[list[int], list[Draw]]] = {}
        for place, row in enumerate(layer.tolist()):
            operation, draw = augment.drawn(row, images.shape[2:])
            places, group = groups.setdefault(operation, ([], []))
            places.append(place)
            group.append(draw)
        for operation, (places, group) in groups.items():
            places = on(images, places)  # (n,)
            # n images go through one operation, (n, 3, H, W)
            images[places] = of_batch(operation)(images[places], augment.magnitude, group)
    return images


def of_batch(operation: Callable[..., np.ndarray]) -> Callable[..., torch.Tensor]:
    """The counterpart, for a batch, of one of `rslib.data.augment.operations`."""
    if isinstance(operation, partial):
        return partial(BATCHED[operation.func], *operation.args, **operation.keywords)
    return BATCHED[operation]


def on(images: torch.Tensor, values: Any) -> torch.Tensor:
    """Numbers of the host on the device of images; the host does not wait."""
    values = torch.as_tensor(values)
    if images.is_cuda:  # only from pinned memory does non_blocking have an effect
        return values.pin_memory().to(images.device, non_blocking=True)
    return values


def by_table(
    levels: single.Levels,
    images: torch.Tensor,
    magnitude: float,
    draws: Sequence[Draw],
    **quirk: bool,
) -> torch.Tensor:
    # int: a uint8 index would be taken for a mask
    return on(images, single.table(levels, magnitude, **quirk))[images.int()]  # (N, 3, H, W)


def by_tables(images: torch.Tensor, tables: torch.Tensor) -> torch.Tensor:
    """tables: uint8 (N, 3, 256), or (N, 1, 256) for all channels."""
    # gather out of (N, 3, 256) by (N, 3, H·W)
    return tables.expand(-1, 3, -1).gather(2, images.flatten(2).long()).view_as(images)


def autocontrast(images: torch.Tensor, magnitude: float, draws: Sequence[Draw]) -> torch.Tensor:
    levels = torch.arange(256, device=images.device).double()  # float64, as Pillow
    # (N, 3, 1) each
    low, high = (limit.double()[..., None] for limit in (images.amin((2, 3)), images.amax((2, 3))))
    # infinite for a flat channel, which keeps its levels; a plain 255 / tensor would round twice
    scale = torch.full_like(high, 255) / (high - low)
    tables = torch.where(high > low, levels * scale + -low * scale, levels)  # (N, 3, 256)
    return by_tables(images, tables.clamp(0, 255).byte())


def equalize(images: torch.Tensor, magnitude: float, draws: Sequence[Draw]) -> torch.Tensor:
    levels = images.flatten(2).long()  # (N, 3, H·W)
    counts = levels.new_zeros(*levels.shape[:2], 256)  # (N, 3, 256)
    counts.scatter_add_(2, levels, torch.ones_like(levels))  # integers: the order does not matter
    # (N, 3, 1); as in `loops.equalized`
    step = (levels.shape[2] - counts.gather(2, levels.amax(2, keepdim=True))) // 255
    tables = (counts.cumsum(2) - counts + step // 2) // step.clamp(min=1)  # where step is 0: unused
    tables = torch.where(step > 0, tables.clamp(max=255), torch.arange(256, device=images.device))
    return by_tables(images, tables.byte())


def grey(images: torch.Tensor) -> torch.Tensor:
    """int32 (N, 1, H, W); weights as in `rslib.data.augment.loops`."""
    # int32: the largest sum is 255 · 2¹⁶ + 2¹⁵, about 2²⁴
    red, green, blue = images.int().unbind(1)
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16)[:, None]


@cache
def contrast_tables(magnitude: float) -> np.ndarray:
    """uint8 (256, 256): a table for each mean."""
    # all of them, as the host would have to wait to learn which means there are
    return np.stack([single.contrast_table(mean, magnitude) for mean in range(256)])


def contrast(
    images: torch.Tensor, magnitude: float, draws: Sequence[Draw], count: bool = False
) -> torch.Tensor:
    size = images.shape[2] * images.shape[3]  # pixels
    tables = on(images, contrast_tables(magnitude))
    if count:
        means = torch.full((len(images),), single.mean_grey(0, size, count), device=images.device)
    else:
        means = single.mean_grey(grey(images).sum((1, 2, 3)), size, count)  # (N,), sums are int64
    return by_tables(images, tables[means][:, None])  # (N, 1, 256)


def blend(degenerate: torch.Tensor, images: torch.Tensor, magnitude: float) -> torch.Tensor:
    # a Python float does not promote float32 tensors, and this one is a float32 value
    start, factor = degenerate.float(), float(single.factor(magnitude))
    return (start + factor * (images.float() - start)).clamp(0, 255).byte()


def color(images: torch.Tensor, magnitude: float, draws: Sequence[Draw]) -> torch.Tensor:
    return blend(grey(images), images, magnitude)  # grey (N, 1, H, W) serves all three channels


def sharpness(images: torch.Tensor, magnitude: float, draws: Sequence[Draw]) -> torch.Tensor:
    smooth = images.int()  # (N, 3, H, W); at the border it stays the image, which blends to itself
    rows = smooth[:, :, :-2] + smooth[:, :, 1:-1] + smooth[:, :, 2:]  # (N, 3, H − 2, W)
    # (N, 3, H − 2, W − 2), the centre five times
    total = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * smooth[..., 1:-1, 1:-1]
    smooth[..., 1:-1, 1:-1] = (2 * total + 13) // 26  # total / 13, rounded
    return blend(smooth, images, magnitude)


def places(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """x (W,) and y (H, 1) of all pixels."""
    height, width = images.shape[2:]
    y, x = torch.arange(height, device=images.device), torch.arange(width, device=images.device)
    return x, y[:, None]


def by_matrix(
    matrix: Callable[..., single.Matrix],
    images: torch.Tensor,
    magnitude: float,
    draws: Sequence[Draw],
) -> torch.Tensor:
    height, width = images.shape[2:]
    # on the host, in Python floats: sine and cosine have the same last bit as for one image
    numbers = [single.fixed_point(*matrix(magnitude, draw, height, width)) for draw in draws]
    a, b, c, d, e, f = on(images, numbers).T[..., None, None]  # (N, 1, 1) each, int64
    x, y = places(images)
    column, row = (a * x + b * y + c) >> 16, (d * x + e * y + f) >> 16  # (N, H, W) each
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    source = torch.where(inside, row * width + column, height * width).flatten(1)  # (N, H·W)
    outside = images.new_full((len(images), 3, 1), GREY)  # one more pixel, behind the last
    pixels = torch.cat([images.flatten(2), outside], 2)  # (N, 3, H·W + 1)
    return pixels.gather(2, source[:, None].expand(-1, 3, -1)).view_as(images)


def cutout(images: torch.Tensor, magnitude: float, draws: Sequence[Draw]) -> torch.Tensor:
    boxes = [single.box(magnitude, draw, *images.shape[2:]) for draw in draws]
    top, bottom, left, right = on(images, boxes).T[..., None, None]  # (N, 1, 1) each
    x, y = places(images)
    inside = (y >= top) & (y < bottom) & (x >= left) & (x < right)  # (N, H, W)
    return images.masked_fill(inside[:, None], GREY)


BATCHED = {  # the other operations are partials of these, see `of_batch`
    single.autocontrast: autocontrast,
    single.equalize: equalize,
    single.by_table: by_table,
    single.by_matrix: by_matrix,
    single.color: color,
    single.contrast: contrast,
    single.sharpness: sharpness,
    single.cutout: cutout,
}
