"""CIFAR-10 and CIFAR-100 from the published archives, read by torchvision.

They are pickles, and opening a pickle can run any program. So nothing is opened before the MD5 of
every file is the published one.
"""

import tarfile
import tempfile
from pathlib import Path

import torch
from torchvision.datasets import CIFAR10, CIFAR100
from torchvision.datasets.utils import check_integrity

from rslib.config import InputError

READERS = {"cifar10": CIFAR10, "cifar100": CIFAR100}


def parts(name, root):
    """((training images uint8 (N, 3, 32, 32), labels), (test …), class names) of a CIFAR.

    root: holds the published .tar.gz, which is unpacked beside itself, or its folder. Raises
    InputError where it is missing, or is not what was published, byte for byte.
    """
    reader, root = READERS[name], Path(root)
    folder = root / reader.base_folder
    if not folder.is_dir():
        unpack(reader, root)
    files = [*reader.train_list, *reader.test_list, (reader.meta["filename"], reader.meta["md5"])]
    for file, md5 in files:
        if not (folder / file).is_file():
            raise InputError(f"{folder} lacks {file}; unpack {reader.filename} again")
        if not check_integrity(folder / file, md5):
            raise InputError(f"{folder / file} is not the published file; unpack it again")
    both = [reader(root, train=train) for train in (True, False)]
    columns = [(torch.from_numpy(s.data).permute(0, 3, 1, 2).contiguous(), s.targets) for s in both]
    return *columns, both[0].classes


def unpack(reader, root):
    archive = root / reader.filename
    if not archive.is_file():
        raise InputError(f"{root} has neither {reader.base_folder}/ nor {reader.filename}")
    if not check_integrity(archive, reader.tgz_md5):
        raise InputError(f"{archive} is not the published archive; fetch it again")
    # only what is whole gets the name that is looked for
    with tempfile.TemporaryDirectory(dir=root, prefix="unpacking-") as draft:
        with tarfile.open(archive) as opened:
            opened.extractall(draft, filter="data")
        (Path(draft) / reader.base_folder).rename(root / reader.base_folder)
