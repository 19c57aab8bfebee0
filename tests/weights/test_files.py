"""What a file of weights is: read, or named for what it is, and never run."""

import argparse
import io
import json
import pickle
import struct
import zipfile

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel

from rslib.config import InputError
from rslib.models import load, load_timm, resnet_rs
from rslib.weights import export, read


class Harmful:
    def __reduce__(self):
        return print, ("this program was run",)


def saved(thing, **how):
    held = io.BytesIO()
    torch.save(thing, held, **how)
    return held.getvalue()


def zipped(**files):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return held.getvalue()


def tensors(metadata=None):
    header = {"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
    header = json.dumps(header | ({"__metadata__": metadata} if metadata else {})).encode()
    return struct.pack("<Q", len(header)) + header + bytes(16)


def scripted():
    held = io.BytesIO()
    with torch.jit.fuser("fuser0"):
        torch.jit.save(torch.jit.script(nn.Linear(1, 1)), held)
    return held.getvalue()


LARGE = {"weight": torch.ones(1000)}
FILES = {
    "program": (lambda: pickle.dumps({"w": Harmful()}, protocol=2), "print, which could"),
    "torch program": (lambda: saved({"w": Harmful()}), "print, which could run"),
    "module": (lambda: saved(nn.Linear(1, 1)), "linear.Linear, which could run any program"),
    "TorchScript": (scripted, "is a TorchScript program; save the state_dict()"),
    "cut": (lambda: saved(LARGE)[:-900], "is cut off or damaged"),
    "cut, old": (
        lambda: saved(LARGE, _use_new_zipfile_serialization=False)[:-900],
        "is cut off: its end is missing; copy or download it again",
    ),
    "cut early": (lambda: saved(LARGE, _use_new_zipfile_serialization=False)[:30], "is cut off"),
    "cut tensors": (lambda: tensors()[:-3], "is cut off: "),
    "cut header": (lambda: tensors()[:20], "is cut off: 20 of "),
    "header that lies": (lambda: tensors().replace(b"[4]", b"[5]"), "is damaged ("),
    "header of no JSON": (lambda: tensors().replace(b"F32", b'F"2'), "is damaged ("),
    "empty": (lambda: b"", "is empty; copy or download it again"),
    "pointer": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "is a Git LFS pointer, not the weights; run git lfs pull",
    ),
    "page": (lambda: b"\n<!DOCTYPE html><html>sign in</html>", "is a web page"),
    "XML": (lambda: b"<?xml version='1.0'?><Error>AccessDenied</Error>", "is a web page"),
    "JSON": (lambda: b'{"error": "no such file"}', "is text, not weights; it begins with"),
    "zip": (lambda: zipped(readme="hello"), "is a zip of other files, such as 'readme'"),
    "NumPy": (lambda: b"\x93NUMPY\x01\x00", "is one NumPy array"),
    "gzip": (lambda: b"\x1f\x8b\x08", "is packed by gzip; unpack it"),
    "Keras": (lambda: b"\x89HDF\r\n\x1a\n", "is HDF5, as Keras writes it"),
    "noise": (lambda: bytes(range(7, 77)), "is neither a .safetensors file nor one of torch.save"),
    "list": (lambda: saved([torch.ones(1)]), "holds no weights by name, but a list"),
    "no dict of tensors": (lambda: saved({"w": 3}), "no weights by name, but 'w', a int"),
    "nothing": (lambda: saved({}), "holds no weights by name, but nothing"),
    "NaN": (
        lambda: saved({"a": torch.ones(2), "b.c": torch.tensor([1.0, torch.nan])}),
        "b.c has 1 of 2 numbers NaN or Inf",
    ),
    "Inf in half": (lambda: saved({"a": torch.tensor([-torch.inf]).half()}), "a has 1 of 1"),
    "NaN in float8": (
        lambda: saved({"a": torch.tensor([torch.nan]).to(torch.float8_e4m3fn)}),
        "a has 1 of 1 numbers NaN or Inf",
    ),
}


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_named_for_what_it_is_and_never_run(kind, suffix, tmp_path, capsys):
    make, message = FILES[kind]
    file = tmp_path / f"w{suffix}"
    file.write_bytes(make())
    with pytest.raises(InputError) as caught:
        read(file)
    told = str(caught.value)
    assert told.startswith(str(file)) and "\n" not in told and message in told, told
    assert "program was run" not in capsys.readouterr().out


def test_no_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(InputError, match=r"no file .*absent\.pth"):
        read(tmp_path / "absent.pth")
    with pytest.raises(InputError, match="is a folder; name a file"):
        read(tmp_path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"format": "np"}])
def test_safetensors_are_read_whatever_their_metadata_and_suffix(metadata, tmp_path):
    (tmp_path / "w.bin").write_bytes(tensors(metadata))
    assert read(tmp_path / "w.bin")["w"].tolist() == [0, 0, 0, 0]


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return resnet_rs(26, width=0.125, num_classes=3)


def other():
    return resnet_rs(26, width=0.125, num_classes=3)


