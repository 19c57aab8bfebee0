"""Table 2: weight decay 1e-4 against 4e-5, with and without regularization (§5.2).

The paper prints ResNet-50 at 224 pixels and ResNet-200 at 256, for 350 epochs, on minival, with
Table 8's strengths. A reduced scale trains ResNet-200's outer cells, none and RA-LS-SD-DO, and a
third decay of 2.5e-4, so that there are two equal steps of 2.5 : 1 (exposures 1.0, 0.4 and 0.16).
RA-LS alone, −0.1 and −0.3 in the paper, cannot be resolved there.
"""

from rslib.config import evolve
from rslib.recipes import Claim, Row, Study
from rslib.recipes.blocks import ALL, ALL_LOW, EXPERIMENT, LAPTOP, NONE, REDUCED, TABLE_1, again

DECAYS = (1e-4, 4e-5)
METHODS = {
    "RA": {"regularization.randaugment": 15.0},
    "LS": {"regularization.label_smoothing": 0.1},
    "SD": {"regularization.stochastic_depth": 0.1},
    "DO": {"regularization.dropout": 0.25},
}
SIZES = {
    50: {"model.depth": 50, "data.resolution": 224},
    200: {},
}
# (depth, regularization): top-1 by decay
PRINTED = {
    (50, "None"): (79.7, 78.7),
    (50, "RA-LS"): (82.4, 82.3),
    (50, "RA-LS-DO"): (82.2, 82.7),
    (200, "None"): (82.5, 81.7),
    (200, "RA-LS"): (85.2, 84.9),
    (200, "RA-LS-SD-DO"): (85.3, 85.5),
}
# the cells that a reduced scale trains too, under the ids of the experiment in blocks
IN_BLOCKS = {
    (200, "None", 1e-4): "none",
    (200, "None", 4e-5): "none-low-decay",
    (200, "RA-LS-SD-DO", 1e-4): "all",
    (200, "RA-LS-SD-DO", 4e-5): "all-low-decay",
}


def printed(depth, methods, decay, top1, delta):
    changes = {**SIZES[depth], "optim.weight_decay": decay}
    for method in methods.split("-") if methods != "None" else ():
        changes |= METHODS[method]
    word = f"{decay:.0e}".replace("e-0", "e-")
    id = IN_BLOCKS.get((depth, methods, decay))
    return Row(
        id=id or f"resnet-{depth}-{methods}-{word}".lower(),
        label=f"ResNet-{depth}, {methods}, {word}",
        kind="regularization",
        recipe=evolve(TABLE_1["epochs"].recipe, changes),
        weights="ema",
        paper={"top1": top1, "delta": delta},
        scales=() if id else ("paper",),
    )


ROWS = tuple(
    printed(depth, methods, decay, top1, None if decay == 1e-4 else round(low - high, 1))
    for (depth, methods), (high, low) in PRINTED.items()
    for decay, top1 in zip(DECAYS, (high, low), strict=True)
)


def higher(id, label, of):
    """The third decay, 2.5 times the paper's higher one."""
    recipe = evolve(of.recipe, {"optim.weight_decay": 2.5e-4})
    fields = {"kind": "regularization", "weights": "ema", "scales": REDUCED}
    return Row(id=id, label=label, recipe=recipe, **fields)


HIGHER = (
    higher("none-high-decay", "None, 2.5e-4", NONE),
    higher("all-high-decay", "RA-LS-SD-DO, 2.5e-4", ALL),
)
# a deeper network, three blocks, for description: no claim reads it
DEEPER = tuple(
    again(f"{id}-depth-50", f"{label}, depth 50", of, reduced={"model.depth": 50}, scales=LAPTOP)
    for id, label, of in (
        ("none", "None, 1e-4", "epochs"),
        ("none-low-decay", "None, 4e-5", "long-lower-decay"),
        ("all", "RA-LS-SD-DO, 1e-4", "dropout"),
        ("all-low-decay", "RA-LS-SD-DO, 4e-5", "weight-decay"),
    )
)


def lowered(regularized, high, low):
    """Cells of what a lower decay brings: level names are "high", "" (1e-4) and "low"."""
    name = "all" if regularized else "none"
    ids = [f"{name}-{level}-decay" if level else name for level in (high, low)]
    return {ids[1]: 1, ids[0]: -1}


def interaction(high, low):
    alone = {id: -weight for id, weight in lowered(False, high, low).items()}
    return lowered(True, high, low) | alone


def _claim(id, says, cells, *, sign=1, after="interaction"):
    fields = {"where": "Table 2, §5.2", "weights": "ema", "runs": 8, "after": after}
    return Claim(id=id, says=says, cells=cells, sign=sign, **fields)


# Written, with signs, readings and numbers of blocks, before the first run of it began.
CLAIMS = (
    _claim(
        "interaction",
        "Lower weight decay (exposure 1.0 to 0.16) brings more with regularization than without",
        interaction("high", "low"),
        after="",
    ),
    _claim(
        "upper-step",
        "The same from exposure 1.0 to 0.4",
        interaction("high", ""),
    ),
    _claim(
        "lower-step",
        "The same for the paper's two decays, from exposure 0.4 to 0.16",
        interaction("", "low"),
    ),
    _claim(
        "regularized",
        "With all regularization, weight decay lowered from exposure 1.0 to 0.16 helps",
        lowered(True, "high", "low"),
    ),
    _claim(
        "alone",
        "Without regularization, weight decay lowered from exposure 1.0 to 0.16 hurts",
        lowered(False, "high", "low"),
        sign=-1,
    ),
    _claim(
        "optimum",
        "With all regularization, the middle decay beats the mean of the other two",
        {"all": 1, "all-high-decay": -0.5, "all-low-decay": -0.5},
    ),
)
# described without a verdict
AFTERWARDS = (
    Claim(
        id="interaction-depth-50",
        says="The same from exposure 0.4 to 0.16 at depth 50, with regularization less without",
        where="none",
        cells={f"{id}-depth-50": weight for id, weight in interaction("", "low").items()},
        sign=1,
        weights="ema",
    ),
)
TABLE_2 = Study(
    name="table2",
    title="Table 2: less weight decay where there is more regularization",
    rows=(*ROWS, *HIGHER),
    cells=DEEPER,
    claims=CLAIMS,
    afterwards=AFTERWARDS,
    gate="none-low-decay",
    ladder=False,
    blocked=True,
    experiment=EXPERIMENT,
    split="minival",
)
assert (
    TABLE_2.row("all").recipe == ALL.recipe
    and ALL_LOW.recipe == TABLE_2.row("all-low-decay").recipe
)
