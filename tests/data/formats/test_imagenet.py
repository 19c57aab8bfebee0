"""One miniature ImageNet in every layout: the same images, labels and classes from each."""

import hashlib
import json
import os
import tarfile
import unicodedata

import numpy as np
import pytest
import torch
from scipy.io import savemat
from test_tfrecord import STYLES, WNIDS, jpeg, write
from tfrecord.writer import TFRecordWriter
from torchvision.datasets import imagenet as published

from rslib import paths
from rslib.config import InputError, Recipe, evolve
from rslib.data import build, images, splits
from rslib.data.formats import imagenet

QUIET = {"report": lambda line: None}


def data(**changes):
    fields = {"dataset": "imagenet", "resolution": 16, "minival_images": 3, "train_images": 9}
    return evolve(Recipe(), {f"data.{k}": v for k, v in (fields | changes).items()}).data


def as_folders(root, written, *, flat=False):
    """The images of `write` as files; flat: val/ as published, with torchvision's meta.bin."""
    for label, name, content in written["train"]:
        folder = root / "train" / WNIDS[label]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    answers = []
    for number, (label, _, content) in enumerate(written["validation"], start=1):
        folder = root / "val" if flat else root / "val" / WNIDS[label]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"ILSVRC2012_val_{number:08d}.JPEG").write_bytes(content)
        answers.append(WNIDS[label])
    if flat:
        torch.save(({wnid: (wnid,) for wnid in WNIDS}, answers), root / "meta.bin")


@pytest.fixture(params=["tpu", "tfds", "folders", "flat"])
def layout(request, tmp_path):
    """(root, what was written) of one and the same data set."""
    root = tmp_path / request.param
    root.mkdir()
    written = write(root, request.param if request.param in ("tpu", "tfds") else "tpu")
    if request.param in ("folders", "flat"):
        for file in root.iterdir():
            file.unlink()
        as_folders(root, written, flat=request.param == "flat")
    return root, written


def test_every_layout_holds_the_same_images(layout):
    root, written = layout
    train, test, classes = images.source("imagenet", str(root), root / "cache", **QUIET)
    assert classes == WNIDS
    for found, rows in ((train, written["train"]), (test, written["validation"])):
        expected = sorted((label, digest(content)) for label, _, content in rows)
        read = [(found.labels[i], pixel_digest(found.image(i))) for i in range(len(found))]
        assert sorted(read) == expected


def digest(content):
    from io import BytesIO

    from PIL import Image
    from torchvision.transforms.v2.functional import pil_to_tensor

    return pixel_digest(pil_to_tensor(Image.open(BytesIO(content))))


def pixel_digest(pixels):
    return hash(pixels.numpy().tobytes())


def test_every_layout_becomes_three_splits(layout):
    root, _ = layout
    listing = images.source("imagenet", str(root), **QUIET)
    said = []
    found = images.open_images(data(), listing, report=said.append)
    assert [len(s) for s in (found.train, found.minival, found.test)] == [9, 3, 12]
    assert "this ImageNet has 12 + 12 images; published are 1281167 + 50000" in said[0]
    assert not set(found.train.names) & set(found.minival.names)


def test_too_few_images_are_refused_where_all_are_asked_for(layout):
    root, _ = layout
    listing = images.source("imagenet", str(root), **QUIET)
    with pytest.raises(InputError, match="complete it, or choose a smaller scale"):
        images.open_images(data(train_images=0), listing)


def test_the_environment_names_shards_too(tmp_path, monkeypatch):
    write(tmp_path, "tpu")
    monkeypatch.setitem(os.environ, "RSLIB_DATA", str(tmp_path))
    assert paths.imagenet_dir() == tmp_path
    assert len(images.source("imagenet", **QUIET)[0]) == 12
    assert not paths.is_imagenet(tmp_path)  # two shards are not all of it


