"""The average of the weights: its rule, and a model that becomes another one under it."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from rslib.config import InputError
from rslib.models import resnet_rs
from rslib.training.ema import Ema


def test_ema_is_the_tf_rule_in_closed_form():
    """After step t: a ← d a + (1 − d) w with d = min(0.9999, (1 + t) / (10 + t))."""
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1)).double()
    ema = Ema(model, decay=0.5)
    average = model[0].weight.item()
    mean = 0.0
    for step in range(1, 30):
        with torch.no_grad():
            model[0].weight.fill_(step)
            model[1].running_mean.fill_(-step)
        ema.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * step
        mean = decay * mean - (1 - decay) * step
    assert ema.module[0].weight.item() == pytest.approx(average, rel=1e-12)
    assert ema.module[1].running_mean.item() == pytest.approx(mean, rel=1e-12)


def test_ema_covers_every_weight_and_statistic_and_shares_none():
    model = resnet_rs(26, width=0.125)
    ema = Ema(model)
    before = [t.clone() for t in ema.module.state_dict().values() if t.is_floating_point()]
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.add_(1)
    ema.update(1)
    after = [t for t in ema.module.state_dict().values() if t.is_floating_point()]
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert not {t.data_ptr() for t in model.state_dict().values()} & {
        t.data_ptr() for t in ema.module.state_dict().values()
    }
    assert not ema.module.training and not any(p.requires_grad for p in ema.module.parameters())


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def assigned(model):
    held = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(held, assign=True)


def swapped(model):
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        model.double()
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)


def emptied(model):
    held = copy.deepcopy(model.state_dict())
    model.to_empty(device="cpu").load_state_dict(held)


def one_by_one(model):
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()
    model[1].running_mean = model[1].running_mean.clone()
    model[3].weight = nn.Parameter(model[3].weight.detach().clone())


CHANGES = {
    "nothing": lambda model: None,
    "channels last": lambda model: model.to(memory_format=torch.channels_last),
    "double": lambda model: model.double(),
    "half of it": lambda model: model[0].double(),
    "bfloat16": lambda model: model.bfloat16(),
    "assigned": assigned,
    "swapped": swapped,
    "emptied": emptied,
    "one by one": one_by_one,
    "twice": lambda model: (model.double(), model.float()),
    "shared memory": lambda model: model.share_memory(),
}


@pytest.mark.parametrize("when", ["before", "between"])
@pytest.mark.parametrize("change", CHANGES)
def test_the_average_follows_a_model_that_is_moved_converted_or_loaded(change, when):
    model = network()
    ema = Ema(model)
    if when == "between":
        ema.update(1)
    CHANGES[change](model)
    with torch.no_grad():
        for tensor in (*model.parameters(), model[1].running_mean, model[1].running_var):
            tensor.add_(1)
    for step in range(1, 51):
        ema.update(step)
    for name, tensor in ema.module.state_dict().items():
        if tensor.is_floating_point():
            assert tensor.dtype in (torch.float32, torch.float64)  # never coarser than it was
            expected = model.state_dict()[name].to(tensor.dtype)
            torch.testing.assert_close(tensor, expected, rtol=0, atol=1e-5)


def test_an_average_that_is_moved_itself_or_copied_goes_on():
    model = network()
    ema = Ema(model)
    ema.module.double()
    twin_model, twin = copy.deepcopy((model, ema))
    with torch.no_grad():
        twin_model[3].weight.fill_(2)
    for step in range(1, 51):
        ema.update(step)
        twin.update(step)
    assert ema.module[3].weight.dtype == torch.float64
    torch.testing.assert_close(ema.module[3].weight.float(), model[3].weight)
    torch.testing.assert_close(twin.module[3].weight.float(), twin_model[3].weight)


def another_head(model):
    model[3] = nn.Linear(4, 3)


def a_layer_more(model):
    model.append(nn.ReLU())


def a_parameter_more(model):
    model.register_parameter("scale", nn.Parameter(torch.ones(1)))


def cut(model):
    model[3].weight.data = model[3].weight.data[:1]  # which would broadcast


def without_bias(model):
    model[3].bias = None


OTHERS = {
    "another head": (another_head, "layers were changed"),
    "a layer more": (a_layer_more, "layers were changed"),
    "a parameter more": (
        lambda m: m.register_parameter("s", nn.Parameter(torch.ones(1))),
        "layers",
    ),
    "parametrized": (lambda m: parametrizations.weight_norm(m[3]), "layers were changed"),
    "cut": (cut, "3.weight has shape (1, 4), its average (2, 4)"),
    "without bias": (without_bias, "layers were changed"),
    "on meta": (lambda model: model.to("meta"), "0.weight has no values"),
}


@pytest.mark.parametrize("change", OTHERS)
def test_a_model_of_other_layers_or_shapes_is_refused_and_changes_nothing(change):
    model = network()
    ema = Ema(model)
    before = copy.deepcopy(ema.module.state_dict())
    with torch.no_grad():
        model[0].weight.add_(1)
    make, message = OTHERS[change]
    make(model)
    with pytest.raises(InputError) as caught:
        ema.update(1)
    assert message in str(caught.value) and "Ema(model)" in str(caught.value)
    for name, tensor in ema.module.state_dict().items():
        assert torch.equal(tensor, before[name])
