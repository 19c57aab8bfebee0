"""What the engine asks of a task: five names.

A protocol, so that a task in `rslib.tasks` need not inherit from anything.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch
from ignite.metrics import Metric
from torch import nn
from torch.utils.data import DataLoader

from rslib.data.loaders import ALL, Share

Batch = Sequence[torch.Tensor]  # of images: uint8 (N, 3, S, S) and int64 labels (N,)
Loss = Callable[[Batch], torch.Tensor]  # to a scalar, float32


class Batches(Protocol):
    """Micro-batches in the order of training: a DataLoader, or what wraps one.

    It may have `unreadable`, which `rslib.training.unread` counts.
    """

    @property
    def batch_sampler(self) -> Any: ...  # with steps_per_epoch, as `rslib.data.loaders.Schedule`

    def __iter__(self) -> Iterator[Batch]: ...


class Task(Protocol):
    def build(self) -> nn.Module:
        """A new network on the CPU. It draws its weights from torch's global generator."""
        ...

    def loaders(
        self, seed: int, start_step: int = 0, share: Share = ALL
    ) -> tuple[Batches, Mapping[str, DataLoader]]:
        """(training batches from start_step on, {split: evaluation batches}), of a share."""
        ...

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """The mean loss of one micro-batch, a scalar."""
        ...

    def predict(self, model: nn.Module, batch: Batch) -> Any:
        """What the metric is updated with, such as logits (N, C) and labels (N,)."""
        ...

    def metrics(self, output_transform: Callable[[Any], Any]) -> Mapping[str, Metric]:
        """{name: metric}, exactly one, which reads output_transform(output of an Ignite engine).

        It computes {"correct": sum of scores from 0 to 1, "n": of how many, "bits": which were
        right}: top-1 of images, or the mean over classes of a score that each class has.
        """
        ...
