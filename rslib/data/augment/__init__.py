"""What training does to an image, and how evaluation crops it: pixels in, pixels out.

`randaugment` (one image), `crops` (random and centre crop, flip), `operations` (the sixteen, with
their `loops` in Numba), `batched` (the same pixels for whole batches, on a GPU too).

May import nothing of rslib but itself.
"""

from rslib.data.augment.crops import (
    centre_window,
    eval_crop,
    random_flip,
    random_resized_crop,
    random_window,
    resized,
)
from rslib.data.augment.operations import OPERATIONS, Draw
from rslib.data.augment.randaugment import RandAugment

__all__ = [
    "OPERATIONS",
    "Draw",
    "RandAugment",
    "centre_window",
    "eval_crop",
    "random_flip",
    "random_resized_crop",
    "random_window",
    "resized",
]
