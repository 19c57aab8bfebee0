"""Crops and flip: against Pillow, and by statistics.

The bicubic resize has its own integer weights: it may differ from Pillow's by two levels, one for
the rounding after each of its two passes.
"""

import numpy as np
import pytest
import torch
from pictures import from_pillow, picture, seeded, to_pillow
from PIL import Image

from rslib.config import Recipe, evolve
from rslib.data.augment import (
    RandAugment,
    eval_crop,
    random_flip,
    random_resized_crop,
    random_window,
    resized,
)
from rslib.data.augment.crops import tf1_window
from rslib.data.images import Images
from rslib.data.loaders import eval_batches


def assert_close(image, pillow):
    difference = np.abs(image.numpy().astype(int) - pillow)
    assert difference.max() <= 2 and difference.mean() < 0.1


@pytest.mark.parametrize("size", [(32, 32), (47, 33), (160, 120)])
def test_random_window_statistics(size):
    """Area and aspect inside their bounds up to the rounding to whole pixels, all of both used."""
    generator, (height, width) = seeded(0), size
    windows = np.array([random_window(size, generator) for _ in range(3000)])
    y, x, h, w = windows.T
    assert (windows >= 0).all() and (y + h <= height).all() and (x + w <= width).all()
    area, ratio = h * w / (height * width), w / h
    pixel = 1 / h.clip(1)
    assert (area >= 0.08).all() and (area <= 1).all() and area.min() < 0.1 and area.max() > 0.9
    assert (ratio >= 0.75 - pixel).all() and (ratio <= 4 / 3 + pixel).all()
    assert (ratio < 0.85).mean() > 0.05 and (ratio > 1.2).mean() > 0.05
    for start, length, whole in ((y, h, height), (x, w, width)):
        room = (whole - length)[length < whole]  # each position from the first to the last
        assert (start[length < whole] == 0).any() and (start[length < whole] == room).any()


def test_random_window_height_is_uniform():
    """The law of TF's kernel: on a square and aspect 1 heights are uniform, not areas."""
    generator = seeded(0)
    heights = [random_window((100, 100), generator, (0.25, 1), (1, 1))[2] for _ in range(4000)]
    assert (min(heights), max(heights)) == (50, 100)
    assert abs(np.mean(heights) - 75) < 1 and abs(np.std(heights) - 14.7) < 0.5


def test_impossible_window_falls_back_to_the_centre():
    """An image of aspect 50 has no crop of half its area with aspect 3/4 to 4/3."""
    assert random_window((8, 400), seeded(0), (0.5, 1.0)) == (1, 197, 7, 7)


@pytest.mark.parametrize("size, side", [((32, 32), 32), ((160, 120), 64), ((47, 33), 96)])
def test_random_resized_crop_equals_pillow_within_two_levels(size, side):
    pixels = picture(*size)
    for seed in range(10):
        ours = random_resized_crop(torch.from_numpy(pixels), seeded(seed), side)
        assert (ours.dtype, tuple(ours.shape)) == (torch.uint8, (3, side, side))
        assert ours.is_contiguous()
        y, x, h, w = random_window(size, seeded(seed))
        crop = to_pillow(pixels[:, y : y + h, x : x + w])
        theirs = from_pillow(crop.resize((side, side), Image.Resampling.BICUBIC))
        assert_close(ours, theirs)


def test_random_resized_crop_of_the_right_size_is_copied():
    image = torch.from_numpy(picture(32, 32))
    whole = random_resized_crop(image, seeded(0), 32, area=(1.0, 1.0), aspect=(1.0, 1.0))
    assert torch.equal(whole, image)
    assert whole.data_ptr() != image.data_ptr()


def test_random_flip_is_fair_and_horizontal():
    image = torch.from_numpy(picture(5, 7))
    before, generator = image.clone(), seeded(0)
    mirrored = torch.from_numpy(image.numpy()[:, :, ::-1].copy())
    results = [random_flip(image, generator) for _ in range(2000)]
    flips = sum(torch.equal(result, mirrored) for result in results)
    assert flips + sum(torch.equal(result, image) for result in results) == 2000
    assert abs(flips / 2000 - 0.5) < 0.04
    assert torch.equal(image, before)


