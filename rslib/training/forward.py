"""A batch through a network: onto its device, in its precision, to the loss or to metrics."""

from collections.abc import Iterable

import torch
from ignite.engine import Engine
from ignite.utils import convert_tensor
from torch import nn

from rslib.machine import has_bf16
from rslib.training.task import Batch, Loss, Task


def on(device: torch.device, batch: Batch) -> Batch:
    """A batch, of whatever structure, with its tensors on the device; the host does not wait."""
    moved = convert_tensor(batch, device, non_blocking=True)
    return moved  # pyrefly: ignore  Ignite takes and gives more kinds than tensors


def plain_loss(task: Task, model: nn.Module, device: torch.device) -> Loss:
    """batch -> loss, in the precision of the device."""

    def loss(batch: Batch) -> torch.Tensor:
        with autocast(device):
            return task.loss(model, batch)

    return loss


def autocast(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device))  # no loss scaling


def run_metrics(
    task: Task, networks: dict[str, nn.Module], batches: Iterable[Batch], device: torch.device
) -> dict[str, dict]:
    """{name: the task's metric} of several networks, from one pass over a split."""
    for network in networks.values():
        network.eval()  # the next training step sets the model back

    @torch.no_grad()
    def predict(_, batch):
        batch = on(device, batch)
        with autocast(device):
            return {name: task.predict(network, batch) for name, network in networks.items()}

    evaluator = Engine(predict)
    for name in networks:  # name=name below: without it every lambda would read the last name
        ((_, metric),) = task.metrics(lambda output, name=name: output[name]).items()
        metric.attach(evaluator, name)
    found = evaluator.run(batches).metrics  # Ignite adds a metric's inner keys beside its name
    return {name: found[name] for name in networks}
