"""From a folder to predictions of new images: uneven, mixed formats, stopped, broken."""

import csv
import json
import os
import signal
import subprocess

import pytest
import torch
from commandline import command
from tiny import TINY

import rslib
from rslib import models
from rslib.__main__ import main
from rslib.config import InputError
from rslib.data.augment import eval_crop
from rslib.data.check import decode
from rslib.evidence import results
from rslib.own import classifier
from rslib.own import train as own
from rslib.own.asked import Asked, cells_of
from rslib.tasks.classify import normalise
from rslib.training import checkpoint
from rslib.weights import export


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_what_a_run_leaves(run, folder, capsys):
    assert run.name.startswith("my-clothes-") and results.RUN_ID.fullmatch(run.name)
    result = results.read(run / "attempt-1" / "result.json")
    assert result["metrics"].keys() == {"minival", "train"}  # the engine sees no test image
    assert result["data"]["train"] == 39 and result["data"]["minival"] == 5
    parts = [row["part"] for row in csv.DictReader((run / "split.csv").open())]
    assert [parts.count(part) for part in ("train", "valid", "test")] == [39, 5, 11]
    assert len((run / "attempt-1" / "history.jsonl").read_text().splitlines()) == 3
    kept = {file.name for file in (run / "evaluation").iterdir()}
    assert kept >= {"scores.json", "confusion.csv", "confusion.png", "mistakes.csv"}
    # the same command trains nothing, and says the same
    before = (run / "evaluation" / "scores.json").read_bytes()
    assert main(["train", str(folder), *TINY, "--runs-dir", str(run.parents[1])]) == 0
    said = lines(capsys)
    assert "trained before; this is what it gave" in said
    assert said[0] == "3 classes; images: 39 training, 5 held-out, 11 test"
    assert said[1] == "training images of each class: bag 22, sneaker 3, trouser 14"
    assert any("top-1" in line and "11 test images" in line for line in said)
    assert said[-1] == f"run: {run}"
    assert (run / "evaluation" / "scores.json").read_bytes() == before


def test_hours_and_reasons_come_first_and_a_limit_refuses(folder, tmp_path, capsys):
    words = ["train", str(folder), *TINY, "--runs-dir", str(tmp_path), "--max-hours", "0.00001"]
    assert main(words) == 1
    said = capsys.readouterr()
    assert "more than max_hours" in said.err and "(h:mm:ss) of training on cpu" in said.out
    assert "0.1 · 8 / 256 (Appendix B)" in said.out
    assert not list(tmp_path.glob("train/*"))


def test_predictions_are_those_of_the_network_and_its_crop(run, folder, monkeypatch):
    monkeypatch.setattr(classifier, "BATCH", 4)  # three batches, the last one not full
    files = sorted((folder / "test").rglob("*.*"))
    found = rslib.load(run, device="cpu").predict(files, top=2)
    network, side, _ = export.trained(run)
    with torch.no_grad():
        crops = torch.stack([eval_crop(decode(file), side) for file in files])
        wanted = network.eval()(normalise(crops)).softmax(1).topk(2)
    assert [one.file for one in found] == [str(file) for file in files]
    got = torch.tensor([one.probabilities for one in found])
    assert torch.allclose(got, wanted.values, atol=1e-6)
    names = [["bag", "sneaker", "trouser"][k] for k in wanted.indices[:, 0]]
    assert [one.classes[0] for one in found] == names


def test_a_broken_file_is_named_and_the_others_are_predicted(run, folder, tmp_path, capsys):
    new = tmp_path / "new"
    new.mkdir()
    (new / "a.png").write_bytes((folder / "test/bag/0.png").read_bytes())
    (new / "b.jpg").write_bytes(b"<html>")
    (new / "notes.txt").write_text("no image")
    to = tmp_path / "predictions.csv"
    assert main(["predict", str(run), str(new), "--to", str(to), "--device", "cpu"]) == 1
    said = capsys.readouterr()
    assert (
        "b.jpg cannot be read (an HTML page" in said.err and "1 predictions, 1 errors" in said.out
    )
    first, second = csv.DictReader(to.open())
    assert first["class"] and float(first["probability"]) > 1 / 3 and not first["error"]
    assert second["class"] == "" and "HTML" in second["error"]
    assert main(["predict", str(run), str(new / "a.png"), "--top", "1", "--device", "cpu"]) == 0
    assert f"{first['class']} {float(first['probability']):.1%}" in lines(capsys)[0]
    (tmp_path / "empty").mkdir()
    given = [str(place) for place in (tmp_path / "none.png", new / "a.png", tmp_path / "empty")]
    assert main(["predict", str(run), *given, "--device", "cpu"]) == 1  # the others are predicted
    said = capsys.readouterr()
    assert said.out.startswith(f"{new / 'a.png'}  {first['class']} ")
    missing, empty = said.err.splitlines()
    assert "none.png cannot be read (No such file" in missing
    assert "empty cannot be read (a folder without images)" in empty


