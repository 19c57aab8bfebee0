"""Figure 5: EfficientNet-RS, the published networks at lower resolutions (§7.2).

The paper prints neither the resolutions nor the accuracies; they are only in its figure. The
resolutions here are this book's choice: the geometric mean of 192 and EfficientNet's own, so that
they grow half as fast, to the nearest multiple of 32, the network's stride. All three magnitudes of
§7.2's RandAugment rule then occur, as they must have in the paper.
"""

from dataclasses import dataclass

from rslib.config import Recipe, evolve
from rslib.recipes import Claim, Row, Study
from rslib.recipes.pareto import Published, table_7

SLOW_FROM = 192  # pixels
STRIDE = 32


def slow_resolution(resolution):
    """The resolution in pixels that takes the place of EfficientNet's own."""
    return STRIDE * round((SLOW_FROM * resolution) ** 0.5 / STRIDE)


PUBLISHED = {row.label[-2:].lower(): row for row in table_7() if row.family == "EfficientNet"}


@dataclass(frozen=True, kw_only=True)
class Rescaled:
    """An EfficientNet-RS; label, name and resolution as a row of Table 7 has them."""

    published: Published

    @property
    def name(self):
        return self.published.name

    @property
    def label(self):
        return self.published.label.replace("-", "-RS-")

    @property
    def resolution(self):
        return slow_resolution(self.published.resolution)


def slow_networks():
    """EfficientNet-RS of every size."""
    return [Rescaled(published=row) for row in PUBLISHED.values()]


def magnitude(resolution):
    """RandAugment's magnitude at a resolution in pixels (§7.2)."""
    return 10.0 if resolution <= 224 else 20.0 if resolution > 320 else 15.0


def recipe(size, resolution):
    """How B0 and B1 train, but with RandAugment in place of AutoAugment (§7.2)."""
    return evolve(
        Recipe(),
        {
            "model.family": "efficientnet",
            "model.size": size,
            "model.stem_stride": 2,
            "data.resolution": resolution,
            "regularization.label_smoothing": 0.1,
            "regularization.stochastic_depth": 0.2,
            "regularization.randaugment": magnitude(resolution),
            "regularization.dropout": 0.2,
            "optim.optimizer": "rmsprop",
            "optim.epochs": 350,
            "optim.schedule": "exponential",
            "optim.batch_size": 2048,
            "optim.micro_batch": 128,
            "optim.peak_rate": 0.016 * 2048 / 256,
            "optim.weight_decay": 1e-5,
        },
    )


def _rows(size):
    """A size at its own resolution and at the slow one."""
    published = PUBLISHED[size]
    for kind, network, top1 in (
        ("compound", published, published.top1),
        ("slow", Rescaled(published=published), None),
    ):
        yield Row(
            id=f"{size}-{kind}",
            label=f"{network.label} @{network.resolution}",
            kind=kind,
            recipe=recipe(size, network.resolution),
            weights="ema",
            paper={"top1": top1, "delta": None},
        )


# Written before the first run. Compound scaling's line goes through B0 and B1, over the logarithm
# of FLOPs; where a slow network stands on it, by FLOPs, is rounded to quarters of their distance.
CLAIMS = (
    Claim(
        id="b0-above-line",
        says="EfficientNet-RS-B0, at a resolution of our choice, is above compound scaling's line",
        where="§7.2, Figure 5",
        cells={"b0-slow": 1, "b0-compound": -1.5, "b1-compound": 0.5},
        sign=1,
        overfitting=False,
    ),
    Claim(
        id="b1-above-line",
        says="EfficientNet-RS-B1, at a resolution of our choice, is above compound scaling's line",
        where="§7.2, Figure 5",
        cells={"b1-slow": 1, "b0-compound": -0.25, "b1-compound": -0.75},
        sign=1,
        overfitting=False,
    ),
)
FIGURE_5 = Study(
    name="figure5",
    title="Figure 5: EfficientNet with smaller images",
    rows=(*_rows("b0"), *_rows("b1")),
    claims=CLAIMS,
    ladder=False,
    networks=tuple(slow_networks()),
)
