"""The random crop beside a port of TensorFlow's sample_distorted_bounding_box."""

import math
import random
from statistics import mean

import pytest
from pictures import seeded

from rslib.data.augment import centre_window, random_window


def tf_window(side, chance, least=0.08):
    """(height, width) of a crop as TF1's input pipeline makes it, the centre crop as a last resort.

    Its rounding and repairs: one pixel of height up or down; a crop of the whole image is none.
    """
    for _ in range(10):
        aspect = chance.uniform(3 / 4, 4 / 3)
        height, most = (round(math.sqrt(area * side**2 / aspect)) for area in (least, 1.0))
        if round(most * aspect) > side:
            most = int((side + 0.5 - 1e-7) / aspect)
        most = min(most, side)
        height = min(height, most) + chance.randrange(max(1, most - min(height, most) + 1))
        if height * round(height * aspect) < least * side**2:
            height += 1
        if height * round(height * aspect) > side**2:
            height -= 1
        width = round(height * aspect)
        inside = 0 < width <= side and 0 < height <= side
        if inside and least * side**2 <= height * width < side**2:
            return height, width
    return centre_window((side, side))[2:]


@pytest.mark.parametrize(("side", "theirs", "ours"), [(32, 0.40, 0.42), (160, 0.40, 0.41)])
def test_mean_areas_are_those_that_the_book_gives(side, theirs, ours):
    chance, generator = random.Random(0), seeded(0)
    tf = mean(math.prod(tf_window(side, chance)) for _ in range(8000)) / side**2
    windows = (random_window((side, side), generator) for _ in range(8000))
    own = mean(height * width for _, _, height, width in windows) / side**2
    assert tf == pytest.approx(theirs, abs=0.01)
    assert own == pytest.approx(ours, abs=0.01)
    assert 0 < own - tf < 0.025
