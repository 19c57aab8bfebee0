"""Figures of cost: accuracy that others published over latency, a panel for each device."""

import matplotlib.pyplot as plt
import seaborn as sns

from rslib import devices, plot, speed
from rslib.recipes import pareto

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
            panels[f"{device}, {variant}"] = measured(measurements, variant)
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(0.6 + 3.4 * columns, 0.5 + 3.4 * lines), sharey=True, squeeze=False
    )
    for ax in axes.flat[len(panels) :]:
        ax.axis("off")
    for ax, (title, seconds) in zip(axes.flat, panels.items(), strict=False):
        panel(ax, seconds)
        ax.set_title(plot.fill(title, 34))
    for ax in axes[:, 0]:
        ax.set_ylabel("ImageNet top-1 as published, %")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def measured(measurements, variant):
    """{row of Table 7: seconds for 128 images}, of those that were measured."""
    found = {row: speed.find(measurements, row, variant) for row in pareto.table_7()}
    return {row: devices.latency(one)[0] for row, one in found.items() if one and one["fits"]}


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
