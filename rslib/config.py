"""A recipe is plain data: frozen dataclasses that can be changed, hashed and written down."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

# Raised when a fix changes what a recipe computes, so that no stale number is ever reused.
NUMERICS_VERSION = 1
IMAGENET_COUNTS = (1_281_167, 50_000)  # training and validation images, as published
# Kay et al. (2017): 306,245 clips, of them 50 a class for validation and 100 for testing
KINETICS_COUNTS = (246_245, 20_000)  # training and validation clips of Kinetics-400


class InputError(ValueError):
    """Something the user gave is wrong. The message is one line: the thing, and the remedy."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows this in place of the stack, so that a notebook shows the one line too."""
        return [f"{type(self).__name__}: {self}"]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A bottleneck ResNet (§4.1), or an EfficientNet (§7.2), which uses `size`, not `depth`."""

    family: str = "resnet"  # or "resnet3d" for video, or "efficientnet"
    size: str = "b0"  # of an EfficientNet, to "b7"
    depth: int = 50
    width: float = 1.0  # multiplies every filter count, stem included
    resnet_d: bool = False
    se_ratio: float = 0.0  # 0: no Squeeze-and-Excitation; the paper's is 0.25
    stem_stride: int = 4  # EfficientNet's is 2; half of it keeps twice the side for small images
    zero_gamma: bool = True  # last BN of each block starts at 0 (authors' TF1 code)
    start: str = ""  # digest of the weights that training begins with; "": random ones

    def __str__(self) -> str:
        named = f"{'3D ' if self.family == 'resnet3d' else ''}ResNet-{self.depth}"
        if self.family == "efficientnet":
            named = f"EfficientNet-{self.size.upper()}"
        return f"{named}, width {self.width:g}, stem stride {self.stem_stride}"


@dataclass(frozen=True, kw_only=True)
class Data:
    """Which images, or clips in their place, and how they are shown to the network."""

    dataset: str = "imagenet"
    resolution: int = 224  # side of the square input, pixels
    train_images: int = 0  # class-balanced subset; 0: all that minival leaves
    minival_images: int = 25_022  # held out of the training images (2 % of ImageNet, §4.2)
    test_images: int = 0  # class-balanced subset; 0: all
    subset: int = 0  # another number draws another training subset of the same size
    split: str = ""  # "blocks": subsets share no image, see rslib.data.splits.by_blocks
    further_images: int = 0  # of "blocks": training images that no subset holds, to test on
    balance: str = ""  # "sampling": classes are drawn equally often; "weights": weigh as much
    crop_area: float = 0.08  # smallest area of the random resized crop
    pixel_reference: int = 0  # RandAugment's pixel lengths scale below this side; 0: absolute
    frames: int = 0  # of a clip; 0: single images, to which the fields below say nothing
    frame_stride: int = 2  # frames of the video from one of a clip to the next
    test_resolution: int = 0  # side of a crop in testing, pixels; 0: as in training
    test_clips: int = 10  # that are spread over a video in testing …
    test_crops: int = 3  # … times crops of each; softmax is averaged over all

    @property
    def test_passes(self) -> float:
        """How many forward passes of a training view the evaluation of one example costs."""
        if not self.frames:
            return 1.0
        side = self.test_resolution or self.resolution
        return self.test_clips * self.test_crops * (side / self.resolution) ** 2

    @property
    def test_orders(self) -> tuple[str, ...]:
        """What test clips are shown as besides themselves, at reduced scales, where they are few.

        By them one can tell whether a network sees motion.
        """
        return ("one-frame", "shuffled") if self.frames and self.test_images else ()


@dataclass(frozen=True, kw_only=True)
class Regularization:
    """Regularization methods (§4.2). 0 turns a method off."""

    label_smoothing: float = 0.0
    stochastic_depth: float = 0.0
    randaugment: float = 0.0  # magnitude on the TF /10 scale; two operations an image
    solarize_wrap: bool = False  # TF quirk: the Solarize threshold wraps modulo 256
    contrast_count: bool = False  # TF quirk: Contrast takes the pixel count for the mean
    dropout: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Optim:
    """SGD with momentum (Appendix B), or the RMSProp that EfficientNets are trained by (§7.2).

    Weight decay is coupled, as an L2 loss would be.
    """

    optimizer: str = "sgd"  # or "rmsprop", which takes no notice of nesterov
    epochs: int = 90
    schedule: str = "stepwise"  # or "cosine", "exponential"
    warmup_epochs: float = 5.0
    batch_size: int = 256
    micro_batch: int = 0  # images normalised together by BN; 0: the whole batch
    # the paper's rule is 0.1 * batch_size / 256, EfficientNet's 0.016 * batch_size / 256
    peak_rate: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 1e-4
    decay_biases: bool = True  # TF1: everything but BN; False: kernels only
    ema_decay: float = 0.9999


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a training run: task, network, data, regularization, optimizer."""

    task: str = "classify"
    model: Model = field(default_factory=Model)
    data: Data = field(default_factory=Data)
    regularization: Regularization = field(default_factory=Regularization)
    optim: Optim = field(default_factory=Optim)


