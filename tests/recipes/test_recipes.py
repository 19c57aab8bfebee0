"""The recipes against the paper's printed tables, and the written rule of the reduced scales."""

import csv
import itertools

import pytest

from rslib import paths
from rslib.config import InputError, Recipe, evolve, from_dict, key, non_default, to_dict
from rslib.recipes import pareto
from rslib.recipes.additive import CLAIMS, TABLE_1
from rslib.recipes.scales import NAMES, at_scale
from rslib.training.optim import learning_rate, rates, weight_decay_exposure

ROWS = {row.id: row for row in TABLE_1.rows}
IMAGENET_STEPS = 1_281_167 // 4096


def printed(name):
    with open(paths.PAPER / name) as file:
        return list(csv.DictReader(file))


def test_rows_are_those_of_the_printed_table():
    ours = [(r.label, r.kind, f"{r.paper['top1']:.1f}", r.paper["delta"]) for r in TABLE_1.rows]
    theirs = [
        (r["step"], r["kind"], r["top1"], float(r["delta"]) if r["delta"] else None)
        for r in printed("table1.csv")
    ]
    assert ours == theirs


def test_each_row_adds_one_change_to_the_row_before():
    changed = []
    for before, row in zip(TABLE_1.rows, TABLE_1.rows[1:], strict=False):
        a, b = non_default(before.recipe), non_default(row.recipe)
        changed.append({k for k in a.keys() | b.keys() if a.get(k) != b.get(k)})
    assert changed == [
        {"optim.schedule"},
        {"optim.epochs"},
        set(),
        {"regularization.label_smoothing"},
        {"regularization.stochastic_depth"},
        {"regularization.randaugment"},
        {"regularization.dropout"},
        {"optim.weight_decay"},
        {"model.se_ratio"},
        {"model.resnet_d"},
    ]
    assert [r.weights for r in TABLE_1.rows] == ["raw"] * 3 + ["ema"] * 8


def test_the_last_row_is_resnet_rs_200_of_table_8():
    row = next(r for r in printed("table8.csv") if r["depth"] == "200")
    recipe = at_scale(ROWS["resnet-d"], "paper").recipe
    r, o = recipe.regularization, recipe.optim
    assert recipe.model.depth == 200 and recipe.data.resolution == int(row["resolution"]) == 256
    assert r.randaugment == float(row["randaugment_magnitude"])
    assert r.stochastic_depth == float(row["stochastic_depth_rate"])
    assert r.dropout == float(row["dropout_rate"])
    assert (o.epochs, o.batch_size, o.peak_rate) == (350, 4096, 1.6)
    assert (o.weight_decay, r.label_smoothing, o.ema_decay) == (4e-5, 0.1, 0.9999)
    assert (recipe.model.se_ratio, recipe.data.crop_area) == (0.25, 0.08)
    assert recipe.data.minival_images == 25_022 and recipe.data.pixel_reference == 0


def test_weight_decay_exposure_of_the_paper():
    exposure = {
        w: weight_decay_exposure(ROWS[w].recipe.optim, IMAGENET_STEPS)
        for w in ("epochs", "weight-decay")
    }
    # a cosine's sum is half the peak times the steps; a linear warm-up takes half of its own off
    area = 1.6 / 2 * (350 - 5) * IMAGENET_STEPS
    assert exposure["epochs"] == pytest.approx(1e-4 * area, rel=1e-3)
    assert exposure["weight-decay"] == pytest.approx(4e-5 * area, rel=1e-3)


def test_learning_rate_at_known_steps():
    """The 109,200 steps of the authors' TF2 schedule: warm-up 1,560, peak 1.6, cosine to 0."""
    shape = {"peak": 1.6, "warmup_steps": 1560, "schedule": "cosine"}
    at = {s: learning_rate(s, 109_200, **shape) for s in (0, 780, 1560, 54_600, 109_199)}
    assert at[0] == 0
    assert at[1560] == pytest.approx(1.5992, abs=1e-4)
    assert at[780] == pytest.approx(at[1560] / 2)
    assert at[54_600] == pytest.approx(0.8)
    assert 0 < at[109_199] < 1e-8


def test_stepwise_divides_by_ten_at_30_60_and_80_of_90_epochs():
    optim = evolve(ROWS["baseline"].recipe, {"optim.peak_rate": 0.4}).optim
    curve = rates(optim, steps_per_epoch=10)
    assert [curve[s] for s in (0, 25, 50, 299, 300, 599, 600, 799, 800, 899)] == pytest.approx(
        [0, 0.2, 0.4, 0.4, 0.04, 0.04, 0.004, 0.004, 0.0004, 0.0004]
    )


