"""Make fashion-mnist.npz, the images embedded in this project, from the full set.

    apt-get install dataset-fashion-mnist
    python data/fashion-mnist/make_subset.py [/usr/share/datasets/fashion-mnist]

4,000 training images, 400 a class: in each class the 400 whose file position has the smallest
SHA-256 of "fashion-mnist/<position>" (a seeded choice that any language repeats). All 10,000 test
images. Prints the SHA-256 of the decoded arrays, which rslib checks on every load.
"""

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np

PER_CLASS = 400


def read_idx(path):
    """An IDX file of unsigned bytes: magic 0x0800 + dimensions, sizes big-endian, then the data."""
    raw = gzip.decompress(path.read_bytes())
    dims = raw[3]
    if raw[:3] != b"\x00\x00\x08":
        sys.exit(f"{path} is no IDX file of unsigned bytes")
    shape = np.frombuffer(raw, ">u4", dims, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dims).reshape(shape)


def chosen(labels):
    """Positions of the embedded training images, ascending."""

    def rank(position):
        return hashlib.sha256(f"fashion-mnist/{position}".encode()).hexdigest()

    keep = []
    for label in range(10):
        keep += sorted(np.flatnonzero(labels == label).tolist(), key=rank)[:PER_CLASS]
    return np.array(sorted(keep))


def main(source="/usr/share/datasets/fashion-mnist"):
    source = Path(source)
    images, labels = (
        read_idx(source / f"train-{k}-ubyte.gz") for k in ("images-idx3", "labels-idx1")
    )
    keep = chosen(labels)
    arrays = {
        "train_images": images[keep],
        "train_labels": labels[keep],
        "train_positions": keep.astype(np.uint16),
        "test_images": read_idx(source / "t10k-images-idx3-ubyte.gz"),
        "test_labels": read_idx(source / "t10k-labels-idx1-ubyte.gz"),
    }
    target = Path(__file__).with_name("fashion-mnist.npz")
    np.savez_compressed(target, **arrays)
    for name, array in arrays.items():
        print(f"{name:16} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}")
    print(f"{target.name}: {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
