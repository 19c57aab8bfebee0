"""Exponential moving average of weights and BN statistics (§5, Appendix B)."""

import copy

import torch


class Ema:
    """``Ema(model).module`` is a copy of the model, in eval mode, that trails it.

    After step t every weight and BN statistic moves by 1 − min(decay, (1 + t) / (10 + t)) towards
    the model's: the TF rule, without which a short run would evaluate its own initialisation.
    BN's batch counters are left alone: with a fixed momentum nothing reads them.
    """

    def __init__(self, model, decay=0.9999):
        self.decay = decay
        self.module = copy.deepcopy(model).eval().requires_grad_(False)
        self._averages, self._sources = [], []
        for average, source in zip(_tensors(self.module), _tensors(model), strict=True):
            if source.is_floating_point():
                self._averages.append(average.detach())
                self._sources.append(source.detach())

    def update(self, step):
        """Call once after each optimizer step; step counts from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._averages, self._sources, 1 - decay)


def _tensors(model):
    return [*model.parameters(), *model.buffers()]
