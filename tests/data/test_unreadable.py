"""What lies in an image's place and is none: named with the reason, and never waited for."""

import os
import socket
import struct
import zlib

import numpy as np
import pytest
import torch
from pictures import picture, to_pillow
from PIL import Image
from torchvision.transforms.v2.functional import to_dtype

from rslib.config import InputError, Recipe, evolve
from rslib.data import check, images, survey
from rslib.data.check import decode
from rslib.data.formats.columns import Slice


@pytest.fixture
def tree(tmp_path):
    for part in ("train", "val"):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            for k in range(3):
                to_pillow(picture(9, 8, seed=k)).save(tmp_path / part / name / f"{k}.jpg")
    return tmp_path


def pipe(file):
    os.mkfifo(file)


def link_to_a_pipe(file):
    os.mkfifo(file.parent / "elsewhere")
    file.symlink_to(file.parent / "elsewhere")


def bound(file):
    with socket.socket(socket.AF_UNIX) as opened:
        here = os.getcwd()
        os.chdir(file.parent)  # a socket's path may have a hundred bytes
        opened.bind(file.name)
        os.chdir(here)


def device(file):
    file.symlink_to("/dev/zero")


def dangling(file):
    file.symlink_to("nowhere")


def looped(file):
    file.symlink_to(file)


IRREGULAR = [
    (pipe, "a named pipe, no regular file"),
    (link_to_a_pipe, "a named pipe, no regular file"),
    (bound, "a socket, no regular file"),
    (device, "a device, no regular file"),
    (dangling, "No such file or directory"),
    (looped, "Too many levels of symbolic links"),
]


@pytest.mark.parametrize("kept", [0, check.SMALL_FILES], ids=["lazily", "in memory"])
@pytest.mark.parametrize(
    ("make", "reason"), IRREGULAR, ids=lambda given: getattr(given, "__name__", "")
)
def test_what_is_no_regular_file_is_named_at_once(make, reason, kept, tree, monkeypatch):
    monkeypatch.setattr(check, "SMALL_FILES", kept)
    file = tree / "train/cat/odd.jpg"
    make(file)
    with pytest.raises(check.UnreadableImage, match=rf"odd\.jpg cannot be read \({reason}\)"):
        check.decode(file)
    listing = images.folder(tree, report=lambda line: None)
    data = evolve(Recipe(), {"data.dataset": "folder", "data.minival_images": 0}).data
    with pytest.raises(InputError, match=rf"1 of 13 .* or remove: .*odd\.jpg \({reason}\)"):
        images.open_images(data, listing, report=lambda line: None)
    said = []
    assert survey.survey(listing, report=said.append) == 1
    assert f"  cannot be read: train/cat/odd.jpg ({reason})" in said


def test_a_shard_that_became_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "train-0-of-1.tar")
    with pytest.raises(check.UnreadableImage, match="a named pipe"):
        check.decode(Slice(tmp_path / "train-0-of-1.tar", 0, 9))


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def huge(file):
    """30,000 × 30,000 bits in some kilobytes."""
    head = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    body = zlib.compress(bytes(100), 9)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


def deep(kind):
    return lambda file: Image.fromarray(np.full((9, 8), 3, kind)).save(
        file, "TIFF" if kind == "f4" else "PNG"
    )


def holding(content):
    return lambda file: file.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (deep("u2"), "16 bits a channel, but no value above 3: all black"),
        (deep("f4"), "TIFF of more than 16 bits a channel, mode F: convert it to 8 bits"),
        (huge, "900000000 pixels.*limit"),
        (
            holding(b"version https://git-lfs.github.com/spec/v1\n"),
            "a Git LFS pointer: git lfs pull",
        ),
        (holding(b"\n<!DOCTYPE html><html>"), "an HTML page"),
        (holding(b"%PDF-1.4"), "a PDF"),
        (holding(b"\0\0\0\x18ftypheic"), "HEIC for one: convert it to JPEG"),
        (holding(b"\0\5\x16\7" + bytes(90)), "resource fork"),
        (holding(b""), "it is empty"),
        (holding(b"words"), "no known kind of image, by its first bytes"),
    ],
)
def test_the_reason_is_told_by_training_and_by_check(make, reason, tree):
    make(tree / "train/cat/odd.png")
    listing, said = images.folder(tree), []
    data = evolve(Recipe(), {"data.dataset": "folder", "data.minival_images": 0}).data
    with pytest.raises(InputError, match=rf"remove: .*odd\.png \(.*{reason}") as caught:
        images.open_images(data, listing, report=lambda line: None)
    assert "\n" not in str(caught.value)
    survey.survey(listing, report=said.append)
    assert any("train/cat/odd.png (" in line for line in said)


def test_files_of_one_reason_are_told_together(tree):
    for k in range(6):
        deep("u2")(tree / f"train/cat/deep{k}.png")
    data = evolve(Recipe(), {"data.dataset": "folder", "data.minival_images": 0}).data
    with pytest.raises(InputError) as caught:
        images.open_images(data, images.folder(tree), report=lambda line: None)
    assert str(caught.value).count("16 bits") == 1 and str(caught.value).endswith("8 bits), …")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_grey_of_16_bits_is_read_by_its_higher_byte_as_torchvision_does(suffix, tmp_path):
    grey = np.random.default_rng(0).integers(0, 65_536, (9, 8)).astype("u2")
    Image.fromarray(grey).save(tmp_path / f"deep{suffix}")
    wanted = to_dtype(torch.from_numpy(grey), torch.uint8, scale=True)
    assert torch.equal(decode(tmp_path / f"deep{suffix}"), wanted.expand(3, -1, -1))