def prefixed(state, prefix):
    return {prefix + name: tensor for name, tensor in state.items()}


RAW = {
    "bare": lambda s: s,
    "DDP": lambda s: prefixed(s, "module."),
    "compiled": lambda s: prefixed(s, "_orig_mod."),
    "compiled, then DDP": lambda s: prefixed(s, "module._orig_mod."),
    "a part compiled": lambda s: {n.replace("c2.", "c2._orig_mod."): t for n, t in s.items()},
    "Lightning": lambda s: {"state_dict": prefixed(s, "model."), "epoch": 3, "loops": {"a": 1}},
    "Lightning, compiled": lambda s: {"state_dict": prefixed(s, "model._orig_mod.")},
    "timm": lambda s: {"state_dict": s, "args": argparse.Namespace(lr=1), "state_dict_ema": None},
    "model": lambda s: {"model": s, "optimizer": {"state": {}}},
    "model_state_dict": lambda s: {"model_state_dict": prefixed(s, "module.")},
    "nested": lambda s: {"checkpoint": 1, "model": {"state_dict": s}},
    "averaged": lambda s: {"n_averaged": torch.tensor(3), **prefixed(s, "module.")},
    "without counters": lambda s: {n: t for n, t in s.items() if not n.endswith("_tracked")},
    "in half": lambda s: {n: t.half() if t.is_floating_point() else t for n, t in s.items()},
}
AVERAGED = {
    "state_dict_ema": lambda raw, s: {"state_dict": raw, "state_dict_ema": s},
    "model_ema": lambda raw, s: {"model": raw, "model_ema": prefixed(s, "module.")},
    "ema": lambda raw, s: {"model": raw, "ema": {"module": s, "decay": 0.9}},
    "beside it": lambda raw, s: {
        "state_dict": prefixed(raw, "model.") | prefixed(s, "ema_model.module.")
    },
}


def same(model, expected):
    for name, tensor in expected.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(model.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("how", RAW)
def test_wrappers_and_prefixes_of_trainers_are_taken_off(how, small, tmp_path):
    torch.save(RAW[how](small.state_dict()), tmp_path / "w.pth")
    said = []
    same(load(other(), read(tmp_path / "w.pth", said.append)), small)
    assert not said


def test_load_itself_takes_prefixes_off(small):
    same(load(other(), nn.DataParallel(small).state_dict()), small)
    same(load(other(), AveragedModel(small).state_dict()), small)


@pytest.mark.parametrize("how", AVERAGED)
def test_of_weights_and_their_average_the_average_is_taken_and_told(how, small, tmp_path):
    raw = {name: tensor + 1 for name, tensor in small.state_dict().items()}
    torch.save(AVERAGED[how](raw, small.state_dict()), tmp_path / "w.pth")
    said = []
    same(load(other(), read(tmp_path / "w.pth", said.append)), small)
    assert len(said) == 1 and "average" in said[0] and "taken" in said[0]


def test_timms_names_without_counters_and_with_prefixes_load(small):
    theirs = {"module.conv1.0.weight": small.state_dict()["stem.0.weight"]}
    with pytest.raises(InputError) as caught:
        load_timm(other(), theirs)
    assert "missing, such as 'stem.1.weight'" in str(caught.value)  # no counter is missed
    assert "unknown" not in str(caught.value)


WRONG = {
    "NaN": (lambda s: s["fc.bias"].fill_(torch.nan), "fc.bias has 3 of 3 numbers NaN or Inf"),
    "too large for float32": (
        lambda s: s.update({"fc.bias": torch.full((3,), 1e300, dtype=torch.float64)}),
        "fc.bias has 3 of 3 numbers NaN or Inf",
    ),
    "quantized": (lambda s: s.update({"fc.weight": s["fc.weight"].char()}), "1 of whole numbers"),
}


@pytest.mark.parametrize("how", WRONG)
def test_weights_that_compute_nothing_are_not_loaded(how, small):
    state = {name: tensor.clone() for name, tensor in small.state_dict().items()}
    change, message = WRONG[how]
    change(state)
    model = other()
    before = model.stem[0].weight.clone()
    with pytest.raises(InputError, match=message):
        load(model, state)
    assert torch.equal(model.stem[0].weight, before)


@pytest.mark.parametrize("name", ["net.onnx", "net.safetensors"])
def test_a_network_with_nan_is_not_exported(name, tmp_path):
    model = other()
    with torch.no_grad():
        model.c3[0].branch.norm2.running_var[1] = torch.inf
    with pytest.raises(InputError, match=r"c3.0.branch.norm2.running_var has 1 of"):
        export.export(model, tmp_path / name, resolution=40, about={})
    assert not list(tmp_path.iterdir())


def test_what_is_exported_names_its_format(small, tmp_path):
    export.export(small, tmp_path / "net.safetensors", resolution=40, about={})
    with safe_open(tmp_path / "net.safetensors", "pt") as opened:
        assert opened.metadata()["format"] == "pt"
    save_file(small.state_dict(), tmp_path / "bare.safetensors")
    same(load(other(), read(tmp_path / "bare.safetensors")), small)
