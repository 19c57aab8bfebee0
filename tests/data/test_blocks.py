"""Subsets that share no image, and further test images that no subset holds."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rslib.config import Data, InputError
from rslib.data import splits
from rslib.data.images import Images, open_images, source
from rslib.recipes.scales import BLOCKS, LOOKED_AT, at_scale
from rslib.recipes.weight_decay import TABLE_2


def many(count, classes=10):
    """Names and labels are all that a split looks at."""
    return Images([f"train/{i}" for i in range(count)], np.arange(count) % classes, [None] * count)


def asked(subset, **more):
    fields = {"train_images": 50, "minival_images": 100, "further_images": 60} | more
    return Data(dataset="folder", split="blocks", subset=subset, **fields)


def test_no_image_is_in_two_parts_and_each_part_is_balanced():
    train, test = many(500), many(30)
    parts = {k: splits.split(train, test, asked(k)) for k in range(6)}
    for name in ("minival", "further", "test"):  # the same beside every subset
        assert all(np.array_equal(parts[0][name], parts[k][name]) for k in parts)
    disjoint = [parts[0]["minival"], parts[0]["further"], *(p["train"] for p in parts.values())]
    taken = np.concatenate(disjoint)
    assert len(taken) == 100 + 60 + 6 * 50 == len(np.unique(taken))
    for positions in disjoint:
        assert set(np.bincount(train.labels[positions])) == {len(positions) // 10}


def test_a_smaller_minival_is_part_of_a_larger_one():
    """What served to choose the rules, on a minival of 2,000, is not among the test images."""
    train, test = many(500), many(30)
    small, large = (
        splits.split(train, test, asked(0, minival_images=n))["minival"] for n in (40, 100)
    )
    assert set(small) <= set(large)


def test_a_subset_that_would_meet_the_test_images_is_refused():
    assert len(splits.split(many(500), many(30), asked(5))["train"]) == 50
    with pytest.raises(InputError, match=r"500 training images are too few for subset 6 of 50"):
        splits.split(many(500), many(30), asked(7 - 1, further_images=61))


def test_a_block_is_tested_on_the_further_images_too():
    row = TABLE_2.row("all")
    opened = [
        open_images(
            at_scale(row, "smoke", block=k, dataset="fashion-mnist").recipe.data,
            source("fashion-mnist"),
        )
        for k in (1, 2)
    ]
    first, second = opened
    assert len(first.further) == BLOCKS["smoke"].further_images
    assert not {*first.train.names} & {*second.train.names}
    assert not {*first.further.names} & {*first.train.names, *second.train.names}
    assert first.manifest["held_out"] == second.manifest["held_out"]
    assert first.manifest["sha256"] != second.manifest["sha256"]


def test_blocks_begin_behind_what_has_been_looked_at():
    numbers = [
        at_scale(TABLE_2.row("all"), "laptop", block=k).recipe.data.subset for k in (1, 2, 8)
    ]
    assert numbers == [LOOKED_AT + 1, LOOKED_AT + 2, LOOKED_AT + 8]
    size = BLOCKS["laptop"]
    cifar = SimpleNamespace(train=50_000)  # the last of eight blocks still fits
    used = (LOOKED_AT + 8 + 1) * size.train_images + size.minival_images + size.further_images
    assert used <= cifar.train


def test_a_large_set_in_memory_is_split_anew_for_each_subset(tmp_path):
    """What is remembered of a split needs a digest of the images; these have none."""
    pixels = torch.zeros(3, 32, 32, dtype=torch.uint8)
    train, test = many(20_000), many(30)
    listing = [Images(p.names, p.labels, [pixels] * len(p)) for p in (train, test)]
    found = [
        open_images(asked(k, train_images=50), (*listing, [str(c) for c in range(10)]), tmp_path)
        for k in (0, 1)
    ]
    assert not {*found[0].train.names} & {*found[1].train.names}
    assert found[0].manifest["sha256"] != found[1].manifest["sha256"]
    assert found[0].manifest["held_out"] == found[1].manifest["held_out"]


@pytest.mark.parametrize("minival", [100, 200])
def test_other_questions_of_a_set_in_memory_have_other_answers(minival, tmp_path):
    pixels = torch.zeros(3, 32, 32, dtype=torch.uint8)
    train, test = many(20_000), many(30)
    listing = [Images(p.names, p.labels, [pixels] * len(p)) for p in (train, test)]
    for count in (50, 60):
        data = Data(dataset="cifar10", train_images=count, minival_images=minival)
        opened = open_images(data, (*listing, [str(c) for c in range(10)]), tmp_path)
        assert (len(opened.train), len(opened.minival)) == (count, minival)
