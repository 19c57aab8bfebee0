"""Weights that training begins with: timm's and ours, with the last layer or without it."""

from functools import partial

import pytest
import torch
from safetensors.torch import save_file
from timm.layers import SEModule
from timm.models.resnet import Bottleneck, ResNet

from rslib.config import InputError
from rslib.recipes import own
from rslib.tasks.classify import Classify
from rslib.weights import begin

CLASSES = ["ant", "bee", "cat"]


@pytest.fixture(scope="module")
def network():
    """timm's ResNet-RS with two blocks a stage and a quarter of its filters: resnetrs50 takes a
    second each time."""
    torch.manual_seed(0)
    return ResNet(
        Bottleneck,
        [2, 2, 2, 2],
        channels=(16, 32, 64, 128),
        stem_width=8,
        stem_type="deep",
        replace_stem_pool=True,
        avg_down=True,
        block_args={"attn_layer": partial(SEModule, rd_ratio=0.25)},
        num_classes=10,
        zero_init_last=False,
    ).eval()


@pytest.fixture(scope="module")
def file(network, tmp_path_factory):
    """Random weights, as timm publishes trained ones."""
    kept = tmp_path_factory.mktemp("weights") / "timm.safetensors"
    save_file(network.state_dict(), kept)
    return kept


def recipe(depth=26):
    return own.recipe(depth, images=100, resolution=160, width=0.25, start="given")


def built(tensors, classes, seed):
    images = type("Images", (), {"classes": classes})
    torch.manual_seed(seed)
    return Classify(recipe(), images, start=tensors).build().eval()


def test_timms_network_with_a_new_last_layer(network, file):
    said = []
    found = begin.found(file, said.append)
    tensors, digest = begin.fitted(found, recipe(), CLASSES, said.append)
    assert said == [f"{file}: a new last layer for 3 classes; the old one knew 10 others"]
    ours, again, other = (built(tensors, CLASSES, seed) for seed in (1, 1, 2))
    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(
            ours.features(pixels)["c5"], network.forward_features(pixels), atol=1e-4
        )
    assert torch.equal(ours.fc.weight, again.fc.weight)
    assert not torch.equal(ours.fc.weight, other.fc.weight)  # of the run's own seed
    assert digest == begin.fitted(found, recipe(), CLASSES, said.append)[1]


def test_a_last_layer_of_as_many_classes_is_kept(network, file):
    said = []
    ten = [str(k) for k in range(10)]
    tensors, _ = begin.fitted(begin.found(file, said.append), recipe(), ten, said.append)
    assert "its last layer is kept" in said[0]
    assert torch.equal(built(tensors, ten, 1).fc.weight, network.fc.weight)


def test_weights_of_another_depth_are_refused_in_one_line(file):
    with pytest.raises(InputError, match=r"does not fit ResNet-RS-50 of width 0\.25") as caught:
        begin.fitted(begin.found(file, print), recipe(50), CLASSES, print)
    assert "\n" not in str(caught.value)
