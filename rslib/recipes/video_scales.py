"""The video study from paper scale to what a laptop or one GPU can afford: one written rule.

It is that of `rslib.recipes.scales` wherever it can be: narrower and shallower network, the paper's
strengths of regularization, warm-up, and weight decay by its exposure. What clips need besides:

- Clips: fewer frames, farther apart, so that they still see half of an embedded clip or more.
- Resolution: training and testing keep their ratio of 224 : 256, rounded, where the last stage's
  maps keep their size too. At 32 pixels they have one pixel, and would have four at 37: there,
  testing has the resolution of training.
- Epochs: short and long schedule keep the paper's 200 : 350.
- Scale jittering: a crop of 8 % of the area, the paper's smallest, can cut away all that moves. So
  0.08 becomes 0.4, and any other area keeps its place between that and 1, in logarithms: the
  baseline's 0.49 becomes 0.77. Each crop stays the same for all frames of its clip.
- Views of a test clip: fewer, below. Test clips are shown as one frame and shuffled too.
- Blocks: block k trains on subset k. Subset 0 serves to choose this rule, and is never recorded.

None of these numbers is moved to make a row agree with the paper. Pilots on subset 0 have fixed
them: the baseline's top-1 had to lie between 60 and 85 %, and a pilot to take ten minutes at most
on one thread. `book/blocks.md` has their numbers. Recorded runs on a slower CPU took longer.
"""

from dataclasses import dataclass, replace
from math import ceil, log

from rslib.config import InputError, Recipe, evolve, suggest
from rslib.recipes import Row, scales
from rslib.recipes.scales import NAMES, PAPER_EPOCHS, Scale, counts, network, optimizer, schedule

PAPER_SIDE, PAPER_TEST_SIDE = 224, 256  # pixels
PAPER_CROP = 0.08  # smallest share of the area


@dataclass(frozen=True, kw_only=True)
class ClipScale(Scale):
    """A `Scale` whose images are clips; crop_area: in place of the paper's 0.08."""

    frames: int
    frame_stride: int
    test_clips: int
    test_crops: int


def _of_clips(scale: str, **own) -> ClipScale:
    """The scale of images of that name with what clips have of their own."""
    return ClipScale(**vars(scales.SCALES[scale]) | {"split": "blocks", "crop_area": 0.4} | own)


SCALES = {
    "smoke": _of_clips(
        "smoke",
        frames=8,
        frame_stride=4,
        train_images=64,
        minival_images=16,
        test_images=16,
        test_clips=1,
        test_crops=1,
        epochs=7,
    ),
    "laptop": _of_clips(
        "laptop",
        frames=8,
        frame_stride=4,
        train_images=640,
        minival_images=160,
        test_images=1_280,
        test_clips=1,  # with twelve views the pilot named 89 % of its test clips, with one 76 %
        test_crops=1,
        batch_size=32,
        epochs=140,
    ),
    "gpu": _of_clips(
        "gpu",
        stem_stride=4,
        resolution=112,
        frames=32,
        frame_stride=2,
        train_images=1_280,
        minival_images=320,
        test_images=640,
        test_clips=1,  # 32 frames, two apart, are the whole of an embedded clip
        test_crops=3,
        batch_size=64,
    ),
    "paper": None,  # exactly as published
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

    epochs: the length of the long schedule. dataset: "kinetics-400" or "clips", the embedded ones,
    by default as the scale has it. available: changes nothing here, since all blocks are of one
    size. block: from 1; 0, or none, is the pilot's. Raises InputError.
    """
    if scale not in NAMES:
        raise InputError(f"no scale {scale!r}{suggest(scale, NAMES)}")
    size, long_epochs = SCALES[scale], epochs or own_epochs(scale)
    changes = schedule(row.recipe.optim, long_epochs)
    changes["data.dataset"] = dataset or ("kinetics-400" if size is None else "clips")
    if size is not None:
        changes |= _reduced(row.recipe, size, long_epochs)
        changes["data.subset"] = block or 0
    return replace(row, recipe=evolve(row.recipe, changes))


def own_epochs(scale: str) -> int:
    """Length of a scale's long schedule."""
    size = SCALES[scale]
    return size.epochs if size else PAPER_EPOCHS


def crop_area(area: float, least: float) -> float:
    """The smallest area of a crop where 0.08 becomes `least`; to two digits after the point."""
    return round(area ** (log(least) / log(PAPER_CROP)), 2)


def test_resolution(side: int, stride: int) -> int:
    """Of tests, where training has `side` pixels and the last stage one for `stride` of them."""
    larger = round(side * PAPER_TEST_SIDE / PAPER_SIDE)
    return larger if ceil(larger / stride) == ceil(side / stride) else side


def _reduced(recipe: Recipe, size: ClipScale, long_epochs: int) -> dict:
    steps = size.train_images // size.batch_size * long_epochs
    return {
        **network(recipe.model, size),
        **optimizer(recipe.optim, size, steps),
        "data.resolution": size.resolution,
        "data.test_resolution": test_resolution(size.resolution, 8 * size.stem_stride),
        "data.frames": size.frames,
        "data.frame_stride": size.frame_stride,
        "data.test_clips": size.test_clips,
        "data.test_crops": size.test_crops,
        **counts(size),
        "data.crop_area": crop_area(recipe.data.crop_area, size.crop_area),
    }
