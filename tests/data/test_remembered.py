"""A set is the same whether it is looked at for the first time or remembered."""

import json
import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from test_tfrecord import STYLES, WNIDS
from tfrecord.writer import TFRecordWriter

from rslib.config import InputError, Recipe, evolve, sha256
from rslib.data import check, images, splits
from rslib.data.formats import tfrecord
from rslib.data.formats.columns import Names

QUIET = {"report": lambda line: None}
# The manifest's SHA-256, by which recorded results are named, and one of all names and labels; of a
# subset, and of all images. Found when names, labels and places were lists of Python objects.
KNOWN = {
    "folder": (
        "fc5a6284297332ff4aa9d737a0658bc0cac240b1aefd00391ee59e615f89f66b",
        "260cbcb97e8ba1a8fc418a315e52c618bc5fb668054d115d943427c313e4f3b0",
        "3d6b91fdeacf178b61d62cbb8540727c0b06f0ccb5b659376feadf6a25f25432",
        "d37f5d01f8ef6a17a9bfef0c266b264e1dad7e3007d67d1f41e2221cb88581c1",
    ),
    "tars": (
        "6ecd30c45b39ab2fc2426b5f3834e10083edf4c5eb920a0da7a244a5f4d77b37",
        "55bbba897d1f447552a9e8e4c030f4480e83b9361ce433ec3fd23f0b60e83f60",
        "2c306abdcfe4feb5401caca4814d885fc08d3a2d2e73df8a26df248df8f286d5",
        "e77cecef8cff274c3e892d438f96045df8b0fd8196a6cdf305d9ceaec9e38d16",
    ),
    "tpu": (
        "11e26fdfb43d340d1ce21bddd92b1495186b5a5df7f480a9b5ed78b25cf21f75",
        "7ae13693da5937e2969b14a6fb202f24fa364cbdeba7eb179008d1662fa47c16",
        "dd1181c7e5d0073d5ec0840b4f42e4ece45ad0e8e7931e6ea4b963372e66d3c6",
        "e531f8eb44db11fbac011ed515fbd74330b090e677922030d1e9174be184f6e6",
    ),
}
KNOWN["tfds"] = KNOWN["tpu"]
PAPERS = (
    "17aea7b74e424ec0bf02250aeaec30eb4138bc01b77641240838f23e438152f6",
    "347c4d6ab6528ebc782ad4c992a953822f53f7a66a9d86041f3e6f353df78925",
)


def ppm(seed):
    """An image whose bytes no encoder has a part in."""
    pixels = np.random.default_rng(seed).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    return b"P6 4 5 255\n" + pixels.tobytes()


def rows(part):
    """12 training and 6 test images of three classes: (label, name, content)."""
    for number in range(12 if part == "train" else 6):
        label = number % len(WNIDS)
        yield label, f"{WNIDS[label]}_{number}", ppm(number + 100 * (part == "val"))


def folder(root, suffix="ppm"):
    for part in ("train", "val"):
        for label, name, content in rows(part):
            place = root / part / WNIDS[label] / ("deeper" if label else "")
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{name}.{suffix}").write_bytes(content)


def records(root, style):
    features, pattern = STYLES[style]
    for part in ("train", "val"):
        written = list(rows(part))
        for shard in range(2):
            writer = TFRecordWriter(str(root / pattern.format(part, shard)))
            for row in written[shard::2]:
                writer.write(features(*row))
            writer.close()


def tars(root):
    counts = {"train": 12, "val": 6}
    (root / "manifest.json").write_text(json.dumps({"classes": WNIDS, "counts": counts}))
    for part in counts:
        with tarfile.open(root / f"{part}-00000-of-00001.tar", "w") as archive:
            for label, name, content in rows(part):
                for suffix, held in (("jpg", content), ("cls", str(label).encode())):
                    member = tarfile.TarInfo(f"{name}.{suffix}")
                    member.size = len(held)
                    archive.addfile(member, BytesIO(held))


LAYOUTS = {
    "folder": ("folder", folder),
    "tars": ("folder", tars),
    "tpu": ("imagenet", lambda root: records(root, "tpu")),
    "tfds": ("imagenet", lambda root: records(root, "tfds")),
}


def data(dataset="folder", **changes):
    fields = {"dataset": dataset, "train_images": 5, "minival_images": 3, "test_images": 4}
    return evolve(Recipe(), {f"data.{k}": v for k, v in (fields | changes).items()}).data


