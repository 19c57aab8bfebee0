"""RandAugment of a batch at once, on the device where it lies.

With the same draws an image gets the same pixels as from `RandAugment` one by one. Each operation
runs once a layer, over those images that drew it. Nothing is read back from the device, so the
host does not wait for it.
"""

from functools import cache, partial

import numpy as np
import torch

from rslib.data.augment import operations as single

GREY = int(single.GREY)


def randaugment(augment, images, draws):
    """New images: `augment`, a RandAugment, of uint8 (N, 3, H, W).

    draws: float32 (N, layers, 4) on the CPU, from ``augment.draw`` with each image's generator.
    """
    images = images.clone()
    for layer in draws.unbind(1):
        groups = {}
        for place, row in enumerate(layer.tolist()):
            operation, draw = augment.drawn(row, images.shape[2:])
            places, group = groups.setdefault(operation, ([], []))
            places.append(place)
            group.append(draw)
        for operation, (places, group) in groups.items():
            places = on(images, places)
            images[places] = of_batch(operation)(images[places], augment.magnitude, group)
    return images


def of_batch(operation):
    """What one of `rslib.data.augment.operations` is for a batch."""
    if isinstance(operation, partial):
        return partial(BATCHED[operation.func], *operation.args, **operation.keywords)
    return BATCHED[operation]


def on(images, values):
    """Numbers of the host on the device of images; the host does not wait."""
    values = torch.as_tensor(values)
    if images.is_cuda:
        return values.pin_memory().to(images.device, non_blocking=True)
    return values


def by_table(levels, images, magnitude, draws, **quirk):
    return on(images, single.table(levels, magnitude, **quirk))[images.int()]


def by_tables(images, tables):
    """tables: uint8 (N, 3, 256), or (N, 1, 256) for all channels."""
    return tables.expand(-1, 3, -1).gather(2, images.flatten(2).long()).view_as(images)


def autocontrast(images, magnitude, draws):
    levels = torch.arange(256, device=images.device).double()
    low, high = (limit.double()[..., None] for limit in (images.amin((2, 3)), images.amax((2, 3))))
    # infinite for a flat channel, which stays; a plain 255 / tensor would round twice
    scale = torch.full_like(high, 255) / (high - low)
    tables = torch.where(high > low, levels * scale + -low * scale, levels)
    return by_tables(images, tables.clamp(0, 255).byte())


def equalize(images, magnitude, draws):
    levels = images.flatten(2).long()
    counts = levels.new_zeros(*levels.shape[:2], 256)
    counts.scatter_add_(2, levels, torch.ones_like(levels))
    step = (levels.shape[2] - counts.gather(2, levels.amax(2, keepdim=True))) // 255
    tables = (counts.cumsum(2) - counts + step // 2) // step.clamp(min=1)
    tables = torch.where(step > 0, tables.clamp(max=255), torch.arange(256, device=images.device))
    return by_tables(images, tables.byte())


def grey(images):
    """int32 (N, 1, H, W); weights as in `rslib.data.augment.loops`."""
    red, green, blue = images.int().unbind(1)
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16)[:, None]


@cache
def contrast_tables(magnitude):
    """uint8 (256, 256): a table for each mean."""
    return np.stack([single.contrast_table(mean, magnitude) for mean in range(256)])


def contrast(images, magnitude, draws, count=False):
    size = images.shape[2] * images.shape[3]
    tables = on(images, contrast_tables(magnitude))
    if count:
        means = torch.full((len(images),), single.mean_grey(0, size, count), device=images.device)
    else:
        means = single.mean_grey(grey(images).sum((1, 2, 3)), size, count)
    return by_tables(images, tables[means][:, None])


def blend(degenerate, images, magnitude):
    start, factor = degenerate.float(), float(single.factor(magnitude))
    return (start + factor * (images.float() - start)).clamp(0, 255).byte()


def color(images, magnitude, draws):
    return blend(grey(images), images, magnitude)


def sharpness(images, magnitude, draws):
    smooth = images.int()
    rows = smooth[:, :, :-2] + smooth[:, :, 1:-1] + smooth[:, :, 2:]
    total = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * smooth[..., 1:-1, 1:-1]
    smooth[..., 1:-1, 1:-1] = (2 * total + 13) // 26
    return blend(smooth, images, magnitude)


def places(images):
    """x (W,) and y (H, 1) of all pixels."""
    height, width = images.shape[2:]
    y, x = torch.arange(height, device=images.device), torch.arange(width, device=images.device)
    return x, y[:, None]


def by_matrix(matrix, images, magnitude, draws):
    height, width = images.shape[2:]
    numbers = [single.fixed_point(*matrix(magnitude, draw, height, width)) for draw in draws]
    a, b, c, d, e, f = on(images, numbers).T[..., None, None]
    x, y = places(images)
    column, row = (a * x + b * y + c) >> 16, (d * x + e * y + f) >> 16
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    source = torch.where(inside, row * width + column, height * width).flatten(1)
    outside = images.new_full((len(images), 3, 1), GREY)  # one more pixel, behind the last
    pixels = torch.cat([images.flatten(2), outside], 2)
    return pixels.gather(2, source[:, None].expand(-1, 3, -1)).view_as(images)


def cutout(images, magnitude, draws):
    boxes = [single.box(magnitude, draw, *images.shape[2:]) for draw in draws]
    top, bottom, left, right = on(images, boxes).T[..., None, None]
    x, y = places(images)
    inside = (y >= top) & (y < bottom) & (x >= left) & (x < right)
    return images.masked_fill(inside[:, None], GREY)


BATCHED = {
    single.autocontrast: autocontrast,
    single.equalize: equalize,
    single.by_table: by_table,
    single.by_matrix: by_matrix,
    single.color: color,
    single.contrast: contrast,
    single.sharpness: sharpness,
    single.cutout: cutout,
}