@pytest.mark.parametrize("schedule", ["cosine", "stepwise"])
def test_warm_up_is_continuous_and_the_rate_never_rises_after_it(schedule):
    curve = [
        learning_rate(s, 900, peak=0.1, warmup_steps=50, schedule=schedule) for s in range(900)
    ]
    assert all(b > a for a, b in itertools.pairwise(curve[:51]))
    assert curve[50] - curve[49] == pytest.approx(curve[1], rel=1e-6)
    assert all(b <= a for a, b in itertools.pairwise(curve[50:]))


def test_reduced_scales_keep_the_epochs_and_their_proportion():
    for scale in ("laptop", "gpu"):
        assert at_scale(ROWS["cosine"], scale).recipe.optim.epochs == 90
        assert at_scale(ROWS["epochs"], scale).recipe.optim.epochs == 350
    assert at_scale(ROWS["cosine"], "laptop", epochs=30).recipe.optim.epochs == 8
    assert at_scale(ROWS["epochs"], "laptop", epochs=30).recipe.optim.epochs == 30
    assert at_scale(ROWS["cosine"], "laptop").recipe.optim.warmup_epochs == 5
    assert at_scale(ROWS["cosine"], "laptop", epochs=30).recipe.optim.warmup_epochs == 8 * 5 / 90


@pytest.mark.parametrize("scale", NAMES)
def test_no_row_becomes_a_no_op(scale):
    recipes = [at_scale(row, scale).recipe for row in TABLE_1.rows]
    same = [a == b for a, b in itertools.pairwise(recipes)]
    assert same == [row.id == "ema" for row in TABLE_1.rows[1:]]


@pytest.mark.parametrize("scale", ["laptop", "gpu"])
def test_weight_decay_acts_as_the_rule_says(scale):
    """Exposure 0.4 at the long cosine schedule, in the paper's ratio of 2.5 to 1."""
    high, low = (at_scale(ROWS[w], scale).recipe for w in ("epochs", "weight-decay"))
    steps = high.data.train_images // high.optim.batch_size
    assert weight_decay_exposure(high.optim, steps) == pytest.approx(0.4, rel=0.03)
    assert high.optim.weight_decay / low.optim.weight_decay == pytest.approx(2.5, rel=0.03)


def test_the_gpu_scale_makes_do_with_fewer_images():
    recipe = at_scale(ROWS["epochs"], "gpu", available=4000).recipe
    assert (recipe.data.train_images, recipe.data.minival_images) == (2000, 2000)


def test_claims_follow_the_paper():
    """Signs, sizes and what two runs resolve, as Table 1 prints them."""
    found = {c.id: (TABLE_1.paper_effect(c), TABLE_1.resolved_by_paper(c)) for c in CLAIMS}
    assert found == {
        "longer-alone": (-0.5, True),
        "longer-regularized": (None, None),
        "longer-interaction": (None, None),
        "ema": (0.3, True),
        "label-smoothing": (1.3, True),
        "stochastic-depth": (0.2, False),
        "randaugment": (0.4, True),
        "dropout": (-0.3, True),
        "decay-regularized": (1.5, True),
        "decay-alone": (None, None),
        "decay-interaction": (None, None),
        "se": (0.7, True),
        "resnet-d": (0.5, True),
        "share": (2.0, True),
    }
    signed = [c for c in CLAIMS if TABLE_1.paper_effect(c) is not None]
    assert all(TABLE_1.paper_effect(c) * c.sign > 0 for c in signed)
    assert all(sum(c.cells.values()) == 0 for c in CLAIMS)
    for claim in CLAIMS:  # two readings of the same runs are one pair, each by its own weights
        runs = {TABLE_1.run_as(TABLE_1.row(id)) for id in claim.cells}
        if len(runs) < len(claim.cells):
            assert sorted(claim.cells.values()) == [-1, 1] and not claim.weights


@pytest.mark.parametrize("scale", NAMES)
def test_a_contrast_changes_one_thing_and_is_no_row_of_the_table(scale):
    rows = {r.id: at_scale(r, scale).recipe for r in (*TABLE_1.rows, *TABLE_1.cells)}

    def changed(a, b):
        a, b = non_default(rows[a]), non_default(rows[b])
        return {k for k in a.keys() | b.keys() if a.get(k) != b.get(k)}

    short, long = changed("short-regularized", "dropout"), changed("cosine", "epochs")
    assert short == long and "optim.epochs" in short
    assert changed("long-lower-decay", "epochs") == {"optim.weight_decay"}
    assert changed("weight-decay", "dropout") == {"optim.weight_decay"}
    assert rows["long-lower-decay"].optim == rows["weight-decay"].optim
    assert all(rows[c.id] not in [rows[r.id] for r in TABLE_1.rows] for c in TABLE_1.cells)


