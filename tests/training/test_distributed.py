"""One run in several processes is the run of one process: the same images, steps and counts."""

import pytest
import torch
from ranks import together
from torch import nn

from rslib.config import evolve
from rslib.data import images
from rslib.tasks.classify import Classify
from rslib.training import checkpoint, distributed, engine

STEPS = 20
WITHOUT_BN = 1e-4  # relative, between losses of the same step
WITH_BN = 1e-3


@pytest.fixture
def recipe(tiny):
    """20 steps of four micro-batches; nothing is drawn at random but images and augmentation."""
    changes = {
        "regularization.stochastic_depth": 0.0,
        "regularization.dropout": 0.0,
        "optim.epochs": STEPS // 4,
        "optim.micro_batch": 4,
        "data.test_images": 31,
    }
    return evolve(tiny, changes)


@pytest.fixture
def task(recipe):
    return Classify(recipe, images.open_images(recipe.data, images.source("fashion-mnist")))


class Recorded(engine.Run):
    """With the mean loss of every step."""

    def step(self, engine, micro):
        before = self.loss_sum.clone()
        super().step(engine, micro)
        self.losses = [*getattr(self, "losses", []), self.loss_sum - before]


def fit(task, run_dir, stop=lambda: False):
    return engine.fit(
        task, task.recipe, run_dir, seed=3, report=lambda line: None, stop=stop, session={}
    )


def losses(task, run_dir):
    """The loss of each step of the whole batch, and the digest of all weights."""
    run = Recorded(task, task.recipe, run_dir, 3, torch.device("cpu"), lambda line: None, bool)
    run.train()
    found = [distributed.mean(loss).item() for loss in run.losses]
    return found, checkpoint.weights_sha256(run.model, run.ema.module), run.model.state_dict()


def of_two(work):
    def joined(rank):
        with distributed.joined("cpu"):
            return work(rank)

    return together(2, joined)


def frozen(network):
    """BN as in evaluation, whatever is asked: images of a batch know nothing of each other."""
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eval().train = lambda mode=True, norm=norm: norm
    return network


@pytest.mark.parametrize("bn", [False, True])
def test_two_processes_train_as_one(bn, task, tmp_path, monkeypatch):
    if not bn:
        build = Classify.build
        monkeypatch.setattr(Classify, "build", lambda self: frozen(build(self)))
    one, _, alone = losses(task, tmp_path / "one")
    (two, digest, state), (others, its_digest, _) = of_two(
        lambda rank: losses(task, tmp_path / "two")
    )
    assert digest == its_digest and two == others  # every rank has the same weights and averages
    assert len(one) == len(two) == STEPS and one[-1] < one[0]
    print(max(abs(a - b) / b for a, b in zip(two, one, strict=True)))
    assert two == pytest.approx(one, rel=WITH_BN if bn else WITHOUT_BN)
    for name, tensor in alone.items():
        if "num_batches" in name:
            assert tensor == state[name] == (4 * STEPS if bn else 0)
        else:
            torch.testing.assert_close(state[name], tensor, rtol=1e-2, atol=1e-3)
