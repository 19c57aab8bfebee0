"""SGD's groups and the moving average against closed forms."""

import copy

import pytest
import torch
from timm.optim import RMSpropTF
from torch import nn

from rslib.config import InputError, Recipe, evolve
from rslib.models import resnet_rs
from rslib.training import optim as optimizers
from rslib.training.optim import learning_rate


def test_weight_decay_is_on_everything_but_bn():
    model = resnet_rs(26, width=0.125)
    decayed, free = (
        {id(p) for p in group["params"]}
        for group in optimizers.optimizer(model, Recipe().optim).param_groups
    )
    norms = {
        id(p) for m in model.modules() if isinstance(m, nn.BatchNorm2d) for p in m.parameters()
    }
    assert free == norms and decayed == {id(p) for p in model.parameters()} - norms
    assert id(model.fc.bias) in decayed
    kernels_only = evolve(Recipe(), {"optim.decay_biases": False}).optim
    assert {id(p) for p in optimizers.optimizer(model, kernels_only).param_groups[0]["params"]} == {
        id(p) for p in model.parameters() if p.ndim > 1
    }


def test_a_step_is_momentum_sgd_with_an_l2_loss():
    """One weight, loss w²/2, in float64: v ← 0.9 v + (1 + wd) w; Nesterov looks 0.9 v ahead."""
    optim = evolve(Recipe(), {"optim.weight_decay": 0.5}).optim
    model = nn.Linear(1, 1, bias=False).double()
    optimizer = optimizers.optimizer(model, optim)
    w = model.weight.item()
    v = 0.0
    for _ in range(3):
        optimizer.zero_grad()
        (model.weight.square().sum() / 2).backward()
        optimizer.step()
        gradient = 1.5 * w
        v = 0.9 * v + gradient
        w -= 0.1 * (gradient + 0.9 * v)
    assert model.weight.item() == pytest.approx(w, rel=1e-12)


def test_a_schedule_that_does_not_exist_is_named():
    with pytest.raises(InputError, match="linear"):
        learning_rate(0, 10, peak=0.1, warmup_steps=0, schedule="linear")


def test_rmsprop_is_that_of_timm():
    """timm's is TensorFlow's too: mean squares from 1, epsilon inside, the rate in the momentum."""
    optim = evolve(
        Recipe(), {"optim.optimizer": "rmsprop", "optim.weight_decay": 0.1, "optim.peak_rate": 0.3}
    ).optim
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).double()
    theirs = copy.deepcopy(ours)
    pairs = [
        (ours, optimizers.optimizer(ours, optim)),
        (theirs, RMSpropTF(theirs.parameters(), lr=0.3, eps=1e-3, momentum=0.9, weight_decay=0.1)),
    ]
    images = torch.randn(5, 8, 3, dtype=torch.float64)
    for batch in images:
        for network, optimizer in pairs:
            optimizer.zero_grad()
            network(batch).square().mean().backward()
            optimizer.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert a.abs().max() > 1e-3
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_rmsprop_goes_on_from_its_state():
    optim = evolve(Recipe(), {"optim.optimizer": "rmsprop"}).optim
    whole, parts = (nn.Linear(2, 1, bias=False) for _ in range(2))
    parts.load_state_dict(whole.state_dict())
    optimizer, first = optimizers.optimizer(whole, optim), optimizers.optimizer(parts, optim)

    def step(network, its):
        its.zero_grad()
        network(torch.ones(1, 2)).sum().backward()
        its.step()

    step(parts, first)
    second = optimizers.optimizer(parts, optim)
    second.load_state_dict(first.state_dict())
    step(parts, second)
    for _ in range(2):
        step(whole, optimizer)
    assert torch.equal(whole.weight, parts.weight)


def test_exponential_takes_three_percent_off_every_2_4_epochs():
    """The published schedule: 350 epochs, in stairs; 0.97 ** 145 is left at the end."""
    shape = {"peak": 1.0, "warmup_steps": 50, "schedule": "exponential"}
    curve = [learning_rate(step, 3500, **shape) for step in range(3500)]
    assert curve[25] == pytest.approx(0.97**2 / 2)  # two stairs lie within the warm-up
    assert [curve[s] for s in (71, 72, 95, 96)] == pytest.approx(
        [0.97**2, 0.97**3, 0.97**3, 0.97**4]
    )
    assert curve[-1] == pytest.approx(0.97**145)


def test_an_optimizer_that_does_not_exist_is_named():
    with pytest.raises(InputError, match="'adam'; choose from sgd, rmsprop"):
        optimizers.optimizer(nn.Linear(1, 1), evolve(Recipe(), {"optim.optimizer": "adam"}).optim)
