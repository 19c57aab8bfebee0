"""Weights that others trained, on a small folder of real files: counts, protocols, bad input."""

import json
import shutil

import pytest
import timm
import torch
from pictures import picture
from PIL import Image
from safetensors.torch import save_file
from test_imagenet import as_folders, digest, pixel_digest
from test_tfrecord import STYLES, WNIDS, write
from timm.data import ImageNetInfo, create_transform

from rslib import models, paths
from rslib.__main__ import main
from rslib.config import InputError, sha256
from rslib.evidence import released
from rslib.models import named, resnet_rs
from rslib.report import protocols, speed
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
    assert found["classes"] == {
        name: [int(right[3 * k : 3 * k + 3, 0].sum()), 3] for k, name in enumerate(CLASSES)
    }
    assert found["balanced"] == pytest.approx(found["top1"]["correct"] / 18)  # even classes
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
        (["resnet_rs_50", "--resolution", "1"], "resolution 1 is too small; the least is 32"),
        (["resnet_rs_50", "--resolution", "5000"], "resolution 5000 is too large"),
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


def small(name, num_classes=1000):
    return resnet_rs(26, width=0.125, num_classes=num_classes)


@pytest.fixture
def uneven(tmp_path, monkeypatch):
    """Four classes of one to six images, and weights that always name the first class."""
    monkeypatch.setattr(models, "named", small)
    root = tmp_path / "uneven"
    for label, (name, n) in enumerate({"ant": 6, "bat": 2, "cod": 1, "doe": 1}.items()):
        (root / "val" / name).mkdir(parents=True)
        for k in range(n):
            pixels = picture(40, 40, seed=10 * label + k).transpose(1, 2, 0)
            Image.fromarray(pixels).save(root / "val" / name / f"{k}.png")
    network = small("", num_classes=4)
    with torch.no_grad():
        network.fc.weight.zero_()
        network.fc.bias.copy_(torch.tensor([3.0, 2.0, 1.0, 0.0]))
    save_file(network.state_dict(), root / "timm.safetensors")
    return root


def test_uneven_classes_are_counted_one_by_one(uneven, tmp_path, capsys):
    words = ["resnet_rs_50", "--resolution", "32", "--device", "cpu", "--runs-dir", str(tmp_path)]
    assert run(uneven, *words) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith("top-1 60.00 %, balanced 25.00 % of 10 images")  # no top-5 of four
    assert told[1] == "naming the largest class, ant, for all of them scores 60.00 %"
    assert told[2:6] == [
        *("ant: 6 of 6 right", "bat: 0 of 2 right", "cod: 0 of 1 right", "doe: 0 of 1 right"),
    ]
    assert told[6].startswith("kept in ")
    (kept,) = (tmp_path / "weights").iterdir()
    found = released.read(kept)
    assert "top5" not in found and found["classes"]["bat"] == [0, 2]


def test_other_images_are_kept_in_a_file_of_their_own(uneven, tmp_path):
    words = ["resnet_rs_50", "--resolution", "32", "--device", "cpu", "--runs-dir"]
    runs = tmp_path / "runs"

    def kept(root):
        assert run(root, *words, str(runs)) == 0
        return sorted(file.name for file in (runs / "weights").iterdir())

    first = kept(uneven)
    shutil.copytree(uneven, tmp_path / "copy")
    assert kept(tmp_path / "copy") == first  # the same images, copied today
    pixels = picture(40, 40, seed=99).transpose(1, 2, 0)
    Image.fromarray(pixels).save(tmp_path / "copy" / "val" / "ant" / "0.png")
    assert len(kept(tmp_path / "copy")) == 2
    (tmp_path / "copy/val/ant/1.png").rename(tmp_path / "copy/val/bat/moved.png")
    assert len(kept(tmp_path / "copy")) == 3  # the same images under other labels


def test_a_folder_that_can_not_be_written_is_found_before_any_work(uneven, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    runs = str(tmp_path / "file" / "runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "evaluate", None)  # is not reached
        assert run(uneven, "resnet_rs_50", "--runs-dir", runs) == 1
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and "no result could be kept in" in told[0] and "--runs-dir" in told[0]


def test_the_number_is_shown_even_if_it_can_not_be_written(uneven, tmp_path, capsys, monkeypatch):
    def full(file, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(released, "write_atomically", full)
    words = ["resnet_rs_50", "--resolution", "32", "--device", "cpu", "--runs-dir", str(tmp_path)]
    assert run(uneven, *words) == 1
    told = capsys.readouterr()
    assert "top-1 60.00 %" in told.out
    assert told.err.strip().splitlines()[-1].endswith("(No space left on device); make room")


def test_a_network_that_puts_out_nan_is_refused(uneven, tmp_path):
    state = small("", num_classes=4).state_dict()
    state["stem.1.running_var"].fill_(-1)  # finite, but its root is not
    save_file(state, tmp_path / "odd.safetensors")
    with pytest.raises(InputError, match="puts out NaN or Inf"):
        evaluate.evaluate("resnet_rs_50", tmp_path / "odd.safetensors", uneven, resolution=32)


def test_many_classes_are_shown_by_the_lowest():
    classes = {f"c{k}": [k, 100] for k in range(50)} | {"none": [0, 0]}
    told = released.by_class(FOUND | {"classes": classes})
    assert "1 of 51 classes have no images" in told[1]
    assert told[2].startswith("the 20 lowest of 51") and told[3] == "c0: 0 of 100 right"
    assert released.by_class(FOUND) == []  # of older files


def test_guessing_on_uneven_classes_names_the_largest():
    data = {"classes": 4, "test": 30}
    assert protocols.guessing(data) == "guessing scores 25 %"
    assert protocols.guessing(data | {"largest": 10}) == "naming the largest class scores 33.3 %"
    even = {"classes": 3, "test": 30, "largest": 10}
    assert protocols.guessing(even) == "guessing scores 33.3 %"
