"""Networks as files: what another program reads from them is what our network computes."""

import json

import onnxruntime
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from rslib import models
from rslib.__main__ import main
from rslib.config import InputError
from rslib.weights import export, read


@pytest.fixture
def small():
    torch.manual_seed(0)
    network = models.resnet_rs(26, width=0.125, num_classes=7)
    with torch.no_grad():  # branches that begin at zero would be left untested
        for name, tensor in network.state_dict().items():
            if name.endswith(("norm3.weight", "running_var")):
                tensor.uniform_(0.5, 1.5)
    return network.eval()


def through_onnx(file, images):
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": images.numpy()})
    return torch.from_numpy(logits)


def test_onnx_computes_the_same_logits_for_any_number_of_images(small, tmp_path):
    export.export(small, tmp_path / "net.onnx", resolution=40, about={"model": "small"})
    for images in (1, 5):
        batch = torch.randn(images, 3, 40, 40)
        with torch.no_grad():
            expected = small(batch)
        assert expected.abs().max() > 0.01
        torch.testing.assert_close(
            through_onnx(tmp_path / "net.onnx", batch), expected, rtol=1e-4, atol=1e-5
        )


def test_efficientnet_goes_through_onnx(tmp_path):
    torch.manual_seed(0)
    network = models.efficientnet("b0", width=0.25, num_classes=3).eval()
    export.export(network, tmp_path / "net.onnx", resolution=32, about={})
    batch = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        expected = network(batch)
    torch.testing.assert_close(
        through_onnx(tmp_path / "net.onnx", batch), expected, rtol=1e-4, atol=1e-5
    )


def test_safetensors_can_be_loaded_again(small, tmp_path):
    file = tmp_path / "net.safetensors"
    export.export(small, file, resolution=40, about={"model": "small"})
    again = models.load(models.resnet_rs(26, width=0.125, num_classes=7), read(file)).eval()
    batch = torch.randn(2, 3, 40, 40)
    assert torch.equal(again(batch), small(batch))
    with safe_open(file, "pt") as opened:
        said = opened.metadata()
    assert said.pop("format") == "pt"  # plain, as other readers look for it; the others are JSON
    about = {name: json.loads(word) for name, word in said.items()}
    assert about == {
        "model": "small",
        "resolution": 40,
        "mean": [123.675, 116.28, 103.53],
        "deviation": pytest.approx([58.395, 57.12, 57.375]),
        "channels": "RGB",
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net.pth", "net.pth is no .onnx or .safetensors file"),
        ("missing/net.onnx", "no folder .*missing"),
        ("there.onnx", "there.onnx is there already"),
    ],
)
def test_a_file_that_can_not_be_written_is_named(small, name, message, tmp_path):
    (tmp_path / "there.onnx").write_text("mine")
    with pytest.raises(InputError, match=message):
        export.export(small, tmp_path / name, resolution=40, about={})
    assert (tmp_path / "there.onnx").read_text() == "mine"


def test_a_named_network_is_exported_from_the_shell(tmp_path, capsys):
    torch.manual_seed(0)
    network = models.named("resnet_rs_50", num_classes=4).eval()
    save_file(network.state_dict(), tmp_path / "ours.safetensors")
    words = ["export", "resnet_rs_50", str(tmp_path / "out.safetensors")]
    assert main([*words, "--weights", str(tmp_path / "ours.safetensors")]) == 0
    assert read(tmp_path / "out.safetensors").keys() == network.state_dict().keys()
    assert main([*words, "--weights", str(tmp_path / "ours.safetensors")]) == 1
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["resnet_rs_50"], "no finished run in resnet_rs_50; name a folder"),
        (["resnet_rs_50", "--resolution", "64"], "--resolution goes with --weights"),
        (["resnet_rs_50", "--weights", "/no/such.pth"], "no file /no/such.pth"),
        (
            ["resnet_rs_51", "--weights", "/no/such.pth"],
            "Table 7 has resnet_rs_51 at no",
        ),
        (["resnet_rs_50", "--weights", "a", "--resolution", "1"], "resolution 1 is too small"),
        (["resnet_rs_50", "--weights", "a", "--resolution", "5000"], "5000 is too large"),
        ([".", "--weights", "a"], ". is a run and has its own weights"),
    ],
)
def test_bad_input_is_one_line(words, message, tmp_path, capsys):
    assert main(["export", words[0], str(tmp_path / "out.onnx"), *words[1:]]) == 1
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and message in told[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"fc.weight": torch.tensor(1.0)}, "these weights are of another network"),
        ({0: torch.zeros(1)}, "holds no weights by name"),
    ],
)
def test_weights_that_make_no_sense_are_refused(held, message, tmp_path):
    torch.save(held, tmp_path / "odd.pth")
    with pytest.raises(InputError, match=message):
        export.published("resnet_rs_50", tmp_path / "odd.pth")


def test_a_name_that_is_too_long_is_named(small, tmp_path):
    with pytest.raises(InputError, match=r"cannot write .*File name too long"):
        export.export(small, tmp_path / f"{'a' * 300}.onnx", resolution=40, about={})
