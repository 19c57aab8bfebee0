"""Images that are files of their own, in a folder for each class."""

import os
import unicodedata
from dataclasses import dataclass, field

import numpy as np

from rslib.config import InputError
from rslib.data.formats.columns import Files, Names
from rslib.paths import entries

RARE = (".jpe", ".jfif", ".jif")  # JPEGs, as browsers and old programs call them
SUFFIXES = (".jpg", ".jpeg", *RARE, ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
# folders that systems keep for themselves, in small letters; hidden ones need no name here
SYSTEMS = {
    *("@eadir", "@tmp", "@recycle", "@recently-snapshot", "@sharebin", "@__thumb"),  # NAS
    *("#recycle", "#snapshot", "~snapshot", "lost+found"),
    *("$recycle.bin", "recycler", "system volume information", "found.000"),  # Windows
    *("__macosx", "network trash folder", "temporary items"),  # macOS
}


class Counted(dict):
    """{kind: (how many, the first name)}."""

    def add(self, kind, name, more=1):
        count, first = self.get(kind, (0, name))
        self[kind] = count + more, min(first, name)

    def __str__(self):
        """In words, the most frequent first; "" if nothing."""
        most = sorted(self.items(), key=lambda item: (-item[1][0], item[0]))
        told = [f"{count:,} {kind} ({first})" for kind, (count, first) in most[:20]]
        rest = sum(count for _, (count, _) in most[20:])
        return ", ".join([*told, f"{rest:,} others"] if rest else told)


@dataclass
class Noticed:
    """What somebody may not expect of a folder: what is passed over in it, and rare suffixes."""

    passed: Counted = field(default_factory=Counted)
    rare: Counted = field(default_factory=Counted)

    def lines(self, folder):
        if self.rare:
            yield f"{folder}: read as JPEG {self.rare}"
        if self.passed:
            yield f"{folder}: skipped {self.passed}"


def kind_of_other(entry):
    """What to call an entry that is neither an image nor a folder of some; None for these."""
    folder, hidden = entry.is_dir(follow_symlinks=False), entry.name[0] == "."
    if is_systems(entry.name):
        return f"{entry.name}/" if folder else "hidden files" if hidden else "files of the system"
    if not folder and entry.is_symlink() and os.path.isdir(entry.path):
        return "links to folders"
    called_image = entry.name.lower().endswith(SUFFIXES)
    if folder and called_image:  # as thumbnails of an image lie in
        return "folders that are called as images"
    if folder or called_image:
        return None
    return os.path.splitext(entry.name)[1].lower() or "files without a suffix"


def is_systems(name):
    """Is it a name that a system or an editor gives, for what is no image of the data set?"""
    return name[0] == "." or name.lower() in SYSTEMS


def classes_of(folder):
    """Names of the class folders, in order; a system's own, as of trash or thumbnails, are none."""
    visible = (entry for entry in entries(folder) if not is_systems(entry.name))
    return sorted(entry.name for entry in visible if os.path.isdir(entry.path))


def composed(name):
    """A name as one form of Unicode has it: macOS takes others' é apart into e and an accent."""
    return unicodedata.normalize("NFC", name)


def tree(root, part, without=()):
    """((names, labels, Files), class names, Noticed) of ``<root>/<part>/<class>/*``, deeper too.

    without: folders that are no classes.
    """
    classes, counts, noticed = classes_of(root / part), [], Noticed()
    classes = [name for name in classes if name not in without]
    refuse_twins(root / part, classes)
    for entry in entries(root / part):
        if not os.path.isdir(entry.path):
            kind = kind_of_other(entry) or "files next to the class folders"
            noticed.passed.add(kind, entry.name)
        elif is_systems(entry.name):
            noticed.passed.add(f"{entry.name}/", entry.name)

    def of_each_class():
        for name in classes:
            before = dict(noticed.passed)
            rows = below(root, f"{part}/{name}", noticed)
            if not rows:
                raise InputError(no_image(root / part / name, before, noticed.passed))
            counts.append(len(rows))
            yield rows

    names, files = columns(root, of_each_class())
    return (names, np.repeat(np.arange(len(classes)), counts), files), classes, noticed


def no_image(folder, before, after):
    inside = Counted()
    for kind, (count, first) in after.items():
        if more := count - before.get(kind, (0, ""))[0]:
            inside.add(kind, first, more)
    held = f", but {inside}" if inside else ""
    return f"{folder} holds no image{held}; fill or remove the folder"


def refuse_twins(folder, classes):
    """Raise InputError where two class folders have names that look the same."""
    seen = {}
    for name in classes:
        if twin := seen.get(composed(name)):
            raise InputError(
                f"{folder} has two folders of one name in two forms of Unicode, {twin!a} and "
                f"{name!a}; merge them"
            )
        seen[composed(name)] = name


def below(root, folder, noticed):
    """Sorted [(name, size, time)] of all images in a folder; name: from root on.

    noticed: told of what is passed over, which is other suffixes, links to folders, what is hidden
    or a system's own, and folders that are called as images; and of rare suffixes.
    One look at each file: a set is listed at every start, and a million looks take seconds.
    """
    rows, waiting = [], [folder]
    while waiting:
        folder = waiting.pop()
        for entry in entries(root / folder):
            name = f"{folder}/{entry.name}"
            if kind := kind_of_other(entry):
                noticed.passed.add(kind, name.partition("/")[2])
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(name)
            else:
                if entry.name.lower().endswith(RARE):
                    suffix = os.path.splitext(entry.name)[1].lower()
                    noticed.rare.add(suffix, name.partition("/")[2])
                rows.append((name, *size_and_time(entry)))
    return sorted(rows)


def size_and_time(entry):
    try:
        about = entry.stat()
    except OSError:  # as of a link to nowhere: decoding will count and name it
        return 0, 0
    return about.st_size, about.st_mtime_ns


def columns(root, groups):
    """(names, files) of lists of rows as `below` gives them; no two are held at a time."""
    texts, numbers = [], []
    for rows in groups:
        encoded = [name.encode("utf-8", "surrogateescape") for name, _, _ in rows]
        texts.append(b"".join(encoded))
        pairs = zip(rows, encoded, strict=True)
        numbers += [np.array([(len(name), *row[1:]) for row, name in pairs]).reshape(-1, 3)]
    lengths, *stamps = np.concatenate(numbers).astype(np.int64).T
    ends = np.cumsum(lengths)
    where = np.column_stack([ends - lengths, ends, *stamps])
    text = np.frombuffer(b"".join(texts), dtype=np.uint8)
    return Names(text, where[:, :2].copy()), Files(root, text, where)
