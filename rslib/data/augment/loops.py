"""Loops over the pixels of uint8 images (3, H, W), compiled when first called and kept on disk.

One pass where NumPy needs one for each term, on one thread. Everything is in integers or in single
float32 steps, in the order in which Pillow takes them, so that the last bit agrees.
"""

import numpy as np
from numba import njit

GREY = np.uint8(128)  # fills whatever an operation uncovers


def compiled(loop):
    try:
        return njit(cache=True, nogil=True)(loop)
    except RuntimeError:  # neither this folder nor the user's can be written: each process compiles
        return njit(nogil=True)(loop)


@compiled
def replace(levels, table, new):
    """new[i] = table[levels[i]], for arrays of any one shape."""
    levels, new = levels.reshape(-1), new.reshape(-1)
    for i in range(levels.size):
        new[i] = table[levels[i]]


@compiled
def stretched(pixels):
    """Each channel's lowest level becomes 0 and its highest 255; a flat channel stays."""
    result = np.empty_like(pixels)
    for channel in range(3):
        levels, table = pixels[channel].reshape(-1), np.arange(256).astype(np.uint8)
        low, high = np.float64(levels.min()), np.float64(levels.max())
        if high > low:
            scale = 255 / (high - low)
            for level in range(256):
                table[level] = min(max(level * scale + -low * scale, 0.0), 255.0)
        replace(pixels[channel], table, result[channel])
    return result


@compiled
def equalized(pixels):
    """Levels so that each is as frequent; in a channel of too few pixels they stay."""
    result = np.empty_like(pixels)
    for channel in range(3):
        levels = pixels[channel].reshape(-1)
        counts, table = np.zeros(256, np.int64), np.empty(256, np.uint8)
        for i in range(levels.size):
            counts[levels[i]] += 1
        step = (levels.size - counts[levels.max()]) // 255
        below = 0
        for level in range(256):
            table[level] = min(255, (below + step // 2) // step) if step else level
            below += counts[level]
        replace(pixels[channel], table, result[channel])
    return result


@compiled
def grey(red, green, blue):
    """Luma of ITU-R 601, in Pillow's integer weights: 0 to 255."""
    return (19595 * np.int32(red) + 38470 * np.int32(green) + 7471 * np.int32(blue) + 32768) >> 16


@compiled
def total_grey(pixels):
    total = 0
    _, height, width = pixels.shape
    for y in range(height):
        for x in range(width):
            total += grey(pixels[0, y, x], pixels[1, y, x], pixels[2, y, x])
    return total


@compiled
def blend(degenerate, level, factor):
    """degenerate + factor (level - degenerate) in float32, clipped and truncated."""
    start = np.float32(degenerate)
    mixed = start + factor * (np.float32(level) - start)
    return np.uint8(min(max(mixed, np.float32(0)), np.float32(255)))


@compiled
def coloured(pixels, factor):
    result = np.empty_like(pixels)
    _, height, width = pixels.shape
    for y in range(height):
        for x in range(width):
            luma = grey(pixels[0, y, x], pixels[1, y, x], pixels[2, y, x])
            for channel in range(3):
                result[channel, y, x] = blend(luma, pixels[channel, y, x], factor)
    return result


@compiled
def sharpened(pixels, factor):
    result = pixels.copy()  # the border stays as it was
    _, height, width = pixels.shape
    for c in range(3):
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                total = 4 * np.int32(pixels[c, y, x])
                for down in (-1, 0, 1):
                    for right in (-1, 0, 1):
                        total += pixels[c, y + down, x + right]
                result[c, y, x] = blend((2 * total + 13) // 26, pixels[c, y, x], factor)
    return result


@compiled
def moved(pixels, a, b, c, d, e, f):
    """The nearest pixel for each, grey where it lies outside."""
    result = np.empty_like(pixels)
    _, height, width = pixels.shape
    end = np.uint64(height), np.uint64(width)  # unsigned: what is left of 0 is far beyond them
    for y in range(height):
        for x in range(width):
            row, column = np.uint64((d * x + e * y + f) >> 16), np.uint64((a * x + b * y + c) >> 16)
            inside = row < end[0] and column < end[1]
            for channel in range(3):
                result[channel, y, x] = pixels[channel, row, column] if inside else GREY
    return result


@compiled
def rows_moved(pixels, b, c, e, f):
    """`moved` where a row stays a row, one copy each: a shear along x, and translations."""
    result = np.full_like(pixels, GREY)
    _, height, width = pixels.shape
    for y in range(height):
        row, right = (e * y + f) >> 16, (b * y + c) >> 16
        if 0 <= row < height and abs(right) < width:
            for channel in range(3):
                source, new = pixels[channel, row], result[channel, y]
                if right >= 0:
                    new[: width - right] = source[right:]
                else:
                    new[-right:] = source[: width + right]
    return result
