"""The way of a batch over a CUDA GPU, traced without one: up to the loss, by tensors of no content.

PyTorch's fake tensors have a shape and a device. They refuse to meet one of another device, and to
be read back to the host: the two faults that a CPU never shows. Gradients need a real GPU.
"""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.func import functional_call

from rslib.config import Recipe, evolve
from rslib.data.augment import RandAugment, batched
from rslib.data.loaders import AugmentedThere
from rslib.tasks.classify import Classify, channel_statistics

REGULARIZED = {
    "model.depth": 26,
    "model.width": 0.125,
    "regularization.label_smoothing": 0.1,
    "regularization.stochastic_depth": 0.2,
    "regularization.dropout": 0.25,
}
NETWORKS = {
    "resnet-rs": {"model.se_ratio": 0.25, "model.resnet_d": True},
    "efficientnet": {"model.family": "efficientnet", "model.stem_stride": 2},
}
IMAGES, SIDE = 40, 64


@pytest.fixture
def fake(monkeypatch):
    """Fake tensors on "cuda", where torch believes in a GPU that can bfloat16."""
    monkeypatch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **kwargs: True)
    # fake tensors know no pinned memory; what is_cuda asks for it stays as it is
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    channel_statistics.cache_clear()  # they would be real ones
    with FakeTensorMode() as mode:
        yield mode
    channel_statistics.cache_clear()


def on_gpu(*shape, dtype=torch.float32):
    return torch.empty(shape, dtype=dtype, device="cuda")


def moved(state):
    """{name: a fake tensor on the GPU of the same shape and layout}."""
    return {
        name: torch.empty_strided(t.shape, t.stride(), dtype=t.dtype, device="cuda")
        for name, t in state.items()
    }


def built(name):
    """(task, a real network on the CPU, its state), channels last and in training."""
    recipe = evolve(Recipe(), {**REGULARIZED, **NETWORKS[name]})
    task = Classify(recipe, SimpleNamespace(classes=range(10)))
    network = task.build().to(memory_format=torch.channels_last).train()
    return task, network, network.state_dict()


TASKS = {name: built(name) for name in NETWORKS}


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_loss_stays_on_the_gpu(name, half, fake):
    task, network, state = TASKS[name]
    state = moved(state)
    batch = on_gpu(4, 3, SIDE, SIDE, dtype=torch.uint8), on_gpu(4, dtype=torch.int64)
    kinds = set()

    def forward(images):
        assert images.is_contiguous(memory_format=torch.channels_last)
        logits = functional_call(network, state, (images,))
        kinds.add(logits.dtype)
        return logits

    with torch.autocast("cuda", torch.bfloat16, enabled=half):
        loss = task.loss(forward, batch)
        logits, _ = task.predict(forward, batch)
    assert loss.device.type == logits.device.type == "cuda"
    assert loss.dtype == logits.dtype == torch.float32 and loss.shape == ()
    assert kinds == {torch.bfloat16 if half else torch.float32}


def host_numbers(augment):
    """Draws that lie on the host, as the loader's do: to read them back costs nothing."""
    draws = torch.stack([augment.draw(torch.Generator().manual_seed(s)) for s in range(IMAGES)])
    layers = [
        SimpleNamespace(tolist=partial(list, rows)) for rows in draws.transpose(0, 1).tolist()
    ]
    return SimpleNamespace(unbind=lambda axis: layers)


AUGMENT = RandAugment(10)
DRAWS = host_numbers(AUGMENT)


def test_batched_randaugment_stays_on_the_gpu(fake):
    images = on_gpu(IMAGES, 3, SIDE, SIDE, dtype=torch.uint8)
    found = batched.randaugment(AUGMENT, images, DRAWS)
    assert found.is_cuda and found.dtype == torch.uint8 and found.shape == images.shape


def test_a_loaders_batch_is_augmented_where_it_is_trained_on(fake):
    there = torch.device("cuda")
    loaded = [
        (
            torch.empty(IMAGES, 3, SIDE, SIDE, dtype=torch.uint8),
            DRAWS,
            torch.empty(IMAGES, dtype=torch.int64),
        )
    ]
    ((images, labels),) = AugmentedThere(loaded, AUGMENT, there)
    assert images.is_cuda and labels.is_cuda


def test_these_tensors_find_both_faults(fake):
    with pytest.raises(RuntimeError, match=r"(?i)device"):
        on_gpu(3) + torch.empty(3)
    with pytest.raises(DataDependentOutputException):
        on_gpu(1).item()
