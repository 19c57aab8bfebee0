"""Which images train, which are minival: class-balanced, and the same wherever they are chosen."""

import hashlib
from pathlib import PurePosixPath

import numpy as np

from rslib.config import InputError, sha256
from rslib.data.formats.columns import Slices
from rslib.data.formats.folders import composed

# the authors' minival: 20 of ImageNet's 1,024 shards, which hold 25,022 images or a few more
SHARDS, HELD_OUT_SHARDS, PAPERS_MINIVAL = 1024, 20, 25_022
LIST = "minival.txt"


def split(train, test, data):
    """{"train", "minival", "test": positions, int64, "minival_by": how}: the same wherever made.

    By `by_blocks` also "further", training images that are tested on.

    Class-balanced, by a hash of names; how then is "". But where all of ImageNet is asked for, its
    1,024 shards give the first 20 of them: the authors' own minival where Google's script wrote
    them, and as many other images where TFDS did, which how says. Other layouts give the images
    that `minival.txt` names, if it is there. By hash no class gives more than half of its training
    images, so that minival may be smaller than asked for: `shares` says so.
    """
    if is_whole(data) and in_shards(train):
        writer = " (TFDS)" if ".tfrecord" in train.items.files[0].name else ""
        how = f"shards 0 to {HELD_OUT_SHARDS - 1} of {SHARDS}{writer}"
        minival = by_shards(train)
    elif file := list_asked(train, data):
        minival, how = by_list(train, file)
    else:
        minival, how = by_hash(train, data), ""
    rest = np.setdiff1d(np.arange(len(train)), minival)
    more = {}
    if data.split == "blocks":
        rest, more["further"] = by_blocks(train, rest, data)
    elif data.train_images:
        rest = rest[balanced(train.take(rest), data.train_images, f"train-{data.subset}")]
    tested = balanced(test, data.test_images, "test") if data.test_images else np.arange(len(test))
    found = {"train": rest, "minival": minival, "test": tested, **more}
    return found | {"minival_by": np.array(how)}


def is_whole(data):
    """Is all of ImageNet asked for?"""
    return data.minival_images == PAPERS_MINIVAL and not data.train_images


def in_shards(train):
    """The authors' 1,024; tars that were built of them are other shards, how many they may be."""
    files = train.items.files if isinstance(train.items, Slices) else []
    return len(files) == SHARDS and files[0].suffix != ".tar"


def by_shards(train):
    minival = np.flatnonzero(train.items.where[:, 0] < HELD_OUT_SHARDS)
    remedy = "so the images were not shuffled: write the shards again, or use the folders"
    refuse_few_classes(train, minival, f"the first {HELD_OUT_SHARDS} shards hold", remedy)
    return minival


def refuse_few_classes(train, minival, what, remedy):
    """An older script of Google's did not shuffle: its first shards hold a few classes alone."""
    covered, classes = (len(np.unique(part)) for part in (train.labels[minival], train.labels))
    if covered < 0.9 * classes:
        raise InputError(f"{what} {covered} of {classes} classes, {remedy}")


def list_asked(train, data):
    """The file `minival.txt` where it decides; None where it is not there, or not asked."""
    return list_beside(train) if is_whole(data) and not in_shards(train) else None


def list_beside(train):
    """The file `minival.txt` in a data set's folder; None if there is none."""
    if train.in_memory:
        return None
    items = train.items
    folder = items.files[0].parent if isinstance(items, Slices) else items.root
    folders = (folder, folder.parent) if folder.name == "train" else (folder,)
    return next((f / LIST for f in folders if (f / LIST).is_file()), None)


def lines_of(file):
    """The names in a `minival.txt`: one a line, without empty lines and those that begin with #."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()  # as Windows writes it, too
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read ({error}); write it as UTF-8") from error
    return [line for line in map(str.strip, lines) if line and line[0] != "#"]


def stem(name):
    """An image's name without folder and suffix, in one form of Unicode."""
    return composed(PurePosixPath(name).stem)


def by_list(train, file):
    """(positions of the images that a file names, one a line; how to say so in a result).

    Folders and suffixes do not matter: n01440764_10026.JPEG and train/n01440764/n01440764_10026
    are the same, and so are both forms of é. Raises InputError where names do not tell images
    apart.
    """
    lines = lines_of(file)
    wanted = set(map(stem, lines))
    stems = enumerate(map(stem, train.names))
    found = [(position, name) for position, name in stems if name in wanted]
    if missing := sorted(wanted - {name for _, name in found}):
        raise InputError(f"{file}: {len(missing)} names are no training image's, as {missing[0]!r}")
    if not len(lines) == len(wanted) == len(found):
        raise InputError(f"{file} names images twice; every name must stand for one image")
    minival = np.array([position for position, _ in found], dtype=np.int64)
    refuse_few_classes(train, minival, f"{file} has images of", "but minival stands for all")
    return minival, f"{LIST}, {len(found):,} names, sha256 {sha256(sorted(wanted))[:10]}"


