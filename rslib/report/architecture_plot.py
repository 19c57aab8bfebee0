"""Figure 6: a ResNet's stages and its first block that halves the image. Nothing needs torch."""

from textwrap import fill

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

from rslib.report import plot

# All text is dark on a pale box and the rest is transparent, for a light and a dark page
INK, PALE, LINE = "#1b1b1b", "#eef1f5", "#808080"
TINTS = {"conv": "#d6e6f5", "average pool": "#cdeadb", "SE": "#fbe0c6"}
WIDE = 72  # units of an axis: a tenth of an inch


def figure(found):
    """The stages as rows of a table above the layers of c3's first block.

    found: as `rslib.costs.stages.stages` has them. Bars are shares of all parameters and FLOPs.
    """
    heights = (5 * (len(found) + 1), 33)
    drawn, axes = plt.subplots(2, 1, figsize=(7.2, sum(heights) / 10 + 0.3), height_ratios=heights)
    drawn.patch.set_alpha(0)
    for ax, height in zip(axes, heights, strict=True):
        ax.set(xlim=(0, WIDE), ylim=(height, 0))
        ax.axis("off")
    _table(axes[0], found)
    names = [stage.name for stage in found]
    place = names.index("c3")
    _block(axes[1], found[place - 1], found[place])
    return drawn


def _table(ax, found):
    _box(ax, 0, 0.4, WIDE, 4.2)
    for x, head in ((1, "stage"), (11, "output"), (24, "layers of a block"), (57, "parameters")):
        ax.text(x, 1.8, head, color=INK, va="center", weight="bold")
    ax.text(57, 3.4, "FLOPs", color=INK, va="center", weight="bold")
    ax.text(24, 3.4, "/2: stride 2, in the first block only", color=INK, va="center")
    totals = sum(s.parameters for s in found), sum(s.flops for s in found)
    for row, stage in enumerate(found, start=1):
        top = 5 * row
        _box(ax, 0, top + 0.4, WIDE, 4.2)
        ax.text(1, top + 1.7, stage.name, color=INK, va="center", weight="bold")
        ax.text(1, top + 3.4, _below_name(stage), color=INK, va="center")
        ax.text(11, top + 1.7, f"{stage.side}×{stage.side}", color=INK, va="center")
        ax.text(11, top + 3.4, f"{stage.channels:,} channels", color=INK, va="center")
        ax.text(24, top + 2.5, _layout(stage), color=INK, va="center", linespacing=1.25)
        _shares(ax, stage, totals, top)


def _below_name(stage):
    if stage.shortcut:
        return f"× {stage.blocks}"
    return "ResNet-D" if [part.kernel for part in stage.parts] == [3, 3, 3, 3] else ""


def _shares(ax, stage, totals, top):
    """Two bars with their numbers: millions of parameters, billions of FLOPs."""
    for line, (value, total, unit, color) in enumerate(
        (
            (stage.parameters, totals[0], 1e6, plot.BLUE),
            (stage.flops, totals[1], 1e9, plot.ORANGE),
        )
    ):
        y = top + 1.7 + 1.7 * line
        ax.barh(y, 11 * value / total, left=57, height=1.1, color=color)
        ax.text(71.5, y, f"{value / unit:.3f} {'MB'[line]}", color=INK, va="center", ha="right")


def _layout(stage):
    return fill(" · ".join(map(words, stage.parts)), 44)


def words(part):
    """A layer in a few signs: kernel, channels, and a stride other than 1 as /2."""
    stride = f" /{part.stride}" if part.stride > 1 else ""
    if part.kind == "SE":
        return f"SE {part.squeezed}"
    if part.kind == "linear":
        return f"mean, linear {part.channels:,}"
    if "pool" in part.kind:
        return f"{part.kernel}×{part.kernel} {part.kind}{stride}"
    return f"{part.kernel}×{part.kernel}, {part.channels}{stride}"


def _block(ax, before, stage):
    """The branch on the left, the shortcut on the right."""
    _box(ax, 0, 0.4, WIDE, 3.4)
    start = f"first block of {stage.name}: from {_shape(before.side, before.channels)}"
    ax.text(36, 2.1, start, color=INK, ha="center", va="center", weight="bold")
    left, right = stage.parts, stage.shortcut
    end = _chain(ax, 18, left, before.side)
    _chain(ax, 54, right, before.side)
    bottom = end + 2
    for x in (18, 54):
        _arrow(ax, x, 3.8, 5.6)
    _arrow(ax, 18, end, bottom)
    _arrow(ax, 54, 5.6 + 5.2 * len(right) - 1.6, bottom)
    _box(ax, 0, bottom, WIDE, 3.4)
    ends = f"sum, ReLU: {_shape(stage.side, stage.channels)}"
    ax.text(36, bottom + 1.7, ends, color=INK, ha="center", va="center", weight="bold")


def _chain(ax, x, parts, side):
    """Boxes below each other from y = 5.6; returns where the last one ends."""
    top = 5.6
    for place, part in enumerate(parts):
        side = -(-side // part.stride)  # rounded up
        _box(ax, x - 15.5, top, 31, 3.6, TINTS[part.kind])
        ax.text(x - 14.5, top + 1.8, _long(part), color=INK, va="center")
        ax.text(x + 14.5, top + 1.8, f"{side}×{side}", color=INK, ha="right", va="center")
        if place < len(parts) - 1:
            _arrow(ax, x, top + 3.6, top + 5.2)
        top += 5.2
    return top - 1.6


def _long(part):
    if part.kind == "SE":
        return f"SE: {part.channels} → {part.squeezed} → {part.channels}"
    source = " (ResNet-D)" if part.kind == "average pool" else ""
    return words(part) + source


def _shape(side, channels):
    return f"{side}×{side}, {channels:,} channels"


def _box(ax, x, y, width, height, color=PALE):
    style = "round,pad=0,rounding_size=0.6"
    ax.add_patch(FancyBboxPatch((x, y), width, height, style, facecolor=color, edgecolor="none"))


def _arrow(ax, x, start, end):
    arrow = {"arrowstyle": "-|>", "color": LINE, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (x, end), (x, start), arrowprops=arrow)
