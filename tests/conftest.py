"""What several tests share: a network and a data set small enough to train in a second."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from pictures import picture, to_pillow

from rslib.config import Recipe, evolve
from rslib.data import build, images

torch.set_num_threads(1)


@pytest.fixture
def tiny():
    """A recipe of 3 epochs of 4 steps, with everything random switched on."""
    return evolve(
        Recipe(),
        {
            "model.depth": 26,
            "model.width": 0.0625,
            "model.se_ratio": 0.25,
            "model.resnet_d": True,
            "data.dataset": "fashion-mnist",
            "data.resolution": 32,
            "data.train_images": 70,
            "data.minival_images": 20,
            "data.test_images": 20,
            "data.crop_area": 0.5,
            "data.pixel_reference": 256,
            "regularization.label_smoothing": 0.1,
            "regularization.stochastic_depth": 0.5,
            "regularization.dropout": 0.25,
            "regularization.randaugment": 10.0,
            "optim.schedule": "cosine",
            "optim.epochs": 3,
            "optim.warmup_epochs": 1.0,
            "optim.batch_size": 16,
        },
    )


@pytest.fixture
def listing(tmp_path):
    """Two classes, 7 training and 2 test images each, of several sizes: a folder, undecoded."""
    root = tmp_path / "tree"
    for part, count in (("train", 7), ("val", 2)):
        for name in ("cat", "dog"):
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                shown = picture(20 + 8 * i, 36, seed=100 * (name == "dog") + i)
                to_pillow(shown).save(root / part / name / f"{i}.png")
    return images.folder(root)


@pytest.fixture
def built(listing, tmp_path, monkeypatch):
    """(folder, manifest) of the listing as tars of four images, shorter side 24 pixels."""
    monkeypatch.setattr(build, "EACH", 4)
    out = tmp_path / "out"
    manifest = build.build(listing, out, 24, lambda line: None)
    return out, manifest