def test_recorded_runs_share_no_seed_or_images_with_those_that_chose_the_rule():
    assert all(at_scale(r, s).recipe.data.subset == 1 for r in TABLE_1.rows for s in NAMES[:3])


def test_rows_are_found_by_id_and_label_and_a_misspelt_one_is_told():
    assert [r.id for r in TABLE_1.select(["ema", "+ Cosine LR Decay"])] == ["cosine", "ema"]
    assert TABLE_1.select() == list(TABLE_1.rows)
    with pytest.raises(InputError, match=r"no row '\+ Cosin' in table1; did you mean"):
        TABLE_1.select(["+ Cosin"])
    with pytest.raises(InputError, match="choose from baseline, cosine, epochs, ema"):
        TABLE_1.select(["xyz"])


def test_evolve_names_a_field_that_does_not_exist():
    with pytest.raises(InputError, match=r"optim\.weight_decy.*weight_decay"):
        evolve(Recipe(), {"optim.weight_decy": 1e-4})
    with pytest.raises(InputError, match=r"optimizer\.epochs"):
        evolve(Recipe(), {"optimizer.epochs": 1})


@pytest.mark.parametrize("row", TABLE_1.rows, ids=lambda r: r.id)
def test_a_recipe_survives_its_json(row):
    assert from_dict(to_dict(row.recipe)) == row.recipe


def test_whole_and_decimal_numbers_are_one_recipe():
    whole, decimal = (evolve(Recipe(), {"regularization.randaugment": m}) for m in (15, 15.0))
    assert key(whole, "a" * 64) == key(decimal, "a" * 64)


def test_a_key_changes_with_recipe_data_and_numerics_and_with_nothing_else(monkeypatch):
    recipe = ROWS["resnet-d"].recipe
    base = key(recipe, "a" * 64)
    assert key(evolve(recipe, {"optim.nesterov": False}), "a" * 64) != base
    assert key(recipe, "b" * 64) != base
    assert key(evolve(recipe, {"data.dataset": "folder"}), "a" * 64) == base
    monkeypatch.setattr("rslib.config.NUMERICS_VERSION", 2)
    assert key(recipe, "a" * 64) != base


GOLDEN = {
    "laptop": """
        e6e15f360c a72ca8449e 452730208b 452730208b 1ac0aa9b8b 331058771f
        dc91b8374e d8b6ae3367 181199d2a9 6798da0fe1 cdfd359f3f
    """,
    "gpu": """
        c303a33447 a86582dd1e b9c97bfc07 b9c97bfc07 9f5008a77c 71ddc9d845
        90c9c7f1b1 74120ea965 3b17d066db 522a65f554 4b6ecd6a87
    """,
    "paper": """
        67e2860999 2ce51641aa 5a664bee3b 5a664bee3b fbb2a17e4c ca77ec6aea
        736d6596fe bc48459fe4 bbefb67167 ae4e16dafe 9615b86501
    """,
}  # fmt: skip


@pytest.mark.parametrize("scale", GOLDEN)
def test_the_keys_of_results_stay(scale):
    """A new field whose default means "as before" changes no key; a changed rule does.

    Whoever changes one of these on purpose raises NUMERICS_VERSION or says why in the changelog.
    """
    keys = [key(at_scale(row, scale).recipe, "0" * 64) for row in TABLE_1.rows]
    assert keys == GOLDEN[scale].split()


def test_printed_speedups_are_the_ratios_of_printed_latencies():
    """To the digit, but for B7 on the V100: 29.9 / 10.16 is 2.9, and printed is 2.8."""
    pairs = {(m.ours.label, m.ours.resolution, m.theirs.label[-2:]): m for m in pareto.matches()}
    stated = {pair: m for pair, m in pairs.items() if m.where != "here"}
    for pair, match in stated.items():
        assert round(match.speedup(lambda row: row.tpu), 1) == match.tpu
        expected = 2.9 if pair[2] == "B7" else match.v100
        assert round(match.speedup(lambda row: row.v100), 1) == expected
    in_table_7 = [m for m in stated.values() if "7" in m.where]
    assert sorted(m.tpu for m in in_table_7) == [1.7, 1.8, 1.9, 2.2, 2.7]  # "1.7x - 2.7x"
    assert sorted(m.v100 for m in in_table_7) == [2.1, 2.2, 2.3, 2.7, 3.3]  # "2.1x - 3.3x"


def test_left_out_efficientnets_meet_the_fastest_that_is_as_accurate():
    ours = {m.theirs.label[-2:]: m.ours for m in pareto.matches() if m.where == "here"}
    assert {b: (row.label, row.resolution) for b, row in ours.items()} == {
        "B0": ("ResNet-RS-50", 160),
        "B1": ("ResNet-RS-101", 160),
        "B3": ("ResNet-RS-152", 192),
    }
