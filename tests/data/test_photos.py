"""Photographs, clean and spoilt: read as independent readers read them, or named."""

import os

import numpy as np
import pytest
import torch
from pictures import photos
from PIL import ExifTags, Image
from torchvision.io import ImageReadMode, decode_image

from rslib.config import InputError
from rslib.data import check, images, survey

pytestmark = pytest.mark.filterwarnings("ignore:.*TorchVision are deprecated:DeprecationWarning")
# what `data check` calls each of them
KINDS = {
    "cmyk.jpg": "JPEG CMYK",
    "png.JPEG": "PNG RGB named .jpeg",
    "grey.jpg": "JPEG L",
    "exif.jpg": "JPEG RGB with damaged EXIF",
    "turned.jpg": "JPEG RGB turned by EXIF",
    "plain.jpg": "JPEG RGB",
}


def spoil(folder):
    """One photograph as each of KINDS, and truncated.jpg, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    photo = next(file for file in photos() if file.stem == "chelsea")
    image = Image.open(photo)
    image.convert("CMYK").save(folder / "cmyk.jpg")
    image.save(folder / "png.JPEG", format="PNG")
    image.convert("L").save(folder / "grey.jpg")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    image.save(folder / "turned.jpg", exif=exif)
    image.save(folder / "exif.jpg", exif=exif.tobytes()[:20])
    (folder / "plain.jpg").write_bytes(photo.read_bytes())
    (folder / "truncated.jpg").write_bytes(photo.read_bytes()[: photo.stat().st_size // 2])
    return folder


def difference(one, other):
    assert one.shape == other.shape
    return (one.int() - other.int()).abs().max().item()


def by_pillow(file):
    with Image.open(file) as image:
        return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


def by_torchvision(file, **more):
    return decode_image(str(file), ImageReadMode.RGB, **more)


@pytest.mark.parametrize("file", photos(), ids=lambda f: f.stem)
def test_photographs_are_read_alike(file):
    pixels = check.decode(file)
    assert pixels.dtype == torch.uint8 and 300 <= min(pixels.shape[1:]) <= 500
    assert difference(pixels, by_pillow(file)) == 0
    assert difference(pixels, by_torchvision(file)) <= 1


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("name", KINDS)
def test_odd_files_are_read_alike(name, tmp_path):
    file = spoil(tmp_path) / name
    assert difference(check.decode(file), by_pillow(file)) == 0
    assert difference(check.decode(file), by_torchvision(file)) <= 1


def test_cmyk_is_multiplied_without_a_profile(tmp_path):
    """As tf.io.decode_jpeg does: each colour times black. No reader here looks at a profile."""
    file = spoil(tmp_path) / "cmyk.jpg"
    cyan, magenta, yellow, black = 255 - np.array(Image.open(file), int).transpose(2, 0, 1)
    expected = np.stack([cyan, magenta, yellow]) * black / 255
    assert np.abs(check.decode(file).numpy() - expected).max() <= 1


def test_a_turn_that_exif_asks_for_is_passed_over(tmp_path):
    """tf.io.decode_jpeg, by which the paper's images were read, knows no EXIF."""
    file = spoil(tmp_path) / "turned.jpg"
    upright = check.decode(file)
    assert upright.shape == (3, 300, 451)
    assert difference(upright, by_torchvision(file)) <= 1
    assert by_torchvision(file, apply_exif_orientation=True).shape == (3, 451, 300)


def with_segments(file, *segments):
    """A JPEG with segments put behind its first two bytes; each: (marker, content)."""
    whole = file.read_bytes()
    told = [bytes([255, marker]) + (len(c) + 2).to_bytes(2) + c for marker, c in segments]
    file.write_bytes(whole[:2] + b"".join(told) + whole[2:])
    return file


