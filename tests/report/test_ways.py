"""The ways to train many runs, as the page about the cloud shows them."""

import pytest

from rslib.report import ways

ROW = {"command": "rslib run table1", "runs": 24, "processes": 2}
ONE = {"processes": 1, "loss": 0.5, "correct": 70, "n": 100, "weights_sha256": "a"}
ONE |= {"way": "one process", "command": "rslib run table1 --executor inline"}
ONE |= {"seconds": [100.0, 100.0, 200.0], "whole": [104.0, 105.0, 206.0]}
TWO = ONE | {"way": "torchrun", "processes": 2, "seconds": [60.0, 50.0, 130.0]}
TWO |= {"command": "torchrun --nproc-per-node 2 -m rslib run table1", "weights_sha256": "b"}
FOUND = {
    "environment": {
        "device_name": "Xeon",
        "began": "2026-11-27T19:00:00",
        "commit": "0123456789ab",
        "torch": "2.15.0",
    },
    "versions": {"ray": "2.50.0"},
    "many": [
        ROW | {"way": "one process", "processes": 1, "seconds": 100.0, "whole": 108, "idle": 0.01},
        ROW | {"way": "local", "seconds": 50.0, "whole": 61.0, "idle": 0.04},
        ROW | {"way": "Ray", "seconds": 60.0, "whole": 84.6, "idle": 0.11},
    ],
    "equal": True,
    "shared": [ONE, ONE | {"way": "Ray"}, TWO],
}


def test_what_was_missed_is_marked_and_whole_commands_are_told():
    said = ways.in_words(FOUND)
    assert "end in **the same bits**" in said
    assert "| local | 24 | 2 | 50 | 61 | 4.0 % | ≤ 5 %, met |" in said
    assert "| Ray | 24 | 2 | 60 | 85 | 11.0 % | ≤ 10 %, **missed** |" in said
    assert "| one process | 1 | 100 | 105 | 0.5000 | 70 of 100 |" in said
    assert "1.20 times half the time" in said and "1.15, **missed**" in said
    assert "```bash\nrslib run table1\n" in said and "\ntorchrun --nproc-per-node 2 -m" in said
    assert "**do not end in the same bits**" in ways.in_words(FOUND | {"equal": False})


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ({}, "the same loss and as many right images as one process, and other bits"),
        ({"correct": 71}, "the same loss as one process, and other bits"),
        ({"loss": 0.5001}, "differs by 2.0e-04 of it, as sums are rounded in another order"),
    ],
)
def test_nothing_is_called_different_that_is_equal(end, words):
    said = ways.judged([ONE, ONE | {"way": "Ray"}, TWO | end])
    assert "Ray ends with the same bits as one process." in said
    assert said.endswith(f"{words}.") and ("rounded" in said) == ("loss" in end)


def test_nothing_is_claimed_before_it_is_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(ways.paths, "RESULTS", tmp_path)
    assert ways.shown() == "Not measured yet: `bench/ways.py` does."
