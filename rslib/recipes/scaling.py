"""Appendix E: the recipe of every scaling configuration; and Figure 3, depth against width (§6).

The paper's pairs differ in depth or width only, start from ResNet-101 at width 1.0, and are trained
for 10, 100 or 350 epochs at four resolutions; it prints no number. Here 224 pixels stand for them.
A reduced scale trains three networks of this family, read by Appendix E at their own width and
resolution: label smoothing and RandAugment at 350 epochs, nothing at 10 and 100.
"""

from rslib.config import Recipe, evolve
from rslib.recipes import Claim, Row, Study
from rslib.recipes.blocks import EXPERIMENT, REDUCED

WIDTHS = (0.25, 0.5, 1.0, 1.5, 2.0)
DEPTHS = (26, 50, 101, 200, 300, 350, 400)
RESOLUTIONS = (128, 160, 224, 320, 448)
EPOCHS = (10, 100, 350)
DROPOUT = {0.25: 0.0, 0.5: 0.1, 1.0: 0.25, 1.5: 0.6, 2.0: 0.75}  # Table 12, by width


def appendix_e(depth: int, width: float, resolution: int, epochs: int = 350) -> Recipe:
    """The recipe of a scaling configuration; width: a key of Table 12."""
    return evolve(
        Recipe(),
        {
            "model.depth": depth,
            "model.width": width,
            "data.resolution": resolution,
            "optim.schedule": "cosine",
            "optim.epochs": epochs,
            "optim.batch_size": 4096,
            "optim.micro_batch": 128,
            "optim.peak_rate": 0.1 * 4096 / 256,
            "optim.weight_decay": 4e-5,
            "optim.warmup_epochs": min(5.0, epochs * 5 / 90),
            **(regularization(width, resolution) if epochs == 350 else {}),
        },
    )


def regularization(width: float, resolution: int) -> dict[str, float]:
    """What Appendix E gives a model that is trained for 350 epochs, as changes of a recipe."""
    deep = 0.2 if resolution >= 224 and width != 0.25 else 0.0
    return {
        "regularization.label_smoothing": 0.1,
        "regularization.randaugment": magnitude(width, resolution),
        "regularization.stochastic_depth": deep,
        "regularization.dropout": DROPOUT[width],
    }


def magnitude(width: float, resolution: int) -> float:
    """RandAugment's; "in [64, 160]" is read as the range, so that 128 pixels have 10 as well."""
    if width <= 0.5 or 64 <= resolution <= 160:
        return 10.0
    return 15.0 if resolution in (224, 320) else 20.0


# What Appendix E says of reduced networks: no width of theirs is above 0.25, no image above 64.
AT_32_PIXELS = {
    "data.resolution": 32,
    "regularization.dropout": 0.0,
    "regularization.stochastic_depth": 0.0,
}
# {name: (depth, width in the paper, depth and width at a reduced scale, in multiples of its own)}
NETWORKS = {
    "base": (101, 1.0, {"model.depth": 101, "model.width": 0.5}),
    "deep": (200, 1.0, {"model.depth": 200, "model.width": 0.5}),
    "wide": (101, 2.0, {"model.depth": 101, "model.width": 1.0}),
}


def _row(name, epochs, *, matched=False):
    depth, width, reduced = NETWORKS[name]
    of = appendix_e(depth, width, 224, epochs)
    if matched:
        of = evolve(of, regularization(width, 224))
    words = f"ResNet-{depth}, width {width:g}, {epochs} epochs"
    return Row(
        id=f"{name}-{epochs}" + ("-matched" if matched else ""),
        label=words + (", regularized" if matched else ""),
        kind="scaling",
        recipe=of,
        weights="ema",
        reduced={**AT_32_PIXELS, **reduced},
        scales=REDUCED if matched else (),
    )


ROWS = tuple(_row(name, epochs) for epochs in EPOCHS for name in NETWORKS)
# Appendix E regularizes at 350 epochs only, so that length and regularization change together;
# these change the length alone
MATCHED = tuple(_row(name, n, matched=True) for n in EPOCHS[:2] for name in ("deep", "wide"))


def _claim(id, says, cells, *, sign=1, after="flip"):
    fields = {"where": "Figure 3, §6", "weights": "ema", "runs": 6, "overfitting": False}
    return Claim(id=id, says=says, cells=cells, sign=sign, after=after, **fields)


# Written, with signs, readings and numbers of blocks, before the first run of it began.
CLAIMS = (
    _claim(
        "flip",
        "From 10 to 350 epochs, depth gains on width",
        {"deep-350": 1, "wide-350": -1, "deep-10": -1, "wide-10": 1},
        after="",
    ),
    _claim("depth-350", "At 350 epochs, depth beats width", {"deep-350": 1, "wide-350": -1}),
    _claim("width-10", "At 10 epochs, width beats depth", {"deep-10": 1, "wide-10": -1}, sign=-1),
)
AFTERWARDS = (
    Claim(
        id="flip-matched",
        says="The same with regularization at every length",
        where="none",
        cells={"deep-350": 1, "wide-350": -1, "deep-10-matched": -1, "wide-10-matched": 1},
        sign=1,
        weights="ema",
    ),
    Claim(
        id="depth-100",
        says="At 100 epochs, depth against width",
        where="Figure 3, §6",
        cells={"deep-100": 1, "wide-100": -1},
        sign=1,
        weights="ema",
    ),
)
FIGURE_3 = Study(
    name="figure3",
    title="Figure 3: deeper or wider, by the length of training",
    rows=ROWS,
    cells=MATCHED,
    claims=CLAIMS,
    afterwards=AFTERWARDS,
    ladder=False,
    blocked=True,
    experiment=EXPERIMENT,
    split="minival",
)
