"""Which folder of an image set is trained on, and which of several is tested on."""

import os

from rslib.config import InputError
from rslib.data.formats import folders
from rslib.paths import entries

TEST_NAMES = ("test", "val", "validation", "valid")  # in any case; the first that fits is taken


def tested_on(root, names):
    """(the folder of test images, a line that says so; "" where nobody could think otherwise).

    It is the first of names that has the classes of train/, so no test/ without labels. Raises
    InputError where train/ or all of them lack class folders, or the classes differ.
    """
    train, there = classes_by_form(root, "train"), folders_of(root, names)
    candidates = {name: found for name in there if (found := classes_by_form(root, name))}
    for part, found in (("train", train), ("/ or ".join(names[:2]), candidates)):
        if not found:
            raise InputError(f"{root} has no {part}/ with one folder of images for each class")
    if len(train) < 2:
        raise InputError(f"{root}/train has {len(train)} class; classification needs two")
    fits = [name for name, classes in candidates.items() if classes.keys() == train.keys()]
    if not fits:
        refuse(root, train, candidates)
    others = [
        f"{name}/ {'is not looked at' if name in fits else 'has not the classes of train/'}"
        for name in there
        if name != fits[0]
    ]
    if not others and fits[0] in names[:2]:
        return fits[0], ""
    return fits[0], "; ".join([f"{root}: the test images are of {fits[0]}/", *others])


def validation(root):
    """The name of the folder val/, which may be called otherwise."""
    found = (name for name in folders_of(root, TEST_NAMES[1:]) if folders.classes_of(root / name))
    return next(found, "val")


def folders_of(root, names):
    """Folders with one of these names, in any case, in the order of names."""
    there = [entry.name for entry in entries(root) if os.path.isdir(entry.path)]
    there.sort(key=lambda found: (found not in names, found))  # val before Val
    return [found for name in names for found in there if found.lower() == name]


def classes_by_form(root, part):
    """{class name in one form of Unicode: as the folder has it}."""
    return {folders.composed(name): name for name in folders.classes_of(root / part)}


def refuse(root, train, candidates):
    """Raise InputError for the first folder of test images, whose classes are not train's."""
    part, test = next(iter(candidates.items()))
    if only := sorted(train.keys() - test.keys()):
        told = f"only train/ has the classes {only[:5]}, {part}/ has not"
    else:
        told = f"only {part}/ has the classes {sorted(test.keys() - train.keys())[:5]}"
    raise InputError(f"{root}: {told}; add or remove them")
