"""Image sets: the embedded one, any image folder, CIFAR, ImageNet.

The manifest's hash covers the content of every image that is used.
"""

import hashlib
import os
from dataclasses import dataclass, replace

import numpy as np
import torch

from rslib import paths
from rslib.config import IMAGENET_COUNTS, InputError, sha256, suggest
from rslib.data.check import CHUNK, UNREADABLE_BUDGET, check, decode, digest_of
from rslib.data.formats import cifar, folders, imagenet, parts, tars
from rslib.data.formats.columns import Files, Names, Slices
from rslib.data.formats.remember import remembered
from rslib.data.splits import largest, lines_of, list_asked, refuse_untrained, shares, split
from rslib.data.unreadable import shown

DATASETS = ("fashion-mnist", "folder", *cifar.READERS, "imagenet")
STORED = ("fashion-mnist", *cifar.READERS)  # at the network's size: evaluation shows them whole
EMBEDDED_SHA256 = {
    "train_images": "07f278b37f989aac890c8362b8fa9ea0efd1a58669095cdd338fa021f2df6572",
    "train_labels": "f1a0e71b55d2ff49c4665828dffd0fb6e9a2872b31127cbcdc18bfc2b3f41217",
    "train_positions": "1b86e70e14fcb670f2cb96723eeec102481a1719bb1c170942cbe8c27f886388",
    "test_images": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
    "test_labels": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
}


@dataclass(frozen=True)
class Images:
    """One split. labels: int64 (N,). ``items``: uint8 tensors (3, H, W), or `Files` and `Slices` of
    files, which are decoded when asked for."""

    names: list | Names
    labels: np.ndarray
    items: list | Files | Slices

    def __len__(self):
        return len(self.labels)

    def take(self, positions):
        return Images(
            taken(self.names, positions), self.labels[positions], taken(self.items, positions)
        )

    def digest(self):
        """What tells these images from others, without reading files: by their sizes and times."""
        items = [digest_of(item) for item in self.items] if self.in_memory else self.items.digest()
        names = self.names if isinstance(self.names, list) else self.names.digest()
        return sha256([names, hashlib.sha256(self.labels.tobytes()).hexdigest(), items])

    @property
    def in_memory(self):
        return isinstance(self.items, list)

    def image(self, position):
        item = self.items[position]
        return item if isinstance(item, torch.Tensor) else decode(item)


def taken(column, positions):
    """Some of a column, in the kind that it is."""
    return [column[p] for p in positions] if isinstance(column, list) else column.take(positions)


@dataclass(frozen=True)
class ImageSet:
    """Disjoint splits, the class names in label order, and what they were made of.

    further: training images that are tested on, where the split is by blocks.
    """

    train: Images
    minival: Images
    test: Images
    classes: list
    manifest: dict
    further: Images | None = None


def open_images(data, listing, cache_dir=None, report=print):
    """The ImageSet that a recipe's Data fields ask for, out of a `source`.

    cache_dir: where a large folder's check is remembered. Raises InputError when the data set is
    too small or damaged, or is an ImageNet with images missing where all are asked for.
    """
    train, test, classes = listing
    if data.dataset == "imagenet":
        _count_imagenet(len(train), len(test), data, report)
    about = None
    if cache_dir and not train.in_memory:
        wanted = data.train_images, data.minival_images, data.test_images, data.subset
        wanted += (data.split, data.further_images) if data.split else ()
        file = list_asked(train, data)
        named = file and lines_of(file)
        about = [train.digest(), test.digest(), classes, wanted, named]
    # fewer are split in no time
    kept_in = cache_dir if len(train) > CHUNK else None
    chosen = remembered(kept_in, "split", about, lambda: split(train, test, data), report)
    if line := shares(train, chosen, data, classes):
        report(shown(line))
    whole = {"train": train, "minival": train, "test": test, "further": train}
    splits = {name: of.take(chosen[name]) for name, of in whole.items() if name in chosen}
    before = splits["train"].labels
    splits, content = check(splits, classes, about, cache_dir, report)
    refuse_untrained(before, splits["train"].labels, classes, "that can be read", "repair some")
    counts = {name: len(images) for name, images in splits.items()}
    manifest = {"classes": len(classes), **counts, "sha256": content}
    manifest |= largest(splits["test"].labels, classes)
    if how := str(chosen["minival_by"]):
        manifest["minival_by"] = how
    if built := tars.built(train):
        manifest["built"] = built
    if data.split == "blocks":  # equal for all blocks, where the sum above covers one
        held_out = [splits[name].names for name in ("minival", "test", "further")]
        manifest["held_out"] = sha256([list(names) for names in held_out])
    return ImageSet(**splits, classes=classes, manifest=manifest)


def _count_imagenet(train, test, data, report):
    """All of it is asked for where no subset is; a few missing images are told, more refused."""
    message = in_words(train, test)
    missing = missing_of(train, test)
    if not data.train_images and missing > UNREADABLE_BUDGET:
        raise InputError(f"{message}; complete it, or choose a smaller scale")
    if missing:
        report(message)


def missing_of(train, test):
    """The larger share of ImageNet's images that a part lacks, or has too many."""
    return max(abs(n - of) / of for n, of in zip((train, test), IMAGENET_COUNTS, strict=True))


def imagenet_counts(train, test):
    """In words, how many images an ImageNet has. Raises InputError where that is not all of it."""
    if missing_of(train, test) > UNREADABLE_BUDGET:
        remedy = "complete it, or check it as dataset folder"
        raise InputError(f"{in_words(train, test)}: this is not all of it; {remedy}")
    return in_words(train, test)


