"""EfficientNet against counts and networks that others wrote."""

import csv

import pytest
import timm
import torch
from torch import nn
from torchvision.ops import StochasticDepth

from rslib import paths
from rslib.config import InputError
from rslib.models import efficientnet
from rslib.models.efficientnet import SIZES

PARAMETERS = {
    "b0": 5_288_548,
    "b1": 7_794_184,
    "b2": 9_109_994,
    "b3": 12_233_232,
    "b4": 19_341_616,
    "b5": 30_389_784,
    "b6": 43_040_704,
    "b7": 66_347_960,
}
by_size = pytest.mark.parametrize("size", SIZES)


def on_meta(*args, **kwargs):
    with torch.device("meta"):
        return efficientnet(*args, **kwargs)


@by_size
def test_parameters_are_the_published_ones(size):
    assert sum(p.numel() for p in on_meta(size).parameters()) == PARAMETERS[size]


@by_size
def test_resolutions_are_those_of_table_7(size):
    with open(paths.PAPER / "table7.csv") as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    assert int(rows[f"EfficientNet-{size.upper()}"]["resolution"]) == SIZES[size].resolution


@pytest.mark.parametrize(("size", "side"), [("b0", 64), ("b2", 75)])
def test_logits_equal_those_of_timm(size, side):
    """Same weights in the order of the layers, float64, one BN epsilon."""
    torch.manual_seed(0)
    theirs = timm.create_model(f"efficientnet_{size}", bn_eps=1e-3).double().eval()
    ours = efficientnet(size).double().eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.randn(2, 3, side, side, dtype=torch.float64)
    expected = theirs(images)
    assert (expected[0] - expected[1]).abs().max() > 1e-3 * expected.abs().max()
    torch.testing.assert_close(ours(images), expected, rtol=1e-9, atol=1e-9)


@by_size
def test_every_batch_norm_has_the_authors_values(size):
    norms = [m for m in on_meta(size).modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) > 40 and {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}


def test_stochastic_depth_grows_with_the_block_and_stops_short_of_its_rate():
    rates = [m.p for m in on_meta("b0").modules() if isinstance(m, StochasticDepth)]
    assert rates == pytest.approx([0.2 * block / 16 for block in range(16)])


def test_features_halve_from_stage_to_stage():
    maps = on_meta("b0").features(torch.empty(2, 3, 100, 100, device="meta"))
    assert [tuple(m.shape[1:]) for m in maps.values()] == [
        (24, 25, 25),
        (40, 13, 13),
        (112, 7, 7),
        (320, 4, 4),
    ]


def test_dropout_and_classes_can_be_chosen():
    model = on_meta("b3", dropout=0.0, num_classes=10)
    assert (model.dropout.p, model.fc.out_features, on_meta("b3").dropout.p) == (0.0, 10, 0.3)


def test_a_size_that_does_not_exist_is_named():
    with pytest.raises(InputError, match="'b9'; did you mean 'b"):
        efficientnet("b9")


def test_depthwise_kernels_begin_with_the_authors_deviation():
    """As timm's do: √(2 / k²) for a depthwise kernel of side k, √(2 / (k² · outputs)) else."""
    torch.manual_seed(0)
    ours, theirs = efficientnet("b0"), timm.create_model("efficientnet_b0")

    def deviations(network):
        convs = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
        return [m.weight.std().item() for m in convs if m.groups > 1 and m.weight.numel() > 2000]

    assert len(deviations(ours)) > 10
    assert deviations(ours) == pytest.approx(deviations(theirs), rel=0.1)


def test_width_and_stem_stride_can_be_reduced():
    small = on_meta("b1", width=0.25, stem_stride=1, num_classes=10)
    maps = small.features(torch.empty(2, 3, 28, 28, device="meta"))
    assert [tuple(m.shape[1:]) for m in maps.values()] == [
        (8, 14, 14),
        (16, 7, 7),
        (32, 4, 4),
        (80, 2, 2),
    ]
    with pytest.raises(InputError, match="stride 2, or 1; not 4"):
        on_meta("b1", stem_stride=4)
