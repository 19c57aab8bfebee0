"""Learning-rate schedules and optimizers as the paper's recipes have them (Appendix B, §7.2)."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from rslib.config import InputError, Optim

NORMS = (nn.modules.batchnorm._BatchNorm, nn.SyncBatchNorm)


def learning_rate(
    step: int, total_steps: int, *, peak: float, warmup_steps: int, schedule: str
) -> float:
    """The learning rate of one optimizer step, 0 ≤ step < total_steps.

    schedule: "cosine" falls from the peak at step 0 to 0 at total_steps; "stepwise" divides by ten
    after 30/90, 60/90 and 80/90 of the steps; "exponential" takes off 3 % every 2.4/350 of the
    steps, in stairs, as for EfficientNets, and so ends at 1.2 % of the peak (by rounding, a few
    stairs come one step late).

    peak: the paper's is 0.1 · batch size / 256. warmup_steps: the rate rises linearly from 0 to the
    schedule's own value at that step, so a cosine never quite reaches its peak (the authors' TF2
    code does the same).
    """
    if schedule not in ("cosine", "stepwise", "exponential"):
        raise InputError(f"no schedule {schedule!r}; choose from cosine, stepwise, exponential")
    at = max(step, warmup_steps)  # during warm-up: where the schedule takes over
    if schedule == "cosine":
        rate = peak * 0.5 * (1 + math.cos(math.pi * at / total_steps))
    elif schedule == "exponential":
        rate = peak * 0.97 ** math.floor(at / total_steps * 350 / 2.4)  # 145 stairs
    else:  # boundaries of the 90-epoch baseline, scaled to any length (deviation C2)
        passed = sum(at >= math.floor(total_steps * epoch / 90) for epoch in (30, 60, 80))
        rate = peak * 0.1**passed
    return rate * step / warmup_steps if step < warmup_steps else rate


def rates(optim: Optim, steps_per_epoch: int) -> list[float]:
    """The learning rate of every step of a run, in order."""
    total = optim.epochs * steps_per_epoch
    warmup = round(optim.warmup_epochs * steps_per_epoch)  # ImageNet, batch 4096: 5 · 312 = 1560
    shape: dict[str, Any] = {
        "peak": optim.peak_rate,
        "warmup_steps": warmup,
        "schedule": optim.schedule,
    }
    return [learning_rate(step, total, **shape) for step in range(total)]


def weight_decay_exposure(optim: Optim, steps_per_epoch: int) -> float:
    """wd·Σlr: how much weight decay acts over a run (the paper: 8.6 at 1e-4, 3.4 at 4e-5)."""
    # momentum multiplies it by 1 / (1 − momentum), the same for every recipe: left out
    return optim.weight_decay * math.fsum(rates(optim, steps_per_epoch))


def optimizer(model: nn.Module, optim: Optim) -> torch.optim.Optimizer:
    """The optimizer of a recipe: SGD, or RMSProp as TensorFlow has it.

    optim: see `rslib.config.Optim`. Weight decay acts on all but BN, as in the authors' TF1 code,
    or with decay_biases=False on kernels alone.

    SGD is fused: the update is one pass over memory on CPU and CUDA.
    """
    # by id, since == of two tensors compares their values
    norms = {id(p) for m in model.modules() if isinstance(m, NORMS) for p in m.parameters()}

    def decayed(p: nn.Parameter) -> bool:
        return id(p) not in norms and (optim.decay_biases or p.ndim > 1)  # biases are (C,)

    parameters = list(model.parameters())  # checkpoints identify them by this order
    groups = [
        {"params": [p for p in parameters if decayed(p)], "weight_decay": optim.weight_decay},
        {"params": [p for p in parameters if not decayed(p)], "weight_decay": 0.0},
    ]
    if optim.optimizer == "rmsprop":
        return RMSProp(groups, lr=optim.peak_rate, momentum=optim.momentum)
    if optim.optimizer != "sgd":
        raise InputError(f"no optimizer {optim.optimizer!r}; choose from sgd, rmsprop")
    return torch.optim.SGD(
        groups, lr=optim.peak_rate, momentum=optim.momentum, nesterov=optim.nesterov, fused=True
    )


class RMSProp(torch.optim.Optimizer):
    """RMSProp as in TensorFlow, with which EfficientNets are trained.

    PyTorch's version starts its mean squares at 0, not 1, adds epsilon outside the root, not
    inside, and applies the rate after the momentum, not before.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float,
        *,
        momentum: float = 0.9,
        decay: float = 0.9,
        eps: float = 1e-3,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "decay": decay, "eps": eps}
        super().__init__(params, {**defaults, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            for p in params:
                if not self.state[p]:  # first step; a resumed run has loaded its state
                    self.state[p] = {"square": torch.ones_like(p), "velocity": torch.zeros_like(p)}
            if params:
                self._update(params, group)

    def _update(self, params: list[torch.Tensor], group: dict) -> None:
        # g: gradient, s: mean square, v: velocity, one tensor per parameter, in its shape
        squares = [self.state[p]["square"] for p in params]
        velocities = [self.state[p]["velocity"] for p in params]
        gradients: Any = [p.grad for p in params]
        if group["weight_decay"]:  # coupled: as the gradient of wd · ‖w‖² / 2
            gradients = torch._foreach_add(gradients, params, alpha=group["weight_decay"])
        torch._foreach_mul_(squares, group["decay"])
        # s = decay · s + (1 − decay) · g²
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - group["decay"])
        roots = torch._foreach_add(squares, group["eps"])  # a new tensor: s itself stays free of ε
        torch._foreach_sqrt_(roots)
        torch._foreach_mul_(velocities, group["momentum"])
        # v = momentum · v + lr · g / √(s + ε): a change of rate acts on new gradients alone
        torch._foreach_addcdiv_(velocities, gradients, roots, value=group["lr"])
        torch._foreach_sub_(params, velocities)