def test_only_all_of_imagenet_asks_for_the_papers_scale(tmp_path):
    for number in range(1023):
        (tmp_path / f"train-{number:05d}-of-01024").touch()
    (tmp_path / "train-00000-of-00294.parquet").touch()
    assert not paths.is_imagenet(tmp_path)
    (tmp_path / "train-01023-of-01024").touch()
    assert paths.is_imagenet(tmp_path)
    assert not paths.has_shards(tmp_path / "elsewhere")


def test_tars_built_of_imagenet_are_imagenet_too(tmp_path, monkeypatch):
    write(tmp_path, "tpu")
    root = tmp_path / "data" / "imagenet"
    build.build(images.source("imagenet", str(tmp_path), **QUIET), root, 16, lambda line: None)
    monkeypatch.setitem(os.environ, "RSLIB_DATA", str(root.parent))
    assert paths.imagenet_dir() == root
    found = images.open_images(data(), images.source("imagenet", **QUIET), report=lambda line: None)
    assert found.manifest["built"] == {"side": 16, "quality": 90}
    assert not paths.is_imagenet(root)  # three classes are not all of it
    manifest = json.loads((root / "manifest.json").read_text())
    manifest["classes"] = [f"n{number:08d}" for number in range(1000)]
    (root / "manifest.json").write_text(json.dumps(manifest))
    assert paths.is_imagenet(root)
    for file in root.glob("train-*.tar"):
        file.unlink()
    assert not paths.is_imagenet(root) and paths.imagenet_dir() is None


def test_built_tars_keep_names_and_so_minival(layout, tmp_path):
    root, _ = layout
    listing = images.source("imagenet", str(root), **QUIET)
    build.build(listing, tmp_path / "built", 16, lambda line: None)
    again = images.source("imagenet", str(tmp_path / "built"), **QUIET)
    assert sorted(again[0].names) == sorted(listing[0].names)
    both = [images.open_images(data(), held, report=lambda line: None) for held in (listing, again)]
    for split in ("train", "minival"):
        first, second = (sorted(getattr(found, split).names) for found in both)
        assert first == second


def test_only_images_that_were_encoded_anew_say_so(layout):
    root, _ = layout
    listing = images.source("imagenet", str(root), **QUIET)
    assert "built" not in images.open_images(data(), listing, report=lambda line: None).manifest


def test_labels_of_the_test_images_follow_the_same_classes(tmp_path):
    features = STYLES["tpu"][0]
    for label in (0, 1):
        writer = TFRecordWriter(str(tmp_path / f"train-0000{label}-of-00002"))
        writer.write(features(label, f"{WNIDS[label]}_1.JPEG", jpeg(label)))
        writer.close()
    for label in (-1, 0):  # background, and another class than its wnid says
        row = features(1, "a.JPEG", jpeg(9)) | {"image/class/label": (label + 1, "int")}
        writer = TFRecordWriter(str(tmp_path / "validation-00000-of-00001"))
        writer.write(row)
        writer.close()
        with pytest.raises(InputError, match="val has labels that do not follow train"):
            imagenet.from_records(tmp_path, **QUIET)


def test_a_damaged_answer_file_is_named(tmp_path):
    as_folders(tmp_path, write(tmp_path, "tpu"), flat=True)
    for file in tmp_path.glob("*-of-*"):
        file.unlink()
    (tmp_path / "meta.bin").write_bytes(b"junk")
    with pytest.raises(InputError, match=r"meta\.bin or .* cannot be read"):
        images.source("imagenet", str(tmp_path))


@pytest.fixture
def papers_minival(monkeypatch):
    """The authors' rule for sets of two shards: the first is minival."""
    monkeypatch.setattr(splits, "SHARDS", 2)
    monkeypatch.setattr(splits, "HELD_OUT_SHARDS", 1)
    monkeypatch.setattr(splits, "PAPERS_MINIVAL", 3)