def evolve(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The same recipe with some fields changed, e.g. ``{"optim.weight_decay": 4e-5}``.

    Raises InputError for a field that does not exist.
    """
    value: Any
    nodes: list[Any]
    for path, value in changes.items():
        *parents, name = path.split(".")
        nodes = [recipe]
        for parent in parents:
            nodes.append(_child(nodes[-1], parent, path))
        if isinstance(_child(nodes[-1], name, path), float):
            value = float(value)  # 15 and 15.0 are one recipe, and so have one key
        for node, attribute in zip(reversed(nodes), [name, *reversed(parents)], strict=True):
            value = dataclasses.replace(node, **{attribute: value})
        recipe = value
    return recipe


def _child(node: object, name: str, path: str) -> Any:
    names = [f.name for f in dataclasses.fields(node)] if dataclasses.is_dataclass(node) else []
    if name not in names:
        raise InputError(f"recipe has no field {path!r}{suggest(name, names)}")
    return getattr(node, name)


def suggest(name: object, known: Iterable) -> str:
    """``; did you mean 'x'?`` for the nearest known name, or the whole list."""
    words = [str(word) for word in known]
    near = get_close_matches(str(name), words, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; choose from {', '.join(words)}"


def to_dict(recipe: Recipe) -> dict:
    return dataclasses.asdict(recipe)


def from_dict(values: dict) -> Recipe:
    """The inverse of to_dict; fields that are absent take their defaults, unknown ones raise."""
    recipe = Recipe()
    for name, value in values.items():
        fields = {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {}
        recipe = evolve(recipe, fields or ({} if isinstance(value, dict) else {name: value}))
    return recipe


def non_default(recipe: Recipe) -> dict[str, Any]:
    """Only the fields that differ from their defaults, as ``{"optim.epochs": 350, …}``."""
    changed = {}
    for part in dataclasses.fields(recipe):
        value, default = getattr(recipe, part.name), getattr(Recipe(), part.name)
        if not dataclasses.is_dataclass(value):
            if value != default:
                changed[part.name] = value
            continue
        for f in dataclasses.fields(value):
            if getattr(value, f.name) != getattr(default, f.name):
                changed[f"{part.name}.{f.name}"] = getattr(value, f.name)
    return changed


def sha256(value: object) -> str:
    """SHA-256 of a value's canonical JSON (sorted keys, no NaN)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def identity(recipe: Recipe) -> dict[str, Any]:
    """What a recipe computes: its non-default fields, without the name of the data set.

    A field added later, with a default that means "as before", changes no identity.
    """
    return {k: v for k, v in non_default(recipe).items() if k != "data.dataset"}


def key(recipe: Recipe, manifest_sha256: str) -> str:
    """Ten hex digits that name a result: what was computed, on which images.

    Device, workers, threads and folders have no part in it. Neither has the data set's name:
    the manifest's hash says which images they were.
    """
    return sha256([identity(recipe), manifest_sha256, NUMERICS_VERSION])[:10]


CROWD = min(1024, max(64, 4 * (os.cpu_count() or 1)))  # threads or processes a machine can bear
MOST = {  # of what is counted: nobody means more
    "epochs": 1_000_000,
    "seeds": 10_000,
    "threads": CROWD,
    "workers": CROWD,
    "sample": 1_000_000_000,
    "batch": 65_536,
    "seed": 2**31 - 1,
    "top": 1_000_000,
    "resolution": 8192,
    "side": 8192,
}


def count(
    name: str, given: object, least: int, *, optional: bool = False, shown: Callable = repr
) -> Any:
    """A whole number from `least` to the most of its kind. Raises InputError."""
    if optional and given is None:
        return given
    kind = name.lstrip("-")
    if type(given) is int and least <= given <= MOST[kind]:
        return given
    what = "whole pixels" if kind in ("resolution", "side") else "a whole number"
    limit = f"from {least} on"
    if type(given) is int and given > least:
        limit = f"up to {MOST[kind]:,}"
    raise InputError(f"{name} is {shown(given)[:40]}; give {what} {limit}")
