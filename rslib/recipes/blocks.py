"""Table 1 again, as an experiment in blocks: its four corners, on a training subset for each run.

The first version (`rslib.recipes.additive`) trains every row on one subset of 1,000 images, so its
verdicts hold for that subset. Here run k of every row trains on subset 7 + k, and contrasts are
paired over the blocks. `rslib.evidence.blocks` has the rule by which the claims are judged.

Studies of this experiment share their runs: a row of one id is one row.
"""

from rslib.recipes import Claim, Row, Study
from rslib.recipes.additive import CELLS, ROWS

EXPERIMENT = "blocks"
TABLE_1 = {row.id: row for row in (*ROWS, *CELLS)}
# At laptop scale batch 16 in place of 64: four times the steps, at a peak rate that keeps the
# exposure to weight decay; batch statistics are over the batch. At smoke scale it changes nothing.
SMALL_BATCH = {"optim.batch_size": 16, "optim.peak_rate": 0.025}
FINE_STEM = {"model.stem_stride": 2}  # at 32 pixels the stem is 17 % of the multiply-adds


def again(id, label, of, *, weights="ema", **fields):
    """A row of Table 1 in the experiment in blocks."""
    first = TABLE_1[of]
    about = {"kind": first.kind, "recipe": first.recipe, "weights": weights}
    return Row(id=id, label=label, **about, **fields)


NONE_SHORT = again("none-short", "90 epochs, no regularization", "cosine")
ALL_SHORT = again("all-short", "90 epochs, all regularization", "short-regularized")
NONE = again("none", "350 epochs, no regularization", "epochs")
ALL = again("all", "350 epochs, all regularization", "dropout")
ALL_LOW = again("all-low-decay", "350 epochs, all regularization, lower decay", "weight-decay")

CORNERS = (NONE_SHORT, ALL_SHORT, NONE, ALL)
REDUCED = ("smoke", "laptop", "gpu")
LAPTOP = REDUCED[:2]  # the gpu scale itself is of depth 50, with a stem stride of 2
# three blocks each, for description: no claim reads them
LADDER = (
    again("se", "+ Squeeze-and-Excitation", "se"),
    again("resnet-d", "+ ResNet-D", "resnet-d"),
)
# the control: does "longer × regularization" shrink where the short run has four times the steps?
CONTROL = tuple(
    again(f"{row.id}-batch-16", f"{row.label}, batch 16", of, reduced=SMALL_BATCH, scales=LAPTOP)
    for row, of in zip(CORNERS, ("cosine", "short-regularized", "epochs", "dropout"), strict=True)
)
# is the gain of ResNet-D its stem?
STEM = tuple(
    again(f"{id}-fine-stem", f"{label}, stem stride 2", id, reduced=FINE_STEM, scales=LAPTOP)
    for id, label in (("se", "+ Squeeze-and-Excitation"), ("resnet-d", "+ ResNet-D"))
)

LONGER: dict[str, float] = {"all": 1, "all-short": -1, "none": -1, "none-short": 1}
CLAIMS = (
    Claim(
        id="regularization",
        says="All regularization together helps at 350 epochs",
        where="rows",
        cells={"all": 1, "none": -1},
        sign=1,
        weights="ema",
        runs=8,
    ),
    Claim(
        id="longer-interaction",
        says="Longer training brings more with regularization than without",
        where="footnote †",
        cells=LONGER,
        sign=1,
        weights="raw",
        runs=8,
    ),
    Claim(
        id="longer-regularized",
        says="With all regularization, 350 epochs in place of 90 gain accuracy",
        where="footnote †",
        cells={"all": 1, "all-short": -1},
        sign=1,
        weights="raw",
        runs=8,
        after="longer-interaction",
    ),
    Claim(
        id="longer-alone",
        says="Without regularization, 350 epochs in place of 90 lose accuracy",
        where="footnote †",
        cells={"none": 1, "none-short": -1},
        sign=-1,
        weights="raw",
        runs=8,
        after="longer-interaction",
    ),
)
# described without a verdict
AFTERWARDS = (
    Claim(
        id="regularization-short",
        says="All regularization together, at 90 epochs",
        where="none",
        cells={"all-short": 1, "none-short": -1},
        sign=1,
        weights="ema",
        runs=8,
    ),
    Claim(
        id="longer-interaction-batch-16",
        says="Longer training brings more with regularization than without, at batch 16",
        where="footnote †",
        cells={f"{id}-batch-16": weight for id, weight in LONGER.items()},
        sign=1,
        weights="raw",
        runs=4,
    ),
    Claim(
        id="longer-interaction-of-batches",
        says="How much less it brings at batch 16 than at batch 64",
        where="none",
        cells=LONGER | {f"{id}-batch-16": -weight for id, weight in LONGER.items()},
        sign=1,
        weights="raw",
        runs=4,
    ),
    Claim(
        id="lower-decay",
        says="Lower weight decay with all regularization",
        where="row",
        cells={"all-low-decay": 1, "all": -1},
        sign=1,
        weights="ema",
        runs=8,
    ),
    Claim(
        id="se",
        says="Squeeze-and-Excitation on top of lower weight decay",
        where="row",
        cells={"se": 1, "all-low-decay": -1},
        sign=1,
        weights="ema",
    ),
    Claim(
        id="resnet-d",
        says="ResNet-D on top of Squeeze-and-Excitation",
        where="row",
        cells={"resnet-d": 1, "se": -1},
        sign=1,
        weights="ema",
    ),
    Claim(
        id="resnet-d-fine-stem",
        says="The same with a stem of stride 2",
        where="row",
        cells={"resnet-d-fine-stem": 1, "se-fine-stem": -1},
        sign=1,
        weights="ema",
    ),
)
TABLE_1_BLOCKS = Study(
    name="table1_blocks",
    title="Table 1 in blocks: longer training and regularization over training subsets",
    rows=CORNERS,
    cells=(ALL_LOW, *LADDER, *CONTROL, *STEM),
    claims=CLAIMS,
    afterwards=AFTERWARDS,
    gate="none",
    ladder=False,
    blocked=True,
    experiment=EXPERIMENT,
)
