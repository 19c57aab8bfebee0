"""Loops over the pixels of uint8 images (3, H, W), compiled at the first call and kept on disk.

They take one pass, on one thread, where NumPy needs one per term. Arithmetic is in integers or in
single float32 steps, in the order of Pillow, so that the last bit agrees.
"""

import sys
from collections.abc import Callable

import numpy as np
from numba import njit
from numba.core.caching import FunctionCache

GREY = np.uint8(128)  # fills whatever an operation uncovers, as in TF1
SAID: set[str] = set()  # what was said of the cache, once a process


class Cache(FunctionCache):
    """Numba's cache on disk, which never stops anybody: what it cannot read is compiled anew."""

    def load_overload(self, *words):
        try:
            return super().load_overload(*words)
        except Exception as error:  # whatever pickle and LLVM make of a damaged file
            aside(f"Numba's cache in {self.cache_path} cannot be read; it is made again", error)
            try:
                self.flush()  # an empty index, which the next function is added to
            except Exception:
                self.disable()
            return None

    def save_overload(self, *words):
        try:
            super().save_overload(*words)
        except Exception as error:  # a full disk, or a folder that may not be written
            self.disable()
            remedy = "each process compiles; set NUMBA_CACHE_DIR to a folder with room"
            aside(f"Numba's cache in {self.cache_path} cannot be written; {remedy}", error)


def aside(line: str, error: Exception) -> None:
    if line not in SAID:
        SAID.add(line)
        print(f"{line} ({type(error).__name__}: {error})", file=sys.stderr)


def compiled(loop: Callable) -> Callable:
    try:
        found = njit(cache=True, nogil=True)(loop)  # nogil: a caller's threads may run side by side
        found._cache = Cache(loop)  # pyrefly: ignore  Numba offers no other way
    except (RuntimeError, OSError):  # no folder of Numba's is writable: each process compiles
        return njit(nogil=True)(loop)
    return found


@compiled
def replace(levels: np.ndarray, table: np.ndarray, new: np.ndarray) -> None:
    """new[i] = table[levels[i]], for levels and new of one shape, and a table (256,)."""
    levels, new = levels.reshape(-1), new.reshape(-1)  # views: what is written arrives in `new`
    for i in range(levels.size):
        new[i] = table[levels[i]]


@compiled
def stretched(pixels: np.ndarray) -> np.ndarray:
    """Each channel's lowest level becomes 0 and its highest 255; a flat channel stays as it is."""
    result = np.empty_like(pixels)  # (3, H, W)
    for channel in range(3):
        levels, table = pixels[channel].reshape(-1), np.arange(256).astype(np.uint8)  # (H·W,)
        low, high = np.float64(levels.min()), np.float64(levels.max())  # Pillow: Python floats
        if high > low:
            scale = 255 / (high - low)
            for level in range(256):
                # −low · scale, not (level − low) · scale: Pillow rounds the offset by itself
                table[level] = min(max(level * scale + -low * scale, 0.0), 255.0)
        replace(pixels[channel], table, result[channel])
    return result


@compiled
def equalized(pixels: np.ndarray) -> np.ndarray:
    """Levels made equally frequent, per channel; with too few pixels they stay as they are."""
    result = np.empty_like(pixels)
    for channel in range(3):
        levels = pixels[channel].reshape(-1)  # (H·W,)
        counts, table = np.zeros(256, np.int64), np.empty(256, np.uint8)
        for i in range(levels.size):
            counts[levels[i]] += 1
        # pixels per new level; Pillow leaves out those of the highest level, which becomes 255
        step = (levels.size - counts[levels.max()]) // 255
        below = 0  # pixels of lower levels
        for level in range(256):
            # half a step rounds to the nearest
            table[level] = min(255, (below + step // 2) // step) if step else level
            below += counts[level]
        replace(pixels[channel], table, result[channel])
    return result


@compiled
def grey(red: int, green: int, blue: int) -> np.integer:
    """Luma of ITU-R 601 in Pillow's integer weights, 0 to 255."""
    # 0.299, 0.587 and 0.114 times 2¹⁶; half of 2¹⁶ rounds
    return (19595 * np.int32(red) + 38470 * np.int32(green) + 7471 * np.int32(blue) + 32768) >> 16


@compiled
def total_grey(pixels: np.ndarray) -> int:
    total = 0  # an integer: no order of summation changes it
    _, height, width = pixels.shape
    for y in range(height):
        for x in range(width):
            total += grey(pixels[0, y, x], pixels[1, y, x], pixels[2, y, x])
    return total


@compiled
def blend(degenerate: int, level: int, factor: np.float32) -> np.uint8:
    """degenerate + factor (level - degenerate) in float32, clipped and truncated."""
    start = np.float32(degenerate)
    # a factor above 1 extrapolates, away from the degenerate image: hence the clipping
    mixed = start + factor * (np.float32(level) - start)
    return np.uint8(min(max(mixed, np.float32(0)), np.float32(255)))


@compiled
def coloured(pixels: np.ndarray, factor: np.float32) -> np.ndarray:
    result = np.empty_like(pixels)
    _, height, width = pixels.shape
    for y in range(height):
        for x in range(width):
            luma = grey(pixels[0, y, x], pixels[1, y, x], pixels[2, y, x])
            for channel in range(3):  # factor 0 would leave a grey image
                result[channel, y, x] = blend(luma, pixels[channel, y, x], factor)
    return result


@compiled
def sharpened(pixels: np.ndarray, factor: np.float32) -> np.ndarray:
    result = pixels.copy()  # the border stays as it was, as with Pillow's SMOOTH filter
    _, height, width = pixels.shape
    for c in range(3):
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                total = 4 * np.int32(pixels[c, y, x])  # the loops below add it once more
                for down in (-1, 0, 1):
                    for right in (-1, 0, 1):
                        total += pixels[c, y + down, x + right]
                # SMOOTH: weights 1, the centre 5, together 13; (2 t + 13) // 26 is t / 13 rounded
                result[c, y, x] = blend((2 * total + 13) // 26, pixels[c, y, x], factor)
    return result


@compiled
def moved(pixels: np.ndarray, a: int, b: int, c: int, d: int, e: int, f: int) -> np.ndarray:
    """Each pixel from where a matrix in 16.16 takes it, grey where that lies outside."""
    result = np.empty_like(pixels)
    _, height, width = pixels.shape
    end = np.uint64(height), np.uint64(width)  # unsigned: a place below 0 becomes a huge one
    for y in range(height):
        for x in range(width):
            # >> 16 rounds down, below 0 too
            row, column = np.uint64((d * x + e * y + f) >> 16), np.uint64((a * x + b * y + c) >> 16)
            inside = row < end[0] and column < end[1]  # one comparison each instead of two
            for channel in range(3):
                result[channel, y, x] = pixels[channel, row, column] if inside else GREY
    return result


@compiled
def rows_moved(pixels: np.ndarray, b: int, c: int, e: int, f: int) -> np.ndarray:
    """`moved` where a row stays a row, one copy each: a shear along x, and translations."""
    # a is 1 and d is 0: x comes from x + `right`, the same for a whole row
    result = np.full_like(pixels, GREY)
    _, height, width = pixels.shape
    for y in range(height):
        row, right = (e * y + f) >> 16, (b * y + c) >> 16
        if 0 <= row < height and abs(right) < width:
            for channel in range(3):
                source, new = pixels[channel, row], result[channel, y]  # views (W,)
                if right >= 0:
                    new[: width - right] = source[right:]
                else:
                    new[-right:] = source[: width + right]
    return result
