"""A folder of one's own images, and a finished run on it."""

import numpy as np
import pytest
from PIL import Image
from tiny import TINY

from rslib.__main__ import main
from rslib.data import images

COUNTS = {"bag": 24, "trouser": 16, "sneaker": 4}  # training images of Fashion-MNIST


def save(pixels, file, kind):
    grey = pixels[0].numpy()
    if kind == 0:
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(file.with_suffix(".png"))
    elif kind == 1:
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(file.with_suffix(".JPG"))
    elif kind == 2:
        Image.fromarray(grey).save(file.with_suffix(".bmp"))
    else:
        Image.fromarray(grey.astype("u2") * 257).save(file.with_suffix(".tif"))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Clothes in four formats, one of them of 16 bits, one class six times the other."""
    root = tmp_path_factory.mktemp("own") / "My clothes"
    train, test, classes = images.embedded()
    for part, of, share in (("train", train, 1), ("test", test, 0.25)):
        for name, count in COUNTS.items():
            (root / part / name).mkdir(parents=True)
            there = np.flatnonzero(of.labels == classes.index(name))[: int(share * count)]
            for k, at in enumerate(there):
                save(of.image(int(at)), root / part / name / f"{k}", k % 4)
    return root


@pytest.fixture(scope="session")
def run(folder):
    """The folder of a finished run."""
    assert main(["train", str(folder), *TINY, "--runs-dir", str(folder.parent / "runs")]) == 0
    (found,) = (folder.parent / "runs" / "train").iterdir()
    return found