def by_hash(train, data):
    needed = data.minival_images + (data.train_images or 1)
    if len(train) < needed:
        raise InputError(
            f"{len(train)} training images are too few: this scale needs {needed}, of which it "
            f"holds out {data.minival_images} as minival; add images, or choose a smaller scale"
        )
    return balanced(train, data.minival_images, "minival", halves=True)


def by_blocks(train, rest, data):
    """(positions of block number `subset`, positions of further test images), out of `rest`.

    The images that minival leaves are put in one order, class by class in turn. Subset k is the
    k-th part of it from the front, so that no two share an image; the further test images are its
    end, the same for every subset. Raises InputError where they would overlap.
    """
    order = rest[in_turns(train.take(rest), "blocks")[0]]
    begin, end = (n * data.train_images for n in (data.subset, data.subset + 1))
    kept = len(order) - data.further_images
    if end > kept:
        raise InputError(
            f"{len(train):,} training images are too few for subset {data.subset} of "
            f"{data.train_images:,}: minival takes {data.minival_images:,}, "
            f"{data.further_images:,} are only tested on, and subsets share none; use CIFAR-10, a "
            "folder of as many images, or scale smoke"
        )
    return np.sort(order[begin:end]), np.sort(order[kept:])


def clean_train(total, count):
    """Positions of the training examples that are evaluated too: `count` at most, evenly spread."""
    return [i * total // count for i in range(count)] if count < total else list(range(total))


def balanced(images, count, salt, halves=False):
    """Positions of ``count`` images, as even over the classes as they allow, in file order.

    They are the first `in_turns`. halves: no class gives more than half of its images, rounded
    down; there may then be fewer than ``count``.
    """
    chosen, turns = in_turns(images, salt)
    if halves:
        chosen = chosen[turns < np.bincount(images.labels)[images.labels[chosen]] // 2]
    return np.sort(chosen[:count])


def in_turns(images, salt):
    """(all positions, turn of each): classes ordered by SHA-256 of "<salt>/<name>" take turns."""
    ranks = b"".join(_rank(f"{salt}/{name}") for name in images.names)
    words = np.frombuffer(ranks, dtype=">u8").reshape(-1, 4).T.astype(np.uint64)
    order = np.lexsort((*words[::-1], images.labels))  # sorts by the last key first
    labels = images.labels[order]
    turns = np.arange(len(order)) - np.searchsorted(labels, labels)
    in_turn = np.lexsort((order, labels, turns))
    return order[in_turn], turns[in_turn]


def shares(train, chosen, data, classes):
    """In one line, which classes are too small for an even share of what a split takes of them.

    Empty where shares are even, and for a part that is not balanced over the classes. Raises
    InputError where minival leaves a class nothing to train on.
    """
    by_hash = not str(chosen["minival_by"])
    minival, trained = (each(train.labels[chosen[part]], classes) for part in ("minival", "train"))
    beside = f"next to minival ({chosen['minival_by']})"
    if not data.train_images:
        kept = train.labels[chosen["train"]]
        refuse_untrained(train.labels, kept, classes, beside, "leave some of them out of minival")
    if data.minival_images and not minival.sum():
        raise InputError("no class has two training images, one of them for minival; add images")
    told = []
    if len(none := np.flatnonzero(each(train.labels, classes) == 0)):
        told.append(f"{named(none, classes)} without training images")
    if by_hash and (uneven(minival) or minival.sum() < data.minival_images):
        told.append(f"minival has {minival.sum():,} of {data.minival_images:,} images, ")
        told[-1] += f"{span(minival, classes)}, as no class gives more than half of its own"
    if 0 < data.train_images < len(classes):
        told.append(f"training takes {trained.sum():,} images of {len(classes):,} classes")
    elif data.train_images and uneven(trained):
        told.append(f"training takes {trained.sum():,} images, {span(trained, classes)}")
    return f"not all classes have an even share: {'; '.join(told)}" if told else ""


def each(labels, classes):
    """How many images each class has."""
    return np.bincount(labels, minlength=len(classes))


def largest(labels, classes):
    """{"largest": how many tested examples the largest class has}; {} where classes are even, and
    naming one scores no more than guessing."""
    sizes = each(labels, classes)
    most = int(sizes.max(initial=0))
    return {"largest": most} if most * len(classes) > sizes.sum() else {}


def uneven(counts):
    return counts.max() - counts.min() > 1


def span(counts, classes):
    least, most = counts.argmin(), counts.argmax()
    return f"{counts[least]:,} ({classes[least]}) to {counts[most]:,} ({classes[most]}) of a class"


def refuse_untrained(before, after, classes, why, remedy):
    """Raise InputError where a class lost all its training images; before, after: their labels."""
    lost = np.flatnonzero((each(before, classes) > 0) & (each(after, classes) == 0))
    if len(lost):
        raise InputError(f"no training image {why} is left to {named(lost, classes)}; {remedy}")


def named(labels, classes):
    first = ", ".join(str(classes[label]) for label in labels[:5])
    return f"{len(labels):,} of {len(classes):,} classes ({first}{', …' * (len(labels) > 5)})"


def _rank(name):
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
