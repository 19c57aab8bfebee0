"""Exponential moving average of weights and BN statistics (§5, Appendix B)."""

import copy

import torch
from torch import nn


class Ema:
    """``Ema(model).module`` is a copy of the model, in eval mode, that trails it.

    After step t every weight and BN statistic moves by 1 − min(decay, (1 + t) / (10 + t)) towards
    the model's: the TF rule, without which a short run would evaluate its own initialisation.
    BN's batch counters stay as they are: with a fixed momentum nothing reads them.
    """

    def __init__(self, model: nn.Module, decay: float = 0.9999) -> None:
        self.decay = decay
        self.module = copy.deepcopy(model).eval().requires_grad_(False)
        # collected once: they share memory with the two models, whose tensors only change in place
        self._averages: list[torch.Tensor] = []
        self._sources: list[torch.Tensor] = []
        for average, source in zip(_tensors(self.module), _tensors(model), strict=True):
            if source.is_floating_point():  # num_batches_tracked is an integer
                self._averages.append(average.detach())
                self._sources.append(source.detach())

    def update(self, step: int) -> None:
        """Call once after each optimizer step; step counts from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))  # 2/11, 3/12, …; 0.9999 from 89,990 on
        # average += (1 − decay) · (source − average), for all tensors in a few kernels
        torch._foreach_lerp_(self._averages, self._sources, 1 - decay)


def _tensors(model: nn.Module) -> list[torch.Tensor]:
    # in one order for both models, as one is a copy of the other
    return [*model.parameters(), *model.buffers()]
