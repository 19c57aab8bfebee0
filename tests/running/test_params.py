"""Parameters: what a misspelt or mistyped one leads to, without running anything."""

import pytest

from rslib.config import InputError
from rslib.running.params import Looking, Params, Profiling, from_namespace


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": 1.5}, r"epochs is 1\.5; give a whole number"),
        ({"epochs": "many"}, "epochs is 'many'"),
        ({"epochs": True}, "epochs is True"),
        ({"seeds": -1}, "seeds is -1"),
        ({"scale": "huge"}, "scale is 'huge'; choose from auto, smoke, laptop, gpu, paper"),
        ({"scale": "labtop"}, "did you mean 'laptop'"),
        ({"executor": "rai"}, "executor is 'rai'; did you mean 'ray'"),
        ({"reuse": "false"}, "reuse is 'false'; give True or False"),
        ({"max_hours": 0}, "max_hours is 0"),
        ({"max_hours": float("nan")}, "max_hours is nan"),
        ({"max_hours": float("1e400")}, "max_hours is inf"),
        ({"max_hours": 1e9}, "max_hours is 1000000000.0"),
        ({"max_hours": "2"}, "max_hours is '2'"),
        ({"epochs": float("inf")}, "epochs is inf"),
        ({"epochs": 10**9}, "epochs is 1000000000; give a whole number up to 1,000,000"),
        ({"threads": 100_000}, "threads is 100000; give a whole number up to"),
        ({"workers": 100_000}, "workers is 100000; give a whole number up to"),
        ({"seeds": 10**12}, "seeds is 1000000000000; give a whole number up to 10,000"),
        ({"rows": True}, "rows is True"),
        ({"rows": [None]}, r"rows is \[None\]"),
        ({"data_dir": None}, "data_dir is None"),
        ({"data_dir": ["x"]}, r"data_dir is \['x'\]"),
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
        ({"dataset": True}, "dataset is True; give a word"),
        ({"sample": 10**10}, "sample is 10000000000; give a whole number up to"),
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


@pytest.mark.parametrize(
    ("rows", "words"),
    [(3, ["3"]), ("1e3", ["1e3"]), ("[1, 2]", ["1", "2"]), ("7,ema", ["7", "ema"])],
)
def test_a_word_that_looks_like_a_number_is_one(rows, words):
    """papermill makes numbers of them on the way."""
    assert Params(rows=rows).rows == words
    found = Params(data_dir=2024, runs_dir=7, dataset=10)
    assert (found.data_dir, found.runs_dir, found.dataset) == ("2024", "7", "10")
    assert Profiling(runs_dir=7).runs_dir == "7"
    assert Looking(dataset="folder", data_dir=2024).data_dir == "2024"


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
