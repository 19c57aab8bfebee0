"""From JPEG files to training batches of 160 px, against torchvision's ImageFolder and transforms.

    .venv/bin/python bench/pipeline.py [rounds, at least 2]

Decode, random resized crop, flip, RandAugment(2, 10), batch: one process, one thread. The files are
real photographs, encoded anew to about ImageNet's size: 500 x 375 px and 90 kB, where ImageNet's
have 108 kB in the mean. The shards are the same as tars with a shorter side of 256 px, written by
`python -m rslib data build`. torchvision's side is Pillow with transforms v2, as its references
have it (bilinear), and with the paper's bicubic. The floors are to decode, and to decode and crop,
and nothing else: what libraries do for us.
"""

import tempfile
from itertools import islice
from pathlib import Path

import torch
from measure import interleaved, main, ratio
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import InterpolationMode, v2

from rslib import paths
from rslib.config import Recipe, evolve
from rslib.data import check
from rslib.data.augment import random_resized_crop
from rslib.data.build import build
from rslib.data.images import open_images, source
from rslib.data.loaders import train_batches
from rslib.data.randomness import generator

SIDE, BATCH, COPIES = 160, 64, 32
SETTINGS = {
    "data.dataset": "folder",
    "data.resolution": SIDE,
    "data.minival_images": 2,
    "data.train_images": 0,
    "data.test_images": 0,
    "regularization.randaugment": 10.0,
    "optim.batch_size": BATCH,
    "optim.epochs": 10**4,
}


def lay_out(root, copies=COPIES):
    """Photographs as an image folder of two classes, each many times: files, not only pixels."""
    for number in range(copies):
        for place, photo in enumerate(sorted((paths.ROOT / "data" / "photos").glob("*.jpg"))):
            folder = root / ("val" if number < 2 else "train") / "ab"[place % 2]
            folder.mkdir(parents=True, exist_ok=True)
            with Image.open(photo) as image:
                image.save(folder / f"{number}-{photo.name}", quality=98)


def ours(root, cache, recipe=None, workers=0, device=None):
    """Our batches of a folder, without an end; device: where they are augmented."""
    recipe = recipe or evolve(Recipe(), SETTINGS)
    listing = source("folder", str(root), cache, lambda line: None)
    found = open_images(recipe.data, listing, cache, lambda line: None)
    return iter(train_batches(found, recipe, seed=1, workers=workers, device=device))


def theirs(root, interpolation):
    """torchvision's batches of a folder, without an end."""
    steps = [
        v2.RandomResizedCrop(SIDE, interpolation=interpolation),
        v2.RandomHorizontalFlip(),
        v2.RandAugment(2, 10),
        v2.PILToTensor(),
    ]
    images = ImageFolder(root / "train", v2.Compose(steps))
    loader = DataLoader(images, BATCH, shuffle=True, drop_last=True)
    while True:
        yield from loader


def bench(rounds=20):
    torch.set_num_threads(1)
    check.SMALL_FILES = 0  # as for a large set: files are decoded when it is their turn
    with tempfile.TemporaryDirectory() as held:
        root, shards = Path(held, "files"), Path(held, "shards")
        lay_out(root)
        build(source("folder", str(root)), shards, 256, lambda line: None)
        streams = {
            "rslib": ours(root, Path(held)),
            "rslib, shards of 256 px": ours(shards, Path(held)),
            "torchvision, bilinear": theirs(root, InterpolationMode.BILINEAR),
            "torchvision, bicubic": theirs(root, InterpolationMode.BICUBIC),
        }
        calls = {name: lambda s=stream: next(s) for name, stream in streams.items()}
        chance = generator(0)
        for name, folder in (("files", root), ("shards", shards)):
            train, _, _ = source("folder", str(folder), Path(held), lambda line: None)
            items = list(islice(train.items, BATCH))
            calls[f"decoding of {name}"] = lambda i=items: [check.decode(item) for item in i]
            calls[f"decoding and crop of {name}"] = lambda i=items: [
                random_resized_crop(check.decode(item), chance, SIDE) for item in i
            ]
        seconds = interleaved(calls, rounds, warmup=2)
    what = f"{BATCH} JPEGs to a batch of {SIDE} px"
    pairs = (
        ("rslib", "torchvision, bicubic", "≥ 1.5"),
        ("rslib", "torchvision, bilinear", ""),
        ("rslib", "decoding of files", ""),
        ("rslib", "decoding and crop of files", ""),
        ("rslib, shards of 256 px", "torchvision, bicubic", "≥ 4"),
        ("rslib, shards of 256 px", "torchvision, bilinear", ""),
        ("rslib, shards of 256 px", "decoding of shards", ""),
        ("rslib, shards of 256 px", "decoding and crop of shards", ""),
    )
    return [ratio(what, seconds, side, peer, goal) for side, peer, goal in pairs]


if __name__ == "__main__":
    main(bench)
