"""The recipe for one's own images meets Table 8 where Table 8 has it, and its rules elsewhere."""

import pytest

from rslib.config import InputError, evolve
from rslib.models.resnet import BLOCKS
from rslib.recipes import own, resnet_rs, scaling
from rslib.recipes.reasons import reasons
from rslib.training.optim import weight_decay_exposure

PAPER = {"images": 1_281_167 - 25_022, "epochs": 350, "batch": 4096}


@pytest.mark.parametrize(
    ("depth", "resolution"), [(50, 160), (101, 192), (152, 256), (200, 256), (350, 320), (420, 320)]
)
def test_at_the_papers_size_it_is_table_8(depth, resolution):
    ours = own.recipe(depth, resolution=resolution, **PAPER)
    same = {"data.dataset": "imagenet", "data.minival_images": 25_022}
    assert evolve(ours, same) == resnet_rs.recipe(depth, resolution)


def test_depths_are_those_that_are_built():
    assert set(own.DEPTHS) == set(BLOCKS)


@pytest.mark.parametrize("width", scaling.WIDTHS)
def test_regularization_by_width_is_appendix_es(width):
    found = own.regularization(200, width, 160, 100)
    assert found["regularization.dropout"] == scaling.DROPOUT[width]
    assert found["regularization.randaugment"] == scaling.magnitude(width, 160) == 10
    assert (found["regularization.stochastic_depth"] == 0) == (width == 0.25)
    assert not any(own.regularization(200, width, 160, 10).values())


def test_dropout_between_the_widths_of_table_12():
    assert own.dropout(0.125) == 0 and own.dropout(4) == 0.75
    assert own.dropout(0.375) == 0.05 and own.dropout(1.25) == 0.425


@pytest.mark.parametrize(("images", "batch"), [(300, 32), (4500, 128), (90, 8)])
def test_rate_and_decay_at_few_steps(images, batch):
    recipe = own.recipe(50, images=images, resolution=160)
    assert recipe.optim.batch_size == batch and recipe.optim.peak_rate == 0.1 * batch / 256
    # the closed form leaves the warm-up out, which takes a fifteenth
    assert weight_decay_exposure(recipe.optim, images // batch) == pytest.approx(0.15, rel=0.02)


def test_decay_has_a_limit_where_steps_are_very_few():
    short = own.recipe(26, images=100, resolution=32, epochs=6)
    assert short.optim.weight_decay == 0.1  # exposure alone would ask for 1.4
    told = {name: why for name, _, why in reasons(short, 100)}
    assert told["weight decay"].startswith("the most") and "72 steps" in told["weight decay"]


def test_fine_tuning_stays_within_appendix_f():
    at = {n: own.recipe(50, images=n, resolution=160, batch=512, start="x") for n in (600, 50_000)}
    assert at[50_000].optim.peak_rate == 0.005  # 9,700 steps, as the appendix has them
    assert at[600].optim.peak_rate == 0.25 and at[600].optim.weight_decay == 1e-4  # 100 steps
    assert own.peak_rate(512, 1, True) == 0.32 and own.peak_rate(128, 20_000, True) == 0.0013
    assert own.recipe(50, images=600, resolution=160, start="x", rate=0.1).optim.peak_rate == 0.1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"batch": 200}, "100 training images do not fill one batch of 200"),
        ({"balance": "weight"}, "did you mean 'weights'"),
    ],
)
def test_bad_input(changes, says):
    with pytest.raises(InputError, match=says):
        own.recipe(50, images=100, resolution=160, **changes)
    with pytest.raises(InputError, match="no model 'resnet_50'"):
        own.depth_of("resnet_50")


def test_each_value_has_its_reason():
    small = own.recipe(50, images=300, resolution=48, width=0.25, epochs=50)
    told = {name: (value, why) for name, value, why in reasons(small, 300)}
    assert told["learning rate"] == ("0.0125", "0.1 · 32 / 256 (Appendix B)")
    assert told["weight decay"][1].startswith("0.16 / Σlr")
    assert "Appendix E" in told["stochastic depth"][1] and "Table 12" in told["dropout"][1]
    assert "stride 2" in told["resolution"][1] and "halved" in told["batch"][1]
    assert "Table 8 has none" in told["balance"][1]
    paper = own.recipe(50, resolution=160, **PAPER)
    assert {n: w for n, _, w in reasons(paper, PAPER["images"])}["weight decay"] == "Table 8"
