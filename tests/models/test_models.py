"""The family against counts and networks that others wrote."""

import pytest
import torch
import torchvision
from networks import awaken, on_meta, parameters

from rslib.config import InputError
from rslib.models.resnet import BLOCKS, Bottleneck, SqueezeExcite, resnet, resnet_rs

RS_PARAMETERS = {  # and BN running statistics
    26: (21_631_560, 31_104),
    50: (35_691_912, 53_376),
    101: (63_618_696, 105_600),
    152: (86_621_576, 151_680),
    200: (93_209_992, 176_256),
    270: (129_861_448, 243_072),
    300: (134_386_632, 256_896),
    350: (163_956_168, 312_192),
    400: (182_229_064, 344_448),
    420: (191_891_656, 370_560),
}
RESNET_PARAMETERS = {
    26: 15_995_176,
    50: 25_557_032,
    101: 44_549_160,
    152: 60_192_808,
    200: 64_673_832,
    300: 92_676_904,
    400: 125_212_968,
}
SE_PARAMETERS = {50: 35_635_688, 101: 63_562_472, 152: 86_565_352, 200: 93_153_768}


@pytest.mark.parametrize("depth", BLOCKS)
def test_resnet_rs_has_the_known_parameters(depth):
    model = on_meta(resnet_rs, depth)
    statistics = sum(b.numel() for name, b in model.named_buffers() if "running" in name)
    assert (parameters(model), statistics) == RS_PARAMETERS[depth]


@pytest.mark.parametrize("depth", RESNET_PARAMETERS)
def test_original_resnet_has_the_known_parameters(depth):
    assert parameters(on_meta(resnet, depth)) == RESNET_PARAMETERS[depth]


@pytest.mark.parametrize("depth", SE_PARAMETERS)
def test_squeeze_and_excitation_adds_the_known_parameters(depth):
    assert parameters(on_meta(resnet, depth, se_ratio=0.25)) == SE_PARAMETERS[depth]


@pytest.mark.parametrize(
    ("depth", "width", "millions"),
    [(50, 0.25, 2.63), (50, 0.5, 9.45), (50, 1.5, 78.7), (50, 2, 138.5), (400, 0.25, 11.87)],
)
def test_width_scales_every_filter(depth, width, millions):
    assert parameters(on_meta(resnet_rs, depth, width=width)) / 1e6 == pytest.approx(
        millions, abs=0.05
    )


def test_logits_equal_those_of_torchvision():
    """Same weights in the order of the layers, float64. ResNet-RS: tests/test_weights.py."""
    theirs, ours = awaken(torchvision.models.resnet50().double()), resnet(50).double().eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    expected = theirs(images)
    assert (expected[0] - expected[1]).abs().max() > 1e-3  # the input matters
    torch.testing.assert_close(ours(images), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("stem_stride", "sides"), [(4, (8, 4, 2, 1)), (2, (16, 8, 4, 2))])
@pytest.mark.parametrize("resnet_d", [False, True])
def test_features_halve_from_stage_to_stage(stem_stride, sides, resnet_d):
    model = resnet(26, width=0.25, stem_stride=stem_stride, resnet_d=resnet_d)
    maps = model.features(torch.zeros(2, 3, 32, 32))
    channels = (64, 128, 256, 512)
    assert {n: tuple(m.shape[1:]) for n, m in maps.items()} == {
        f"c{i + 2}": (channels[i], sides[i], sides[i]) for i in range(4)
    }


def test_stochastic_depth_is_one_rate_a_stage():
    """§4.2 and C4: r·i/5 for i = 2…5, on every block."""
    model = on_meta(resnet, 50, stochastic_depth=0.1)
    rates = {
        name: {round(block.branch.stochastic_depth.p, 3) for block in getattr(model, name)}
        for name in ("c2", "c3", "c4", "c5")
    }
    assert rates == {"c2": {0.04}, "c3": {0.06}, "c4": {0.08}, "c5": {0.1}}


def test_a_dropped_branch_leaves_the_shortcut_alone_and_a_kept_one_grows():
    torch.manual_seed(0)
    block = resnet(26, width=0.25, stochastic_depth=1.0, zero_gamma=False).c5[1]  # rate 1·5/5
    x = torch.rand(4, 512, 2, 2)
    torch.testing.assert_close(block.train()(x), x.relu())
    half = resnet(26, width=0.25, stochastic_depth=0.5, zero_gamma=False).c5[1]
    branch = half.branch[:-1](x)
    kept = (half.branch.train()(x) / branch).flatten(1).nanmean(1)
    assert {round(v, 3) for v in kept.tolist()} <= {0.0, 2.0}  # divided by the survival rate


def test_initialisation_is_the_tf1_one():
    torch.manual_seed(0)
    model = resnet_rs(50)
    weight = model.c5[1].branch.conv2.weight
    fan_in = 512 * 9
    assert weight.std().item() == pytest.approx(fan_in**-0.5, rel=0.01)
    assert weight.abs().max() <= 2 * fan_in**-0.5 / 0.8796
    assert model.fc.weight.std().item() == pytest.approx(0.01, rel=0.01)
    assert not model.fc.bias.any()
    blocks = [m for m in model.modules() if isinstance(m, Bottleneck)]
    assert len(blocks) == 16 and not any(b.branch.norm3.weight.any() for b in blocks)
    gates = [m for m in model.modules() if isinstance(m, SqueezeExcite)]
    assert len(gates) == 16 and not any(g.squeeze.bias.any() or g.excite.bias.any() for g in gates)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"depth": 34}, "34"),
        ({"depth": 26, "width": 0.01}, "0.01"),
        ({"depth": 26, "stem_stride": 3}, "3"),
    ],
)
def test_what_does_not_exist_is_named(arguments, named):
    with pytest.raises(InputError, match=named):
        resnet(**arguments)
