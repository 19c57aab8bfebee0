"""From paper scale to what a laptop or one GPU can afford: one rule, written before any run.

The mechanism of the paper is overfitting, so a reduced scale keeps the epochs and shrinks the data:

- Model: the same family, narrower, a ResNet shallower too; -D and SE as the row has them. Sides
  keep their ratio: 32 pixels stand for 256.
- Epochs: the long schedule is 350, or what the caller asks; shorter ones keep their share (90/350).
  Warm-up keeps min(5 epochs, 5/90 of the schedule).
- Label smoothing, stochastic depth and dropout: Table 8's rates, unchanged. (Appendix E, read
  literally, would switch dropout and stochastic depth off at width 0.25.)
- RandAugment: magnitude 10 where the paper has more. It is the lowest the paper uses, for its
  smallest images (Table 8) and its narrowest networks (Appendix E). Pixel lengths scale with
  side ÷ the row's paper resolution.
- Random resized crop: smallest area 0.5 (laptop) or 0.25 (gpu) in place of 0.08.
- Weight decay: acts through wd·Σlr. 1e-4 becomes the value with exposure 0.4 on the long cosine
  schedule, 4e-5 the one with 0.16: the paper's own 8.6 leaves a small network no fit at all.
- Batch and peak rate: of the scale, below. Batch statistics over the whole batch.
- RMSProp: its published rate for the scale's batch, 0.016·B/256, and its weight decay of 1e-5 as it
  is. In so few steps that decays nothing to speak of.
- Training images: subset 1, and seeds count from 1. Subset 0 and seed 0 served to choose this rule.
- A study in blocks (`BLOCKS`) trains run k of every row on subset 7 + k with seed k, so that its
  verdict holds for more than one subset; subsets share no image, and all runs are tested on the
  test images and on further ones that no subset holds. Subsets 0 to 7 have been looked at.
- What a row says under `reduced` comes last: a fixed field, or a width in multiples of the scale's.

None of these numbers is moved to make a row agree with the paper.
"""

from dataclasses import dataclass, replace

from rslib.config import InputError, evolve, suggest
from rslib.recipes import Row

PAPER_EPOCHS = 350
LONG_EXPOSURE = 0.4  # of weight decay 1e-4's stand-in
MAX_MAGNITUDE = 10.0


@dataclass(frozen=True, kw_only=True)
class Scale:
    depth: int
    width: float
    stem_stride: int
    resolution: int  # in place of 256 pixels
    train_images: int
    minival_images: int
    test_images: int
    crop_area: float
    batch_size: int
    peak_rate: float
    epochs: int = PAPER_EPOCHS
    subset: int = 1  # number 0, with seed 0, served to choose the rule
    split: str = ""  # as in `rslib.config.Data`
    further_images: int = 0


SCALES = {
    # does the path work: no result
    "smoke": Scale(
        depth=26,
        width=0.125,
        stem_stride=4,
        resolution=32,
        train_images=256,
        minival_images=200,
        test_images=200,
        crop_area=0.5,
        batch_size=16,
        peak_rate=0.02,
        epochs=8,
    ),
    # the whole table on two CPU cores
    "laptop": Scale(
        depth=26,
        width=0.25,
        stem_stride=4,
        resolution=32,
        train_images=1_000,
        minival_images=2_000,
        test_images=0,
        crop_area=0.5,
        batch_size=64,
        peak_rate=0.1,
    ),
    # hours on one GPU
    "gpu": Scale(
        depth=50,
        width=0.5,
        stem_stride=2,
        resolution=32,
        train_images=10_000,
        minival_images=2_000,
        test_images=0,
        crop_area=0.25,
        batch_size=256,
        peak_rate=0.1,
    ),
    "paper": None,  # exactly as published
}
NAMES = tuple(SCALES)
OWN = "own"  # of runs on one's own images: no study, and nothing is scaled
LOOKED_AT = 7  # block k trains on subset 7 + k: earlier ones have been looked at
BLOCKS = {
    "smoke": replace(SCALES["smoke"], split="blocks", further_images=200),
    "laptop": replace(
        SCALES["laptop"], split="blocks", minival_images=10_000, further_images=10_000
    ),
    # CIFAR's 50,000 training images hold sixteen subsets of 2,500, minival and further ones
    "gpu": replace(SCALES["gpu"], split="blocks", train_images=2_500, further_images=4_000),
    "paper": None,
}


