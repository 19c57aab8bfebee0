"""The network for video against its published counts, a second one from the facts, and timm's."""

import pytest
import timm
import torch
from networks import awaken, on_meta, parameters
from torch.nn import functional as F

from rslib.config import InputError, Recipe, evolve
from rslib.models import build, resnet3d

BACKBONE = {  # Qian et al. (2020) publish 31.7 M, which holds 53,120 BN statistics
    (): 31_672_128,
    ("se",): 41_750_784,
    ("se", "rs"): 41_735_840,
}


def fields(parts):
    return {"se_ratio": 0.25 * ("se" in parts), "resnet_d": "rs" in parts}


@pytest.mark.parametrize("parts", BACKBONE)
def test_the_backbone_has_the_known_parameters(parts):
    model = on_meta(resnet3d, 50, **fields(parts))
    head = 2048 * 400 + 400
    assert parameters(model) == BACKBONE[parts] + head
    statistics = sum(b.numel() for name, b in model.named_buffers() if "running" in name)
    assert statistics == 53_120 + 2 * 64 * ("rs" in parts)  # two more layers of 32


def second(x, weights, rs, se):
    """3D ResNet-50 from its published description; weights: tensors in the order of the layers."""
    weights = iter(weights)

    def conv_bn(x, kernel, stride=(1, 1, 1)):
        weight = next(weights)
        assert weight.shape[2:] == kernel
        x = F.conv3d(x, weight, None, stride, [k // 2 for k in kernel])
        scale, shift, mean, variance, _ = (next(weights) for _ in range(5))
        x = (x - mean.view(-1, 1, 1, 1)) / (variance.view(-1, 1, 1, 1) + 1e-5).sqrt()
        return x * scale.view(-1, 1, 1, 1) + shift.view(-1, 1, 1, 1)

    def gate(x):
        mean = x.mean((2, 3, 4))  # over time and space
        for _ in range(2):
            weight, bias = next(weights), next(weights)
            first, mean = mean, F.linear(mean, weight.flatten(1), bias)
            mean = mean.clamp(min=0) if first.shape[1] > mean.shape[1] else mean
        return x * torch.sigmoid(mean)[..., None, None, None]

    if rs:
        x = F.relu(conv_bn(x, (5, 3, 3), (2, 2, 2)))
        x = F.relu(conv_bn(x, (1, 3, 3)))
        x = F.relu(conv_bn(x, (1, 3, 3)))
    else:
        x = F.relu(conv_bn(x, (5, 7, 7), (2, 2, 2)))
    x = F.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
    for stage, (blocks, frames) in enumerate(((3, 1), (4, 1), (6, 3), (3, 3))):
        for block in range(blocks):
            side = 2 if stage and not block else 1
            y = F.relu(conv_bn(x, (frames, 1, 1)))
            y = F.relu(conv_bn(y, (1, 3, 3), (1, side, side)))
            y = conv_bn(y, (1, 1, 1))
            y = gate(y) if se else y
            x = x if block else conv_bn(x, (1, 1, 1), (1, side, side))
            x = F.relu(x + y)
    logits = F.linear(x.mean((2, 3, 4)), next(weights), next(weights))
    assert not list(weights)
    return logits


@pytest.mark.parametrize("parts", BACKBONE)
def test_logits_equal_those_of_a_second_network(parts):
    torch.manual_seed(0)
    model = awaken(resnet3d(50, width=0.25, num_classes=7, **fields(parts)).double())
    clips = torch.randn(2, 3, 5, 33, 40, dtype=torch.float64)
    with torch.no_grad():
        expected = second(clips, model.state_dict().values(), "rs" in parts, "se" in parts)
        assert (expected[0] - expected[1]).abs().max() > 1e-3  # the input matters
        torch.testing.assert_close(model(clips), expected, rtol=1e-9, atol=1e-9)


def test_without_kernels_in_time_each_frame_is_timms_image():
    """The stem takes every second frame, in all four stages."""
    torch.manual_seed(0)
    theirs = awaken(timm.create_model("resnet50").double())
    ours = on_meta(resnet3d, 50, temporal_kernels=(1,) * 5, num_classes=1000)
    ours = ours.double().to_empty(device="cpu").eval()
    held = zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True)
    ours.load_state_dict({name: given.reshape(own.shape) for (name, own), given in held})
    clip = torch.randn(1, 3, 4, 64, 48, dtype=torch.float64)
    images = clip[0, :, ::2].transpose(0, 1)  # (2, 3, 64, 48)
    with torch.no_grad():
        maps = ours.features(clip)
        x = theirs.maxpool(theirs.act1(theirs.bn1(theirs.conv1(images))))
        for stage in (2, 3, 4, 5):
            x = getattr(theirs, f"layer{stage - 1}")(x)
            found = maps[f"c{stage}"][0].transpose(0, 1)
            torch.testing.assert_close(found, x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("stem_stride", "sides"), [(4, (8, 4, 2, 1)), (2, (16, 8, 4, 2))])
@pytest.mark.parametrize("resnet_d", [False, True])
def test_a_small_network_of_short_clips_learns_everywhere(stem_stride, sides, resnet_d):
    """Of 8 frames of 32 pixels; no layer is without a gradient once the last BN scale is not 0."""
    torch.manual_seed(0)
    model = resnet3d(
        26,
        width=0.125,
        stem_stride=stem_stride,
        resnet_d=resnet_d,
        se_ratio=0.25,
        dropout=0.5,
        stochastic_depth=0.1,
        num_classes=8,
        zero_gamma=False,
    )
    clips = torch.randn(4, 3, 8, 32, 32)
    maps = model.eval().features(clips)
    channels = (32, 64, 128, 256)
    assert {name: tuple(found.shape[1:]) for name, found in maps.items()} == {
        f"c{i + 2}": (channels[i], 4, sides[i], sides[i]) for i in range(4)
    }
    model.train()(clips).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())
    rates = [getattr(model, f"c{i}")[1].branch.stochastic_depth.p for i in (2, 3, 4, 5)]
    assert rates == pytest.approx([0.04, 0.06, 0.08, 0.1])