def test_minival_is_the_papers_where_the_shards_are(papers_minival, tmp_path):
    written = write(tmp_path, "tpu")["train"]
    train, test, _ = images.source("imagenet", str(tmp_path), **QUIET)
    found = splits.split(train, test, data(train_images=0))
    minival = train.take(found["minival"])
    assert [name.split("/")[1] for name in minival.names] == [name for _, name, _ in written[:6]]
    assert len(found["train"]) == 6 and found["minival_by"] == "shards 0 to 0 of 2"
    assert splits.split(train, test, data())["minival_by"] == ""  # of a subset it is not


def test_shards_in_class_order_have_no_minival(papers_minival, tmp_path):
    write(tmp_path, "tpu", sort=True)
    train, test, _ = images.source("imagenet", str(tmp_path), **QUIET)
    with pytest.raises(InputError, match="the first 1 shards hold 2 of 3 classes, so the images"):
        splits.split(train, test, data(train_images=0))


def named(written, *, each=1):
    """A line for the first images of each class, in several spellings."""
    lines = []
    for label, wnid in enumerate(WNIDS):
        names = [name for row, name, _ in written["train"] if row == label][:each]
        lines += [f"train/{wnid}/{name}" if label else name.removesuffix(".JPEG") for name in names]
    return lines


def test_minival_is_what_a_list_names(layout, monkeypatch):
    root, written = layout
    monkeypatch.setattr(splits, "PAPERS_MINIVAL", 3)
    lines = named(written)
    (root / "minival.txt").write_text("\n".join(lines))
    listing = images.source("imagenet", str(root), **QUIET)
    monkeypatch.setattr(images, "IMAGENET_COUNTS", (12, 12))
    found = images.open_images(data(train_images=0), listing, report=lambda line: None)
    assert [len(s) for s in (found.train, found.minival)] == [9, 3]
    stems = sorted(name.rpartition("/")[2].removesuffix(".JPEG") for name in lines)
    kept = sorted(n.rpartition("/")[2].removesuffix(".JPEG") for n in found.minival.names)
    assert kept == stems
    assert found.manifest["minival_by"].startswith("minival.txt, 3 names, sha256 ")
    subset = images.open_images(data(), listing, report=lambda line: None)
    assert "minival_by" not in subset.manifest  # it is for all images alone


def test_the_first_shards_of_tfds_are_other_images(papers_minival, tmp_path):
    write(tmp_path, "tfds")
    train, test, _ = images.source("imagenet", str(tmp_path), **QUIET)
    found = splits.split(train, test, data(train_images=0))
    assert found["minival_by"] == "shards 0 to 0 of 2 (TFDS)"


def test_a_list_is_read_line_by_line(tmp_path):
    file = tmp_path / "minival.txt"
    file.write_bytes("\ufeff# held out\r\na b.JPEG\r\n\r\n  c.JPEG \r\n".encode())
    assert splits.lines_of(file) == ["a b.JPEG", "c.JPEG"]


def test_a_list_may_have_the_other_form_of_unicode(tmp_path):
    one, other = (unicodedata.normalize(form, "café_1") for form in ("NFC", "NFD"))
    for listed, held in ((one, other), (other, one)):
        names = [f"train/a/{held}.jpg", "train/a/b.jpg"]
        train = images.Images(names, np.array([0, 0]), [None, None])
        (tmp_path / "minival.txt").write_text(listed, encoding="utf-8")
        assert splits.by_list(train, tmp_path / "minival.txt")[0].tolist() == [0]


