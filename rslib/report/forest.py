"""Effects of claims as one figure: a line for each claim, a panel for each set of results."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

import matplotlib.pyplot as plt
import seaborn as sns

from rslib.evidence import blocks, verdicts
from rslib.evidence.blocks import NO_LARGER, UNDECIDED, Judged
from rslib.evidence.verdicts import Finding
from rslib.recipes import Study
from rslib.report import numerals, protocols
from rslib.report.plot import BLUE

ORANGE = sns.color_palette("colorblind", 4)[3]
# colour, mark and filling of each verdict: filled ones are decided
MARKS = {
    "reproduced (magnitude)": (BLUE, "*", BLUE),
    "reproduced (direction)": (BLUE, "o", BLUE),
    "same direction": (BLUE, "o", BLUE),
    "contradicted": (ORANGE, "X", ORANGE),
    "opposite direction here": (ORANGE, "X", ORANGE),
    "consistent": ("0.45", "^", "none"),
    UNDECIDED: ("0.45", "s", "none"),
    NO_LARGER: ("0.45", "o", "none"),
    "regime not reached": ("0.45", "D", "none"),
}
ALIKE = 4  # times as wide as the narrowest panel: above, an axis has its own range
NO_CLAIM = "no claim at this scale"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """An effect in points as the paper signs it: right of 0 is the paper's direction."""

    verdict: str
    value: float
    ends: tuple[float, float]  # of its 95 % interval
    images: tuple[float, float] | None = None  # interval over test images alone
    blocks: Sequence[float] = ()  # the effect in each


@dataclass(frozen=True, kw_only=True)
class Line:
    """A claim; a Mark for each panel, or why there is none. Without any it is a heading."""

    label: str
    marks: Sequence[Mark | str] = ()
    paper: float | None = None  # the effect that the paper prints, in its direction
    indented: bool = False


def lines(study: Study, groups: Sequence[Sequence[dict]], *, only=lambda claim: True) -> list[Line]:
    """A Line for each claim of a study that `only` accepts.

    groups: a panel's results each, of one protocol, or nothing.
    """
    found = [{f.claim.id: f for f in findings(study, g)} if g else None for g in groups]
    result = []
    for claim in filter(only, study.claims):
        effect = study.paper_effect(claim)
        marks = [
            numerals.NOT_RUN
            if held is None
            else mark(study, held[claim.id], group)
            if claim.id in held
            else NO_CLAIM
            for held, group in zip(found, groups, strict=True)
        ]
        result.append(
            Line(
                label=claim.says,
                marks=marks,
                paper=None if effect is None or claim.whole else (claim.sign or 1) * effect,
                indented=bool(claim.after),
            )
        )
    return result


def findings(study, group):
    """By the error of blocks where runs are in blocks, else by runs on one subset."""
    if study.blocked and group[0]["scale"] != "paper":
        return blocks.judge(study.at(group[0]["scale"]), group)
    return verdicts.findings(study.at(group[0]["scale"]), group)


def mark(study: Study, found: Judged | Finding, group: Sequence[dict]) -> Mark | str:
    sign = found.claim.sign or 1  # an effect that is claimed to be none stays as it is
    if isinstance(found, Judged):
        if found.effect is None:
            return found.verdict
        gaps = blocks.gaps(study.at(group[0]["scale"]), found.claim, list(group), found.blocks)
        return Mark(
            verdict=found.verdict,
            value=sign * found.effect.value,
            ends=turned(found.effect.interval(), sign),
            blocks=list(sign * gaps.mean(axis=1)),
        )
    if not (found.seeds and found.own and found.images):
        return found.verdict
    return Mark(
        verdict=found.verdict,
        value=sign * found.seeds.value,
        ends=turned(found.own.interval(), sign),
        images=turned(found.images.interval(), sign),
    )


def turned(ends, sign):
    low, high = sorted(sign * end for end in ends)
    return low, high


def figure(lines: Sequence[Line], titles: Sequence[str]):
    """One panel a title. Thick bars are 95 % intervals, thin black ones those over test images,
    upright ticks blocks, and an orange tick is the paper's own effect."""
    chart, axes = plt.subplots(
        1,
        max(1, len(titles)),
        figsize=(7.2, 0.36 * len(lines) + 1.1),
        sharey=True,
        squeeze=False,
    )
    for panel, (ax, title) in enumerate(zip(axes[0], titles, strict=False)):
        for place, line in enumerate(lines):
            if line.marks:
                _draw(ax, place, line.marks[panel], line.paper)
        ax.axvline(0, color="0.3", linewidth=1)
        ax.set_title(fill(title, 60 // len(titles)))
    for ax in axes[0] if len(titles) < 3 else axes[0, 1:-1]:  # three of it would overlap
        ax.set_xlabel("points in the paper's direction", fontsize=9)
    _alike(axes[0])
    labels = [("    " if line.indented else "") + line.label for line in lines]
    axes[0, 0].set_yticks(range(len(lines)), [fill(text, 46) for text in labels], fontsize=9)
    for text, line in zip(axes[0, 0].get_yticklabels(), lines, strict=True):
        text.set_fontweight("normal" if line.marks else "bold")
    axes[0, 0].set_ylim(len(lines) - 0.5, -0.5)
    named = {}
    for ax in axes[0]:
        handles, names = ax.get_legend_handles_labels()
        named |= dict(zip(names, handles, strict=True))
    if named:
        chart.legend(named.values(), named, loc="outside lower center", ncols=4, frameon=False)
    return chart


def _alike(axes):
    """The same points on the axes of all panels, but for those with much wider intervals."""
    widths = {ax: ax.get_xlim()[1] - ax.get_xlim()[0] for ax in axes}
    near = [ax for ax in axes if widths[ax] <= ALIKE * min(widths.values())]
    low, high = zip(*(ax.get_xlim() for ax in near), strict=True)
    for ax in near:
        ax.set_xlim(min(low), max(high))


def _draw(ax, place, one, paper):
    if isinstance(one, str):
        words = {"ha": "center", "va": "center", "color": "0.4", "fontsize": 9}
        ax.text(0.5, place, one.split(":")[0], transform=ax.get_yaxis_transform(), **words)
        return
    color, marker, inside = MARKS[one.verdict]
    ax.plot(one.ends, [place] * 2, color=color, alpha=0.5, linewidth=6, solid_capstyle="butt")
    if one.images:
        ax.plot(one.images, [place] * 2, color="black", alpha=0.6, linewidth=1)
    ax.plot(one.blocks, [place] * len(one.blocks), "|", color="0.3", markersize=9)
    name = {"color": color, "markerfacecolor": inside, "label": one.verdict}
    ax.plot(one.value, place, marker, linestyle="", **name)
    if paper is not None:
        ax.plot(
            paper, place, "|", color=ORANGE, markersize=11, markeredgewidth=2, label="the paper's"
        )


def of_groups(study: Study, groups: Sequence[Sequence[dict]]):
    """The figure of one study's claims, every set of results beside the others."""
    return figure(lines(study, groups), [protocols.short(group) for group in groups])
