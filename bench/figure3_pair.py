"""Which wider network costs as much time as ResNet-200 at width 0.125? Chooses Figure 3's pair.

The list was written before any of these networks was trained. Each round times a training step of
every network in turn, on one thread, by CPU time, so that other programs change little; the median
ratio over the rounds decides. The pair is then frozen in `rslib.recipes.scaling`.
"""

import argparse
import time
from statistics import median

import torch
from torch.nn.functional import cross_entropy

from rslib import models
from rslib.config import evolve
from rslib.recipes.scales import at_scale
from rslib.recipes.scaling import FIGURE_3
from rslib.training import ema, optim

DEEP = (200, 0.125)
WIDER = ((101, 0.1875), (101, 0.25), (101, 0.3125))  # (depth, width)


def step_of(depth, width):
    """step(): train on one batch of the laptop scale."""
    recipe = at_scale(FIGURE_3.row("deep-350"), "laptop", block=1).recipe
    recipe = evolve(recipe, {"model.depth": depth, "model.width": width})
    network = models.build(recipe, num_classes=10).to(memory_format=torch.channels_last).train()
    optimizer, average = optim.optimizer(network, recipe.optim), ema.Ema(network)
    images = torch.randn(recipe.optim.batch_size, 3, 32, 32)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (len(images),))

    def step():
        optimizer.zero_grad()
        cross_entropy(network(images), labels).backward()
        optimizer.step()
        average.update(1)

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    networks = {(depth, width): step_of(depth, width) for depth, width in (DEEP, *WIDER)}
    seconds = {name: [] for name in networks}
    for round in range(rounds + 1):
        for name, step in networks.items():
            begin = time.process_time()
            step()
            if round:  # the first one makes momentum and workspaces
                seconds[name].append(time.process_time() - begin)
    for name in WIDER:
        ratios = [wide / deep for wide, deep in zip(seconds[name], seconds[DEEP], strict=True)]
        print(
            f"depth {name[0]}, width {name[1]}: {1000 * median(seconds[name]):.0f} ms a step, "
            f"{median(ratios):.2f} of depth {DEEP[0]}, width {DEEP[1]} "
            f"({min(ratios):.2f} to {max(ratios):.2f}, {rounds} rounds)"
        )


if __name__ == "__main__":
    main()