@pytest.mark.parametrize("content", ["n01440764_0".encode("utf-16"), b"caf\xe9"])
def test_a_list_is_read_only_where_it_is_asked(tmp_path, monkeypatch, content):
    write(tmp_path, "tpu")
    monkeypatch.setattr(splits, "PAPERS_MINIVAL", 3)
    monkeypatch.setattr(images, "IMAGENET_COUNTS", (12, 12))
    (tmp_path / "minival.txt").write_bytes(content)
    listing = images.source("imagenet", str(tmp_path), **QUIET)
    assert len(images.open_images(data(), listing, tmp_path / "cache", **QUIET).train) == 9
    with pytest.raises(InputError, match=r"minival\.txt cannot be read .* write it as UTF-8"):
        images.open_images(data(train_images=0), listing, tmp_path / "cache", **QUIET)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [*lines, "n01440764_99999.JPEG"], "1 names are no training image's, as 'n0"),
        (lambda lines: [*lines, lines[0]], "names images twice"),
        (lambda lines: lines[:1], "has images of 1 of 3 classes"),
    ],
)
def test_a_list_that_is_no_minival_is_refused(tmp_path, monkeypatch, change, message):
    written = write(tmp_path, "tfds")
    monkeypatch.setattr(splits, "PAPERS_MINIVAL", 3)
    (tmp_path / "minival.txt").write_text("\n".join(change(named(written))))
    train, test, _ = images.source("imagenet", str(tmp_path), **QUIET)
    with pytest.raises(InputError, match=message):
        splits.split(train, test, data(train_images=0))


def test_a_flat_val_needs_the_devkits_answers(tmp_path):
    written = write(tmp_path, "tpu")
    root = tmp_path / "flat"
    as_folders(root, written, flat=True)
    (root / "meta.bin").unlink()
    with pytest.raises(InputError, match=r"no class folders; put ILSVRC2012_devkit_t12.tar.gz"):
        images.source("imagenet", str(root))
    torch.save(({}, [WNIDS[0]]), root / "meta.bin")
    with pytest.raises(InputError, match=r"val_00000002\.JPEG: the devkit has no answer"):
        images.source("imagenet", str(root))


@pytest.mark.parametrize("name", ["validation", "valid", "Val"])
def test_a_flat_val_may_be_called_otherwise(tmp_path, name):
    root = tmp_path / "flat"
    as_folders(root, write(tmp_path, "tpu"), flat=True)
    (root / "val").rename(root / name)
    _, test, _ = images.source("imagenet", str(root), **QUIET)
    assert len(test) == 12 and test.names[0] == f"{name}/ILSVRC2012_val_00000001.JPEG"
    (root / "val" / WNIDS[0]).mkdir(parents=True)  # class folders of the first name come first
    assert imagenet.flat(root) is None


def test_the_devkit_is_read_without_writing_beside_it(tmp_path, monkeypatch):
    root, devkit = tmp_path / "flat", tmp_path / "ILSVRC2012_devkit_t12" / "data"
    (tmp_path / "shards").mkdir()
    as_folders(root, write(tmp_path / "shards", "tpu"), flat=True)
    _, answers = torch.load(root / "meta.bin")
    (root / "meta.bin").unlink()
    devkit.mkdir(parents=True)
    kinds = [("ILSVRC2012_ID", "i4"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("n", "i4")]
    rows = [(place, wnid, wnid, "", 0) for place, wnid in enumerate(reversed(WNIDS), start=1)]
    savemat(devkit / "meta.mat", {"synsets": np.array(rows, dtype=kinds)})
    numbers = "".join(f"{3 - WNIDS.index(wnid)}\n" for wnid in answers)
    (devkit / "ILSVRC2012_validation_ground_truth.txt").write_text(numbers)
    archive = root / imagenet.DEVKIT
    with tarfile.open(archive, "w:gz") as opened:
        opened.add(devkit.parent, devkit.parent.name)
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setitem(published.ARCHIVE_META, "devkit", (imagenet.DEVKIT, md5))
    before = sorted(root.rglob("*"))
    _, test, _ = images.source("imagenet", str(root))
    assert [WNIDS[label] for label in test.labels] == answers
    assert sorted(root.rglob("*")) == before


def test_shards_of_one_part_alone_are_named(tmp_path):
    write(tmp_path, "tpu")
    for file in tmp_path.glob("validation-*"):
        file.unlink()
    with pytest.raises(InputError, match="has shards of train alone; ImageNet needs train and"):
        images.source("imagenet", str(tmp_path))