def at_scale(
    row: Row,
    scale: str,
    *,
    epochs: int | None = None,
    dataset: str | None = None,
    available: int | None = None,
    block: int | None = None,
) -> Row:
    """The row at a scale.

    epochs: the length of the long schedule. dataset: a name of rslib.data.images. available: how
    many training images that data set has; the gpu scale makes do with fewer than it likes. block:
    of a study in blocks, from 1; 0 of another.
    """
    if scale not in SCALES:
        raise InputError(f"no scale {scale!r}{suggest(scale, NAMES)}")
    size = (SCALES if block is None else BLOCKS)[scale]
    changes = schedule(row.recipe.optim, epochs or own_epochs(scale))
    changes["data.dataset"] = dataset or ("imagenet" if size is None else "fashion-mnist")
    if size is not None:
        changes |= _reduced(row.recipe, size, epochs or size.epochs, available)
        changes |= _by_hand(row.reduced, size)
        if block is not None:
            changes["data.subset"] = LOOKED_AT + block
    return replace(row, recipe=evolve(row.recipe, changes))


def _by_hand(reduced, size):
    found = dict(reduced)
    if "model.width" in found:
        found["model.width"] *= size.width
    return found


def own_epochs(scale: str) -> int:
    """Length of a scale's long schedule."""
    size = None if scale == OWN else SCALES[scale]
    return size.epochs if size else PAPER_EPOCHS


def schedule(optim, long_epochs):
    """Epochs and warm-up of a recipe's optimizer, where the long schedule has long_epochs."""
    epochs = max(1, round(optim.epochs * long_epochs / PAPER_EPOCHS))
    return {"optim.epochs": epochs, "optim.warmup_epochs": min(5.0, epochs * 5 / 90)}


def _reduced(recipe, size, long_epochs, available):
    train_images = size.train_images
    if size is SCALES["gpu"] and available:
        train_images = max(1, min(train_images, available - size.minival_images))
    steps = train_images // size.batch_size * long_epochs
    return {
        **network(recipe.model, size),
        **optimizer(recipe.optim, size, steps),
        "data.resolution": round(recipe.data.resolution * size.resolution / 256),
        **counts(size),
        "data.train_images": train_images,
        "data.subset": size.subset,
        "data.further_images": size.further_images,
        "data.crop_area": size.crop_area,
        "data.pixel_reference": recipe.data.resolution,
        "regularization.randaugment": min(recipe.regularization.randaugment, MAX_MAGNITUDE),
    }


def counts(size):
    """How many images or clips a scale has, and how they are split."""
    names = ("train_images", "minival_images", "test_images", "split")
    return {f"data.{name}": getattr(size, name) for name in names}


def network(model, size):
    """Depth, width and stem of a scale."""
    found = {"model.width": size.width, "model.stem_stride": size.stem_stride}
    if model.family == "efficientnet":  # whose stem does not pool
        return found | {"model.stem_stride": size.stem_stride // 2}
    return found | {"model.depth": size.depth}


def optimizer(optim, size, steps):
    """Batch, rate and weight decay of a scale. steps: of the long schedule."""
    found = {"optim.batch_size": size.batch_size, "optim.micro_batch": 0}
    if optim.optimizer == "rmsprop":
        return found | {"optim.peak_rate": 0.016 * size.batch_size / 256}
    # Σlr of a cosine is half the peak times the steps; two digits are plenty
    long_decay = LONG_EXPOSURE / (size.peak_rate * max(1, steps) / 2)
    decay = float(f"{optim.weight_decay / 1e-4 * long_decay:.2g}")
    return found | {"optim.peak_rate": size.peak_rate, "optim.weight_decay": decay}
