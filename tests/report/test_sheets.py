"""Sheets show the very pixels that they are given."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from pictures import picture
from PIL import Image

from rslib.report import sheets


@pytest.mark.parametrize("captions", [("one", "two"), ("", "")])
def test_a_picture_is_drawn_pixel_for_pixel(captions):
    shown = [picture(40, 40, seed) for seed in range(4)]
    lines = [list(zip(captions, shown[:2], strict=True)), [(captions[0], shown[2])]]
    figure, file = sheets.sheet(lines, side=40), io.BytesIO()
    figure.savefig(file, format="png", dpi=sheets.DPI)
    plt.close(figure)
    drawn = np.asarray(Image.open(file).convert("RGB"))
    step, head = 40 + sheets.GAP, sheets.HEAD if captions[0] else 0
    assert drawn.shape[:2] == (2 * (step + head) + sheets.GAP, 2 * step + sheets.GAP)
    for image, (line, column) in zip(shown[:3], [(0, 0), (0, 1), (1, 0)], strict=True):
        top = sheets.GAP + head + line * (step + head)
        left = sheets.GAP + column * step
        seen = drawn[top : top + 40, left : left + 40]
        assert np.array_equal(seen, image.transpose(1, 2, 0))
