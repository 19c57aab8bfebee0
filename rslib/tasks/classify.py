"""Image classification: labelled images to top-1."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from rslib import models, paths
from rslib.config import InputError, Recipe
from rslib.data import images
from rslib.data.images import ImageSet
from rslib.data.loaders import ALL, eval_batches, train_batches
from rslib.data.splits import clean_train
from rslib.recipes import scales
from rslib.training.metrics import Correct

# ImageNet's channel means and deviations, for every data set: pixels 0…255
MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)


@dataclass(frozen=True)
class Classify:
    """See `rslib.tasks.Task`. device: a GPU, which then augments the batches; `train_batches`.

    start: tensors by name that a new network gets in place of random ones; it keeps the others.
    """

    PAPERS_DATA: ClassVar[str] = "ImageNet"
    recipe: Recipe
    image_set: ImageSet
    workers: int = 0
    device: torch.device | None = None
    start: Mapping[str, torch.Tensor] | None = None
    _weights: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    @staticmethod
    def papers_data(dataset: str, data_dir: str) -> Path | None:
        found = paths.imagenet_dir(data_dir) if dataset in ("", "imagenet") else None
        return found if paths.is_imagenet(found) else None

    @staticmethod
    def choose_dataset(scale: str, dataset: str, data_dir: str) -> str:
        if scale == "paper":
            if dataset not in ("", "imagenet"):
                raise InputError(f"scale 'paper' is ImageNet's; dataset {dataset!r} is not")
            if not paths.is_imagenet(paths.imagenet_dir(data_dir)):
                raise InputError(
                    "scale 'paper' needs ImageNet (train/ and val/ of 1,000 wnid folders): set "
                    "data_dir or RSLIB_DATA to it, or choose scale 'gpu' or 'laptop'"
                )
            return "imagenet"
        if dataset == "fashion-mnist" and data_dir:
            raise InputError("fashion-mnist is embedded; for your own images set dataset 'folder'")
        if not dataset:
            paths.data_root(data_dir)  # what RSLIB_DATA names is not silently left for another set
        return dataset or ("folder" if data_dir else "fashion-mnist")

    source = staticmethod(images.source)
    decoded = staticmethod(images.decoded)
    at_scale = staticmethod(scales.at_scale)
    own_epochs = staticmethod(scales.own_epochs)

    @staticmethod
    def available(source: tuple) -> int:
        return len(source[0])

    @staticmethod
    def open(recipe: Recipe, source: tuple, cache_dir: Path, report: Callable) -> ImageSet:
        return images.open_images(recipe.data, source, cache_dir, report)

    @staticmethod
    def in_words(recipe: Recipe, manifest: dict, name: str) -> str:
        return (
            f"{recipe.model}, {recipe.data.resolution} px, "
            f"{manifest['train']:,} training images of {name}"
        )

    def build(self):
        network = models.build(self.recipe, num_classes=len(self.image_set.classes))
        if self.start is not None:
            network.load_state_dict({**network.state_dict(), **self.start})
        return network

    def loaders(self, seed, start_step=0, share=ALL):
        """(training batches from ``start_step`` on, {split: evaluation batches}), of a share."""
        where = {"share": share, "workers": self.workers, "device": self.device}
        train = train_batches(
            self.image_set,
            self.recipe,
            seed=seed,
            start_step=start_step,
            **where,
        )
        splits = {
            "minival": self.image_set.minival,
            "train": self._clean_train(),
        }
        if len(self.image_set.test):
            splits["test"] = self.image_set.test
        if self.image_set.further is not None:
            splits["further"] = self.image_set.further
        evaluations = {
            name: eval_batches(images, self.recipe.data, **where) for name, images in splits.items()
        }
        return train, evaluations

    def loss(self, model, batch):
        """Mean softmax cross-entropy with label smoothing, in float32."""
        images, labels = batch
        return cross_entropy(
            model(normalise(images)).float(),
            labels,
            weight=self._class_weights(images.device),
            label_smoothing=self.recipe.regularization.label_smoothing,
        )

    def predict(self, model, batch):
        images, labels = batch
        return model(normalise(images)).float(), labels

    def metrics(self, output_transform=lambda output: output):
        return {"top1": Correct(output_transform)}

    def _class_weights(self, device):
        """float32 (classes,), in proportion to 1 / training images; None where all weigh the same.

        The mean over training images is 1. A class without any has weight 0.
        """
        if self.recipe.data.balance != "weights":
            return None
        if device not in self._weights:  # copied once: a copy in every step would make a GPU wait
            labels = self.image_set.train.labels
            sizes = np.bincount(labels, minlength=len(self.image_set.classes))
            there = sizes > 0
            weights = np.where(there, len(labels) / (there.sum() * np.maximum(sizes, 1)), 0)
            self._weights[device] = torch.tensor(weights, dtype=torch.float32, device=device)
        return self._weights[device]

    def _clean_train(self):
        """Training images as evaluation shows them: as many as minival, evenly spread."""
        train = self.image_set.train
        return train.take(clean_train(len(train), len(self.image_set.minival)))


def normalise(images):
    """uint8 (N, 3, H, W) -> float32, zero mean and unit deviation on ImageNet, channels last."""
    mean, std = channel_statistics(images.device)
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


@cache  # made once a device: a copy to a GPU in every step would make it wait
def channel_statistics(device):
    return tuple(torch.tensor(v, device=device).view(3, 1, 1) for v in (MEAN, STD))