def test_a_turn_is_found_behind_what_looks_like_a_scan(tmp_path):
    """A profile or a preview may hold any bytes, those of a marker too."""
    file = with_segments(spoil(tmp_path) / "turned.jpg", (0xED, b"Photoshop 3.0\0\xff\xda"))
    assert difference(check.decode(file), by_pillow(file)) == 0


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", ["plain.jpg", "turned.jpg", "png.JPEG"])
def test_one_limit_of_pixels_holds_for_every_decoder(name, tmp_path, monkeypatch):
    file = spoil(tmp_path) / name  # 300×451 pixels
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300 * 451 // 2)
    if name == "plain.jpg":
        assert check.pixels_of_plain_jpeg(file.read_bytes()) == 300 * 451
    check.decode(file)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300 * 451 // 2 - 1)
    with pytest.raises(check.UnreadableImage, match="pixels"):
        check.decode(file)


def test_a_truncated_photograph_is_named(tmp_path):
    with pytest.raises(check.UnreadableImage, match=r"truncated\.jpg cannot be read"):
        check.decode(spoil(tmp_path) / "truncated.jpg")


def test_the_survey_names_every_kind(tmp_path, recwarn):
    for part in ("train", "val"):
        for name in ("cat", "dog"):
            spoil(tmp_path / part / name)
    said = []
    assert survey.survey(images.folder(tmp_path), report=said.append) == 4
    counted = next(line for line in said if "decoded: " in line).partition("decoded: ")[2]
    assert set(counted.split(", ")) == {f"2 {kind}" for kind in (*KINDS.values(), "unreadable")}
    assert any(line.startswith("  cannot be read: train/cat/truncated.jpg (") for line in said)
    assert not recwarn.list


@pytest.fixture
def tree(tmp_path):
    """Two classes of one photograph, cat/0.jpg and dog/0.jpg, in train/ and in val/."""
    for part in ("train", "val"):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            (tmp_path / part / name / "0.jpg").write_bytes(photos()[0].read_bytes())
    return tmp_path


def surveyed(tree):
    said = []
    survey.survey(images.folder(tree, report=said.append), report=said.append)
    return said


def test_a_class_without_images_counts_as_none(tree):
    train, test, classes = images.folder(tree)
    said = []
    survey.survey((train.take(np.array([0])), test, classes), report=said.append)
    assert said[1] == "training: 1 images, 0 to 1 of each class"


def test_names_are_compared_with_kinds(tmp_path):
    photo = Image.open(photos()[0])
    for name, kind in (("a.png", "JPEG"), ("b.jpg", "MPO"), ("c.tif", "TIFF"), ("d.webp", "PNG")):
        more = {"save_all": True, "append_images": [photo]} if kind == "MPO" else {}
        photo.save(tmp_path / name, format=kind, **more)
    assert survey.kind_of(tmp_path / "a.png").endswith("named .png")
    assert survey.kind_of(tmp_path / "d.webp").endswith("named .webp")
    assert survey.kind_of(tmp_path / "b.jpg").startswith("MPO")
    assert not any("named" in survey.kind_of(tmp_path / name) for name in ("b.jpg", "c.tif"))


def test_a_name_that_is_no_utf_8_can_be_printed(tree):
    for part in ("train", "val"):
        os.rename(tree / part / "cat", os.fsencode(tree / part) + b"/caf\xe9")
    (next((tree / "val").glob("caf*")) / "0.jpg").write_bytes(b"")
    said = "\n".join(surveyed(tree)).encode("utf-8")
    assert said.startswith(b"2 classes: caf\\udce9, dog") and b"val/caf\\udce9/0.jpg" in said


def test_a_folder_that_may_not_be_looked_into_is_one_line(tree, monkeypatch):
    locked, scandir = tree / "train/dog", os.scandir

    def refused(folder):
        if str(folder) == str(locked):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(InputError, match=r"train/dog cannot be listed \(Permission denied\)"):
        images.folder(tree)


def test_a_path_that_is_no_folder_is_told(tree):
    for name, message in (("train/cat/0.jpg", "is no folder"), ("none", "does not exist")):
        with pytest.raises(InputError, match=message):
            images.source("folder", str(tree / name))
    for dataset in ("folder", "imagenet", "cifar10"):
        with pytest.raises(InputError, match="~nosuchuser/x: no home of such a user"):
            images.source(dataset, "~nosuchuser/x")
