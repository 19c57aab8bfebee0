"""RandAugment(2, 15) on crops of 160 px out of real photographs, against torchvision and kornia.

    .venv/bin/python bench/augment.py [rounds, at least 2]

Everybody starts from images in memory in the form that suits it best (uint8, Pillow's, floats), on
one thread. The sets of operations differ a little: ours has sixteen, torchvision's fourteen and one
of them the identity. All apply two to every image, kornia the same two to a whole batch. The floor
is a copy of the pixels.
"""

import torch
from kornia.augmentation.auto import RandAugment as KorniaRandAugment
from measure import interleaved, main, ratio
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import to_pil_image

from rslib import paths
from rslib.data.augment import RandAugment, random_resized_crop
from rslib.data.check import decode
from rslib.data.randomness import generator

MAGNITUDE, SIDE, IMAGES = 15, 160, 64


def crops():
    """uint8 (IMAGES, 3, SIDE, SIDE), several out of each photograph."""
    photos = [decode(file) for file in sorted((paths.ROOT / "data" / "photos").glob("*.jpg"))]
    each = [(photos[i % len(photos)], generator(i)) for i in range(IMAGES)]
    return torch.stack([random_resized_crop(photo, chance, SIDE) for photo, chance in each])


def sides():
    """{name: a call that augments all images once}."""
    images, chance, ours = crops(), generator(0), RandAugment(MAGNITUDE)
    pillow, floats = [to_pil_image(image) for image in images], images / 255
    theirs, kornia = v2.RandAugment(2, MAGNITUDE), KorniaRandAugment(n=2, m=MAGNITUDE)

    return {
        "rslib": lambda: [ours(image, chance) for image in images],
        "torchvision, Pillow": lambda: [theirs(image) for image in pillow],
        "torchvision, uint8 tensors": lambda: [theirs(image) for image in images],
        "kornia": lambda: kornia(floats),
        "a copy": lambda: [image.clone() for image in images],
    }


def bench(rounds=20):
    torch.set_num_threads(1)
    seconds = interleaved(sides(), rounds, warmup=2)
    what = f"RandAugment(2, {MAGNITUDE}), {IMAGES} images of {SIDE} px"
    goals = {
        "torchvision, Pillow": "≥ 3",
        "torchvision, uint8 tensors": "≥ 7",
        "kornia": "≥ 7",
        "a copy": "",
    }
    return [ratio(what, seconds, "rslib", peer, goal) for peer, goal in goals.items()]


if __name__ == "__main__":
    main(bench)
