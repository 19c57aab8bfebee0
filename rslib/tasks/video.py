"""Video classification: labelled clips to top-1, by the mean of the softmax over views."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch.nn.functional import cross_entropy

from rslib import models, paths
from rslib.config import InputError, Recipe, suggest
from rslib.data import clips
from rslib.data.clips import DATASETS, ClipSet, Show, Source
from rslib.data.loaders import ALL
from rslib.data.splits import clean_train
from rslib.recipes import video_scales
from rslib.training.memory import saved_bytes
from rslib.training.metrics import Correct


@dataclass(frozen=True)
class Video:
    """See `rslib.tasks.Task`. A batch has clips as uint8 (N, 3, T, S, S) in training, and their
    views as (N, V, 3, T, S, S) in evaluation."""

    PAPERS_DATA: ClassVar[str] = "Kinetics-400"
    recipe: Recipe
    clip_set: ClipSet
    workers: int = 0
    device: torch.device | None = None

    @staticmethod
    def papers_data(dataset: str, data_dir: str) -> Path | None:
        root = paths.data_root(data_dir) if dataset in ("", "kinetics-400") else None
        return root if root and clips.is_kinetics(root) else None

    @staticmethod
    def choose_dataset(scale: str, dataset: str, data_dir: str) -> str:
        if dataset not in ("", *DATASETS):
            raise InputError(f"no clips called {dataset!r}{suggest(dataset, DATASETS)}")
        if scale == "paper":
            if dataset == "clips":
                raise InputError(f"scale 'paper' is Kinetics-400's; dataset {dataset!r} is not")
            return "kinetics-400"
        if dataset == "clips" and data_dir:
            raise InputError("the embedded clips are built; for Kinetics set dataset kinetics-400")
        if not dataset:
            paths.data_root(data_dir)  # what RSLIB_DATA names is not silently left for another set
        return dataset or ("kinetics-400" if data_dir else "clips")

    @staticmethod
    def source(dataset: str, data_dir: str, cache_dir: Path, report: Callable) -> Source:
        return clips.source(dataset, data_dir, report)

    @staticmethod
    def decoded(listing: Source, report: Callable) -> Source:
        return listing  # `open` keeps the frames of small sets on disk

    @staticmethod
    def available(source: Source) -> int:
        return source.available

    at_scale = staticmethod(video_scales.at_scale)
    own_epochs = staticmethod(video_scales.own_epochs)

    @staticmethod
    def open(recipe: Recipe, source: Source, cache_dir: Path, report: Callable) -> ClipSet:
        return clips.open_clips(recipe.data, source, Show.of(recipe.data), cache_dir, report)

    @staticmethod
    def in_words(recipe: Recipe, manifest: dict, name: str) -> str:
        named = "the embedded set" if name == "clips" else name
        memory = saved_bytes(recipe, manifest["classes"]) / 2**20
        return (
            f"{recipe.model}, {recipe.data.frames} frames of {recipe.data.resolution} px, "
            f"{manifest['train']:,} training clips of {named}, "
            f"{memory:,.1f} MiB of activations a clip"
        )

    def build(self):
        return models.build(self.recipe, num_classes=len(self.clip_set.classes))

    def loaders(self, seed, start_step=0, share=ALL):
        """(training batches from ``start_step`` on, {split: evaluation batches}), of a share."""
        o, found = self.recipe.optim, self.clip_set
        show = Show.of(self.recipe.data)
        where = {"share": share, "workers": self.workers, "device": self.device}
        train = clips.train_batches(
            found,
            show,
            batch_size=o.batch_size,
            micro_batch=o.micro_batch,
            epochs=o.epochs,
            seed=seed,
            start_step=start_step,
            **where,
        )
        # as many clean training clips as minival has, or else as are tested
        checked = clean_train(len(found.train), len(found.minival) or len(found.test))
        splits = {"train": found.train.take(checked), "test": found.test}
        if len(found.minival):
            splits["minival"] = found.minival
        videos = max(1, self.views_at_once // (show.clips * show.crops))
        evaluations = {
            name: clips.eval_batches(part, show, part=name, batch_size=videos, **where)
            for name, part in splits.items()
        }
        evaluations |= {
            order: clips.eval_batches(
                found.test, show, part=order, order=order, batch_size=videos, **where
            )
            for order in self.recipe.data.test_orders
        }
        return train, evaluations

    @property
    def views_at_once(self) -> int:
        """How many the network is given in evaluation: as many as fit in training."""
        return self.recipe.optim.micro_batch or self.recipe.optim.batch_size

    def loss(self, model, batch):
        """Mean softmax cross-entropy with label smoothing, in float32."""
        shown, labels = batch
        smoothing = self.recipe.regularization.label_smoothing
        return cross_entropy(model(scaled(shown)).float(), labels, label_smoothing=smoothing)

    def predict(self, model, batch):
        """(probabilities (N, C), labels (N,)): the softmax of each view, averaged over a video."""
        views, labels = batch
        logits = [model(scaled(few)) for few in views.flatten(0, 1).split(self.views_at_once)]
        probabilities = torch.cat(logits).float().softmax(1)  # (N·V, C)
        return probabilities.unflatten(0, views.shape[:2]).mean(1), labels

    def metrics(self, output_transform=lambda output: output):
        return {"top1": Correct(output_transform)}


def scaled(shown):
    """uint8 (N, 3, T, S, S) -> float32 from 0 to 1, channels last.

    The authors' video code only divides: no mean is subtracted.
    """
    return (shown / 255).contiguous(memory_format=torch.channels_last_3d)
