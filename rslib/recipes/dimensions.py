"""A network and the three that are larger in one dimension, at about twice its cost (§6.4).

FLOPs grow with depth, with the square of width and with the square of resolution, so that these
grow by 2, √2 and √2: as near as depths, and resolutions in steps of 16 pixels, allow.
"""

from typing import NamedTuple

from rslib.config import InputError
from rslib.recipes.own import DEPTHS, PREFIX

STEP = 16  # pixels: half of what the last stage sees as one pixel


class Size(NamedTuple):
    depth: int
    width: float
    resolution: int


def larger(base: Size) -> dict[str, Size]:
    """{"depth", "width", "resolution": the Size that is larger in it}.

    Raises InputError where no network is deeper.
    """
    deeper = [depth for depth in DEPTHS if depth > base.depth]
    if not deeper:
        raise InputError(
            f"no network is deeper than {PREFIX}{base.depth}; compare smaller ones, --model "
            f"{PREFIX}{DEPTHS[0]}"
        )
    depth = min(deeper, key=lambda known: abs(known - 2 * base.depth))
    steps = max(base.resolution // STEP + 1, round(base.resolution * 2**0.5 / STEP))
    return {
        "depth": base._replace(depth=depth),
        "width": base._replace(width=round(base.width * 2**0.5, 3)),
        "resolution": base._replace(resolution=steps * STEP),
    }
