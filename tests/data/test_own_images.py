"""One's own images: every layout that is understood, the split by class, and balance."""

import csv
from collections import Counter

import numpy as np
import pytest
import torch
from pictures import picture, to_pillow

from rslib.config import InputError, evolve
from rslib.data import own
from rslib.data.loaders import Balanced, train_batches
from rslib.tasks.classify import Classify


def fill(root, counts, suffix=".png"):
    """counts: {"train/cat": images}."""
    for seed, (folder, count) in enumerate(counts.items()):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for k in range(count):
            shown = picture(12, 10, seed=1000 * seed + k)
            to_pillow(shown).save(root / folder / f"{k}{suffix}")
    return root


def quiet(line):
    pass


@pytest.mark.parametrize("held_out", ["val", "valid", "validation", "Val"])
def test_a_held_out_folder_is_taken_as_it_is(held_out, tmp_path):
    fill(tmp_path, {"train/a": 3, "train/b": 4, f"{held_out}/a": 2, f"{held_out}/b": 1})
    fill(tmp_path, {"test/b": 5, "test/a": 1})
    found = own.opened(own.listed(tmp_path, quiet), 0.5, 1)
    assert [found.manifest[part] for part in ("train", "minival", "test")] == [7, 3, 6]
    assert np.bincount(found.test.labels).tolist() == [1, 5]


def test_a_test_folder_without_labels_is_left_out(tmp_path):
    """As downloaded sets have it: test/unknown/*."""
    fill(tmp_path, {"train/a": 3, "train/b": 4, "test/unknown": 5})
    said = []
    found = own.listed(tmp_path, said.append)
    assert found.test is None and "test/unknown is no class of train/: not looked at" in said[-1]
    fill(tmp_path, {"test/a": 1})
    with pytest.raises(InputError, match="test/ has classes that training has not: unknown"):
        own.listed(tmp_path, quiet)


@pytest.mark.parametrize("below", ["train/", ""])
def test_classes_alone_are_split_by_class_and_by_seed(below, tmp_path):
    fill(tmp_path, {f"{below}a": 30, f"{below}b": 11, f"{below}c": 2})
    listing = own.listed(tmp_path, quiet)
    splits = [own.opened(listing, 0.1, seed) for seed in (1, 1, 2)]
    for found in splits:
        assert np.bincount(found.minival.labels).tolist() == [3, 1, 1]  # at least one of each
        assert not {*found.minival.names} & {*found.train.names} and len(found.train) == 38
    names = [sorted(found.minival.names) for found in splits]
    assert names[0] == names[1] != names[2]


def test_the_list_of_a_split_is_read_as_that_split(tmp_path):
    fill(tmp_path / "images", {"train/a": 9, "train/b": 8, "test/a": 1, "test/b": 1})
    found = own.opened(own.listed(tmp_path / "images", quiet), 0.2, 1)
    (tmp_path / "split.csv").write_text(own.as_csv(found))
    again = own.opened(own.of_csv(tmp_path / "split.csv", tmp_path / "images"), 0.2, 7)
    assert again.manifest == found.manifest


def test_a_table_of_paths_and_labels(tmp_path):
    fill(tmp_path, {"x": 6})
    rows = [["Path", "Label"], *([f"x/{k}.png", "even" if k % 2 == 0 else "odd"] for k in range(6))]
    with open(tmp_path / "list.csv", "w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows(rows)
    found = own.listed(tmp_path / "list.csv")
    assert found.classes == ["even", "odd"] and found.train.labels.tolist() == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({"train/a": 4}, "has one class, 'a'"),
        ({"a": 4}, "has one class, 'a'"),
        ({"train/a": 4, "train/b": 1}, r"1 of 2 classes \(b\) has one image; it needs two"),
        ({"val/a": 4, "val/b": 4}, "has val/, but no train/"),
        ({"train/a": 4, "train/b": 4, "val/a": 1, "val/c": 1}, "classes that training has not: c"),
        ({}, "has no folders"),
    ],
)
def test_folders_that_cannot_be_used(counts, says, tmp_path):
    fill(tmp_path, counts)
    with pytest.raises(InputError, match=says) as caught:
        own.opened(own.listed(tmp_path, quiet), 0.1, 1)
    assert "\n" not in str(caught.value)


def test_nothing_but_broken_files(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for k in range(3):
            (tmp_path / name / f"{k}.jpg").write_bytes(b"words")
    with pytest.raises(InputError, match=r"6 of 6 images cannot be read .*0\.jpg") as caught:
        own.opened(own.listed(tmp_path, quiet), 0.1, 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,class\nx/0.png,a\n", "its first line must be path,label"),
        ("path,label\nx/0.png,a\nx/9.png,b\n", "line 3: no file x/9.png"),
        ("path,label\nx/0.png,a\nx/0.png,b\n", "names x/0.png more than once"),
        ("path,label\nx/0.png,\n", "line 2"),
        ("path,label\n", "names no image"),
        ("path,label,part\nx/0.png,a,test\n", "no row of part train"),
    ],
)
def test_tables_that_cannot_be_used(text, says, tmp_path):
    fill(tmp_path, {"x": 2})
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        own.listed(tmp_path / "list.csv")


@pytest.fixture
def uneven(tiny, tmp_path):
    """(recipe, images): 90 of class a and 10 of b to train on."""
    fill(tmp_path, {"train/a": 90, "train/b": 10, "val/a": 2, "val/b": 2})
    return evolve(tiny, {"data.dataset": "folder"}), own.opened(own.listed(tmp_path, quiet), 0.1, 1)


def test_sampling_draws_classes_equally_often_and_repeats_with_other_augmentation(uneven):
    recipe, image_set = uneven
    recipe = evolve(recipe, {"data.balance": "sampling", "optim.epochs": 40})
    sampler = train_batches(image_set, recipe, seed=1).batch_sampler
    addresses = [address for batch in sampler for address in batch]
    drawn = Counter(image_set.train.labels[address[-1]] for address in addresses)
    assert len(addresses) == 40 * 96 and abs(drawn[1] / len(addresses) - 0.5) < 0.03  # 3.7 sigma
    assert len({*addresses}) == len(addresses)
    # any step on goes the same way
    later = train_batches(image_set, recipe, seed=1, start_step=7).batch_sampler
    assert [a for batch in later for a in batch] == addresses[7 * 16 :]
    assert isinstance(sampler, Balanced)


def test_weights_make_classes_count_the_same(uneven):
    recipe, image_set = uneven
    recipe = evolve(recipe, {"data.balance": "weights", "regularization.label_smoothing": 0.0})
    task, plain = (
        Classify(recipe, image_set),
        Classify(evolve(recipe, {"data.balance": ""}), image_set),
    )
    labels = torch.tensor([0] * 9 + [1])
    pixels = torch.zeros(10, 3, 32, 32, dtype=torch.uint8)

    def network(x):
        return torch.tensor([[2.0, 0.0]]).expand(10, -1)

    right, wrong = np.log1p(np.exp(-2)), np.log1p(np.exp(2))
    assert task.loss(network, (pixels, labels)).item() == pytest.approx((right + wrong) / 2)
    assert plain.loss(network, (pixels, labels)).item() == pytest.approx((9 * right + wrong) / 10)
    assert task._class_weights(torch.device("meta")).is_meta  # on each device that asks
