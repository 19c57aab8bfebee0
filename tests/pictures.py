"""Pictures that several tests share, photographs too, and the way to Pillow and back."""

import numpy as np
import torch
from PIL import Image

from rslib import paths


def picture(height, width, seed=0, low=0, high=255):
    """A smooth gradient, a disc and noise in each channel: uint8 (3, height, width)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    planes = []
    for _ in range(3):
        slope_y, slope_x, disc_y, disc_x = rng.uniform(0, 1, 4)
        disc = (y - disc_y) ** 2 + (x - disc_x) ** 2 < 0.1
        plane = slope_y * y + slope_x * x + 0.3 * disc + rng.normal(0, 0.08, (height, width))
        planes.append(low + (high - low) * np.clip(plane / 1.3, 0, 1))
    return np.stack(planes).astype(np.uint8)


def photos():
    """The JPEGs of data/photos: natural, 300 to 500 px; six in colour and two grey."""
    return sorted((paths.ROOT / "data" / "photos").glob("*.jpg"))


def to_pillow(pixels):
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def from_pillow(image):
    return np.asarray(image).transpose(2, 0, 1)


def seeded(seed):
    return torch.Generator().manual_seed(seed)
