"""RandAugment of a batch against the same images one by one: no level differs."""

import numpy as np
import pytest
import torch
from pictures import photos, picture, seeded

from rslib.data.augment import RandAugment, batched, eval_crop
from rslib.data.augment.operations import CENTRED, OPERATIONS, Draw
from rslib.data.check import decode

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
DRAWS = [Draw(1, 0.1, 0.9), Draw(-1, 0.7, 0.3), CENTRED, Draw(1, 0.999, 0.0, 0.125)]


def batch(height, width):
    """Four pictures: three full ones, and one with few levels and a flat channel."""
    pixels = [picture(height, width, seed) for seed in range(3)]
    pixels.append(picture(height, width, seed=3, low=60, high=90))
    pixels[3][1] = 77
    return torch.from_numpy(np.stack(pixels))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("size", [(32, 32), (47, 33), (160, 160), (3, 2), (1, 5)])
def test_an_operation_is_the_same_for_a_batch(name, size, device):
    images, operation = batch(*size), OPERATIONS[name]
    for magnitude in (0, 5, 7.5, 10, 15, 20, 30):
        found = batched.of_batch(operation)(images.to(device), magnitude, DRAWS)
        assert found.dtype == torch.uint8
        for image, draw, one in zip(images, DRAWS, found, strict=True):
            expected = operation(image.numpy(), magnitude, draw)
            np.testing.assert_array_equal(one.cpu().numpy(), expected, err_msg=f"M={magnitude}")


@pytest.mark.parametrize(
    "settings",
    [{}, {"reference_side": 256}, {"solarize_wrap": True, "contrast_count": True}, {"layers": 3}],
)
def test_a_batch_is_its_images_one_by_one(settings):
    augment, images = RandAugment(15, **settings), batch(64, 48).repeat(10, 1, 1, 1)
    before = images.clone()
    draws = torch.stack([augment.draw(seeded(s)) for s in range(40)])
    found = batched.randaugment(augment, images, draws)
    assert torch.equal(images, before)
    for seed, (image, one) in enumerate(zip(images, found, strict=True)):
        assert torch.equal(augment(image, seeded(seed)), one), seed


def test_a_mean_between_two_levels_is_rounded_alike():
    """Half the pixels are 100, half 101, and 1 / 224² is no short binary fraction."""
    halves = np.full((3, 224, 224), 100, np.uint8)
    halves[:, :112] = 101
    found = batched.contrast(torch.from_numpy(halves)[None], 10, [CENTRED])
    np.testing.assert_array_equal(found[0].numpy(), OPERATIONS["Contrast"](halves, 10))


def test_photographs_too():
    augment = RandAugment(10)
    images = torch.stack([eval_crop(decode(photo), 160) for photo in photos()])
    for start in range(0, 40, len(images)):
        seeds = range(start, start + len(images))
        draws = torch.stack([augment.draw(seeded(s)) for s in seeds])
        found = batched.randaugment(augment, images, draws)
        expected = [augment(i, seeded(s)) for i, s in zip(images, seeds, strict=True)]
        assert torch.equal(found, torch.stack(expected))
