"""One training step of 3D ResNet-50 against the plain network and torchvision's r3d_18, CPU, fp32.

    .venv/bin/python bench/video_step.py [rounds, at least 2]

A step is uint8 clips to float, forward, loss, backward, optimizer and average of the weights, on
one thread: 4 clips of 8 frames and 64 px, the last row of regularization of Table 6. Ours has the
engine's optimizer and average, and channels last. The plain side is the same network in the default
memory format, with torch.optim.SGD and AveragedModel; so is torchvision's r3d_18, which is another
network: its seconds are compared per FLOP, counted by `rslib.costs.counts`. Both peers are shown
with channels last too. The last rows are of the scale `laptop`: our step in both memory formats,
and our step on clips that one loader worker decodes from mp4 files, against clips in memory.
"""

import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import torch
import torchvision
from measure import interleaved, main, ratio
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from rslib import models
from rslib.config import evolve
from rslib.costs.counts import count_network
from rslib.data import clips as data_clips
from rslib.data.clips import Show, frames
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
STEPS = 8  # of a round from files
AHEAD = 2  # batches that PyTorch asks of a worker before they are wanted


def stepping(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: Callable[[], object],
    batch: tuple[torch.Tensor, torch.Tensor],
    layout: torch.memory_format,
    half: bool,
) -> Callable[..., None]:
    smoothing = RECIPE.regularization.label_smoothing

    def step(shown=batch):
        clips, labels = shown
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


def from_files(rounds, steps=STEPS):
    """Our step at the scale `laptop` on clips as one worker decodes them, and on clips in memory.

    One worker is asked for two batches ahead. In its pause it fills these, which would be a gain
    that no training has. So before the clock starts they are thrown away, and one step is made.
    Wall seconds only: those of the CPU would be without the worker's.
    """
    recipe = at_scale(TABLE_6.row("scale-jittering"), "laptop").recipe
    count = recipe.optim.batch_size
    few = {"data.train_images": 4 * count, "data.minival_images": 8, "data.test_images": 8}
    recipe = evolve(recipe, few)
    with tempfile.TemporaryDirectory() as folder, closing(decoded(recipe, folder)) as stream:
        held = [next(stream) for _ in range(steps)]
        step = our_step(held[0], recipe)
        ours, peer = "from mp4 files, one worker", "clips in memory"
        sides = {
            ours: lambda: [step(next(stream)) for _ in range(steps)],
            peer: lambda: [step(batch) for batch in held],
        }

        def settle():
            for _ in range(AHEAD):
                next(stream)
            step(next(stream))

        # the worker has its two batches when the other side begins
        before = {ours: settle, peer: lambda: [step(batch) for batch in held[:AHEAD]]}
        seconds = interleaved(sides, rounds, warmup=1, before=before)
    found = ratio("training step of Table 6 at the scale `laptop`", seconds, ours, peer, "≥ 0.9")
    return {name: value for name, value in found.items() if name != "cpu"}


def decoded(recipe, folder):
    """Endless training batches of embedded clips, whose frames are not kept: files are decoded."""
    frames.SMALL_FILES = 0  # as for a large set
    show, quiet = Show.of(recipe.data), lambda line: None
    source = data_clips.source("clips")
    found = data_clips.open_clips(recipe.data, source, show, Path(folder), quiet)
    size = recipe.optim.batch_size
    yield from data_clips.train_batches(
        found, show, batch_size=size, epochs=100_000, seed=1, workers=1
    )


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
        from_files(2 * rounds),
    ]


if __name__ == "__main__":
    main(bench)
