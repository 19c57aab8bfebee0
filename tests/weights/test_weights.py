"""timm's weights in our networks: the same logits for every depth that timm has."""

import runpy

import pytest
import timm
import torch
from safetensors.torch import save_file

from rslib import models, paths
from rslib.config import InputError
from rslib.models import resnet_rs
from rslib.weights import read

DEPTHS = (50, 101, 152, 200, 270, 350, 420)


def on_meta(build, *args):
    with torch.device("meta"):
        return build(*args)


def awake(model, images):
    """Weights under which every branch matters, for a network that so far has none.

    timm's own last γ = 0 would leave every branch out. Kernels keep the variance, last γ are near
    0.2, the others near 1, biases are not zero, and BN statistics are those of the images.
    """
    model = model.double().to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for name, tensor in model.state_dict().items():
        if tensor.ndim > 1:
            tensor.normal_(std=tensor[0].numel() ** -0.5, generator=generator)
        elif name.endswith("weight"):
            tensor.normal_(0.2 if "bn3" in name else 1.0, 0.02, generator=generator)
        elif name.endswith("bias"):
            tensor.normal_(0.0, 0.1, generator=generator)
        else:
            tensor.zero_()  # statistics, which the images set below
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        model.train()(images)
    return model.eval()


@pytest.mark.parametrize(
    ("depth", "side"), [(50, 97), *((depth, 64) for depth in DEPTHS)], ids=lambda v: str(v)
)
def test_logits_equal_those_of_timm(depth, side):
    images = torch.randn(3, 3, side, side, dtype=torch.float64)
    theirs = awake(on_meta(timm.create_model, f"resnetrs{depth}"), images)
    ours = on_meta(resnet_rs, depth).double().to_empty(device="cpu").eval()
    models.load_timm(ours, theirs.state_dict())
    with torch.no_grad():
        expected, logits = theirs(images), ours(images)
    assert (expected[0] - expected[1]).abs().max() > 0.1 * expected.abs().max()
    assert (logits - expected).abs().max() < 1e-9 * expected.abs().max()


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        ("resnetrs101", "unknown, such as 'c4.6"),
        ("resnet50", "missing, such as 'stem.0.weight'"),
        ("resnetrs50_of_10_classes", "2 of another shape, such as 'fc.weight'"),
    ],
)
def test_weights_of_another_network_are_refused_and_change_nothing(theirs, message):
    name, _, few = theirs.partition("_")
    given = timm.create_model(name, num_classes=10 if few else 1000).state_dict()
    model = resnet_rs(50)
    before = model.fc.bias.clone()
    with pytest.raises(InputError, match=message):
        models.load_timm(model, given)
    assert torch.equal(model.fc.bias, before)


def test_both_kinds_of_files_are_read(tmp_path):
    model = resnet_rs(26, width=0.125)
    save_file(model.state_dict(), tmp_path / "a.safetensors")
    torch.save({"state_dict": model.state_dict()}, tmp_path / "a.pth")
    for name in ("a.safetensors", "a.pth"):
        other = resnet_rs(26, width=0.125)
        models.load(other, read(tmp_path / name))
        assert torch.equal(other.fc.weight, model.fc.weight)


def test_torch_hub_finds_every_network_and_takes_weights_by_either_name(tmp_path):
    assert set(models.NAMES) <= runpy.run_path(str(paths.ROOT / "hubconf.py")).keys()
    theirs = timm.create_model("resnetrs50", num_classes=10).eval()
    save_file(theirs.state_dict(), tmp_path / "timm.safetensors")

    def load(file):
        return torch.hub.load(
            str(paths.ROOT), "resnet_rs_50", source="local", weights=file, num_classes=10
        )

    first = load(tmp_path / "timm.safetensors")
    save_file(first.state_dict(), tmp_path / "ours.safetensors")
    second = load(tmp_path / "ours.safetensors")
    for model in (first, second):
        assert torch.equal(model.fc.weight, theirs.fc.weight)
