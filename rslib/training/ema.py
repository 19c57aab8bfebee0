"""Exponential moving average of weights and BN statistics (§5, Appendix B)."""

import copy

import torch
from torch import nn

from rslib.config import InputError

ANEW = "make a new one: Ema(model)"
_address, _size = torch.Tensor.data_ptr, torch.Tensor.numel


class Ema:
    """``Ema(model).module`` is a copy of the model, in eval mode, that trails it.

    After step t every weight and BN statistic moves by 1 − min(decay, (1 + t) / (10 + t)) towards
    the model's: the TF rule, without which a short run would evaluate its own initialisation.
    BN's batch counters stay as they are: with a fixed momentum nothing reads them.

    A model that is moved, converted or given other tensors later on is followed: the average moves
    to the model's device, and keeps the wider of both dtypes. Other layers or shapes are refused.
    """

    def __init__(self, model: nn.Module, decay: float = 0.9999) -> None:
        self.decay = decay
        self.module = copy.deepcopy(model).eval().requires_grad_(False)
        self._average, self._model = _Tensors(self.module), _Tensors(model)
        self._averages: list[torch.Tensor] = []
        self._sources: list[torch.Tensor] = []
        self._places: tuple | None = None
        self._follow()

    def update(self, step: int) -> None:
        """Call once after each optimizer step; step counts from 1. Raises InputError."""
        self._follow()
        decay = min(self.decay, (1 + step) / (10 + step))  # 2/11, 3/12, …; 0.9999 from 89,990 on
        # average += (1 − decay) · (source − average), for all tensors in a few kernels
        torch._foreach_lerp_(self._averages, self._sources, 1 - decay)

    def _follow(self) -> None:
        """Take up the tensors that are there now; nothing changes if they cannot be followed."""
        (averages, to), (sources, at) = self._average.now(), self._model.now()
        # those taken up before are still held, so that no other tensor can be where they are
        if (to, at, sizes := [*map(_size, sources)]) == self._places:
            return
        for name, average, source in zip(self._model.names, averages, sources, strict=True):
            if average.shape != source.shape or source.is_meta > average.is_meta:
                found = "no values" if source.is_meta else f"shape {tuple(source.shape)}"
                raise InputError(f"{name} has {found}, its average {tuple(average.shape)}; {ANEW}")
        for average, source in zip(averages, sources, strict=True):
            dtype = torch.promote_types(average.dtype, source.dtype)  # never coarser than it was
            average.data = average.data.to(source.device, dtype)
        # detached, as kernels take them up in half the time
        self._averages = [average.detach() for average in averages]
        self._sources = [source.detach() for source in sources]
        same = all(a.dtype == s.dtype for a, s in zip(averages, sources, strict=True))
        if same:
            self._places = [*map(_address, averages)], at, sizes
        else:  # a coarser model is cast in each step
            pairs = zip(self._averages, self._sources, strict=True)
            self._sources = [source.to(average.dtype) for average, source in pairs]
            self._places = None


class _Tensors:
    """The floating tensors of a network, looked up anew at each step.

    What is kept are places, not tensors: `.to`, `load_state_dict(assign=True)` and assignments put
    other tensors there. Looking at all of them takes a thousandth of a small network's step on a
    CPU; walking through the modules would take several times as long.
    """

    def __init__(self, network: nn.Module) -> None:
        self.names: list[str] = []
        self._places: list[tuple[dict, str]] = []  # of tensors: a module's own dict, and the key
        self._layers: list[tuple[dict, str]] = []  # of modules within modules, and of None
        self._dicts: list[dict] = []
        seen: set[int] = set()
        for prefix, module in network.named_modules():
            self._layers += [(module._modules, name) for name in module._modules]
            self._dicts += [module._parameters, module._buffers, module._modules]
            for held in (module._parameters, module._buffers):
                for name, tensor in held.items():
                    if tensor is None:  # such as a convolution's bias; none may come later
                        self._layers.append((held, name))
                        continue
                    if id(tensor) in seen:  # shared ones once
                        continue
                    seen.add(id(tensor))
                    if tensor.is_floating_point():  # num_batches_tracked is an integer
                        self.names.append(f"{prefix}.{name}".lstrip("."))
                        self._places.append((held, name))
        self._built = self._shape()

    def now(self) -> tuple[list[torch.Tensor], list[int]]:
        """The tensors that are there now, and their addresses. Raises InputError."""
        try:
            found = [held[name] for held, name in self._places]
            if self._shape() == self._built:
                return found, [*map(_address, found)]
        except (KeyError, TypeError):  # nothing there, or None
            pass
        raise InputError(f"layers were changed after their average was made; {ANEW}")

    def _shape(self) -> tuple[list[nn.Module | None], list[int]]:
        return [held[name] for held, name in self._layers], [len(held) for held in self._dicts]
