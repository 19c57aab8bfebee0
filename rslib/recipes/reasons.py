"""The recipe for one's own images in words: each value, and why it is that."""

from rslib.config import Recipe
from rslib.recipes import own

BALANCED = {
    "": (
        "off",
        "Table 8 has none; --balance sampling or weights is for small classes",
    ),
    "sampling": ("sampling", "every class is drawn equally often; small ones repeat images"),
    "weights": ("weights", "a class's loss counts by 1 / its images; each image is seen as often"),
}


def reasons(recipe: Recipe, images: int) -> list[tuple[str, str, str]]:
    """[(name, value, why)] of a recipe that `own.recipe` made for so many training images."""
    m, d, r, o = recipe.model, recipe.data, recipe.regularization, recipe.optim
    steps = images // o.batch_size * o.epochs
    return [
        ("network", f"ResNet-RS-{m.depth}, width {m.width:g}", "ResNet-D, SE 0.25 (Table 8)"),
        ("resolution", f"{d.resolution} px", _resolution(recipe)),
        ("epochs", f"{o.epochs}", f"{steps:,} steps of {o.batch_size} images, cosine to 0"),
        ("batch", f"{o.batch_size}", _batch(recipe, images)),
        ("learning rate", f"{o.peak_rate:g}", _rate(recipe, steps)),
        ("warm-up", f"{o.warmup_epochs:.3g} epochs", "min(5, 5/90 of all epochs)"),
        ("weight decay", f"{o.weight_decay:g}", _decay(recipe, steps)),
        ("label smoothing", f"{r.label_smoothing:g}", _regularized(recipe, "Table 8, all sizes")),
        ("dropout", f"{r.dropout:g}", _regularized(recipe, _dropout(recipe))),
        ("stochastic depth", f"{r.stochastic_depth:g}", _regularized(recipe, _depth(recipe))),
        ("RandAugment", f"{r.randaugment:g}", _regularized(recipe, _magnitude(recipe))),
        ("crops", f"{d.crop_area:g} to 1", _crops(recipe)),
        ("average", f"{o.ema_decay:g}", "EMA of weights and BN; it is what is evaluated (§4.2)"),
        ("balance", *BALANCED[d.balance]),
    ]


def _resolution(recipe: Recipe) -> str:
    stride = f"the stem has stride {recipe.model.stem_stride}"
    if recipe.data.resolution < own.LEAST_RESOLUTION:
        return f"below Table 8's least of 160, for speed; {stride}"
    return f"as asked; {stride}"


def _batch(recipe: Recipe, images: int) -> str:
    batch = recipe.optim.batch_size
    if batch == own.batch_for(images) < own.BATCH:
        return f"128 halved until an epoch has {own.STEPS_AN_EPOCH} steps, but not below 8"
    return "as asked" + (f"; BN over {own.NORMALISED}" if recipe.optim.micro_batch else "")


def _rate(recipe: Recipe, steps: int) -> str:
    batch = recipe.optim.batch_size
    if recipe.optim.peak_rate != own.peak_rate(batch, steps, bool(recipe.model.start)):
        return "as asked"
    if recipe.model.start:
        least, most = own.RATES
        rule = f"{least} for {own.FEWEST_STEPS:,} steps, more for {steps:,}, at most {most}"
        return f"Appendix F, at batch 512: {rule}; in proportion for {batch}"
    return f"0.1 · {batch} / 256 (Appendix B)"


def _decay(recipe: Recipe, steps: int) -> str:
    if recipe.model.start:
        return "Appendix F"
    if recipe.optim.weight_decay == 4e-5:
        return "Table 8"
    if recipe.optim.weight_decay == own.MOST_DECAY:
        return f"the most: BN's statistics would not follow more in {steps:,} steps"
    return f"{own.EXPOSURE:.2g} / Σlr: Table 8's 4e-5 would not act in {steps:,} steps"


def _regularized(recipe: Recipe, why: str) -> str:
    if recipe.optim.epochs <= own.UNREGULARIZED_EPOCHS:
        return f"none in {own.UNREGULARIZED_EPOCHS} epochs or fewer (Appendix E)"
    return why


def _dropout(recipe: Recipe) -> str:
    if recipe.model.width != 1:
        return "by width (Table 12)"
    return "0.25, from 320 px on 0.4 (Table 8)"


def _depth(recipe: Recipe) -> str:
    if recipe.model.width <= 0.25:
        return "none at width 0.25 (Appendix E)"
    return "0.1 from depth 200 on (Table 8)"


def _magnitude(recipe: Recipe) -> str:
    why = "10 up to 160 px, 15 above (Table 8)"
    if recipe.model.width <= 0.5:
        why = "10 up to width 0.5 (Appendix E)"
    return why + ("; lengths shrink with the image" if recipe.data.pixel_reference else "")


def _crops(recipe: Recipe) -> str:
    if recipe.data.crop_area == 0.08:
        return "of the image's area, as for ImageNet; and flips"
    return "of the image's area, more for small images (this book's scales); and flips"
