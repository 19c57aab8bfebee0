"""The ways to train many runs, as the page about the cloud shows them."""

from rslib.report import ways

FOUND = {
    "environment": {
        "device_name": "Xeon",
        "began": "2026-11-27T19:00:00",
        "commit": "0123456789ab",
    },
    "versions": {"ray": "2.50.0"},
    "many": [
        {"way": "one process", "processes": 1, "runs": 24, "seconds": 100.0, "idle": 0.01},
        {"way": "local", "processes": 2, "runs": 24, "seconds": 50.0, "idle": 0.04},
        {"way": "Ray", "processes": 2, "runs": 24, "seconds": 60.0, "idle": 0.11},
    ],
    "equal": True,
    "shared": {"ratio": 1.2, "losses": [0.5, 0.5001], "correct": [70, 71], "n": [100, 100]},
}
FOUND["environment"]["torch"] = "2.15.0"


def test_what_was_missed_is_marked_and_differences_are_told():
    said = ways.in_words(FOUND)
    assert "end in **the same bits**" in said
    assert "| local | 24 | 2 | 50 | 4.0 % | ≤ 5 %, met |" in said
    assert "| Ray | 24 | 2 | 60 | 11.0 % | ≤ 10 %, **missed** |" in said
    assert "1.20 times half the time" in said and "1.15, **missed**" in said
    assert "**do not end in the same bits**" in ways.in_words(FOUND | {"equal": False})


def test_nothing_is_claimed_before_it_is_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(ways.paths, "RESULTS", tmp_path)
    assert ways.shown() == "Not measured yet: `bench/ways.py` does."