def of_tf1(height, width, image_size):
    """offset_height, offset_width and size of `_decode_and_center_crop`, resnet_preprocessing.py of
    TensorFlow's TPU models, in the numbers of TF1: a Python float takes the tensor's float32."""
    crop_padding = round(image_size * (1 / 0.875 - 1))
    share = np.array(image_size / (image_size + crop_padding)).astype(np.float32)
    product = np.multiply(share, np.array(min(height, width)).astype(np.float32), dtype=np.float32)
    padded_center_crop_size = product.astype(np.int32)  # tf.cast truncates
    offset_height = ((height - padded_center_crop_size) + 1) // 2
    offset_width = ((width - padded_center_crop_size) + 1) // 2
    return offset_height, offset_width, padded_center_crop_size, padded_center_crop_size


@pytest.mark.parametrize("side", [24, 128, 160, 192, 224, 256, 288, 320, 331, 456])
def test_the_square_of_evaluation_is_tf1s(side):
    sizes = [(length, length + extra) for length in range(20, 900) for extra in (0, 1, 131)]
    for height, width in (*sizes, *(size[::-1] for size in sizes)):
        assert tf1_window((height, width), side) == of_tf1(height, width, side)


def test_it_is_not_the_rounded_one():
    apart = [tf1_window((k, k), 160)[2] - round(0.875 * k) for k in range(32, 600)]
    assert {*apart} == {0, -1} and np.mean(np.array(apart) < 0) > 0.4


def test_an_image_is_cropped_whatever_its_size():
    """One of the network's size as its neighbours of a pixel more or less."""
    pixels = torch.from_numpy(picture(65, 65))
    for size in (63, 64, 65):
        image = pixels[:, :size, :size].contiguous()
        top, left, height, width = of_tf1(size, size, 64)
        assert height < 0.9 * size
        expected = resized(image, (top, left, height, width), 64)
        assert torch.equal(eval_crop(image, 64), expected)


def test_what_is_stored_at_a_size_is_shown_whole_there_alone():
    image = torch.from_numpy(picture(32, 32))
    assert eval_crop(image, 32, stored=True) is image
    for side in (24, 28, 30):  # as recorded runs saw it
        expected = resized(image, (2, 2, 28, 28), side)
        assert torch.equal(eval_crop(image, side, stored=True), expected)


@pytest.mark.parametrize("size, side", [((160, 120), 64), ((47, 33), 32), ((64, 64), 96)])
def test_eval_crop_crops_first_and_resizes_second(size, side):
    pixels = picture(*size)
    top, left, crop, _ = of_tf1(*size, side)
    window = to_pillow(pixels).crop((left, top, left + crop, top + crop))
    theirs = from_pillow(window.resize((side, side), Image.Resampling.BICUBIC))
    assert_close(eval_crop(torch.from_numpy(pixels), side), theirs)


@pytest.mark.parametrize(
    ("dataset", "whole"),
    [("fashion-mnist", True), ("cifar10", True), ("cifar100", True), ("folder", False)],
)
def test_the_data_set_says_whether_images_are_shown_whole(dataset, whole):
    items = [torch.from_numpy(picture(32, 32, seed=k)) for k in range(3)]
    found = Images(["a", "b", "c"], np.arange(3), items)
    data = evolve(Recipe(), {"data.dataset": dataset, "data.resolution": 32}).data
    ((shown, _),) = eval_batches(found, data)
    assert torch.equal(shown, torch.stack(items)) == whole


def test_results_do_not_depend_on_the_number_of_threads():
    image, threads, results = torch.from_numpy(picture(160, 160)), torch.get_num_threads(), []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            crop = random_resized_crop(image, seeded(1), 224)
            results.append((crop, RandAugment(10, layers=8)(crop, seeded(2))))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, three) for one, three in zip(*results, strict=True))


IMAGE = torch.zeros(3, 8, 8, dtype=torch.uint8)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: random_flip(IMAGE.float(), seeded(0)), "uint8.*float32"),
        (lambda: eval_crop(IMAGE.permute(1, 2, 0), 8), r"\(3, H, W\).*\(8, 8, 3\)"),
        (lambda: eval_crop(IMAGE, 0), "side.*0"),
        (lambda: random_resized_crop(IMAGE, seeded(0), 0), "side.*0"),
        (lambda: random_resized_crop(IMAGE, seeded(0), 8, area=(0.5, 2)), r"area.*\(0.5, 2\)"),
        (lambda: random_resized_crop(IMAGE, seeded(0), 8, aspect=(2, 1)), r"aspect.*\(2, 1\)"),
    ],
)
def test_errors_name_the_thing_and_the_remedy(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
