"""Figures of cost: accuracy that others published over latency, a panel for each device."""

import matplotlib.pyplot as plt
import seaborn as sns

from rslib.recipes import efficientnet_rs, pareto
from rslib.report import memory, plot, rescaled, speed

GREEN = sns.color_palette("colorblind")[2]
PAIRS = "0.3", sns.color_palette("colorblind")[4]  # of both families, so the colour of neither
SMALL = 9  # points, of letters beside marks
FAMILIES = {"ResNet-RS": ("o", plot.BLUE), "EfficientNet": ("s", plot.ORANGE)}


def curves(recorded):
    """Figures 1 and 4: published top-1 over the seconds that 128 images take in training.

    recorded: {device: measurements}. The first two panels are the paper's, one TPUv3 core and one
    V100; then one for each device and variant. Axes are logarithmic in time, each its own.
    """
    panels = {"paper: TPUv3 core, bf16": {row: row.tpu / 1000 for row in pareto.table_7()}}
    panels |= {"paper: V100, fp32": {row: row.v100 for row in pareto.table_7()}}
    for device, variant, held in speed.columns(recorded):
        panels[f"{device}, {variant}"] = rescaled.seconds_of(held, variant)
    return _figure(panels, panel, width=3.9, title=48)


def rescaled_curves(recorded):
    """Figure 5 as far as it can be measured: a panel for each device and variant.

    A bar stands at an EfficientNet-RS's time. It goes from EfficientNet's line up to what the same
    network has at its own resolution: an accuracy within it would be a gain.
    """
    panels = {
        f"{device}, {variant}": rescaled.seconds_of(held, variant)
        for device, variant, held in speed.columns(recorded)
    }
    slow = set(efficientnet_rs.slow_networks())
    panels = {title: seconds for title, seconds in panels.items() if slow & seconds.keys()}
    return _figure(panels, _with_bars, width=7.2, title=70, columns=1) if panels else None


def ratios(recorded, counts):
    """Table 3 as a figure: EfficientNet's costs over ResNet-RS's, for its two pairs.

    recorded, counts: as `memory.factors`. A bar is an interval of memory, or the span of single
    steps.
    """
    shown = memory.factors(recorded, counts)
    figure, ax = plt.subplots(figsize=(7.4, 0.8 + 0.5 * len(shown)))
    marks = zip(memory.pairs(), ("o", "s"), (0.14, -0.14), PAIRS, strict=True)
    for place, (match, marker, above, color) in enumerate(marks):
        y = [len(shown) - at + above for at in range(len(shown))]
        name = f"{speed.label(match.theirs)} over {speed.label(match.ours)}"
        values = [pairs[place][0] for _, pairs in shown]
        ax.plot(values, y, marker, color=color, label=name)
        for value, at, (_, pairs) in zip(values, y, shown, strict=True):
            if interval := pairs[place][1]:
                ax.plot(interval, [at, at], color=color, alpha=0.45, **plot.bar(4))
            ax.annotate(
                f"{value:.2g}",
                (max(value, *(interval or ())) if interval else value, at),
                (7, 0),
                textcoords="offset points",
                fontsize=SMALL,
                color=color,
                va="center",
            )
    ax.axvline(1, color="0.4", linewidth=1)
    ax.set_yticks(range(len(shown), 0, -1), [plot.fill(what, 34) for what, _ in shown])
    ticks = (0.25, 0.5, 1, 2, 4)
    ax.set(xscale="log", xlabel="EfficientNet over ResNet-RS: right of 1 EfficientNet costs more")
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def _figure(panels, draw, *, width, title, columns=2):
    """Panels beside each other, each drawn by draw(ax, seconds); panels: {title: {network: …}}.

    width: of a panel, inches; title: of a panel, letters a line.
    """
    columns = min(columns, len(panels))
    lines = -(-len(panels) // columns)
    size = 0.4 + width * columns, 0.5 + 3.2 * lines
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
    panel(ax, seconds, "left")
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
            fontsize=SMALL,
            color=GREEN,
            ha="right",
        )
        label = None


def panel(ax, seconds, beside="right"):
    """Both families' lines; beside: which end of the name is at ResNet-RS's dearest network."""
    for family, (marker, color) in FAMILIES.items():
        rows = [row for row in pareto.table_7() if row.family == family and row in seconds]
        rows.sort(key=seconds.get)
        x, y = [seconds[row] for row in rows], [row.top1 for row in rows]
        ax.plot(x, y, marker=marker, color=color, markersize=4, linewidth=1, label=family)
        ends = ("center", beside if family == "ResNet-RS" else "center")
        shown = zip(rows[:: max(1, len(rows) - 1)], (-12, 6), ends, strict=False)
        for row, offset, end in shown:
            ax.annotate(  # the cheapest below its mark, the dearest above
                f"{row.name.rpartition('_')[2].upper()} @{row.resolution}",
                (seconds[row], row.top1),
                (0, offset),
                textcoords="offset points",
                fontsize=SMALL,
                color=color,
                ha=end,
            )
    ax.set(xscale="log", xlabel="seconds for 128 training images")
    ax.margins(0.12)
    sns.despine(ax=ax)
