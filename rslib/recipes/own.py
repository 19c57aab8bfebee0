"""The paper's recipe for images of one's own: Table 8 by rule, with the reason for each value.

- Architecture, label smoothing, EMA, momentum and cosine: Table 8's, as for every ResNet-RS.
- Regularization by size: Table 8 by depth and resolution at width 1. At other widths dropout is
  Table 12's, RandAugment is 10 up to width 0.5, width 0.25 has no stochastic depth (Appendix E).
- 10 epochs or fewer have no regularization but crops and flips (Appendix E). It also leaves it away
  at 100 epochs; here that is kept, since own images are fewer than ImageNet's and sooner known.
- Learning rate 0.1 · B / 256 (Appendix B), warm-up min(5 epochs, 5/90 of the schedule).
- Batch: 128, halved until an epoch has eight steps, but not below 8.
- Weight decay acts through its exposure, wd·Σlr. It is 4e-5, or what has exposure 0.16 where 4e-5
  has less: the exposure of 4e-5 at this book's reduced scales (`rslib.recipes.scales`). But it is
  at most 0.1: in a few dozen steps more shrinks the weights faster than BN's statistics follow.
- Below 160 pixels, the least of Table 8, RandAugment's pixel lengths shrink with the image. Crops
  keep at least 0.25 of it below 128 pixels and 0.5 below 64, and below 64 the stem has stride 2:
  with 4 the last stage would see one pixel.
- Weights to begin with (Appendix F): weight decay 1e-4, and a rate within the appendix's range,
  0.005 to 0.32 at batch 512, in proportion to the batch. 0.005 was the best for supervised weights,
  in 5,000 steps or more; with fewer steps the rate is higher in the same proportion, up to 0.32.
"""

from rslib.config import InputError, Recipe, evolve, suggest
from rslib.recipes import resnet_rs, scales, scaling

EPOCHS, FINE_TUNING_EPOCHS = 100, 50  # 5,000 steps of 512 are 50 epochs of CIFAR-100
BATCH, LEAST_BATCH, STEPS_AN_EPOCH = 128, 8, 8
NORMALISED = 128  # most images that BN normalises together, as on one core of the authors' TPUs
UNREGULARIZED_EPOCHS = 10
LEAST_RESOLUTION = 160  # of Table 8
EXPOSURE = scales.LONG_EXPOSURE * 0.4  # of 4e-5, where 1e-4 has LONG_EXPOSURE
# One run each on 101 of the embedded images, by the average on 120 test images. In 72 steps 72 were
# right with the 1.4 that exposure asks for, 107 with 0.1; in 144 steps 106 with its 0.71, 104.
MOST_DECAY = 0.1
RATES, FEWEST_STEPS, RATES_BATCH, DECAY = (0.005, 0.32), 5_000, 512, 1e-4  # Appendix F
PAPERS_RATES, PAPERS_STEPS = (0.005, 0.04, 0.32), (5_000, 20_000)  # its ends, and a middle rate
BALANCES = ("", "sampling", "weights")
PREFIX = "resnet_rs_"
DEPTHS = (26, 50, 101, 152, 200, 270, 300, 350, 400, 420)  # as `rslib.models.resnet` builds them


def depth_of(model: str) -> int:
    """The depth in a name such as resnet_rs_50. Raises InputError for what is no ResNet-RS."""
    known = [f"{PREFIX}{depth}" for depth in DEPTHS]
    if model not in known:
        raise InputError(f"no model {model!r} to train{suggest(model, known)}")
    return int(model.removeprefix(PREFIX))


def batch_for(images: int) -> int:
    """The batch for so many training images, where none is asked for."""
    batch = BATCH
    while batch > LEAST_BATCH and images // batch < STEPS_AN_EPOCH:
        batch //= 2
    return batch


