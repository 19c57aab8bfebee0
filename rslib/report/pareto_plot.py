"""Figures of cost: accuracy that others published over latency, a panel for each device."""

import matplotlib.pyplot as plt
import seaborn as sns

from rslib.recipes import efficientnet_rs, pareto
from rslib.report import plot, rescaled, speed

GREEN = sns.color_palette("colorblind")[2]
FAMILIES = {"ResNet-RS": ("o", plot.BLUE), "EfficientNet": ("s", plot.ORANGE)}


def curves(recorded):
    """Figures 1 and 4: published top-1 over the seconds that 128 images take in training.

    recorded: {device: measurements}. The first two panels are the paper's, one TPUv3 core and one
    V100; then one for each device and variant. Axes are logarithmic in time, each its own.
    """
    panels = {"paper: TPUv3 core, bf16": {row: row.tpu / 1000 for row in pareto.table_7()}}
    panels |= {"paper: V100, fp32": {row: row.v100 for row in pareto.table_7()}}
    for device, measurements in recorded.items():
        for variant in speed.variants(measurements):
            panels[f"{device}, {variant}"] = rescaled.seconds_of(measurements, variant)
    return _figure(panels, panel, width=3.4, title=34)


def rescaled_curves(recorded):
    """Figure 5 as far as it can be measured: a panel for each device and variant.

    A bar stands at an EfficientNet-RS's time. It goes from EfficientNet's line up to what the same
    network has at its own side: an accuracy within it would be a gain.
    """
    panels = {
        f"{device}, {variant}": rescaled.seconds_of(measurements, variant)
        for device, measurements in recorded.items()
        for variant in speed.variants(measurements)
    }
    slow = set(efficientnet_rs.slow_networks())
    panels = {title: seconds for title, seconds in panels.items() if slow & seconds.keys()}
    return _figure(panels, _with_bars, width=5.2, title=52) if panels else None


def _figure(panels, draw, *, width, title):
    """Panels beside each other, each drawn by draw(ax, seconds); panels: {title: {network: …}}.

    width: of a panel, inches; title: of a panel, letters a line.
    """
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    size = 0.6 + width * columns, 0.5 + 3.4 * lines
    figure, axes = plt.subplots(lines, columns, figsize=size, sharey=True, squeeze=False)
    for ax in axes.flat[len(panels) :]:
        ax.axis("off")
    for ax, (name, seconds) in zip(axes.flat, panels.items(), strict=False):
        draw(ax, seconds)
        ax.set_title(plot.fill(name, title))
    for ax in axes[:, 0]:
        ax.set_ylabel("ImageNet top-1 as published, %")
    legend = {}
    for ax in axes.flat:
        legend |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    figure.legend(
        legend.values(), legend.keys(), loc="outside lower center", ncols=3, frameon=False
    )
    return figure


def _with_bars(ax, seconds):
    panel(ax, seconds)
    label = "EfficientNet-RS, if it gains"
    for network in efficientnet_rs.slow_networks():
        at = seconds.get(network)
        least = at and rescaled.on_line("EfficientNet", seconds, at)
        if least is None:
            continue
        ax.vlines(at, least, network.published.top1, color=GREEN, linewidth=3, label=label)
        ax.annotate(
            network.name[-2:].upper(),
            (at, network.published.top1),
            (-2, -2),
            textcoords="offset points",
            fontsize=7,
            color=GREEN,
            ha="right",
        )
        label = None


def panel(ax, seconds):
    for family, (marker, color) in FAMILIES.items():
        rows = [row for row in pareto.table_7() if row.family == family and row in seconds]
        rows.sort(key=seconds.get)
        x, y = [seconds[row] for row in rows], [row.top1 for row in rows]
        ax.plot(x, y, marker=marker, color=color, markersize=4, linewidth=1, label=family)
        for row, offset in zip(rows[:: max(1, len(rows) - 1)], (-11, 6), strict=False):
            ax.annotate(  # the cheapest below its mark, the dearest above
                f"{row.name.rpartition('_')[2].upper()} @{row.resolution}",
                (seconds[row], row.top1),
                (0, offset),
                textcoords="offset points",
                fontsize=7,
                color=color,
                ha="center",
            )
    ax.set(xscale="log", xlabel="seconds for 128 training images")
    ax.margins(0.12)
    sns.despine(ax=ax)
