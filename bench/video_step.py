"""One training step of 3D ResNet-50 against the plain network and torchvision's r3d_18, CPU, fp32.

    .venv/bin/python bench/video_step.py [rounds, at least 2]

A step is uint8 clips to float, forward, loss, backward, optimizer and average of the weights, on
one thread: 4 clips of 8 frames and 64 px, the last row of regularization of Table 6. Ours has the
engine's optimizer and average, and channels last. The plain side is the same network in the default
memory format, with torch.optim.SGD and AveragedModel; so is torchvision's r3d_18, which is another
network: its seconds are compared per FLOP, counted by `rslib.costs.counts`. Both peers are shown
with channels last too. The last row is our step at the scale `laptop`, in both memory formats.
"""

from collections.abc import Callable
from functools import partial

import torch
import torchvision
from measure import interleaved, main, ratio
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from rslib import models
from rslib.config import evolve
from rslib.costs.counts import count_network
from rslib.recipes.video import TABLE_6
from rslib.recipes.video_scales import at_scale
from rslib.training import optim
from rslib.training.ema import Ema

BATCH, FRAMES, SIDE, CLASSES = 4, 8, 64, 400
RECIPE = evolve(
    TABLE_6.row("scale-jittering").recipe,
    {"data.frames": FRAMES, "data.resolution": SIDE, "optim.peak_rate": 1e-3},
)
PLAIN, CHANNELS_LAST = torch.contiguous_format, torch.channels_last_3d
OURS, R3D = "3D ResNet-50", "r3d_18"


def stepping(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: Callable[[], object],
    batch: tuple[torch.Tensor, torch.Tensor],
    layout: torch.memory_format,
    half: bool,
) -> Callable[[], None]:
    clips, labels = batch
    smoothing = RECIPE.regularization.label_smoothing

    def step():
        optimizer.zero_grad()
        with torch.autocast(clips.device.type, torch.bfloat16, enabled=half):
            pixels = (clips / 255).contiguous(memory_format=layout)
            loss = cross_entropy(model(pixels).float(), labels, label_smoothing=smoothing)
        loss.backward()
        optimizer.step()
        average()

    return step


def our_step(batch, recipe=RECIPE, half=False, layout=CHANNELS_LAST):
    model = models.build(recipe, CLASSES)
    model = model.to(device=batch[0].device, memory_format=layout).train()
    ema = Ema(model)
    optimizer = optim.optimizer(model, recipe.optim)
    return stepping(model, optimizer, partial(ema.update, 1000), batch, layout, half)


def peer_step(model, batch, layout=PLAIN, half=False):
    model = model.to(device=batch[0].device, memory_format=layout).train()
    ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9999), use_buffers=True)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=1e-3, momentum=0.9, nesterov=True, weight_decay=4e-5
    )
    return stepping(model, optimizer, partial(ema.update_parameters, model), batch, layout, half)


def training_flops(build):
    """Of a step of one clip."""
    with torch.device("meta"):
        clip = torch.empty(1, 3, FRAMES, SIDE, SIDE)
        return count_network(build().eval(), clip).training_flops


def at_laptop_scale(rounds):
    """Our step of the recorded runs, channels last and not."""
    recipe = at_scale(TABLE_6.row("scale-jittering"), "laptop").recipe
    data, count = recipe.data, recipe.optim.batch_size
    shape = count, 3, data.frames, data.resolution, data.resolution
    batch = torch.randint(0, 256, shape, dtype=torch.uint8), torch.randint(0, 8, (count,))
    ours, other = "rslib", "rslib, contiguous"
    sides = {ours: our_step(batch, recipe), other: our_step(batch, recipe, layout=PLAIN)}
    seconds = interleaved(sides, rounds, warmup=1)
    return ratio("training step of Table 6 at the scale `laptop`", seconds, ours, other)


def bench(rounds=4):
    torch.set_num_threads(1)
    clips = torch.randint(0, 256, (BATCH, 3, FRAMES, SIDE, SIDE), dtype=torch.uint8)
    batch = clips, torch.randint(0, CLASSES, (BATCH,))
    ours = partial(models.build, RECIPE, CLASSES)
    r3d = partial(torchvision.models.video.r3d_18, num_classes=CLASSES)
    sides = {
        "rslib": our_step(batch),
        "plain": peer_step(ours(), batch),
        "plain, channels last": peer_step(ours(), batch, CHANNELS_LAST),
        R3D: peer_step(r3d(), batch),
        f"{R3D}, channels last": peer_step(r3d(), batch, CHANNELS_LAST),
    }
    seconds = interleaved(sides, rounds, warmup=1)
    giga = {name: training_flops(r3d if R3D in name else ours) / 1e9 for name in sides}
    per_flop = {
        name: {clock: [s / giga[name] / BATCH for s in values] for clock, values in clocks.items()}
        for name, clocks in seconds.items()
    }
    what = f"training step of {OURS}"
    return [
        ratio(what, seconds, "rslib", "plain", "≥ 1.1"),
        ratio(what, seconds, "rslib", "plain, channels last"),
        ratio(f"{what} per GFLOP", per_flop, "rslib", R3D, "≥ 1.1"),
        ratio(f"{what} per GFLOP", per_flop, "rslib", f"{R3D}, channels last"),
        at_laptop_scale(2 * rounds),
    ]


if __name__ == "__main__":
    main(bench)
