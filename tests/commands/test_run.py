"""rslib run and export: one run for rows that share it, loaded, met again, exported, diverged."""

import json
import os
import shutil
from dataclasses import replace

import pytest
import torch
from commandline import SMOKE

from rslib import config, models
from rslib.__main__ import main
from rslib.data.images import open_images, source
from rslib.recipes import scales
from rslib.running import provenance
from rslib.tasks.classify import Classify
from rslib.training import forward
from rslib.weights import read


def test_two_rows_share_one_run_and_it_says_what_it_is(epochs_run):
    found, runs_dir = epochs_run
    assert found["row"] == "epochs" and found["run_id"].startswith("epochs-")
    assert found["status"] == "complete" and found["scale"] == "smoke"
    assert found["recipe"]["optim"]["epochs"] == found["protocol"]["epochs"] == 8
    assert found["data"]["train"] == 256 and found["data"]["test"] == 200
    assert {s: c["raw"]["n"] for s, c in found["metrics"].items()} == {
        "test": 200,
        "minival": 200,
        "train": 200,
    }
    assert found["protocol"]["weight_decay_exposure"] == pytest.approx(0.4, rel=0.1)
    assert found["environment"]["device"] == "cpu" and found["environment"]["threads"] == 1
    text = json.dumps(found)
    assert str(runs_dir) not in text and os.uname().nodename not in text
    assert len(list(runs_dir.glob("table1/*/"))) == 1


def test_a_finished_run_is_exported_by_the_average_of_its_weights(epochs_run, tmp_path):
    """What was written scores again what the run's result says of its average."""
    found, runs_dir = epochs_run
    run_dir, file = runs_dir / "table1" / found["run_id"], tmp_path / "net.safetensors"
    assert main(["export", str(run_dir), str(file)]) == 0
    recipe = config.from_dict(found["recipe"])
    network = models.load(models.build(recipe, found["data"]["classes"]), read(file))
    task = Classify(recipe, open_images(recipe.data, source("fashion-mnist")))
    test = task.loaders(seed=1)[1]["test"]
    scored = forward.run_metrics(task, {"ema": network}, test, torch.device("cpu"))
    assert scored["ema"] == found["metrics"]["test"]["ema"]


def test_a_run_whose_last_checkpoint_is_damaged_is_not_exported(epochs_run, tmp_path, capsys):
    """The one before it holds other weights than those that were scored."""
    found, runs_dir = epochs_run
    copy = shutil.copytree(runs_dir / "table1" / found["run_id"], tmp_path / "copy")
    last = max(copy.glob("attempt-1/step-*.pt"))
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    assert main(["export", str(copy), str(tmp_path / "net.safetensors")]) == 1
    assert "holds no whole checkpoint of its last step" in capsys.readouterr().err
    assert last.exists() and not (tmp_path / "net.safetensors").exists()


def test_a_diverged_attempt_is_not_exported(epochs_run, tmp_path):
    found, runs_dir = epochs_run
    run_dir = runs_dir / "table1" / found["run_id"]
    copy = tmp_path / "copy"
    shutil.copytree(run_dir / "attempt-1", copy / "attempt-2")
    (copy / "attempt-1").mkdir()
    bad = found | {"status": "diverged", "metrics": {}}
    (copy / "attempt-1/result.json").write_text(json.dumps(bad))
    file = tmp_path / "net.safetensors"
    assert main(["export", str(copy), str(file)]) == 0
    assert file.stat().st_size > 10_000


def test_a_finished_run_is_loaded_and_its_table_shown(epochs_run, capsys):
    found, runs_dir = epochs_run
    before = (runs_dir / "table1" / found["run_id"] / "attempt-1/result.json").stat().st_mtime_ns
    assert main([*SMOKE, "--rows", "epochs,ema", "--runs-dir", str(runs_dir)]) == 0
    told = capsys.readouterr().out
    assert "2 rows, 1 runs, 0 of them to be trained" in told
    assert "+ EMA of weights" in told and "No result: " in told
    after = (runs_dir / "table1" / found["run_id"] / "attempt-1/result.json").stat().st_mtime_ns
    assert before == after


def test_training_anew_meets_the_stored_run_bit_for_bit(epochs_run, tmp_path, capsys):
    found, runs_dir = epochs_run
    copy = shutil.copytree(runs_dir, tmp_path / "runs")
    words = ["--rows", "epochs", "--runs-dir", str(copy), "--executor", "inline"]
    assert main([*SMOKE, *words, "--no-reuse"]) == 0
    assert f"{found['run_id']}: met bit for bit" in capsys.readouterr().out
    again = copy / "table1" / found["run_id"] / "attempt-2/result.json"
    assert json.loads(again.read_text())["weights_sha256"] == found["weights_sha256"]


def test_a_run_that_is_not_met_says_by_how_much(epochs_run):
    found, _ = epochs_run
    counts = {"ema": {"correct": 100, "n": 200}}
    other = found | {"weights_sha256": "other", "metrics": {"test": counts}}
    near = other | {
        "weights_sha256": "near",
        "metrics": {"test": {"ema": {"correct": 110, "n": 200}}},
    }
    far = other | {
        "weights_sha256": "far",
        "metrics": {"test": {"ema": {"correct": 180, "n": 200}}},
    }
    assert "within ±9.78 points" in provenance.compare(other, near)
    assert "NOT within" in provenance.compare(other, far)
    # three recorded seeds that deviate by 1.5 points, 2 degrees of freedom: 4.30 · √2 · 1.5
    seeds = [
        other | {"metrics": {"test": {"ema": {"correct": n, "n": 200}}}} for n in (97, 100, 103)
    ]
    said = provenance.compare(other, near, seeds)
    assert "within ±9.13 points (by the deviation of 3 seeds)" in said
    assert "now diverged" in provenance.compare(found, found | {"status": "diverged"})


def test_one_epoch_leaves_no_row_without_its_run(tmp_path, capsys):
    """Short and long schedules are then the same recipe; each row still has its own run."""
    words = ["--epochs", "1", "--rows", "cosine,epochs,ema", "--executor", "inline"]
    assert main([*SMOKE, *words, "--runs-dir", str(tmp_path)]) == 0
    assert "not yet run" not in capsys.readouterr().out
    assert len(list(tmp_path.rglob("result.json"))) == 2


def test_what_diverged_is_a_result_and_says_so(tmp_path, capsys, monkeypatch):
    """A learning rate of 10²⁰ at the first step after warm-up: no number is ever shown for it."""
    hot = replace(scales.SCALES["smoke"], peak_rate=1e20)
    monkeypatch.setitem(scales.SCALES, "smoke", hot)
    words = ["--rows", "epochs", "--executor", "inline", "--runs-dir", str(tmp_path)]
    for _ in range(2):  # the second time it is known, and not tried again
        assert main([*SMOKE, *words]) == 65
        told = capsys.readouterr().out
        assert "diverged" in told
    assert "0 of them to be trained" in told
    (path,) = tmp_path.rglob("result.json")
    assert json.loads(path.read_text())["metrics"] == {}
