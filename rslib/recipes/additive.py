"""Table 1: eleven rows, each adding one change to the one before (§5.1).

The paper does not state the strengths of the rows in between; Table 8's for ResNet-RS-200 at 256
pixels are the natural reading: label smoothing 0.1, stochastic depth 0.1, RandAugment magnitude 15,
dropout 0.25.
"""

from rslib.config import Recipe, evolve
from rslib.recipes import Claim, Row, Study, ladder

# The ResNet-200 of 2015 with the learning rate of 2017: 90 epochs, stepwise, 256 pixels.
BASELINE = evolve(
    Recipe(),
    {
        "model.depth": 200,
        "data.resolution": 256,
        "optim.batch_size": 4096,
        # The authors' TPUs normalised per core; 128 images fit a 40 GB GPU at this size.
        "optim.micro_batch": 128,
        "optim.peak_rate": 0.1 * 4096 / 256,  # printed as "0.1/B", read as 0.1·B/256
    },
)

ROWS = ladder(
    BASELINE,
    [
        ("cosine", "+ Cosine LR Decay", "training", {"optim.schedule": "cosine"}, 79.3),
        ("epochs", "+ Increase training epochs", "training", {"optim.epochs": 350}, 78.8),
        ("ema", "+ EMA of weights", "training", {"weights": "ema"}, 79.1),
        (
            "label-smoothing",
            "+ Label Smoothing",
            "regularization",
            {"regularization.label_smoothing": 0.1},
            80.4,
        ),
        (
            "stochastic-depth",
            "+ Stochastic Depth",
            "regularization",
            {"regularization.stochastic_depth": 0.1},
            80.6,
        ),
        (
            "randaugment",
            "+ RandAugment",
            "regularization",
            {"regularization.randaugment": 15.0},
            81.0,
        ),
        (
            "dropout",
            "+ Dropout on FC",
            "regularization",
            {"regularization.dropout": 0.25},
            80.7,
        ),
        (
            "weight-decay",
            "+ Decrease weight decay",
            "regularization",
            {"optim.weight_decay": 4e-5},
            82.2,
        ),
        ("se", "+ Squeeze-and-Excitation", "architecture", {"model.se_ratio": 0.25}, 82.9),
        ("resnet-d", "+ ResNet-D", "architecture", {"model.resnet_d": True}, 83.4),
    ],
    top1=79.0,
    label="ResNet-200",
)


def _cell(id, label, row, changes, weights):
    """A row of the table with something changed, which the paper did not print."""
    recipe = evolve(next(r.recipe for r in ROWS if r.id == row), changes)
    return Row(id=id, label=label, kind="contrast", recipe=recipe, weights=weights)


# The ladder alone has neither of these, and without them no interaction can be told.
CELLS = (
    _cell(
        "short-regularized",
        "90 epochs, all regularization",
        "dropout",
        {"optim.epochs": 90},
        "ema",
    ),
    _cell(
        "long-lower-decay",
        "350 epochs, lower weight decay, no regularization",
        "epochs",
        {"optim.weight_decay": 4e-5},
        "ema",
    ),
)


def _step(id, says, *, where="row", sign=1, **fields):
    """The claim that one row of the ladder does something to the row before it."""
    ids = [row.id for row in ROWS]
    cells = {id: 1, ids[ids.index(id) - 1]: -1}
    return Claim(id=id, says=says, where=where, cells=cells, sign=sign, **fields)


# Written, with signs, readings and numbers of runs, before the first run of Table 1 began.
CLAIMS = (
    # footnote † of Table 1; raw weights throughout, so that only two things differ
    Claim(
        id="longer-alone",
        says="Without regularization, 350 epochs in place of 90 lose accuracy",
        where="footnote †",
        cells={"epochs": 1, "cosine": -1},
        sign=-1,
        weights="raw",
        runs=5,
    ),
    Claim(
        id="longer-regularized",
        says="With all regularization, 350 epochs in place of 90 gain accuracy",
        where="footnote †",
        cells={"dropout": 1, "short-regularized": -1},
        sign=1,
        weights="raw",
        runs=5,
    ),
    Claim(
        id="longer-interaction",
        says="Longer training brings more with regularization than without",
        where="footnote †",
        cells={"dropout": 1, "short-regularized": -1, "epochs": -1, "cosine": 1},
        sign=1,
        weights="raw",
        runs=5,
        margin=0.3,
    ),
    _step("ema", "Averaging the weights helps", overfitting=False, runs=5),
    _step("label-smoothing", "Label smoothing helps at 350 epochs"),
    _step("stochastic-depth", "Stochastic depth helps at 350 epochs"),
    _step("randaugment", "RandAugment helps at 350 epochs"),
    # footnote ‡
    _step("dropout", "Dropout hurts before weight decay is lowered", where="footnote ‡", sign=-1),
    # §5.2; the average throughout, as in the rows that the paper prints
    Claim(
        id="decay-regularized",
        says="With all regularization, lower weight decay helps",
        where="row, §5.2",
        cells={"weight-decay": 1, "dropout": -1},
        sign=1,
        weights="ema",
        runs=5,
    ),
    Claim(
        id="decay-alone",
        says="Without regularization, lower weight decay hurts",
        where="§5.2",
        cells={"long-lower-decay": 1, "ema": -1},
        sign=-1,
        weights="ema",
        runs=5,
    ),
    Claim(
        id="decay-interaction",
        says="Lower weight decay brings more with regularization than without",
        where="§5.2",
        cells={"weight-decay": 1, "dropout": -1, "long-lower-decay": -1, "ema": 1},
        sign=1,
        weights="ema",
        runs=5,
        margin=0.3,
    ),
    _step("se", "Squeeze-and-Excitation helps on top of all that", overfitting=False),
    _step("resnet-d", "ResNet-D helps on top of all that", overfitting=False),
    # (82.2 − 79.0) − (83.4 − 82.2): more than half of the whole gain
    Claim(
        id="share",
        says="Training methods bring more of the gain than the architecture",
        where="§5.1",
        cells={"weight-decay": 2, "baseline": -1, "resnet-d": -1},
        sign=1,
        margin=0.3,
        part={"weight-decay": 1, "baseline": -1},
        whole={"resnet-d": 1, "baseline": -1},
    ),
)
# Seen when the contrast cells were recorded: no claim asks whether regularization helps as a whole.
AFTERWARDS = (
    Claim(
        id="regularization",
        says="All regularization together, at 350 epochs and the higher weight decay",
        where="rows",
        cells={"dropout": 1, "ema": -1},
        sign=1,
    ),
    Claim(
        id="regularization-lower-decay",
        says="All regularization together and the lower weight decay, at 350 epochs",
        where="rows",
        cells={"weight-decay": 1, "ema": -1},
        sign=1,
    ),
    Claim(
        id="regularization-short",
        says="All regularization together, at 90 epochs",
        where="none",
        cells={"short-regularized": 1, "cosine": -1},
        sign=1,
        weights="raw",
    ),
)
TABLE_1 = Study(
    name="table1",
    title="Table 1: what each training method adds",
    rows=ROWS,
    cells=CELLS,
    claims=CLAIMS,
    afterwards=AFTERWARDS,
    gate="epochs",
)
