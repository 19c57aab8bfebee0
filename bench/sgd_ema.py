"""Optimizer step and EMA update alone, on the weights of ResNet-RS-50 with fixed gradients.

    .venv/bin/python bench/sgd_ema.py [rounds, at least 2]

rslib.optim.sgd (fused) and rslib.ema.Ema (one call over prepared lists) against torch.optim.SGD as
it comes and timm.utils.ModelEmaV2, on one CPU thread.
"""

import copy
import sys

import torch
from measure import interleaved, load, machine, show_ratio
from timm.utils import ModelEmaV2

from rslib import optim
from rslib.config import Optim
from rslib.ema import Ema
from rslib.models import resnet_rs

SETTINGS = Optim(weight_decay=4e-5, peak_rate=1e-3)


def pair():
    """The same weights and gradients twice, channels last as the engine keeps them."""
    ours = resnet_rs(50).to(memory_format=torch.channels_last)
    theirs = copy.deepcopy(ours)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        a.grad = torch.randn_like(a)
        b.grad = a.grad.clone(memory_format=torch.preserve_format)
    return ours, theirs


def main(rounds=20):
    torch.set_num_threads(1)
    machine(torch.get_num_threads(), "torch", "timm")
    ours, theirs = pair()
    our_sgd, our_ema = optim.sgd(ours, SETTINGS), Ema(ours)
    their_ema = ModelEmaV2(theirs, decay=0.9999)
    their_sgd = torch.optim.SGD(
        theirs.parameters(), lr=1e-3, momentum=0.9, nesterov=True, weight_decay=4e-5
    )

    def both(sgd, update):
        sgd.step()
        update()

    def update_ours():
        our_ema.update(10**6)  # the decay of a long run

    def update_theirs():
        their_ema.update(theirs)

    parts = {
        "SGD": (their_sgd.step, our_sgd.step),
        "EMA": (update_theirs, update_ours),
        "SGD and EMA": (lambda: both(their_sgd, update_theirs), lambda: both(our_sgd, update_ours)),
    }
    for name, (peer, own) in parts.items():
        sides = {f"torch, timm {name}": peer, f"rslib {name}": own}
        goal = 2 if "and" in name else None
        show_ratio(interleaved(sides, rounds, warmup=3), f"torch, timm {name}", goal)
    for a, b in ((ours, theirs), (our_ema.module, their_ema.module)):
        same = zip(a.parameters(), b.parameters(), strict=True)
        assert all(torch.allclose(p, q, rtol=0, atol=1e-4) for p, q in same), "other weights"
    print(f"load      {load()}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