def opened(dataset, root, cache=None, **changes):
    listing = images.source(dataset, str(root), cache, **QUIET)
    return images.open_images(data(dataset, **changes), listing, cache, **QUIET)


def told(found):
    """What must not change: the manifest, and which images are in which split."""
    splits = [found.train, found.minival, found.test]
    listed = [[list(map(str, s.names)), list(map(int, s.labels))] for s in splits]
    return found.manifest["sha256"], sha256(listed)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("lazily", [False, True])
def test_a_set_has_the_name_it_always_had(layout, lazily, tmp_path, monkeypatch):
    dataset, write = LAYOUTS[layout]
    write(tmp_path)
    monkeypatch.setattr(images, "IMAGENET_COUNTS", (12, 6))
    if lazily:
        monkeypatch.setattr(check, "SMALL_FILES", 0)
        monkeypatch.setattr(images, "CHUNK", 0)
    everything = {"train_images": 0, "minival_images": 4, "test_images": 0}
    for _ in range(2):
        subset = opened(dataset, tmp_path, tmp_path / "cache")
        whole = opened(dataset, tmp_path, tmp_path / "cache", **everything)
        assert subset.train.in_memory != lazily
        assert told(subset) + told(whole) == KNOWN[layout]


def test_so_has_the_papers_minival(tmp_path, monkeypatch):
    records(tmp_path, "tpu")
    monkeypatch.setattr(images, "IMAGENET_COUNTS", (12, 6))
    for name, value in (("SHARDS", 2), ("HELD_OUT_SHARDS", 1), ("PAPERS_MINIVAL", 6)):
        monkeypatch.setattr(splits, name, value)
    found = opened("imagenet", tmp_path, train_images=0, minival_images=6, test_images=0)
    assert told(found) == PAPERS


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A folder that is not kept in memory, its cache, and a list of what was decoded."""
    folder(tmp_path / "set")
    monkeypatch.setattr(check, "SMALL_FILES", 0)
    monkeypatch.setattr(images, "CHUNK", 0)
    decoded, decode = [], check.decode
    monkeypatch.setattr(check, "decode", lambda item: decoded.append(item) or decode(item))
    return tmp_path / "set", tmp_path / "cache", decoded


def test_a_second_start_decodes_nothing_and_hashes_no_name(large, monkeypatch):
    root, cache, decoded = large
    first = opened("folder", root, cache)
    assert len(decoded) == 12
    monkeypatch.setattr(splits, "balanced", None)
    second = opened("folder", root, cache)
    assert len(decoded) == 12 and told(second) == told(first)
    assert torch.equal(second.train.image(2), first.train.image(2))


def test_another_subset_is_not_taken_for_the_first(large):
    root, cache, _ = large
    first = opened("folder", root, cache)
    assert told(opened("folder", root, cache, subset=1)) != told(first)
    assert told(opened("folder", root, cache, test_images=3)) != told(first)


def longer(file):
    file.write_bytes(file.read_bytes() + b" ")


def as_long(file):
    file.write_bytes(file.read_bytes()[:-1] + b"x")


def renamed(file):
    file.rename(file.with_stem("other"))


@pytest.mark.parametrize("change", [longer, as_long, renamed])
def test_a_file_that_changed_in_its_place_is_noticed(change, large):
    root, cache, decoded = large
    before = opened("folder", root, cache)
    change(before.train.items[0])
    after = opened("folder", root, cache)
    assert len(decoded) == 24 and after.manifest["sha256"] != before.manifest["sha256"]


def test_what_can_not_be_read_is_told_again(large, monkeypatch):
    root, cache, _ = large
    bad = opened("folder", root, cache).train.items[3]
    bad.write_bytes(b"P6 4 5 255\n")
    monkeypatch.setattr(check, "UNREADABLE_BUDGET", 1)
    for _ in range(2):
        said = []
        found = images.open_images(data(), images.folder(root), cache, said.append)
        assert len(found.train) == 4 and bad not in list(found.train.items)
        told = f"left out 1 of 12 images that cannot be read: {bad} (image file is truncated"
        assert said[-1].startswith(told)
    assert len(said) == 1


@pytest.mark.parametrize("layout", ["folder", "tpu"])
def test_the_same_files_at_another_place_are_the_same(layout, tmp_path, monkeypatch):
    dataset, write = LAYOUTS[layout]
    monkeypatch.setattr(check, "SMALL_FILES", 0)
    (tmp_path / "one").mkdir()
    write(tmp_path / "one")
    first = opened(dataset, tmp_path / "one", tmp_path / "cache")
    (tmp_path / "one").rename(tmp_path / "other")
    monkeypatch.setattr(check, "decode", None)
    monkeypatch.setattr(tfrecord, "records", None)
    assert told(opened(dataset, tmp_path / "other", tmp_path / "cache")) == told(first)


@pytest.mark.parametrize("budget", [0.001, 1])
def test_a_file_that_could_not_be_opened_is_asked_again(large, monkeypatch, budget):
    root, cache, _ = large
    good = told(opened("folder", root, root / "no cache yet"))
    monkeypatch.setattr(check, "UNREADABLE_BUDGET", budget)
    locked, read = images.folder(root)[1].items[0], Path.read_bytes

    def refused(file):
        if file == locked:
            raise PermissionError(13, "Permission denied")
        return read(file)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refused)
        if budget < 1:
            with pytest.raises(InputError, match="1 of 14 images cannot be read"):
                opened("folder", root, cache, test_images=0)
        else:
            assert len(opened("folder", root, cache, test_images=0).test) == 5
    assert len(opened("folder", root, cache, test_images=0).test) == 6
    assert told(opened("folder", root, cache)) == good


def test_a_refusal_is_not_remembered(large, monkeypatch):
    root, cache, _ = large
    images.folder(root)[1].items[0].write_bytes(b"P6 4 5 255\n")
    with pytest.raises(InputError, match="1 of 14 images cannot be read"):
        opened("folder", root, cache, test_images=0)
    assert not list(cache.glob("checked-*"))


def test_a_full_memory_is_no_fault_of_a_file(large, monkeypatch):
    root, cache, _ = large

    def full(*_):
        raise MemoryError

    monkeypatch.setattr(check, "UNREADABLE_BUDGET", 1)
    monkeypatch.setattr(check.Image, "open", full)
    with pytest.raises(InputError, match=r"memory is full at .*\.ppm"):
        opened("folder", root, cache)
    assert not list(cache.glob("checked-*"))


def test_what_cannot_be_written_is_told_and_the_run_goes_on(large, monkeypatch):
    root, cache, _ = large
    cache.write_text("no folder")
    said = []
    found = images.open_images(data(), images.folder(root), cache, said.append)
    assert len(found.train) == 5 and len(said) == 3
    assert all(line.startswith("cannot be remembered: ") for line in (said[0], said[2]))


def test_memory_is_promised_only_where_it_is_kept(large):
    said = []
    images.open_images(data(), images.folder(large[0]), report=said.append)
    assert said == ["decoding all 12 images once"]


def test_a_damaged_memory_is_named(large):
    root, cache, _ = large
    opened("folder", root, cache)
    kept = next(cache.glob("checked-*.npz"))
    whole, array = kept.read_bytes(), BytesIO()
    np.savez(array, train=np.arange(3))
    spoilt = [whole[:-30], b"", b"\x80junk", array.getvalue()]
    spoilt += [whole[:at] + b"\xff\xff\xff" + whole[at + 3 :] for at in range(0, 400, 7)]
    told_as_damaged = 0
    for content in spoilt:
        kept.write_bytes(content)
        try:
            opened("folder", root, cache)
        except InputError as error:
            assert f"{kept} is damaged (" in str(error) and str(error).endswith("remove it")
            told_as_damaged += 1
    assert told_as_damaged > 40  # some bytes, as those of a date, are not looked at


def test_no_object_is_kept_for_an_image(large):
    """Reading one changes its count of users, so that each worker would copy what it lies in."""
    root, cache, _ = large
    opened("folder", root, cache)
    found = opened("folder", root, cache).train
    assert isinstance(found.labels, np.ndarray) and found.labels.dtype == np.int64
    for column in (found.names, found.items):
        assert {type(held) for held in vars(column).values()} <= {np.ndarray, type(root)}


def test_names_are_kept_to_the_byte():
    names = ["", "café", "n0/ä\udce9.png", "日本", "x" * 300]
    column = Names.of(names)
    assert list(column) == names and column[1] == "café"
    assert list(column.take([3, 0, 3])) == ["日本", "", "日本"]
    assert len(Names.of([])) == 0
    assert column.digest() != Names.of(["c", *names]).digest()
