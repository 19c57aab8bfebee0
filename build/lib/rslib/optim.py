"""Learning-rate schedules and SGD as the paper's recipe has them (Appendix B, C1, C2, C16)."""

import math

import torch
from torch import nn

from rslib.config import InputError

NORMS = (nn.modules.batchnorm._BatchNorm, nn.SyncBatchNorm)


def learning_rate(step, total_steps, *, peak, warmup_steps, schedule):
    """The rate of one optimizer step, 0 ≤ step < total_steps.

    "cosine" runs from the peak at step 0 to 0 at total_steps; "stepwise" divides by ten after
    30/90, 60/90 and 80/90 of the steps. Warm-up is linear from 0 to the schedule's own value at
    warmup_steps, so a cosine never quite meets its peak (the authors' TF2 code does the same).
    """
    if schedule not in ("cosine", "stepwise"):
        raise InputError(f"no schedule {schedule!r}; choose from cosine, stepwise")
    at = max(step, warmup_steps)
    if schedule == "cosine":
        rate = peak * 0.5 * (1 + math.cos(math.pi * at / total_steps))
    else:
        passed = sum(at >= math.floor(total_steps * epoch / 90) for epoch in (30, 60, 80))
        rate = peak * 0.1**passed
    return rate * step / warmup_steps if step < warmup_steps else rate


def rates(optim, steps_per_epoch):
    """The learning rate of every step of a run, in order."""
    total = optim.epochs * steps_per_epoch
    warmup = round(optim.warmup_epochs * steps_per_epoch)
    shape = {"peak": optim.peak_rate, "warmup_steps": warmup, "schedule": optim.schedule}
    return [learning_rate(step, total, **shape) for step in range(total)]


def weight_decay_exposure(optim, steps_per_epoch):
    """wd·Σlr: how much weight decay acts over a run (the paper: 8.6 at 1e-4, 3.4 at 4e-5)."""
    return optim.weight_decay * math.fsum(rates(optim, steps_per_epoch))


def sgd(model, optim):
    """SGD with momentum; weight decay on all but BN (TF1), or on kernels alone.

    Fused: the update is one pass over memory on CPU and CUDA.
    """
    norms = {id(p) for m in model.modules() if isinstance(m, NORMS) for p in m.parameters()}

    def decayed(p):
        return id(p) not in norms and (optim.decay_biases or p.ndim > 1)

    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if decayed(p)], "weight_decay": optim.weight_decay},
        {"params": [p for p in parameters if not decayed(p)], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        groups, lr=optim.peak_rate, momentum=optim.momentum, nesterov=optim.nesterov, fused=True
    )