def recipe(
    depth: int,
    *,
    images: int,
    resolution: int,
    width: float = 1.0,
    epochs: int = EPOCHS,
    batch: int = 0,
    balance: str = "",
    start: str = "",
    stem_stride: int = 0,
    rate: float | None = None,
) -> Recipe:
    """The recipe for a number of training images, by the rules above.

    resolution: pixels. batch: 0 takes `batch_for` them. balance: of `BALANCES`. start: digest of
    the weights to begin with, which asks for Appendix F. stem_stride: of those; 0 takes the rule's.
    rate: the peak learning rate in place of the rule's. Raises InputError.
    """
    if balance not in BALANCES:
        raise InputError(f"balance is {balance!r}{suggest(balance, BALANCES[1:])}")
    batch = batch or batch_for(images)
    if batch > images:
        raise InputError(f"{images} training images do not fill one batch of {batch}; lower batch")
    steps = images // batch * epochs
    peak = rate or peak_rate(batch, steps, bool(start))
    return evolve(
        resnet_rs.recipe(depth, resolution),
        {
            **regularization(depth, width, resolution, epochs),
            "model.width": width,
            "model.start": start,
            "model.stem_stride": stem_stride or (4 if resolution >= 64 else 2),
            "data.dataset": "folder",
            "data.minival_images": 0,
            "data.balance": balance,
            "data.crop_area": crop_area(resolution),
            "data.pixel_reference": LEAST_RESOLUTION if resolution < LEAST_RESOLUTION else 0,
            "optim.epochs": epochs,
            "optim.warmup_epochs": min(5.0, epochs * 5 / 90),
            "optim.batch_size": batch,
            "optim.micro_batch": 0 if batch % NORMALISED or batch == NORMALISED else NORMALISED,
            "optim.peak_rate": peak,
            "optim.weight_decay": DECAY if start else weight_decay(peak, steps),
        },
    )


def regularization(depth: int, width: float, resolution: int, epochs: int) -> dict[str, float]:
    """Strengths by the size of the network, as changes of a recipe."""
    names = ("label_smoothing", "randaugment", "stochastic_depth", "dropout")
    if epochs <= UNREGULARIZED_EPOCHS:
        return {f"regularization.{name}": 0.0 for name in names}
    of = resnet_rs.recipe(depth, resolution).regularization
    found = {f"regularization.{name}": getattr(of, name) for name in names}
    if width != 1:
        found["regularization.dropout"] = dropout(width)
    if width <= 0.5:
        found["regularization.randaugment"] = scaling.magnitude(width, resolution)
    if width <= 0.25:
        found["regularization.stochastic_depth"] = 0.0
    return found


def dropout(width: float) -> float:
    """Table 12's by width; between its widths on a straight line, beyond them as at its ends."""
    widths = sorted(scaling.DROPOUT)
    if width <= widths[0] or width >= widths[-1]:
        return scaling.DROPOUT[widths[0] if width <= widths[0] else widths[-1]]
    high = next(i for i, known in enumerate(widths) if known >= width)
    left, right = widths[high - 1], widths[high]
    share = (width - left) / (right - left)
    return round((1 - share) * scaling.DROPOUT[left] + share * scaling.DROPOUT[right], 4)


def crop_area(resolution: int) -> float:
    """Smallest share of an image that a random crop keeps."""
    return 0.08 if resolution >= 128 else 0.25 if resolution >= 64 else 0.5


def weight_decay(peak: float, steps: int) -> float:
    """4e-5, or more where the steps are so few that it would not act. peak: of the cosine."""
    total = peak * max(1, steps) / 2  # Σlr of a cosine
    return min(MOST_DECAY, max(4e-5, float(f"{EXPOSURE / total:.2g}")))


def peak_rate(batch: int, steps: int, fine_tuning: bool) -> float:
    """The highest learning rate, where none is asked for."""
    if not fine_tuning:
        return 0.1 * batch / 256
    least, most = RATES
    at_512 = min(most, least * max(1.0, FEWEST_STEPS / max(1, steps)))
    return float(f"{at_512 * batch / RATES_BATCH:.2g}")
