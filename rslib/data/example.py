"""Eight classes of the embedded images as a folder: what one's own images may look like."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from rslib.data.images import Images, embedded

CLASSES = 8  # of the ten; `others` are of the two that are left
COUNTS = {"train": 60, "test": 40}  # images of each class


def eight_classes(folder: Path) -> Path:
    """The folder, with `train/<class>/*.png` and `test/<class>/*.png`; written where it is not.

    It appears whole or not at all, whoever else writes the same one.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    train, test, classes = embedded()
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for part, images in (("train", train), ("test", test)):
            for label, name in enumerate(classes[:CLASSES]):
                (draft / part / name).mkdir(parents=True)
                for at in np.flatnonzero(images.labels == label)[: COUNTS[part]]:
                    number = images.names[at].rpartition("/")[2]
                    save(images, int(at), draft / part / name / f"{number}.png")
        os.chmod(draft, 0o755)  # what is made for oneself alone is not for others to read
        os.replace(draft, folder)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if not folder.is_dir():  # not because another process was faster
            raise
    return folder


def others(folder: Path) -> list[Path]:
    """Two new files in a folder: an image of each class that `eight_classes` leaves out."""
    _, test, classes = embedded()
    files = []
    for label in range(CLASSES, len(classes)):
        files.append(folder / f"{classes[label]}.png")
        save(test, int(np.flatnonzero(test.labels == label)[0]), files[-1])
    return files


def save(images: Images, at: int, file: Path) -> None:
    Image.fromarray(images.image(at).permute(1, 2, 0).numpy()).save(file)
