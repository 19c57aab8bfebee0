"""Optimizer step and average of the weights alone, on ResNet-RS-50 with fixed gradients.

    .venv/bin/python bench/sgd_ema.py [rounds, at least 2]

rslib.training.optim (fused SGD) and rslib.training.Ema (one call over prepared lists) against
torch.optim.SGD as it comes, with timm's ModelEmaV2 and its newer ModelEmaV3, and with Ignite's
EMAHandler, on one CPU thread. All must end at the same weights.
"""

import copy

import torch
from ignite.engine import Engine, Events
from ignite.handlers import EMAHandler
from measure import interleaved, main, ratio
from timm.utils import ModelEmaV2, ModelEmaV3

from rslib.config import Optim
from rslib.models import resnet_rs
from rslib.training import optim
from rslib.training.ema import Ema

SETTINGS = Optim(weight_decay=4e-5, peak_rate=1e-3)
LONG = 10**6  # steps: the decay is that of a long run


def with_gradients(network):
    """The same weights and gradients in a network of its own, channels last."""
    twin = copy.deepcopy(network)
    for p, q in zip(network.parameters(), twin.parameters(), strict=True):
        q.grad = p.grad.clone(memory_format=torch.preserve_format)
    return twin


def plain_sgd(network):
    return torch.optim.SGD(
        network.parameters(), lr=1e-3, momentum=0.9, nesterov=True, weight_decay=4e-5
    )


def networks(device):
    """Four networks of the same weights and gradients: ours, and one for each peer."""
    ours = resnet_rs(50).to(device=device, memory_format=torch.channels_last)
    for p in ours.parameters():
        p.grad = torch.randn_like(p)
    return ours, *(with_gradients(ours) for _ in range(3))


def sides(device="cpu"):
    """{name: a call that takes a step and updates the average}; all are checked to do the same."""
    ours, timm, newer, ignite = networks(device)
    our_sgd, our_ema = optim.optimizer(ours, SETTINGS), Ema(ours)
    timm_sgd, timm_ema = plain_sgd(timm), ModelEmaV2(timm, decay=0.9999)
    newer_sgd, newer_ema = plain_sgd(newer), ModelEmaV3(newer, decay=0.9999)
    ignite_sgd, engine = plain_sgd(ignite), Engine(lambda *_: None)
    ignite_ema = EMAHandler(ignite, momentum=0.0001, handle_buffers="update")
    ignite_ema.attach(engine)

    def both(sgd, update):
        def step():
            sgd.step()
            update()

        return step

    found = {
        "rslib": both(our_sgd, lambda: our_ema.update(LONG)),
        "SGD, timm ModelEmaV2": both(timm_sgd, lambda: timm_ema.update(timm)),
        "SGD, timm ModelEmaV3": both(newer_sgd, lambda: newer_ema.update(newer)),
        "SGD, Ignite EMAHandler": both(
            ignite_sgd, lambda: engine.fire_event(Events.ITERATION_COMPLETED)
        ),
    }
    for _ in range(3):
        for step in found.values():
            step()
    averages = timm_ema.module, newer_ema.module, ignite_ema.ema_model
    for theirs, average in zip((timm, newer, ignite), averages, strict=True):
        for a, b in ((ours, theirs), (our_ema.module, average)):
            same = zip(a.parameters(), b.parameters(), strict=True)
            assert all(torch.allclose(p, q, rtol=0, atol=1e-4) for p, q in same), "other weights"
    return found


def bench(rounds=20):
    torch.set_num_threads(1)
    calls = sides()
    seconds = interleaved(calls, rounds)
    what = "SGD and average of ResNet-RS-50"
    goals = {"SGD, timm ModelEmaV2": "≥ 3"}
    return [
        ratio(what, seconds, "rslib", peer, goals.get(peer, ""))
        for peer in calls
        if peer != "rslib"
    ]


if __name__ == "__main__":
    main(bench)
