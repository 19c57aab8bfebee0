"""Parameters: what a misspelt or mistyped one leads to, without running anything."""

import pytest

from rslib.config import InputError
from rslib.running.params import Looking, Params, from_namespace


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": 1.5}, r"epochs is 1\.5; give a whole number"),
        ({"epochs": "many"}, "epochs is 'many'"),
        ({"epochs": True}, "epochs is True"),
        ({"seeds": 0}, "seeds is 0"),
        ({"scale": "huge"}, "scale is 'huge'; choose from auto, smoke, laptop, gpu, paper"),
        ({"scale": "labtop"}, "did you mean 'laptop'"),
        ({"executor": "ray"}, "executor is 'ray'"),
        ({"reuse": "false"}, "reuse is 'false'; give True or False"),
        ({"max_hours": 0}, "max_hours is 0"),
        ({"max_hours": float("nan")}, "max_hours is nan"),
        ({"rows": 3}, "rows is 3"),
        ({"rows": "[1, 2]"}, r"rows is \[1, 2\]"),
        ({"data_dir": 7}, "data_dir is 7"),
    ],
)
def test_a_wrong_value_is_told_in_one_line(given, message):
    with pytest.raises(InputError, match=message) as caught:
        Params(**given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"data_dir": "/images"}, "data_dir is /images; say as dataset what it holds"),
        ({"dataset": 10}, "dataset is 10; give a word"),
        ({"sample": -1}, "sample is -1; give a whole number from 0 on"),
    ],
)
def test_a_wrong_value_for_looking_is_told_too(given, message):
    with pytest.raises(InputError, match=message):
        Looking(**given)


@pytest.mark.parametrize(
    "rows",
    ['["cosine", "+ EMA of weights"]', "cosine,+ EMA of weights", "cosine, + EMA of weights"],
)
def test_rows_may_come_as_json_or_with_commas(rows):
    assert Params(rows=rows).rows == ["cosine", "+ EMA of weights"]


def test_training_is_asked_for_by_scale_or_epochs_alone():
    assert not Params().trains and not Params(rows="ema", seeds=3).trains
    assert Params(scale="smoke").trains and Params(epochs=350).trains


def test_a_misspelt_parameter_is_found_where_papermill_put_it():
    cells = ["", "epochs = None", "# Parameters\nepoch = 3\nscale = 'smoke'\n"]
    with pytest.raises(InputError, match="unknown parameter 'epoch'; did you mean 'epochs'"):
        from_namespace({"In": cells, "scale": "smoke", "epoch": 3})


def test_a_corrected_parameter_cell_is_believed():
    cells = ["", "# Parameters\nepoch = 3\n", "# Parameters\nepochs = 3\n"]
    assert from_namespace({"In": cells, "epochs": 3}) == Params(epochs=3)
    assert from_namespace({"In": ["# Parameters of my plot\nprint(1)"]}) == Params()


def test_variables_of_other_cells_are_no_parameters():
    cells = ["", "# Parameters\nscale = 'smoke'\n", "history = [1]"]
    found = from_namespace({"In": cells, "scale": "smoke", "history": [1], "epochs": None})
    assert found == Params(scale="smoke")
