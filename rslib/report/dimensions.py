"""Which dimension pays on one's own images, as lines, a table and a figure."""

import io
from pathlib import Path

import matplotlib.pyplot as plt

from rslib.atomic import write_atomically
from rslib.config import InputError
from rslib.evidence.gains import BASE, COSTS, PAYS, UNDECIDED, Compared, Gain
from rslib.evidence.stats import GATE_TRAIN
from rslib.report.forest import ORANGE
from rslib.report.plot import BLUE

COLOURS = {PAYS: BLUE, COSTS: ORANGE}
PAGE, FIGURE = "scales.md", "scales.png"


def answer(compared: Compared) -> list[str]:
    """What was found, in sentences: what pays, what does not, and what cannot be seen."""
    lines = [_said(gain, compared) for gain in compared.gains]
    if not lines:
        lines.append("Nothing is judged: fewer than two seeds have ended for every network.")
    known = compared.memorized[BASE]
    advice = "depth" if known >= GATE_TRAIN else "width"
    regime = "memorizes" if known >= GATE_TRAIN else "does not memorize"
    lines.append(
        f"The base network {regime} its training images ({known:.1f} % right); there the paper "
        f"scales {advice} (§6.4), and resolution slowly."
    )
    if compared.images < compared.of:
        lines.append(
            f"A run sees {compared.images:,} of your {compared.of:,} training images; with all of "
            "them the answer may differ."
        )
    return lines


def _said(gain: Gain, compared: Compared) -> str:
    dearer = compared.costs[gain.dimension].flops / compared.costs[BASE].flops
    low, high = gain.effect.interval()
    found = f"{gain.effect.value:+.1f} points ({low:+.1f} to {high:+.1f}, {len(gain.seeds)} seeds)"
    if gain.verdict == UNDECIDED:
        found += f"; an effect of {gain.visible:.1f} would show"
    verdict = "is undecided" if gain.verdict == UNDECIDED else gain.verdict
    return f"More {gain.dimension} ({dearer:.2g} times the FLOPs) {verdict}: {found}."


def table(compared: Compared) -> str:
    """Markdown: a row for each network."""
    rows = ["| network | depth | width | resolution, px | parameters, M | FLOPs, G | top-1, % |"]
    rows.append("|:--|--:|--:|--:|--:|--:|--:|")
    for name, size in compared.sizes.items():
        costs, top1 = compared.costs[name], compared.top1.get(name)
        label = name if name == BASE else f"more {name}"
        rows.append(
            f"| {label} | {size.depth} | {size.width:g} | {size.resolution} "
            f"| {costs.parameters / 1e6:.2f} | {costs.flops / 1e9:.3f} "
            f"| {'diverged' if top1 is None else f'{top1:.1f}'} |"
        )
    return "\n".join(rows)


def figure(compared: Compared):
    """The gain of each dimension over the base, with its 95 % interval."""
    drawn, ax = plt.subplots(figsize=(7, 1.2 + 0.5 * len(compared.gains)), layout="constrained")
    for row, gain in enumerate(reversed(compared.gains)):
        low, high = gain.effect.interval()
        colour = COLOURS.get(gain.verdict, "0.45")
        ax.plot([low, high], [row, row], color=colour, lw=2)
        ax.plot(
            gain.effect.value,
            row,
            "o",
            color=colour,
            mfc=colour if gain.verdict in COLOURS else "white",
        )
        ax.annotate(gain.verdict, (high, row), (6, 0), textcoords="offset points", va="center")
    ax.axvline(0, color="0.7", lw=1, zorder=0)
    ax.set_yticks(
        range(len(compared.gains)), [f"more {gain.dimension}" for gain in reversed(compared.gains)]
    )
    ax.set_ylim(-0.6, len(compared.gains) - 0.4)
    ax.margins(x=0.2)
    ax.set_xlabel(f"gain over the base network, points of top-1 on {compared.held_out:,} images")
    return drawn


def page(compared: Compared) -> str:
    """The whole page as Markdown, which shows the figure beside it."""
    answers = "\n".join(f"- {line}" for line in answer(compared))
    gained = "; ".join(f"{gain.dimension} {gain.verdict}" for gain in compared.gains)
    return f"""# Which dimension pays: {compared.name}

{answers}

![Gain over the base network: {gained}]({FIGURE})

{table(compared)}

Top-1 is that of the averaged weights on {compared.held_out:,} held-out images, the mean over seeds.
Each network is trained for the full schedule by the recipe of `rslib train` for its size, from
random weights. Seed k of all networks trains on the same {compared.images:,} images, and no image
is in two of these parts. Intervals (95 %) hold over training images, seeds and test images, with a
scatter over seeds that is pooled over the networks. Verdicts are corrected over the three
dimensions (Holm, 5 %).
"""


def keep(compared: Compared) -> Path:
    """Write the page and its figure into the comparison's folder; the page's path.

    Raises InputError where they cannot be written.
    """
    picture = io.BytesIO()
    drawn = figure(compared)
    drawn.savefig(picture, format="png")
    plt.close(drawn)
    try:
        compared.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(compared.folder / FIGURE, picture.getvalue())
        write_atomically(compared.folder / PAGE, page(compared).encode())
    except OSError as error:
        raise InputError(
            f"{compared.folder}: {error.strerror}; make room, and give the same command again"
        ) from error
    return compared.folder / PAGE