def test_evaluate_meets_the_engines_own_count(run, folder, capsys):
    held_out = folder.parent / "held"
    for row in csv.DictReader((run / "split.csv").open()):
        if row["part"] == "valid":
            (held_out / row["label"]).mkdir(parents=True, exist_ok=True)
            source = folder / row["path"]
            (held_out / row["label"] / source.name).write_bytes(source.read_bytes())
    words = ["evaluate", str(run), "--data-dir", str(held_out), "--json", "--device", "cpu"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    counts = results.read(run / "attempt-1" / "result.json")["metrics"]["minival"]["ema"]
    assert found["top1"]["correct"] == counts["correct"] and found["top1"]["n"] == counts["n"] == 5
    assert main(["evaluate", str(run), "--device", "cpu"]) == 0
    assert "11 test images: top-1" in capsys.readouterr().out


@pytest.mark.long
def test_sigterm_ends_with_75_and_the_same_command_ends_in_the_same_bits(run, folder, tmp_path):
    words = command("train", folder, *TINY, "--runs-dir", tmp_path)
    unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=unbuffered)
    next(line for line in process.stdout if line.split()[:1] == ["1"])
    process.send_signal(signal.SIGTERM)
    process.stdout.close()
    assert process.wait(timeout=60) == 75
    assert subprocess.run(words, capture_output=True, timeout=300).returncode == 0
    ours, theirs = (
        results.read(at / run.name / "attempt-1/result.json")
        for at in (tmp_path / "train", run.parent)
    )
    assert ours["timing"]["restarts"] == 1
    assert ours["weights_sha256"] == theirs["weights_sha256"]
    assert ours["history"] == theirs["history"]


