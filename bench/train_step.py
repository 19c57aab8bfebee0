"""One training step of ResNet-RS-50: rslib's engine against timm, 160 px, batch 16, CPU, fp32.

    .venv/bin/python bench/train_step.py [rounds, at least 2]

A step is normalisation, forward, loss, backward, optimizer and EMA, on one thread and uncompiled.
timm's side is timm's network with its own loss and ModelEmaV2, torch.optim.SGD as it comes, and
the default memory format, as timm's train script has them on a CPU. Both train by the paper's
Table 8 for this network: dropout 0.25, no stochastic depth, label smoothing 0.1.
"""

import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import timm
import torch
from measure import interleaved, load, machine, show_ratio
from timm.loss import LabelSmoothingCrossEntropy
from timm.utils import ModelEmaV2

from rslib.config import Recipe, evolve
from rslib.engine import Run
from rslib.tasks.classify import MEAN, STD, Classify

BATCH, SIDE, CLASSES = 16, 160, 1000
RECIPE = evolve(
    Recipe(),
    {
        "model.resnet_d": True,
        "model.se_ratio": 0.25,
        "regularization.dropout": 0.25,
        "regularization.label_smoothing": 0.1,
        "optim.batch_size": BATCH,
        "optim.peak_rate": 0.1 * BATCH / 256,
        "optim.weight_decay": 4e-5,
    },
)


class OneBatch(Classify):
    """The task as it is, but without a data set: the bench hands over the batch itself."""

    def loaders(self, seed, start_step=0):
        return SimpleNamespace(batch_sampler=SimpleNamespace(steps_per_epoch=1000)), {}


def rslib_step(batch, folder):
    """The engine's own step, not a copy of it."""
    task = OneBatch(RECIPE, SimpleNamespace(classes=range(CLASSES)))
    run = Run(task, RECIPE, Path(folder), 0, torch.device("cpu"), print, lambda: False)
    engine = SimpleNamespace(state=SimpleNamespace(iteration=0))

    def step():
        engine.state.iteration += 1
        run.step(engine, [batch])

    return step, run.model


def timm_step(batch):
    (images, labels), optim = batch, RECIPE.optim
    model = timm.create_model("resnetrs50", drop_rate=0.25, drop_path_rate=0.0).train()
    loss_of, ema = LabelSmoothingCrossEntropy(0.1), ModelEmaV2(model, decay=optim.ema_decay)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=1e-3, momentum=0.9, nesterov=True, weight_decay=optim.weight_decay
    )
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))

    def step():
        optimizer.zero_grad()
        loss_of(model(images.float().sub_(mean).div_(std)), labels).backward()
        optimizer.step()
        ema.update(model)

    return step, model


def main(rounds=8):
    torch.set_num_threads(1)
    machine(torch.get_num_threads(), "torch", "timm")
    images = torch.randint(0, 256, (BATCH, 3, SIDE, SIDE), dtype=torch.uint8)
    batch = images, torch.randint(0, CLASSES, (BATCH,))
    with tempfile.TemporaryDirectory() as folder:
        (theirs, their_model), (ours, our_model) = timm_step(batch), rslib_step(batch, folder)
        counts = [sum(p.numel() for p in m.parameters()) for m in (their_model, our_model)]
        assert counts[0] == counts[1], counts
        sides = {"timm resnetrs50": theirs, "rslib resnet_rs(50)": ours}
        show_ratio(interleaved(sides, rounds, warmup=2), "timm resnetrs50", goal=1.10)
    print(f"load      {load()}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
