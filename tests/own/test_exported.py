"""An exported run: the same classes of the same images, and all that another program must know."""

import csv
import json

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image
from safetensors import safe_open

import rslib
from rslib.__main__ import main
from rslib.config import InputError
from rslib.evidence import results
from rslib.own import exported


@pytest.fixture(scope="module")
def files(run, tmp_path_factory):
    """{suffix: file} of both formats, from the shell."""
    to = tmp_path_factory.mktemp("exported")
    found = {suffix: to / f"clothes.{suffix}" for suffix in ("onnx", "safetensors")}
    for file in found.values():
        assert main(["export", str(run), str(file)]) == 0
    return found


def said(file):
    if file.suffix == ".onnx":
        held = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    else:
        with safe_open(file, "pt") as opened:
            held = opened.metadata()
        assert held.pop("format") == "pt"

    def refuse(word):
        raise AssertionError(f"{word} is no strict JSON")

    return {name: json.loads(word, parse_constant=refuse) for name, word in held.items()}


@pytest.mark.parametrize("suffix", ["onnx", "safetensors"])
def test_an_export_says_what_it_is(files, run, suffix):
    about = said(files[suffix])
    assert about["classes"] == ["bag", "sneaker", "trouser"] and about["resolution"] == 32
    assert about["crop"]["share"] == 0.875 and len(about["mean"]) == len(about["deviation"]) == 3
    assert about["data"]["train"] == 39 and about["scores"]["test"]["top1"]["n"] == 11
    held_out = results.read(run / "attempt-1/result.json")["metrics"]["minival"]["ema"]
    assert about["scores"]["held out"] == {k: held_out[k] for k in ("correct", "n")}


def test_another_program_finds_the_runs_count_from_the_metadata_alone(files, run, folder):
    """Pillow and ONNX Runtime, by the crop, mean and deviation that the file names."""
    about = said(files["onnx"])
    session = onnxruntime.InferenceSession(files["onnx"], providers=["CPUExecutionProvider"])
    inputs, labels = [], []
    for file in sorted((folder / "test").rglob("*.*")):
        image = Image.open(file)
        grey = image.mode.startswith("I;16")
        image = Image.fromarray(np.array(image) // 257).convert("RGB") if grey else image
        side = int(about["crop"]["share"] * min(image.size))
        left, top = ((length - side + 1) // 2 for length in image.size)
        box = (left, top, left + side, top + side)
        shape = (about["resolution"],) * 2
        pixels = np.asarray(image.convert("RGB").resize(shape, Image.Resampling.BICUBIC, box))
        inputs.append((pixels - np.array(about["mean"])) / np.array(about["deviation"]))
        labels.append(about["classes"].index(file.parent.name))
    batch = np.stack(inputs).transpose(0, 3, 1, 2).astype(np.float32)
    (logits,) = session.run(["logits"], {"images": batch})
    right = int((logits.argmax(1) == labels).sum())
    assert right == about["scores"]["test"]["top1"]["correct"]
    assert (right, len(labels)) == rslib.load(run, device="cpu").evaluate().top1


def test_the_card_has_data_recipe_scores_and_limits(files):
    text = files["onnx"].with_name("clothes.onnx.md").read_text()
    assert "says which of 3 classes an image shows: bag, sneaker, trouser." in text
    for part in ("11 test images right, as here", "of n = 11", "39 training images", "## Limits"):
        assert part in text
    assert "| learning rate | 0.003125 | 0.1 · 8 / 256 (Appendix B) |" in text
    assert str(files["onnx"].parent) not in text  # no path of this machine


def test_an_export_predicts_as_the_run_does(files, run, folder, tmp_path, capsys):
    for source, to in ((run, "run.csv"), (files["safetensors"], "export.csv")):
        words = [str(source), str(folder / "test"), "--to", str(tmp_path / to)]
        assert main(["predict", *words, "--device", "cpu"]) == 0
    first, second = (
        list(csv.DictReader((tmp_path / f"{n}.csv").open())) for n in ("run", "export")
    )
    assert first == second and len(first) == 11
    assert main(["evaluate", str(files["safetensors"])]) == 1
    assert "give the folder of a run" in capsys.readouterr().err


def test_what_computes_something_else_is_not_written(files, run, tmp_path, monkeypatch):
    judged, content = rslib.load(run, device="cpu"), files["onnx"].read_bytes()
    monkeypatch.setattr(exported.weights, "packed", lambda *_, **__: content)  # made before
    right = type(judged).judged

    def turned(self, images, part, logits=None):
        return right(self, images, part, logits and (lambda pixels: -logits(pixels)))

    monkeypatch.setattr(type(judged), "judged", turned)
    with pytest.raises(InputError, match=r"not written: of 11 images, ONNX names another class"):
        judged.export(tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_without_its_images_a_run_is_exported_without_test_scores(run, tmp_path, monkeypatch):
    judged, lines = rslib.load(run, device="cpu"), []

    def gone(self):
        raise InputError("the images of this run are not in /gone any more")

    monkeypatch.setattr(type(judged), "own_images", gone)
    file, card = judged.export(tmp_path / "a.safetensors", lines.append)
    assert lines == [
        "the images of this run are not in /gone any more: exported without test scores"
    ]
    assert "test" not in said(file)["scores"] and "No image was kept apart" in card.read_text()
    with pytest.raises(InputError, match="is there already"):
        exported.export(judged, file)


def test_an_export_without_classes_is_refused_where_they_are_needed(run, tmp_path, capsys):
    network, side, about = exported.weights.trained(run)
    file = tmp_path / "nameless.safetensors"
    exported.weights.export(network, file, resolution=side, about=about)
    assert main(["predict", str(file), str(file)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "has no classes in its metadata; export a run of rslib train" in line
    (tmp_path / "b.onnx").write_bytes(b"")
    assert main(["predict", str(tmp_path / "b.onnx"), str(file)]) == 1
    assert "is a file without class names" in capsys.readouterr().err
