"""Sheets of pictures, drawn pixel for pixel: what is seen is what a network is shown."""

import matplotlib.pyplot as plt
import numpy as np

DPI = 100
GAP, HEAD = 8, 30  # pixels between pictures, and above them for a caption
LETTERS = 14.5  # points, 20 pixels: to be read where a phone shows half of them


def sheet(lines, side=160):
    """A figure of lines of pictures; a line is a list of (caption, image).

    image: uint8 (3, H, W), a tensor or an array. Of `side` × `side` pixels it is drawn as it is,
    any other is fitted into that square. A line without captions has no room for them.
    """
    heads = [HEAD if any(caption for caption, _ in line) else 0 for line in lines]
    width = GAP + max(map(len, lines)) * (side + GAP)
    height = GAP + sum(heads) + len(lines) * (side + GAP)
    figure = plt.figure(figsize=(width / DPI, height / DPI), dpi=DPI, layout="none")
    bottom = height
    for line, head in zip(lines, heads, strict=True):
        bottom -= GAP + head + side
        for column, (caption, image) in enumerate(line):
            left = GAP + column * (side + GAP)
            place = left / width, bottom / height, side / width, side / height
            _picture(figure.add_axes(place), image, caption)
    return figure


def _picture(ax, image, caption):
    ax.imshow(np.moveaxis(np.asarray(image), 0, -1))
    ax.set_title(caption, fontsize=LETTERS, pad=4)
    ax.axis("off")
