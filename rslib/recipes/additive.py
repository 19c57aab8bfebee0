"""Table 1: eleven rows, each adding one change to the one before (§5.1).

The paper does not state the strengths of the rows in between; Table 8's for ResNet-RS-200 at 256
pixels are the natural reading: label smoothing 0.1, stochastic depth 0.1, RandAugment magnitude 15,
dropout 0.25.
"""

from rslib.config import Recipe, evolve
from rslib.recipes import Study, ladder

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

TABLE_1 = Study(
    name="table1",
    rows=ladder(
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
    ),
)
STUDIES = {study.name: study for study in (TABLE_1,)}
