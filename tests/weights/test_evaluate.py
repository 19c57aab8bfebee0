"""Weights that others trained, on a small folder of real files: counts, protocols, bad input."""

import json

import pytest
import timm
import torch
from pictures import picture
from PIL import Image
from safetensors.torch import save_file
from test_imagenet import as_folders, digest, pixel_digest
from test_tfrecord import STYLES, WNIDS, write
from timm.data import ImageNetInfo, create_transform

from rslib import paths
from rslib.__main__ import main
from rslib.config import InputError, sha256
from rslib.evidence import released
from rslib.models import named
from rslib.report import speed
from rslib.weights import evaluate

CLASSES = ("apple", "bee", "cat", "dog", "elm", "fox")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three pictures in each of six classes, and weights of timm's that tell pictures apart."""
    root, shown = tmp_path_factory.mktemp("images"), []
    for label, name in enumerate(CLASSES):
        (root / "val" / name).mkdir(parents=True)
        for index in range(3):
            pixels = picture(90 + 10 * index, 120, seed=3 * label + index)
            Image.fromarray(pixels.transpose(1, 2, 0)).save(root / "val" / name / f"{index}.png")
            shown.append(torch.from_numpy(pixels[:, :90, :90]))
    torch.manual_seed(0)
    network = timm.create_model("resnetrs50", num_classes=6, zero_init_last=False)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # statistics are those of the pictures
    batch = evaluate.normalise(torch.stack(shown))
    with torch.no_grad():
        network.train()(batch)
        logits = network.eval()(batch)
        network.fc.bias -= logits.mean(0)  # else one class would win everywhere
    save_file(network.state_dict(), root / "timm.safetensors")
    return root


def run(folder, *words):
    weights = str(folder / "timm.safetensors")
    return main(["evaluate", *words, "--weights", weights, "--data-dir", str(folder)])


@pytest.mark.parametrize("shown", ["official", "timm"])
def test_counts_are_those_of_timms_network_on_the_same_pictures(folder, shown, tmp_path, capsys):
    words = ["resnet_rs_50", "--preprocessing", shown, "--json", "--device", "cpu"]
    assert run(folder, *words, "--runs-dir", str(tmp_path)) == 0
    found = json.loads(capsys.readouterr().out)
    theirs = timm.create_model("resnetrs50", num_classes=6).eval()
    theirs.load_state_dict(evaluate.files.read(folder / "timm.safetensors"))
    view = evaluate.preprocessing(shown, "resnet_rs_50", 160)
    batch, labels = [], []
    for label, name in enumerate(CLASSES):
        for file in sorted((folder / "val" / name).iterdir()):
            batch.append(view(evaluate.images.decode(file)))
            labels.append(label)
    with torch.no_grad():
        best = theirs(evaluate.normalise(torch.stack(batch))).topk(5).indices
    right = best == torch.tensor(labels)[:, None]
    assert len(set(best[:, 0].tolist())) > 1  # the pictures matter
    assert found["top1"] == {"correct": int(right[:, 0].sum()), "n": 18}
    assert found["top5"] == {"correct": int(right.any(1).sum()), "n": 18}
    assert found["resolution"] == 160  # Table 7's
    (kept,) = (tmp_path / "weights").iterdir()
    assert json.loads(kept.read_text()) == found


@pytest.mark.parametrize("depth", [50, 101, 152])
def test_timms_preprocessing_is_timms(depth):
    side, model = 192, f"resnet_rs_{depth}"
    image = torch.from_numpy(picture(300, 400))
    share = timm.get_pretrained_cfg(f"resnetrs{depth}").crop_pct
    theirs = create_transform(
        (3, side, side), interpolation="bicubic", crop_pct=share, normalize=False
    )
    expected = theirs(Image.fromarray(image.permute(1, 2, 0).numpy()))
    ours = evaluate.preprocessing("timm", model, side)(image)
    assert (ours.int() - expected.int()).abs().max() <= 1  # Pillow rounds at another place


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["resnet_rs_51"], "no model 'resnet_rs_51'"),
        (["efficientnet_b0"], "no model 'efficientnet_b0'"),
        (["resnet_rs_101", "--resolution", "192"], "these weights are of another network: "),
        (["resnet_rs_101"], "Table 7 has resnet_rs_101 at 160 and 192; give --resolution"),
        (["resnet_rs_26"], "Table 7 has resnet_rs_26 at no resolution; give --resolution"),
        (["resnet_rs_50", "--resolution", "big"], "resolution is big; give whole pixels"),
        (["resnet_rs_50", "--preprocessing", "keras"], "no preprocessing 'keras'"),
    ],
)
def test_bad_input_is_one_line(words, message, folder, capsys, tmp_path):
    assert run(folder, *words, "--runs-dir", str(tmp_path)) == 1
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and message in told[0]
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("layout", ["tpu", "tfds", "flat", "folders"])
def test_imagenet_is_found_in_every_layout(layout, tmp_path):
    written = write(tmp_path, layout if layout in STYLES else "tpu")
    if layout not in STYLES:
        for file in tmp_path.iterdir():
            file.unlink()
        as_folders(tmp_path, written, flat=layout == "flat")
    found, classes = evaluate.validation(tmp_path, report=lambda line: None)
    assert classes == WNIDS
    shown = sorted((label, digest(content)) for label, _, content in written["validation"])
    assert shown == sorted(
        (label, pixel_digest(found.image(k))) for k, label in enumerate(found.labels.tolist())
    )


def test_weights_that_know_other_classes_are_refused(folder, tmp_path):
    save_file(named("resnet_rs_50", 7).state_dict(), tmp_path / "seven.safetensors")
    with pytest.raises(InputError, match=r"seven.safetensors knows 7 classes, .*val has 6"):
        evaluate.evaluate("resnet_rs_50", tmp_path / "seven.safetensors", folder)


FOUND = {
    "model": "resnet_rs_50",
    "resolution": 160,
    "preprocessing": "official",
    "weights": "resnetrs50.safetensors",
    "weights_sha256": "ab" * 32,
    "classes_sha256": released.IMAGENET_CLASSES,
    "top1": {"correct": 39_450, "n": 50_000},
    "top5": {"correct": 47_000, "n": 50_000},
    "environment": {"dirty": False},
}


def test_imagenets_classes_are_those_that_timm_lists():
    assert sha256(list(ImageNetInfo().label_names())) == released.IMAGENET_CLASSES


def test_only_all_of_imagenet_is_recorded_and_table_7_shows_it(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    released.keep(FOUND, tmp_path)
    for sha, other in {
        "cd": {"top1": {"correct": 5, "n": 18}},
        "ef": {"classes_sha256": "of another order"},
        "01": {"environment": {"dirty": True}},
    }.items():
        released.keep(FOUND | other | {"weights_sha256": sha * 32}, tmp_path)
    said = []
    assert released.record(tmp_path, said.append) == 1
    assert sum("not all of ImageNet" in line for line in said) == 2
    assert sum("was not committed" in line for line in said) == 1
    assert released.record(tmp_path, lambda line: None) == 0
    shown = speed.published(released.recorded())["released weights, official"]
    assert shown["ResNet-RS-50"] == "78.90" and list(shown).count("") == 18
    assert "top-1 78.90 %, top-5 94.00 %" in released.line(FOUND)
    with pytest.raises(InputError, match="no weights are evaluated"):
        released.record(tmp_path / "elsewhere")
