"""Where the time of a laptop-scale training step goes, and what could make it shorter.

The step is that of Table 1's row with all regularization: a ResNet-26 of quarter width, 64 images
of 32 pixels, on one thread. Alternatives are timed in turn, by CPU time; a ratio above 1 is faster
than the step as it is. Last comes the time that the arithmetic takes at one core's matrix rate.
"""

import argparse
import time
from statistics import median

import torch
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile

from rslib import models
from rslib.costs import counts
from rslib.recipes.blocks import TABLE_1_BLOCKS
from rslib.recipes.scales import at_scale
from rslib.training import ema, optim

RECIPE = at_scale(TABLE_1_BLOCKS.row("all"), "laptop", block=1).recipe
GROUPS = {
    "convolution": ("convolution", "copy_", "contiguous"),  # copies: weights between two layouts
    "batch norm": ("batch_norm",),
    "ReLU, addition": ("threshold", "relu", "clamp", "aten::add"),
    "optimizer, average": ("sgd", "lerp", "Optimizer"),
}


def step_of(order=torch.channels_last, compiled=False):
    """step(): train on one batch."""
    network = models.build(RECIPE, num_classes=10).to(memory_format=order).train()
    optimizer, average = optim.optimizer(network, RECIPE.optim), ema.Ema(network)
    size, side = RECIPE.optim.batch_size, RECIPE.data.resolution
    images = torch.randn(size, 3, side, side).to(memory_format=order)
    labels = torch.randint(0, 10, (size,))
    forward = torch.compile(network) if compiled else network

    def step():
        optimizer.zero_grad()
        cross_entropy(forward(images), labels).backward()
        optimizer.step()
        average.update(1)

    return step


def shares(step, times=10):
    """{group: share of the profiled CPU time}."""
    with profile(activities=[ProfilerActivity.CPU]) as held:
        for _ in range(times):
            step()
    spent = dict.fromkeys([*GROUPS, "other"], 0.0)
    for event in held.key_averages():
        of = (name for name, parts in GROUPS.items() if any(p in event.key for p in parts))
        spent[next(of, "other")] += event.self_cpu_time_total
    return {name: value / sum(spent.values()) for name, value in spent.items()}


def matrix_rate(size=1024):
    """FLOPs a second of this core in float32."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    seconds = []
    for _ in range(8):
        begin = time.process_time()
        a @ b
        seconds.append(time.process_time() - begin)
    return 2 * size**3 / min(seconds[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--compile", action="store_true", help="time a compiled step too")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    steps = {"as it is": step_of(), "contiguous": step_of(torch.contiguous_format)}
    if asked.compile:
        steps["compiled"] = step_of(compiled=True)
    seconds = {name: [] for name in steps}
    for round in range(asked.rounds + 2):
        for name, step in steps.items():
            begin = time.process_time()
            step()
            if round > 1:  # the first ones make momentum, workspaces and compiled code
                seconds[name].append(time.process_time() - begin)
    usual = seconds["as it is"]
    for name, of in seconds.items():
        ratio = median(a / b for a, b in zip(usual, of, strict=True))
        print(f"{name}: {1000 * median(of):.1f} ms a step, ratio {ratio:.2f}")
    for name, share in shares(steps["as it is"]).items():
        print(f"{name}: {100 * share:.0f} %")
    flops = counts.count_recipe(RECIPE, 10).training_flops * RECIPE.optim.batch_size
    print(f"arithmetic at this core's matrix rate: {1000 * flops / matrix_rate():.1f} ms")


if __name__ == "__main__":
    main()
