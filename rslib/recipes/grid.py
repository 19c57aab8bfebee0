"""Figure 2: error over FLOPs, for every width, depth and resolution (§6).

The paper trains five widths, seven depths and five resolutions for 350 epochs, each regularized by
Appendix E, and prints no number: 175 rows of paper scale. A reduced scale trains three of each,
with Appendix E's label smoothing and RandAugment. Dropout and stochastic depth are 0 there at every
width (Table 12 has a dropout of 0.1 at width 0.5), so that cells differ in the network alone.

The figure's claims are about the grid as a whole, not about contrasts of its cells: `LAWS`, which
`rslib.evidence.power_law` computes. Two cells of the grid are rows of Figure 3, and share its runs.
"""

from dataclasses import dataclass, replace

from rslib.recipes import Row, Study
from rslib.recipes.blocks import EXPERIMENT, REDUCED
from rslib.recipes.scaling import DEPTHS, FIGURE_3, RESOLUTIONS, WIDTHS, appendix_e

MULTIPLES = {"narrow": 0.5, "middle": 1.0, "wide": 2.0}  # of the scale's own width
REDUCED_DEPTHS = (26, 50, 101)
SIDES = (16, 24, 32)  # pixels
LARGER = REDUCED[1:]  # the smoke scale trains the six shallowest and narrowest networks
REPEATED = ("grid-narrow-26-16", "grid-middle-50-24", "wide-350")  # for the pure error
BLOCKS = 4  # of each repeated row; every other cell is of block 1


@dataclass(frozen=True, kw_only=True)
class Law:
    """A claim about a grid as a whole: the sign of a statistic that its rule defines.

    reading: what may be said where the sign is the paper's.
    """

    id: str
    says: str
    sign: int
    rule: str
    where: str = "Figure 2, §6"
    reading: str = ""


def _paper(width: float, depth: int, resolution: int) -> Row:
    return Row(
        id=f"grid-{depth}-{resolution}-w{100 * width:03.0f}",
        label=f"ResNet-{depth}, width {width:g}, {resolution} px",
        kind="scaling",
        recipe=appendix_e(depth, width, resolution),
        weights="ema",
        scales=("paper",),
    )


def _reduced(name: str, depth: int, side: int) -> Row:
    """224 pixels stand for every side: RandAugment moves by the same share of an image."""
    return Row(
        id=f"grid-{name}-{depth}-{side}",
        label=f"ResNet-{depth}, {name}, {side} px",
        kind="scaling",
        recipe=appendix_e(depth, 1.0, 224),
        weights="ema",
        reduced={
            "model.depth": depth,
            "model.width": MULTIPLES[name],
            "data.resolution": side,
            "regularization.dropout": 0.0,
            "regularization.stochastic_depth": 0.0,
        },
        scales=REDUCED if depth == 26 and name != "wide" else LARGER,
    )


# Figure 3's rows in the grid, by width, depth and resolution; depth 200 is not in the reduced one
BASE = replace(FIGURE_3.row("base-350"), scales=(*LARGER, "paper"))
WIDE = replace(FIGURE_3.row("wide-350"), scales=(*LARGER, "paper"))
DEEP = replace(FIGURE_3.row("deep-350"), scales=("paper",))
AT_PAPER_SCALE = {(1.0, 101, 224): BASE, (1.0, 200, 224): DEEP, (2.0, 101, 224): WIDE}
AT_REDUCED_SCALE = {("narrow", 101, 32): BASE, ("middle", 101, 32): WIDE}
PAPER_GRID = tuple(
    AT_PAPER_SCALE.get((w, d, r)) or _paper(w, d, r)
    for w in WIDTHS
    for d in DEPTHS
    for r in RESOLUTIONS
)
GRID = tuple(
    AT_REDUCED_SCALE.get((name, d, r)) or _reduced(name, d, r)
    for name in MULTIPLES
    for d in REDUCED_DEPTHS
    for r in SIDES
)

# Written, with signs and rules, before the first run of the grid began.
LAWS = (
    Law(
        id="slope",
        says="Error falls as FLOPs grow",
        sign=-1,
        rule="slope of log10 error over log10 FLOPs, by least squares; t interval from the "
        "scatter of cells around the line",
    ),
    Law(
        id="break",
        says="At larger FLOPs the trend breaks and becomes flatter",
        sign=1,
        rule="change of slope of the best hinge; p by sup-F over breaks with four cells on each "
        "side, against 10,000 simulated studies without a break",
        reading="consistent with the paper's break, which so few training images may cause alone",
    ),
    Law(
        id="resolution",
        says="Higher resolution brings diminishing returns",
        sign=1,
        rule="error at 16 px − 2 × error at 24 px + error at 32 px, in points, over the nine "
        "networks; t interval from their scatter",
    ),
    Law(
        id="spread",
        says="At equal FLOPs, error still varies with the configuration",
        sign=1,
        rule="deviation from the line within groups whose FLOPs differ by a factor of 1.25 at "
        "most, over the pure error; p by F, upper tail",
    ),
)
FIGURE_2 = Study(
    name="figure2",
    title="Figure 2: error over FLOPs, for every width, depth and resolution",
    rows=(*PAPER_GRID, *(row for row in GRID if row not in PAPER_GRID)),
    laws=LAWS,
    ladder=False,
    blocked=True,
    experiment=EXPERIMENT,
    split="minival",
)