def test_the_order_of_frames_matters_to_kernels_in_time():
    torch.manual_seed(0)
    clip = torch.randn(1, 3, 8, 32, 32)
    turned = clip[:, :, [6, 1, 2, 3, 4, 5, 0, 7]]  # two of those that a stride of 2 keeps
    for kernels, differ in (((5, 1, 1, 3, 3), True), ((1,) * 5, False)):
        model = resnet3d(26, width=0.125, temporal_kernels=kernels, zero_gamma=False).eval()
        gap = (model(clip) - model(turned)).abs().max()
        assert bool(gap > 1e-6) == differ


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"depth": 18}, "no ResNet of depth 18; choose from 26, 50"),
        ({"depth": 26, "width": 0.01}, "width 0.01 leaves no filters"),
        ({"depth": 26, "stem_stride": 3}, "stem_stride 3 is none of 4, 2, 1"),
        ({"depth": 26, "temporal_kernels": (1, 1, 3, 3)}, r"\(1, 1, 3, 3\) are not five odd"),
        ({"depth": 26, "temporal_kernels": (5, 1, 2, 3, 3)}, "five odd numbers, of stem and c2"),
    ],
)
def test_what_does_not_exist_is_named(arguments, named):
    with pytest.raises(InputError, match=named) as error:
        resnet3d(**arguments)
    assert "\n" not in str(error.value)


CLIPS = {"task": "video", "model.family": "resnet3d", "data.frames": 8}


def test_a_recipe_builds_it():
    changes = {"model.width": 0.25, "model.stem_stride": 2, "model.resnet_d": True}
    changes |= {"model.se_ratio": 0.25, "model.zero_gamma": False}
    changes |= {"regularization.dropout": 0.5, "regularization.stochastic_depth": 0.1}
    recipe = evolve(Recipe(), CLIPS | changes)
    assert str(recipe.model) == "3D ResNet-50, width 0.25, stem stride 2"
    named = {path.split(".")[1]: value for path, value in changes.items()}
    expected = resnet3d(50, num_classes=8, **named)
    assert str(build(recipe, 8)) == str(expected)
    assert expected.c5[0].branch.norm3.weight.all() and expected.dropout.p == 0.5


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data.frames": 0}, "'resnet3d' does not take clips of 0 frames: 'resnet3d' takes 1"),
        ({"model.family": "resnet"}, "'resnet' does not take clips of 8 frames"),
        ({"model.family": "resnet3", "data.frames": 0}, "no family 'resnet3'; did you mean 'res"),
    ],
)
def test_a_recipe_of_another_network_is_refused(changes, named):
    with pytest.raises(InputError, match=named):
        build(evolve(Recipe(), CLIPS | changes), 8)