def test_a_run_goes_on_in_this_process_to_the_same_bits(run, folder, tmp_path):
    asked = Asked(
        folder=folder,
        model="resnet_rs_26",
        width=0.0625,
        resolution=32,
        batch=8,
        epochs=3,
        device="cpu",
        runs_dir=str(tmp_path),
        threads=1,
    )
    prepared = own.prepare(asked, lambda line: None)
    (job,) = prepared.plan.jobs
    steps = iter([False] * 5 + [True])  # of 12, in the second epoch
    quiet = {"report": lambda line: None}
    with pytest.raises(own.runs.engine.Preempted):
        own.runs.run(job, "cpu", prepared.plan.runs_dir, stop=lambda: next(steps), **quiet)
    ours = own.runs.run(job, "cpu", prepared.plan.runs_dir, **quiet)
    theirs = results.read(run / "attempt-1" / "result.json")
    assert ours["run_id"] == theirs["run_id"] and ours["timing"]["restarts"] == 1
    assert ours["weights_sha256"] == theirs["weights_sha256"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train", "no/such"], "does not exist"),
        (["train", "FOLDER", "--model", "resnet_50"], "no model 'resnet_50' to train"),
        (["train", "FOLDER", "--width", "wide"], "width is 'wide'"),
        (["train", "FOLDER", "--valid", "0.9"], "valid is 0.9"),
        (["train", "FOLDER", "--resolution", "8"], "resolution 8 is too small"),
        (["train", "FOLDER", "--batch", "500"], "39 training images do not fill one batch of 500"),
        (["train", "FOLDER", "--balance", "sample"], "did you mean 'sampling'"),
        (["train", "FOLDER", "--grid", "rate=1"], "write it as lr=0.01,0.03,steps"),
        (["train", "FOLDER", "--grid", "lr=nan"], "grid has lr 'nan'"),
        (
            ["train", "FOLDER", "--weights", "no.pth"],
            "no.pth does not exist; give a file of weights",
        ),
        (["predict", "no/such/run", "a.png"], "train one first"),
        (["predict", "EXPORT", "FOLDER"], "is no export of rslib"),
        (["predict", "RUN", "a.png"], "no file a.png"),
        (["predict", "RUN", "FOLDER", "--to", "no/such/a.csv"], "no folder no/such"),
        (["predict", "FOLDER", "FOLDER"], "has no class names"),
        (["evaluate", "no/such/run"], "train one first"),
        (["evaluate", "resnet_rs_50"], "needs --weights and --data-dir"),
        (["evaluate", "RUN", "--resolution", "64"], "a run has its own resolution"),
    ],
    ids=lambda value: "-".join(value).replace("/", "") if isinstance(value, list) else "",
)
def test_bad_input_is_one_line(words, says, run, folder, tmp_path, capsys):
    exported = tmp_path / "mine.safetensors"
    exported.write_bytes(b"")
    places = {"FOLDER": str(folder), "RUN": str(run), "EXPORT": str(exported)}
    words = [places.get(word, word) for word in words]
    if words[0] == "train":
        words += ["--runs-dir", str(tmp_path)]
    assert main(words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


def test_a_run_that_is_not_finished_and_one_of_nan(run, tmp_path, capsys):
    for name in ("unfinished", "nan"):
        (tmp_path / name / "attempt-1").mkdir(parents=True)
        (tmp_path / name / "run.json").write_bytes((run / "run.json").read_bytes())
    with pytest.raises(InputError, match="no finished run"):
        rslib.load(tmp_path / "unfinished")
    result = json.loads((run / "attempt-1" / "result.json").read_text())
    raw, state = checkpoint.last(run / "attempt-1"), {}
    raw["ema"]["fc.bias"][0] = float("nan")
    recipe = rslib.load(run, device="cpu").recipe
    for part in ("model", "ema"):
        state[part] = models.build(recipe, 3)
        state[part].load_state_dict(raw[part])
    result["weights_sha256"] = checkpoint.weights_sha256(state["model"], state["ema"])
    checkpoint.save(tmp_path / "nan" / "attempt-1", 15, raw)
    (tmp_path / "nan" / "attempt-1" / "result.json").write_text(json.dumps(result))
    assert main(["predict", str(tmp_path / "nan"), str(run)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "fc.bias has 1 of 3 numbers NaN" in line


def test_a_grid_is_chosen_on_held_out_images_and_survives_divergence(run, folder, capsys):
    """One cell is the run that is there; in the other the loss overflows."""
    words = ["train", str(folder), *TINY, "--runs-dir", str(run.parents[1])]
    assert main([*words, "--grid", "lr=0.003125,1e8"]) == 0
    said = lines(capsys)
    assert any(line.startswith("lr 0.003125, 3 epochs: ") and "held out" in line for line in said)
    assert "lr 1e+08, 3 epochs: diverged" in said
    assert main([*words, "--grid", "lr=1e8"]) == 65


def test_unknown_options_of_the_function_are_named(folder):
    with pytest.raises(InputError, match=r"no option 'epoch'; did you mean 'epochs'"):
        rslib.train(folder, epoch=3)


def test_grids():
    assert cells_of("") == [{}]
    assert cells_of("lr=0.01,0.1,steps=500") == [
        {"lr": 0.01, "steps": 500},
        {"lr": 0.1, "steps": 500},
    ]
    cells = cells_of("paper")
    assert len(cells) == 6 and cells[-1] == {"lr at 512": 0.32, "steps": 20_000}


def test_the_papers_grid_has_rates_for_the_batch(run, folder, capsys, tmp_path):
    words = ["train", str(folder), *TINY[:-6], "--weights", str(run), "--runs-dir", str(tmp_path)]
    words += ["--grid", "paper", "--device", "cpu", "--threads", "1", "--max-hours", "0.00001"]
    assert TINY[-6] == "--epochs"  # the grid has its own
    assert main(words) == 1
    said = capsys.readouterr().out
    rates = "7.8125e-05 to 0.005, where Appendix F has 7.8e-05 to 0.005 for this batch, and 5,000"
    assert "grid             6 runs" in said and f"grid's rates     {rates} to 20,000 steps" in said


def test_a_table_of_uneven_classes_is_trained_with_balance(folder, tmp_path, capsys):
    files = sorted((folder / "train").rglob("*.*"))
    rows = [[os.path.relpath(file, tmp_path), file.parent.name] for file in files]
    table = tmp_path / "clothes.csv"
    with table.open("w", newline="") as out:
        csv.writer(out).writerows([["path", "label"], *rows])
    words = [*TINY, "--balance", "sampling", "--runs-dir", str(tmp_path / "runs")]
    assert main(["train", str(table), *words]) == 0
    said = lines(capsys)
    assert any(line.split()[0] == "balance" for line in said if line.strip())
    assert any("held-out images: top-1" in line for line in said)


def test_fine_tuning_a_run_on_other_classes(run, folder, tmp_path, capsys):
    """It takes the run's depth, width and resolution, Appendix F's rate, and a new last layer."""
    other = tmp_path / "other"
    for name, of in (("full", "bag"), ("long", "trouser")):
        (other / name).mkdir(parents=True)
        for file in sorted((folder / "train" / of).iterdir())[:16]:
            (other / name / file.name).write_bytes(file.read_bytes())
    words = ["train", str(other), "--weights", str(run), "--batch", "8", "--epochs", "2"]
    assert main([*words, "--device", "cpu", "--threads", "1", "--runs-dir", str(tmp_path)]) == 0
    said = lines(capsys)
    assert f"{run}: a new last layer for 2 classes; the old one knew 3 others" in said
    assert any("ResNet-RS-26, width 0.0625" in line for line in said)
    assert any(line.split()[:3] == ["learning", "rate", "0.005"] for line in said)  # 0.32 · 8 / 512
    (result,) = tmp_path.glob("train/*/attempt-1/result.json")
    recipe = results.read(result)["recipe"]
    assert recipe["model"]["start"] and recipe["optim"]["weight_decay"] == 1e-4
