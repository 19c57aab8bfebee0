"""EfficientNet-RS: the sides we chose, the published recipe, and its reduced scale."""

from math import log

import pytest

from rslib import models
from rslib.costs import counts
from rslib.models.efficientnet import SIZES
from rslib.recipes import efficientnet_rs, pareto
from rslib.recipes.efficientnet_rs import FIGURE_5
from rslib.recipes.scales import at_scale

SLOW_SIDES = {row.name[-2:]: row.resolution for row in efficientnet_rs.slow_networks()}
ROWS = {row.id: row for row in FIGURE_5.rows}


def test_slow_sides_are_smaller_and_grow_half_as_fast():
    assert dict(zip(SIZES, (192, 224, 224, 256, 256, 288, 320, 352), strict=True)) == SLOW_SIDES
    for size, side in SLOW_SIDES.items():
        own = SIZES[size].resolution
        assert side < own and side % 32 == 0
        assert log(side / 192) == pytest.approx(log(own / 192) / 2, abs=0.1)


def test_every_magnitude_of_the_papers_rule_occurs():
    """§7.2: 10 to 224 pixels, 20 above 320, 15 between."""
    found = [efficientnet_rs.magnitude(side) for side in SLOW_SIDES.values()]
    assert found == [10, 10, 10, 15, 15, 15, 15, 20]


@pytest.mark.parametrize("size", ["b0", "b1"])
def test_only_the_side_and_randaugment_change(size):
    compound, slow = (ROWS[f"{size}-{kind}"].recipe for kind in ("compound", "slow"))
    assert compound.data.resolution == SIZES[size].resolution
    assert (compound.model, compound.optim) == (slow.model, slow.optim)
    assert compound.regularization.dropout == SIZES[size].dropout
    assert compound.optim.peak_rate == pytest.approx(0.128)
    assert compound.optim.optimizer == "rmsprop" and compound.optim.schedule == "exponential"


def test_the_papers_accuracies_are_table_7s():
    printed = {row.name: row.top1 for row in pareto.table_7()}
    for size in ("b0", "b1"):
        assert ROWS[f"{size}-compound"].paper["top1"] == printed[f"efficientnet_{size}"]
        assert ROWS[f"{size}-slow"].paper["top1"] is None


def test_a_recipe_builds_its_network():
    recipe = at_scale(ROWS["b1-slow"], "laptop").recipe
    network = models.build(recipe, num_classes=10)
    assert network.fc.out_features == 10 and network.stem[0][0].stride == (2, 2)
    assert len(network.c3) == len(models.efficientnet("b1").c3)


def test_reduced_scales_keep_the_ratio_of_the_sides():
    recipes = [at_scale(row, "laptop").recipe for row in FIGURE_5.rows]
    assert [recipe.data.resolution for recipe in recipes] == [28, 24, 30, 28]
    assert {recipe.regularization.randaugment for recipe in recipes} == {10.0}
    assert {recipe.optim.weight_decay for recipe in recipes} == {1e-5}
    rates = [at_scale(row, "laptop").recipe.optim.peak_rate for row in FIGURE_5.rows]
    assert rates == pytest.approx([0.016 * 64 / 256] * 4)


def test_claims_lie_on_the_line_between_b0_and_b1_by_counted_flops():
    """Their weights are the networks' places on it, in quarters of the distance."""
    flops = {
        id: log(counts.count(f"efficientnet_{id[:2]}", row.recipe.data.resolution).flops)
        for id, row in ROWS.items()
    }
    step = flops["b1-compound"] - flops["b0-compound"]
    for claim in FIGURE_5.claims:
        assert sum(claim.cells.values()) == 0
        (slow,) = (id for id in claim.cells if id.endswith("slow"))
        place = (flops[slow] - flops["b0-compound"]) / step
        assert -claim.cells["b1-compound"] == pytest.approx(place, abs=0.125)
