"""Table 6 against the paper's printed numbers, and the written rule of its reduced scales."""

import csv
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from networks import on_meta

from rslib import models, paths
from rslib.config import InputError, evolve, from_dict, key, non_default, to_dict
from rslib.recipes.scales import NAMES
from rslib.recipes.video import AFTERWARDS, CLAIMS, TABLE_6
from rslib.recipes.video_scales import at_scale, crop_area, own_epochs
from rslib.training.optim import weight_decay_exposure

ROWS = {row.id: row for row in TABLE_6.rows}
REDUCED = ("smoke", "laptop", "gpu")


def changed(a, b):
    a, b = non_default(a), non_default(b)
    return {k for k in a.keys() | b.keys() if a.get(k) != b.get(k)}


def test_every_cell_is_the_printed_one():
    with open(paths.PAPER / "table6.csv", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [(r.label, r.kind, r.paper["top1"], r.paper["delta"]) for r in TABLE_6.rows] == [
        (r["step"], r["kind"], float(r["top1"]), float(r["delta"]) if r["delta"] else None)
        for r in lines
    ]


@pytest.mark.parametrize("scale", NAMES)
def test_each_row_adds_one_change_to_the_row_before(scale):
    rows = [at_scale(row, scale, block=1) for row in TABLE_6.rows]
    found = [changed(a.recipe, b.recipe) for a, b in pairwise(rows)]
    longer = {"optim.epochs"}
    if rows[0].recipe.optim.epochs < 90:  # where the warm-up is 5/90 of the schedule
        longer.add("optim.warmup_epochs")
    assert found == [
        {"regularization.dropout"},
        {"regularization.label_smoothing"},
        {"regularization.stochastic_depth"},
        set(),  # the average is a second reading
        {"optim.weight_decay"},
        longer,
        {"data.crop_area"},
        {"model.se_ratio"},
        {"model.resnet_d"},
    ]
    assert [row.weights for row in rows] == ["raw"] * 4 + ["ema"] * 6


def test_the_last_row_at_paper_scale_is_appendix_g():
    recipe = at_scale(ROWS["resnet-d"], "paper").recipe
    assert recipe == evolve(ROWS["resnet-d"].recipe, {"data.dataset": "kinetics-400"})
    m, d, r, o = recipe.model, recipe.data, recipe.regularization, recipe.optim
    assert (recipe.task, m.family, m.depth, m.width) == ("video", "resnet3d", 50, 1.0)
    assert (d.frames, d.frame_stride, d.resolution, d.test_resolution) == (32, 2, 224, 256)
    assert d.test_clips * d.test_crops == 30 and d.minival_images == 0 and not d.split
    assert (r.dropout, r.label_smoothing, r.stochastic_depth, r.randaugment) == (0.5, 0.1, 0.1, 0)
    assert (o.batch_size, o.epochs, o.weight_decay, o.schedule) == (1024, 350, 4e-5, "cosine")
    # the authors' 73,682 steps, of which 1,050 warm up; by 215,570 clips
    steps = 215_570 // o.batch_size
    assert steps * o.epochs == pytest.approx(73_682, rel=0.003)
    assert steps * o.warmup_epochs == 1_050 and o.peak_rate == 0.2 * 1024 / 256
    expected = 41_735_840 + 2048 * 400 + 400
    network = on_meta(models.build, recipe, 400)
    assert sum(p.numel() for p in network.parameters()) == expected


def test_claims_are_the_papers_and_name_few_rows():
    found = {claim.id: TABLE_6.paper_effect(claim) for claim in CLAIMS}
    assert found == {"methods": 4.0, "architecture": 0.8, "ema": 0.0}  # "(+4.0%)", "(+0.8%)"
    assert [(c.sign, c.runs, c.after) for c in CLAIMS] == [(1, 6, ""), (1, 6, ""), (0, 6, "")]
    runs = {TABLE_6.run_as(TABLE_6.row(id)) for claim in CLAIMS for id in claim.cells}
    assert runs == {"baseline", "stochastic-depth", "scale-jittering", "resnet-d"}
    steps = {c.id: TABLE_6.paper_effect(c) for c in AFTERWARDS}
    assert sum(steps.values()) == pytest.approx(4.8) and len(steps) == 8
    assert all(c.runs == 2 and sum(c.cells.values()) == 0 for c in AFTERWARDS)


@pytest.mark.parametrize("scale", REDUCED)
def test_reduced_scales_follow_the_written_rule(scale):
    rows = {id: at_scale(row, scale, block=1).recipe for id, row in ROWS.items()}
    short, long = rows["baseline"].optim.epochs, rows["resnet-d"].optim.epochs
    assert long == own_epochs(scale) and short / long == pytest.approx(200 / 350)
    areas = (rows["baseline"].data.crop_area, rows["scale-jittering"].data.crop_area)
    assert areas == (0.77, 0.4)
    data = rows["baseline"].data
    span = (data.frames - 1) * data.frame_stride
    assert 25 <= span < 64  # an embedded clip has 64 frames
    held = rows["resnet-d"].regularization
    assert held == ROWS["resnet-d"].recipe.regularization
    for size in (data.train_images, data.minival_images, data.test_images):
        assert size % 8 == 0  # of eight classes


@pytest.mark.parametrize(
    ("scale", "sides", "pixels"),
    [("laptop", (32, 32), (1, 1)), ("gpu", (112, 128), (4, 4)), ("paper", (224, 256), (7, 8))],
)
def test_testing_is_larger_only_where_the_last_stage_sees_as_many_pixels(scale, sides, pixels):
    recipe = at_scale(ROWS["baseline"], scale, block=1).recipe
    assert (recipe.data.resolution, recipe.data.test_resolution) == sides
    with torch.device("meta"):
        network = models.build(recipe, 8).eval()
        maps = [network.features(torch.empty(1, 3, 8, side, side))["c5"] for side in sides]
    assert tuple(found.shape[-1] for found in maps) == pixels


@pytest.mark.parametrize("scale", ["laptop", "gpu"])
def test_weight_decay_acts_as_in_table_1(scale):
    """1e-4 has exposure 0.4 on the long schedule, 4e-5 has 0.16, but for half of the warm-up."""
    low = at_scale(ROWS["epochs"], scale, block=1).recipe
    high = evolve(ROWS["epochs"].recipe, {"optim.weight_decay": 1e-4})
    high = at_scale(replace(ROWS["epochs"], recipe=high), scale).recipe
    steps = low.data.train_images // low.optim.batch_size
    whole = 1 - low.optim.warmup_epochs / low.optim.epochs
    found = [weight_decay_exposure(recipe.optim, steps) / whole for recipe in (high, low)]
    assert found == pytest.approx([0.4, 0.16], rel=0.05)


def test_blocks_train_on_subsets_of_their_own_and_never_on_the_pilots():
    recipes = [at_scale(ROWS["baseline"], "laptop", block=k).recipe for k in range(7)]
    assert [recipe.data.subset for recipe in recipes] == list(range(7))
    assert {recipe.data.split for recipe in recipes} == {"blocks"}
    assert {evolve(recipe, {"data.subset": 0}) for recipe in recipes} == {recipes[0]}


def test_epochs_that_are_asked_for_keep_the_proportion():
    rows = {id: at_scale(ROWS[id], "laptop", epochs=70).recipe.optim for id in ROWS}
    assert (rows["baseline"].epochs, rows["resnet-d"].epochs) == (40, 70)


def test_the_crop_keeps_its_ends():
    assert crop_area(0.08, 0.4) == 0.4 and crop_area(1.0, 0.4) == 1.0
    assert crop_area(0.49, 0.08) == 0.49  # nothing is reduced


def test_a_scale_that_does_not_exist_is_named():
    with pytest.raises(InputError, match="no scale 'laptp'; did you mean 'laptop'"):
        at_scale(ROWS["baseline"], "laptp")


@pytest.mark.parametrize("scale", NAMES)
def test_every_run_has_a_key_of_its_own_and_survives_its_json(scale):
    recipes = [at_scale(row, scale, block=1).recipe for row in TABLE_6.rows]
    assert all(from_dict(to_dict(recipe)) == recipe for recipe in recipes)
    assert len({key(recipe, "0" * 64) for recipe in recipes}) == 9  # of ten rows
