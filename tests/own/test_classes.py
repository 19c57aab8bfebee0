"""--classes-from: the labels' order is what a file, a run or a folder says, all the way through."""

import csv

import pytest
from tiny import TINY

import rslib
from rslib.__main__ import main
from rslib.config import InputError
from rslib.data import own
from rslib.evidence import results
from rslib.own.classes import named_by


def test_order_and_a_class_without_images(folder, tmp_path, capsys):
    names = tmp_path / "names.txt"
    names.write_text("trouser\n\ngown\nbag\n sneaker \n")
    words = ["train", str(folder), *TINY, "--epochs", "2", "--classes-from", str(names)]
    assert main([*words, "--runs-dir", str(tmp_path)]) == 0
    assert f"{folder} lacks 1 of 4 classes: nothing is known of these" in capsys.readouterr().out
    (place,) = (tmp_path / "train").iterdir()
    run = rslib.load(place, device="cpu")
    assert run.classes == ["trouser", "gown", "bag", "sneaker"] == named_by(place)
    listing = run.listing()
    for row in csv.DictReader((place / "split.csv").open()):
        part = getattr(listing, row["part"])
        label = part.labels[list(part.names).index(row["path"])]
        assert run.classes[label] == row["label"]
    # labels are those that it was trained with: held-out images meet the engine's count
    held_out = results.read(place / "attempt-1/result.json")["metrics"]["minival"]["ema"]
    judged = run.evaluate(listing.valid, "held-out images", lambda line: None)
    assert judged.top1 == (held_out["correct"], held_out["n"])
    assert judged.by_class["gown"] == (0, 0, judged.by_class["gown"][2])


def test_sources(folder, run, tmp_path):
    assert named_by(folder) == named_by(folder / "train") == named_by(run)
    (tmp_path / "twice.txt").write_text("a\na\n")
    (tmp_path / "one.txt").write_text("a\n")
    (tmp_path / "odd.txt").write_bytes(b"\xff\xfe\xff")
    for name, says in (
        ("twice.txt", "names 'a' twice"),
        ("one.txt", "names 1 classes"),
        ("odd.txt", "cannot be read as UTF-8"),
    ):
        with pytest.raises(InputError, match=says):
            named_by(tmp_path / name)


def test_a_class_that_is_not_named_is_refused(folder):
    listing = own.listed(folder, lambda line: None)
    with pytest.raises(InputError, match=r"has classes that names.txt has not: sneaker; remove"):
        own.in_order(listing, ["bag", "trouser"], "names.txt", print)
