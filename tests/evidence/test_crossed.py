"""The error over blocks and images, and the verdicts that it decides."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from blocked import table
from statsmodels.formula.api import ols

from rslib.config import InputError
from rslib.evidence import blocks, stats, verdicts
from rslib.recipes.blocks import TABLE_1_BLOCKS

RNG = np.random.default_rng


def drawn(rng, studies, b, m, *, block, image, residual):
    """(studies, b, m): what a contrast comes to where nothing is there, by deviations."""
    return (
        rng.normal(0, block, (studies, b, 1))
        + rng.normal(0, image, (studies, 1, m))
        + rng.normal(0, residual, (studies, b, m))
    )


def test_the_mean_squares_are_those_of_an_analysis_of_variance():
    import pandas as pd

    (gaps,) = drawn(RNG(0), 1, 5, 40, block=2, image=3, residual=4)
    where = [(b, i, gaps[b, i]) for b, i in itertools.product(range(5), range(40))]
    frame = pd.DataFrame(where, columns=["block", "image", "gap"])
    table = sm.stats.anova_lm(ols("gap ~ C(block) + C(image)", frame).fit())
    of_block, of_image, left = table["mean_sq"]
    found = blocks.crossed(gaps)
    assert found.value == pytest.approx(gaps.mean())
    # there mean squares are of single values: m and b times those of means
    assert found.error**2 == pytest.approx((of_block + of_image - left) / (5 * 40))
    parts = {"C(block)": of_block, "C(image)": of_image, "Residual": left}
    df = (of_block + of_image - left) ** 2 / sum(
        part**2 / table["df"][name] for name, part in parts.items()
    )
    assert found.df == pytest.approx(df)


def test_the_error_is_never_below_that_of_the_blocks():
    gaps = np.array([[0.0, 2.0, 1.0], [3.0, 1.0, 2.0]])  # images agree less than by chance
    found = blocks.crossed(gaps)
    assert found.error == pytest.approx((gaps.mean(axis=1).var(ddof=1) / 2) ** 0.5)
    assert found.df == 1


@pytest.mark.long
@pytest.mark.parametrize(
    "scatter",
    [
        {"block": 1.0, "image": 20.0, "residual": 40.0},
        {"block": 0.3, "image": 10.0, "residual": 40.0},
        {"block": 1.0, "image": 0.0, "residual": 40.0},
    ],
    ids=["both", "few blocks' worth", "blocks alone"],
)
def test_the_interval_covers_in_95_of_100_studies(scatter):
    """5,000 studies of 8 blocks; where images hardly differ the interval may be too wide."""
    m = 1000
    held = [
        blocks.crossed(gaps).holds(0)
        for chunk in range(10)
        for gaps in drawn(RNG(chunk), 500, 8, m, **scatter)
    ]
    assert 0.94 <= np.mean(held) <= (0.96 if scatter["image"] else 0.965)


def test_the_smallest_visible_effect_is_seen_in_80_of_100_studies():
    scatter = {"block": 1.0, "image": 15.0, "residual": 30.0}
    estimates = [blocks.crossed(g) for g in drawn(RNG(3), 3000, 8, 400, **scatter)]
    true = (1 / 8 + 15**2 / 400 + 30**2 / (8 * 400)) ** 0.5
    df = np.median([e.df for e in estimates])
    size = blocks.visible(stats.Estimate(0.0, true, df), 0.025)
    seen = [stats.Estimate(e.value + size, e.error, e.df).p() < 0.025 for e in estimates]
    assert np.mean(seen) == pytest.approx(0.80, abs=0.03)


def judged(results):
    return {f.claim.id: f for f in blocks.judge(TABLE_1_BLOCKS, results)}


PAPER = {"none-short": 0.50, "none": 0.46, "all-short": 0.46, "all": 0.56}


def test_effects_that_are_there_are_found_and_components_follow():
    found = judged(table(RNG(1), PAPER))
    assert {f.verdict for f in found.values()} == {"same direction"}
    assert found["longer-interaction"].effect.holds(14)
    assert all(f.blocks == tuple(range(1, 9)) and not f.lacking for f in found.values())
    turned = {id: 1 - top for id, top in PAPER.items()}
    found = judged(table(RNG(1), turned))
    assert {f.verdict for f in found.values()} == {"opposite direction here"}


def test_components_wait_for_their_claim():
    level = dict.fromkeys(PAPER, 0.5) | {"none": 0.44, "all": 0.44}
    found = judged(table(RNG(2), level))
    assert found["longer-interaction"].verdict in ("undecided", blocks.NO_LARGER)
    for id in ("longer-regularized", "longer-alone"):
        assert found[id].effect is None and "not tested" in found[id].verdict


def test_a_block_that_lacks_a_cell_is_left_out_and_named():
    results = table(RNG(1), PAPER, lacks=[(3, "all-short")])
    found = judged(results)
    assert found["regularization"].verdict == "same direction"
    interaction = found["longer-interaction"]
    assert interaction.verdict == "7 of 8 blocks" and interaction.effect is None
    assert interaction.lacking == {3: ("all-short",)} and 3 not in interaction.blocks


def test_one_run_that_diverged_leaves_its_block_out_and_two_withhold_the_verdict():
    results = table(RNG(1), PAPER)
    of = {(run["row"], run["seed"]): run for run in results}
    of["all", 3]["status"] = "diverged"
    found = judged(results)["regularization"]
    assert found.verdict == "same direction" and found.blocks == (1, 2, 4, 5, 6, 7, 8)
    of["none", 5]["status"] = "diverged"  # one of each cell
    assert judged(results)["regularization"].blocks == (1, 2, 4, 6, 7, 8)
    of["all", 6]["status"] = "diverged"
    assert judged(results)["regularization"].verdict == "diverged"


def test_components_share_the_level_of_their_claim():
    """Of two primary claims: 2.5 %."""
    effect = stats.Estimate(1.5, 0.5, 7)
    assert blocks.verdict(effect, 0.03, 1, True) == "same direction"
    assert blocks.verdict(effect, 0.03, 1, True, 0.025) == "undecided"
    found = judged(table(RNG(1), PAPER))["longer-alone"]
    assert found.visible == pytest.approx(blocks.visible(found.effect, 0.05 / 2 / 2))


def test_later_blocks_do_not_count():
    assert judged(table(RNG(1), PAPER, count=10))["regularization"].blocks == tuple(range(1, 9))


def test_without_overfitting_nothing_is_said_of_overfitting():
    found = judged(table(RNG(1), PAPER, train=0.9))
    assert {f.verdict for f in found.values()} == {"regime not reached"}
    assert found["regularization"].effect is not None  # but the numbers are shown


def test_a_small_effect_that_is_bounded_says_so():
    effect = stats.Estimate(0.1, 0.2, 7)
    assert blocks.verdict(effect, 0.6, 1, True) == "no effect larger than 1"
    assert blocks.verdict(stats.Estimate(0.1, 2.0, 7), 0.9, 1, True) == "undecided"


def test_a_claim_of_no_effect_is_judged_by_its_bounds_alone():
    """By the 90 % interval, however sure it is that the effect is not 0."""
    for value, error, word in (
        (0.4, 0.1, "no effect larger than 1"),  # p = 0.005, within ± 1
        (0.4, 0.6, "undecided"),
        (-2.0, 0.2, "contradicted"),
        (2.0, 0.2, "contradicted"),
    ):
        assert blocks.verdict(stats.Estimate(value, error, 7), 0.005, 0, True) == word


def test_a_claim_of_no_effect_corrects_no_other():
    first, *rest = TABLE_1_BLOCKS.claims
    study = replace(TABLE_1_BLOCKS, claims=(first, replace(first, id="none", sign=0), *rest))
    results = table(RNG(1), dict.fromkeys(PAPER, 0.5))
    found = {f.claim.id: f for f in blocks.judge(study, results)}
    for id, alone in judged(results).items():
        assert (found[id].p, found[id].verdict) == (alone.p, alone.verdict)
    assert found["none"].p <= found[first.id].p and found["none"].effect == found[first.id].effect


@pytest.mark.long
def test_a_wrong_direction_is_said_in_one_study_of_twenty_at_most():
    """Familywise over claims and their components, where one claim is true.

    The true interaction comes from one corner alone; its other component and the other claim are as
    good as nothing, so that one of two directions is wrong. Cells scatter unequally, and each image
    is easier in some cells than in others.
    """
    rng, wrong = RNG(6), 0
    for _ in range(5000):
        cell = {
            id: rng.normal(0, spread, (6, 1))
            + rng.normal(0, 8, (1, 60))
            + rng.normal(0, 30, (6, 60))
            for id, spread in (("a", 0.5), ("b", 3.0), ("c", 1.0), ("d", 4.0))
        }
        cell["a"] = cell["a"] + 100.0
        gaps = {
            "null": cell["c"] - cell["d"],
            "true": cell["a"] - cell["b"] - cell["c"] + cell["d"],
        }
        claims = [blocks.crossed(gaps[id]) for id in ("null", "true")]
        parts = [blocks.crossed(cell["a"] - cell["c"]), blocks.crossed(cell["b"] - cell["d"])]
        null, true = stats.holm([one.p() for one in claims])
        component = stats.holm([one.p() for one in parts])[1] < stats.ALPHA / 2
        wrong += null < stats.ALPHA and claims[0].value < 0
        wrong += true < stats.ALPHA and component and parts[1].value < 0
    assert wrong / 5000 <= 0.05


@pytest.mark.long
def test_one_false_direction_in_twenty_studies_at_most():
    """Familywise, with unequal scatter of the cells and subset effects, where nothing is there.

    5,000 studies with two primary claims that share cells, as Table 1's have.
    """
    rng, wrong = RNG(5), 0
    for _ in range(5000):
        cell = {  # blocks × images, a deviation of its own for each cell
            id: rng.normal(0, spread, (8, 1)) + rng.normal(0, 30, (8, 60))
            for id, spread in (("a", 0.5), ("b", 3.0), ("c", 1.0), ("d", 4.0))
        }
        subset = rng.normal(0, 1.5, (8, 1))
        cell = {id: values + subset for id, values in cell.items()}
        first = blocks.crossed(cell["a"] - cell["b"])
        second = blocks.crossed(cell["a"] - cell["c"] - cell["b"] + cell["d"])
        wrong += min(stats.holm([first.p(), second.p()])) < stats.ALPHA
    assert wrong / 5000 <= 0.05


def test_runs_from_before_a_field_was_added_are_of_the_same_recipe():
    found = table(RNG(0), {"none": 0.6, "all": 0.7}, count=2)
    del found[0]["recipe"]["data"]["frames"]  # has a default that means "as before"
    assert len(verdicts.runs_of(TABLE_1_BLOCKS, found[0]["row"], found)) == 2
    found[0]["recipe"]["optim"]["weight_decay"] *= 2
    with pytest.raises(InputError, match="different recipes"):
        verdicts.runs_of(TABLE_1_BLOCKS, found[0]["row"], found)
