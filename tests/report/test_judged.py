"""Confusion, intervals and mistakes, against counts by hand and statsmodels."""

import csv
import io
import json
import tracemalloc

import numpy as np
import pytest
from PIL import Image
from statsmodels.stats.proportion import proportion_confint

from rslib.config import InputError
from rslib.evidence.judged import Judged, wilson
from rslib.report import judged as report


@pytest.fixture
def judged():
    """Six of class a, five right; two of b, one right; none of c, which one is taken for."""
    return Judged(
        names=[f"x/{k}.png" for k in range(8)],
        labels=np.array([0, 0, 0, 0, 0, 0, 1, 1]),
        guesses=np.array([0, 0, 0, 0, 0, 1, 1, 2]),
        chances=np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.6, 0.9, 0.8]),
        classes=["a", "b", "c"],
        part="test images",
    )


def test_counts(judged):
    assert judged.confusion.tolist() == [[5, 1, 0], [0, 1, 1], [0, 0, 0]]
    assert judged.top1 == (6, 8)
    assert judged.balanced == pytest.approx((5 / 6 + 1 / 2) / 2)  # c has no images
    assert judged.by_class["b"] == (1, 2, 2)
    assert judged.mistakes.tolist() == [7, 5]  # the surest first


@pytest.mark.parametrize(("right", "n"), [(0, 7), (6, 8), (812, 1000), (3, 3)])
def test_wilson_is_statsmodels(right, n):
    assert wilson(right, n) == pytest.approx(proportion_confint(right, n, method="wilson"))


def test_words(judged):
    first, largest, empty, head, *rows = report.text(judged)
    span = "(95 % interval over images 40.9 % to 92.9 %)"
    assert first == f"8 test images: top-1 75.0 % {span}, balanced accuracy 66.7 %"
    assert largest == "naming a for all of them would score 75.0 %"
    assert empty == "1 classes have no images here" and head.startswith("class")
    assert rows[0].split()[:4] == ["a", "6", "5", "83.3%"] and rows[0].split()[-1] == "100.0%"


def test_files_are_whole_and_replace_earlier_ones(judged, tmp_path):
    shown = []

    def pictures(positions):
        shown.extend(positions)
        return [np.zeros((3, 40, 40), np.uint8) for _ in positions]

    files = report.keep(judged, pictures, tmp_path / "evaluation")
    assert {file.name for file in files} == {
        *("scores.json", "confusion.csv", "confusion.png", "mistakes.csv", "mistakes.png")
    }
    assert shown == [7, 5]
    rows = list(csv.reader(io.StringIO((tmp_path / "evaluation/confusion.csv").read_text())))
    assert rows[1] == ["a", "5", "1", "0"]
    found = json.loads((tmp_path / "evaluation/scores.json").read_text())
    assert found["top1"]["correct"] == 6 and found["classes"]["c"]["predicted"] == 1
    with Image.open(tmp_path / "evaluation/mistakes.png") as sheet:
        assert sheet.size == (8 + 2 * 168, 8 + 30 + 168)
    right = Judged(judged.names, judged.labels, judged.labels, judged.chances, "abc", "images")
    report.keep(right, pictures, tmp_path / "evaluation")
    assert not (tmp_path / "evaluation/mistakes.png").exists()


def test_no_images_are_refused(judged):
    nothing = np.array([], dtype=np.int64)
    with pytest.raises(InputError, match="no images to evaluate on"):
        Judged([], nothing, nothing, np.array([]), judged.classes, "test images")


def test_ten_thousand_classes_need_no_matrix(tmp_path):
    """One of them would be 800 MB."""
    names, rng = [f"c{k}" for k in range(10_000)], np.random.default_rng(0)
    labels = rng.integers(0, 10_000, 5_000)
    guesses = np.where(rng.random(5_000) < 0.5, labels, rng.integers(0, 10_000, 5_000))
    many = Judged([*map(str, labels)], labels, guesses, np.ones(5_000), names, "test images")
    tracemalloc.start()
    report.text(many)
    files = report.keep(many, lambda at: [np.zeros((3, 40, 40), np.uint8) for _ in at], tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 2e8
    tracemalloc.stop()
    assert "confusion.png" not in {file.name for file in files}
    assert report.confusion_figure(many) is None
    rows = list(csv.DictReader((tmp_path / "confusion.csv").open()))
    assert sum(int(row["images"]) for row in rows) == 5_000
    right = sum(int(row["images"]) for row in rows if row["true"] == row["predicted"])
    assert right == many.top1[0]
