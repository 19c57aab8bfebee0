"""Table 1 on every data set: the same study, whatever `dataset` says."""

import io
import json

import pytest
from pictures import photos, seeded, to_pillow
from test_cifar import publish
from test_notebooks import TABLE1, code_cells, papermill
from tfrecord.writer import TFRecordWriter

from rslib.__main__ import main
from rslib.data.augment import random_resized_crop
from rslib.data.check import decode

COUNTS = {"train": 480, "validation": 200}  # smoke takes 256, holds out 200 and tests on 200


def crops(part):
    """(class, JPEG) of crops out of the photographs, each of which is a class."""
    shown = [decode(photo) for photo in photos()]
    for number in range(COUNTS[part]):
        label, chance = number % len(shown), seeded(number + 10_000 * (part == "train"))
        held = io.BytesIO()
        crop = random_resized_crop(shown[label], chance, 40)
        to_pillow(crop.numpy()).save(held, "JPEG", quality=90)
        yield label, held.getvalue()


def as_folder(root):
    for part, folder in (("train", "train"), ("validation", "val")):
        for number, (label, content) in enumerate(crops(part)):
            file = root / folder / photos()[label].stem / f"{number}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def as_imagenet(root):
    """A miniature ImageNet: TFRecord shards in the keys of the TPU scripts, a wnid a photograph."""
    for part in COUNTS:
        writers = [TFRecordWriter(str(root / f"{part}-{i:05d}-of-00002")) for i in range(2)]
        for number, (label, content) in enumerate(crops(part)):
            wnid = f"n{label + 1:08d}"
            row = {"image/encoded": (content, "byte"), "image/class/label": (label + 1, "int")}
            row["image/class/synset"] = (wnid.encode(), "byte")
            row["image/filename"] = (f"{wnid}_{number}.JPEG".encode(), "byte")
            writers[number % 2].write(row)
        for writer in writers:
            writer.close()


def assert_trained(result, dataset, classes):
    assert result["status"] == "complete" and result["recipe"]["data"]["dataset"] == dataset
    counts = {name: result["data"][name] for name in ("train", "minival", "test", "classes")}
    assert counts == {"train": 256, "minival": 200, "test": 200, "classes": classes}


@pytest.mark.long
@pytest.mark.parametrize(("dataset", "make"), [("folder", as_folder), ("imagenet", as_imagenet)])
def test_the_notebook_trains_on_files(dataset, make, tmp_path):
    (tmp_path / "images").mkdir()
    make(tmp_path / "images")
    words = {"scale": "smoke", "rows": "resnet-d", "epochs": 8, "dataset": dataset}
    words |= {"data_dir": tmp_path / "images", "runs_dir": tmp_path / "runs"}
    given = [word for name, value in words.items() for word in ("-p", name, value)]
    done = papermill(TABLE1, tmp_path / "out.ipynb", *given)
    assert done.returncode == 0, done.stderr[-2000:]
    (file,) = (tmp_path / "runs").rglob("result.json")
    assert_trained(json.loads(file.read_text()), dataset, len(photos()))
    shown = next(c for c in code_cells(tmp_path / "out.ipynb") if "tables.frame(" in c.source)
    assert "ResNet-D" in shown.outputs[1]["data"]["text/plain"]


@pytest.mark.parametrize("dataset", ["fashion-mnist", "cifar10", "cifar100"])
def test_the_study_trains_on_arrays(dataset, tmp_path, monkeypatch, capsys):
    if dataset != "fashion-mnist":
        publish(dataset, tmp_path, monkeypatch, (500, 200))
        monkeypatch.setenv("RSLIB_DATA", str(tmp_path))
    words = ["--scale", "smoke", "--rows", "baseline", "--dataset", dataset, "--json"]
    assert main(["run", "table1", *words, "--executor", "inline", "--runs-dir", str(tmp_path)]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert_trained(result, dataset, 10)