def in_words(train, test):
    if (train, test) == IMAGENET_COUNTS:
        return "this ImageNet has as many images as were published"
    return f"this ImageNet has {train} + {test} images; published are %d + %d" % IMAGENET_COUNTS


def decoded(listing, report=print):
    """A small `source`, all of it decoded once for many splits; a large one as it is, checked."""
    train, test, classes = listing
    splits, _ = check({"train": train, "test": test}, classes, None, None, report)
    return splits["train"], splits["test"], classes


def source(dataset, data_dir="", cache_dir=None, report=print):
    """(training images, test images, class names) of a data set, unsplit and undecoded.

    cache_dir: where what shards hold is remembered. Raises InputError when it is missing, or has
    other classes in test than in training.
    """
    if dataset == "fashion-mnist":
        return embedded()
    if dataset == "imagenet":
        root = paths.imagenet_dir(data_dir)
        if root is None:
            raise InputError("ImageNet is not found: set data_dir, or RSLIB_DATA, to its folder")
        return imagenet_at(root, cache_dir, report)
    if dataset in cifar.READERS:
        return published_cifar(dataset, paths.data_root(data_dir))
    if dataset == "folder":
        if not data_dir:
            raise InputError("dataset 'folder' needs data_dir: a folder with train/ and val/")
        root = paths.expanded(data_dir)
        if tars.sharded(root):
            return from_tars(root, cache_dir, report)
        return folder(root, report=report)
    raise InputError(f"no dataset {dataset!r}{suggest(dataset, DATASETS)}")


def embedded():
    """Fashion-MNIST: 4,000 + 10,000 grey images of 28 px on black 32×32, three equal channels."""
    with np.load(paths.EMBEDDED) as stored:
        arrays = {name: stored[name] for name in EMBEDDED_SHA256}
    for name, expected in EMBEDDED_SHA256.items():
        if hashlib.sha256(arrays[name].tobytes()).hexdigest() != expected:
            raise InputError(f"{paths.EMBEDDED.name} is damaged ({name}): restore it from git")
    classes = [
        "t-shirt",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle-boot",
    ]
    splits = []
    for part, positions in (("train", arrays["train_positions"]), ("test", range(10_000))):
        grey = np.pad(arrays[f"{part}_images"], ((0, 0), (2, 2), (2, 2)))
        items = list(torch.from_numpy(grey)[:, None].expand(-1, 3, -1, -1).contiguous())
        names = [f"{part}/{position}" for position in positions]
        splits.append(Images(names, arrays[f"{part}_labels"].astype(np.int64), items))
    return *splits, classes


def from_tars(root, cache_dir, report):
    found, classes = tars.from_tars(root, cache_dir, report)
    return Images(*found["train"]), Images(*found["val"]), classes


def imagenet_at(root, cache_dir=None, report=print):
    """ImageNet in whichever layout of `rslib.data.formats.imagenet` it lies there."""
    if tars.sharded(root):
        return from_tars(root, cache_dir, report)
    if imagenet.sharded(root):
        found, classes = imagenet.from_records(root, cache_dir, report)
        return Images(*found["train"]), Images(*found["val"]), classes
    if part := imagenet.flat(root):
        train, classes = labelled(root, "train", report)
        *found, noticed = imagenet.flat_validation(root, part, classes)
        tell(noticed, root / part, report)
        return train, Images(*found), classes
    return folder(root, parts.TEST_NAMES[1:], report)


def published_cifar(name, root):
    """CIFAR-10 or CIFAR-100; an image's name is its place in the archive."""
    if root is None:
        raise InputError(f"{name} is not found: set data_dir, or RSLIB_DATA, to its folder")
    train, test, classes = cifar.parts(name, root)
    splits = [
        Images([f"{part}/{place}" for place in range(len(labels))], np.array(labels), list(pixels))
        for part, (pixels, labels) in (("train", train), ("test", test))
    ]
    return *splits, classes


def folder(root, test_names=parts.TEST_NAMES, report=print):
    """``train/<class>/*`` and ``test/<class>/*`` (or ``val/`` …); class order by sorted name.

    Of several folders the first is tested on that has the classes of train/. Which one that is, and
    what is passed over, is reported.
    """
    if not os.path.isdir(root):
        wrong = "is no folder" if os.path.lexists(root) else "does not exist"
        raise InputError(f"data_dir {root} {wrong}; give a folder with train/ and val/")
    taken, line = parts.tested_on(root, test_names)
    if line:
        report(shown(line))
    train, classes = labelled(root, "train", report)
    test, test_classes = labelled(root, taken, report)
    known = {folders.composed(name): label for label, name in enumerate(classes)}
    labels = np.array([known[folders.composed(name)] for name in test_classes])[test.labels]
    return train, replace(test, labels=labels), classes


def labelled(root, part, report=print):
    """(images, class names) of ``<root>/<part>/<class>/*``, undecoded; what is passed over is
    reported. Instead of val/ there may be validation/ or another of its names."""
    if part == "val":
        part = parts.validation(root)
    if not folders.classes_of(root / part):
        raise InputError(f"{root} has no {part}/ with one folder of images for each class")
    found, classes, noticed = folders.tree(root, part)
    tell(noticed, root / part, report)
    return Images(*found), classes


def tell(noticed, folder, report):
    for line in noticed.lines(folder):
        report(shown(line))
