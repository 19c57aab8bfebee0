"""One training step of the engine against timm's and torchvision's networks, 160 px, CPU, fp32.

    .venv/bin/python bench/train_step.py [rounds, at least 2]

A step is normalisation, forward, loss, backward, optimizer and average of the weights, on one
thread. timm's side is timm's network with its own loss and ModelEmaV3 and torch.optim.SGD as it
comes, in the default memory format as its train script has it, with channels last, and compiled.
torchvision's side is its ResNet-50 with torch's AveragedModel in every step; ours then is the
ResNet-50 of the paper's baseline. ResNet-RS trains by the paper's Table 8:
dropout 0.25, no stochastic depth, label smoothing 0.1.
"""

import tempfile
from pathlib import Path
from types import SimpleNamespace

import timm
import torch
import torchvision
from measure import interleaved, main, ratio
from timm.loss import LabelSmoothingCrossEntropy
from timm.utils import ModelEmaV3
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from rslib.config import Recipe, evolve
from rslib.tasks.classify import MEAN, STD, Classify
from rslib.training.engine import Run

BATCH, SIDE, CLASSES = 16, 160, 1000
PLAIN = evolve(
    Recipe(),
    {
        "regularization.label_smoothing": 0.1,
        "optim.batch_size": BATCH,
        "optim.peak_rate": 0.1 * BATCH / 256,
        "optim.weight_decay": 4e-5,
    },
)
RS = evolve(
    PLAIN,
    {"model.resnet_d": True, "model.se_ratio": 0.25, "regularization.dropout": 0.25},
)
RS_50, RESNET_50 = "ResNet-RS-50", "ResNet-50"


class OneBatch(Classify):
    """The task as it is, but without a data set: the bench hands over the batch itself."""

    def loaders(self, seed, start_step=0, share=None):
        return SimpleNamespace(batch_sampler=SimpleNamespace(steps_per_epoch=1000)), {}


def rslib_step(recipe, batch, folder, compiled=False):
    """(step, network): the engine's own step, not a copy of it, on the device of the batch.

    step takes another batch on the way, if one is given.
    """
    task = OneBatch(recipe, SimpleNamespace(classes=range(CLASSES)))
    run = Run(task, recipe, Path(folder), 0, batch[0].device, print, lambda: False)
    run.progress.compiled = compiled
    run.progress.sessions.append({})
    engine = SimpleNamespace(state=SimpleNamespace(iteration=0))

    def step(given=batch):
        engine.state.iteration += 1
        run.step(engine, [given])

    return step, run.model


def peer_step(model, loss_of, average, batch, *, channels_last=False, compiled=False, amp=False):
    """The step of a common training script, on the device of the batch; amp: in bfloat16.

    average: model -> its update.
    """
    (images, labels), kept = batch, torch.contiguous_format
    if channels_last:
        kept = torch.channels_last
    device = images.device
    model = model.to(device=device, memory_format=kept).train()
    update = average(model)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=1e-3, momentum=0.9, nesterov=True, weight_decay=4e-5
    )
    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (MEAN, STD))
    forward = torch.compile(model) if compiled else model

    def step():
        optimizer.zero_grad()
        pixels = images.float().sub_(mean).div_(std).contiguous(memory_format=kept)
        with torch.autocast(device.type, torch.bfloat16, enabled=amp):
            loss = loss_of(forward(pixels), labels)
        loss.backward()
        optimizer.step()
        update()

    return step, model


def timm_average(model):
    ema = ModelEmaV3(model, decay=0.9999)
    return lambda: ema.update(model)


def torch_average(model):
    ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9999), use_buffers=True)
    return lambda: ema.update_parameters(model)


def timm_step(batch, name="resnetrs50", **how):
    model = timm.create_model(name, drop_rate=0.25, drop_path_rate=0.0)
    return peer_step(model, LabelSmoothingCrossEntropy(0.1), timm_average, batch, **how)


def torchvision_step(batch):
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    return peer_step(torchvision.models.resnet50(), loss_of, torch_average, batch)


def bench(rounds=8):
    torch.set_num_threads(1)
    images = torch.randint(0, 256, (BATCH, 3, SIDE, SIDE), dtype=torch.uint8)
    batch = images, torch.randint(0, CLASSES, (BATCH,))
    with tempfile.TemporaryDirectory() as folder:
        steps = {
            RS_50: {
                "rslib": rslib_step(RS, batch, f"{folder}/a"),
                "rslib, compiled": rslib_step(RS, batch, f"{folder}/b", compiled=True),
                "timm": timm_step(batch),
                "timm, channels last": timm_step(batch, channels_last=True),
                "timm, compiled": timm_step(batch, channels_last=True, compiled=True),
            },
            RESNET_50: {
                "rslib": rslib_step(PLAIN, batch, f"{folder}/c"),
                "torchvision": torchvision_step(batch),
            },
        }
        seconds = {}
        for network, sides in steps.items():
            sizes = {sum(p.numel() for p in model.parameters()) for _, model in sides.values()}
            assert len(sizes) == 1, sizes
            calls = {name: step for name, (step, _) in sides.items()}
            seconds[network] = interleaved(calls, rounds, warmup=2)
    return [
        ratio(f"training step of {network}", seconds[network], ours, peer, goal)
        for network, ours, peer, goal in (
            (RS_50, "rslib", "timm", "≥ 1.15"),
            (RS_50, "rslib", "timm, channels last", ""),
            (RS_50, "rslib, compiled", "timm", "≥ 1.35"),
            (RS_50, "rslib, compiled", "timm, compiled", ""),
            (RESNET_50, "rslib", "torchvision", ""),
        )
    ]


if __name__ == "__main__":
    main(bench)
