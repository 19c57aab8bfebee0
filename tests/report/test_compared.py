"""Comparisons on one's own images: differences by hand, honest words, and nothing without files."""

import json

import pytest

from rslib import paths
from rslib.config import InputError
from rslib.report import compared

ABOUT = {"device_name": "a CPU", "began": "2026-01-02T03:04:05", "torch": "2.11"}
TOP1 = {"rslib": (60, 62, 64), "worse": (50, 51, 55), "better": (70, 73, 73), "same": (58, 65, 62)}


def recorded(scores):
    rows = [
        {"variant": v, "seed": k, "correct": s, "n": 100, "cpu_seconds": 120.0, "epochs": 20 + k}
        for v, of in scores.items()
        for k, s in enumerate(of, 1)
    ]
    return {"schema": 1, "environment": ABOUT, "images": "CIFAR-10", "each": 200, "rows": rows}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


def test_nothing_is_shown_of_what_is_not_recorded(folder):
    assert compared.shown() == ""
    (folder / "baselines.json").write_text(json.dumps(recorded({"worse": (50,)})))
    assert compared.shown() == ""


def test_ahead_behind_and_undecided_are_told_apart(folder):
    (folder / "baselines.json").write_text(json.dumps(recorded(TOP1)))
    told = compared.shown().replace("\u00a0", " ")
    # ours − same is 2, −3, 2
    assert (
        "**In top-1, rslib is ahead of worse; it is behind better; it cannot be distinguished from "
        "same" in told
    )
    assert "same (±7.2 points)**, by" in told
    # ours − worse is 10, 11, 9: its deviation is 1, so half the interval is 4.303 / √3 = 2.48
    assert "| worse | 52.0 (50.0 … 55.0) | +10.0 (+7.5 … +12.5) | 2.0 | 21 to 23 | 3 |" in told
    assert "| better | 72.0 (70.0 … 73.0) | −10.0 (−12.5 … −7.5) |" in told
    assert "| rslib | 62.0 (60.0 … 64.0) |  | 2.0 | 21 to 23 | 3 |" in told
    assert "200 training images of each class, 100 test images, 3 seeds" in told


def test_one_seed_says_nothing(folder):
    one = {name: of[:1] for name, of in TOP1.items()}
    (folder / "baselines.json").write_text(json.dumps(recorded(one)))
    assert "No comparison has two seeds yet" in compared.shown()


def test_the_run_that_fine_tuning_begins_with_is_not_compared(folder):
    scores = {"before": (80,), "fine-tuned": (60, 62, 64), "from random weights": (50, 51, 55)}
    (folder / "fine-tuning.json").write_text(json.dumps(recorded(scores)))
    told = compared.shown()
    assert '**In top-1, fine-tuned is ahead of "from random weights"**' in told
    assert "before" not in told


@pytest.mark.parametrize("text", ["{", "{}", '{"rows": [{"variant": "rslib"}]}'])
def test_a_damaged_file_is_named(text, folder):
    (folder / "baselines.json").write_text(text)
    with pytest.raises(InputError, match=r"baselines\.json"):
        compared.shown()
