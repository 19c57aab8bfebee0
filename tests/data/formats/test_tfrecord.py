"""TFRecord shards: written and read by another program, and read here."""

import io
import struct

import numpy as np
import pytest
from PIL import Image
from tfrecord.reader import tfrecord_loader
from tfrecord.writer import TFRecordWriter

from rslib import paths
from rslib.config import InputError
from rslib.data.formats import imagenet, tfrecord
from rslib.data.formats.shards import index, numbered

WNIDS = ["n01440764", "n01443537", "n02105855"]


def jpeg(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "JPEG")
    return held.getvalue()


def tpu(label, name, image):
    return {
        "image/encoded": (image, "byte"),
        "image/class/label": (label + 1, "int"),
        "image/class/synset": (WNIDS[label].encode(), "byte"),
        "image/filename": (name.encode(), "byte"),
        "image/height": (24, "int"),
        "image/class/text": (b"a tench, or so", "byte"),
        "image/object/bbox/xmin": ([0.5, 0.25], "float"),
        "image/object/bbox/label": ([], "int"),  # as Inception's script writes where no box is
    }


def tfds(label, name, image):
    return {
        "image": (image, "byte"),
        "label": (label, "int"),
        "file_name": (name.encode(), "byte"),
    }


STYLES = {
    "tpu": (tpu, "{}-{:05d}-of-00002"),
    "tfds": (tfds, "imagenet2012-{}.tfrecord-{:05d}-of-00002"),
}


def write(root, style, *, each=6, sort=False):
    """Two shards of each part; returns {part: [(label, name, image) in order]}.

    sort: in the order of classes, as an older script of Google's wrote them.
    """
    features, pattern = STYLES[style]
    written = {}
    for part in ("train", "validation"):
        written[part] = []
        for shard in range(2):
            writer = TFRecordWriter(str(root / pattern.format(part, shard)))
            for place in range(each):
                number = shard * each + place
                label = number // 4 if sort else number % len(WNIDS)
                name = f"{WNIDS[label]}_{number}.JPEG"
                if part == "validation":
                    name = f"ILSVRC2012_val_{number:08d}.JPEG"
                row = label, name, jpeg(number + 100 * (part == "train"))
                writer.write(features(*row))
                written[part].append(row)
            writer.close()
    return written


@pytest.mark.parametrize("style", STYLES)
def test_records_are_those_that_were_written(style, tmp_path):
    written = write(tmp_path, style)
    parts, classes = imagenet.from_records(tmp_path)
    assert classes == WNIDS
    for part, other in (("train", "train"), ("val", "validation")):
        names, labels, images = parts[part]
        assert labels.tolist() == [label for label, _, _ in written[other]]
        assert [name.split("/")[1] for name in names] == [name for _, name, _ in written[other]]
        assert [images[i].read() for i in range(len(images))] == [b for _, _, b in written[other]]


def test_another_reader_finds_the_same(tmp_path):
    write(tmp_path, "tpu")
    for file in numbered(tmp_path, ["train"]):
        ours = list(tfrecord.records(file))
        theirs = list(tfrecord_loader(str(file), None))
        assert len(ours) == len(theirs) == 6
        for record, other in zip(ours, theirs, strict=True):
            assert record.label + 1 == other["image/class/label"][0]
            assert record.name == bytes(other["image/filename"]).decode()
            content = file.read_bytes()[record.offset : record.offset + record.length]
            assert content == bytes(other["image/encoded"])


def test_slices_can_be_taken(tmp_path):
    written = write(tmp_path, "tfds")["train"]
    images = imagenet.from_records(tmp_path)[0]["train"][2]
    taken = images.take([7, 2])
    assert [taken[0].read(), taken[1].read()] == [written[7][2], written[2][2]]


def test_the_index_is_remembered_until_a_file_changes(tmp_path, monkeypatch):
    write(tmp_path, "tpu")
    first = imagenet.from_records(tmp_path, tmp_path / "cache", lambda line: None)
    monkeypatch.setattr(tfrecord, "records", None)
    again = imagenet.from_records(tmp_path, tmp_path / "cache", lambda line: None)
    assert list(again[0]["train"][0]) == list(first[0]["train"][0])
    with open(tmp_path / "train-00000-of-00002", "ab") as file:
        file.write(b"more")
    with pytest.raises(TypeError):  # it is read again
        imagenet.from_records(tmp_path, tmp_path / "cache", lambda line: None)


@pytest.mark.parametrize("cut", [1, 4, 30])
def test_a_shard_that_ends_in_mid_record_is_named(cut, tmp_path):
    write(tmp_path, "tpu")
    file = tmp_path / "train-00001-of-00002"
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(InputError, match="train-00001-of-00002 ends in mid-record, at byte"):
        imagenet.from_records(tmp_path)


def test_wrong_checksums_are_found(tmp_path):
    write(tmp_path, "tpu")
    file = tmp_path / "train-00000-of-00002"
    whole = bytearray(file.read_bytes())
    tfrecord.verify(file)
    spoilt = whole.copy()
    spoilt[len(whole) // 2] ^= 1
    file.write_bytes(spoilt)
    with pytest.raises(InputError, match="wrong checksum"):
        tfrecord.verify(file)
    spoilt = whole.copy()
    spoilt[0] ^= 1
    file.write_bytes(spoilt)
    with pytest.raises(InputError, match="wrong checksum at byte 0"):
        list(tfrecord.records(file))


def test_what_is_no_example_is_named(tmp_path):
    data = b"\xff" * 40
    header = struct.pack("<Q", len(data))
    framed = header + struct.pack("<I", tfrecord.masked(header)) + data
    framed += struct.pack("<I", tfrecord.masked(data))
    (tmp_path / "train-00000-of-00001").write_bytes(framed)
    with pytest.raises(InputError, match="the record at byte 12 is no Example"):
        list(tfrecord.records(tmp_path / "train-00000-of-00001"))


def test_other_keys_are_refused(tmp_path):
    writer = TFRecordWriter(str(tmp_path / "train-00000-of-00001"))
    writer.write({"pixels": (b"abc", "byte")})
    writer.close()
    with pytest.raises(InputError, match=r"has the keys \['pixels'\]; ImageNet's are others"):
        list(tfrecord.records(tmp_path / "train-00000-of-00001"))


@pytest.mark.parametrize(
    ("style", "key", "value", "message"),
    [
        ("tpu", "image/class/label", (-1, "int"), "image/class/label is no number from 0 on"),
        ("tfds", "label", (-1, "int"), "label is no number from 0 on"),
        ("tpu", "image/class/label", (b"7", "byte"), "image/class/label is no number"),
        ("tpu", "image/filename", (7, "int"), "is no bytes"),
        ("tpu", "image/class/synset", (7, "int"), "is no bytes"),
        ("tfds", "image", (7, "int"), "is no bytes"),
    ],
)
def test_a_feature_of_another_type_is_named(tmp_path, style, key, value, message):
    file = tmp_path / "train-00000-of-00001"
    writer = TFRecordWriter(str(file))
    writer.write(STYLES[style][0](0, "a.JPEG", jpeg(0)) | {key: value})
    writer.close()
    with pytest.raises(InputError, match=message):
        index("train", [file], tfrecord.records, None, str)


def test_a_missing_shard_is_named(tmp_path):
    write(tmp_path, "tpu")
    (tmp_path / "train-00000-of-00002").unlink()
    with pytest.raises(InputError, match="lacks 1 of 2 shards of train, first 0"):
        imagenet.from_records(tmp_path)


def test_two_sets_of_shards_in_one_folder_are_told(tmp_path):
    write(tmp_path, "tpu")
    write(tmp_path, "tfds")
    with pytest.raises(InputError, match=r"shard twice, imagenet2012-train.* and train-00000-of"):
        numbered(tmp_path, ["train"])


def test_a_number_beyond_the_count_is_told(tmp_path):
    write(tmp_path, "tpu")
    (tmp_path / "train-00001-of-00002").rename(tmp_path / "train-00005-of-00002")
    with pytest.raises(InputError, match="train-00005-of-00002 is none of 2 shards"):
        numbered(tmp_path, ["train"])


@pytest.mark.parametrize("suffix", ["", ".tar"])
def test_what_can_be_opened_is_found_by_the_environment(tmp_path, monkeypatch, suffix):
    (tmp_path / f"imagenet-train-000000-of-000001{suffix}").touch()
    monkeypatch.setenv("RSLIB_DATA", str(tmp_path))
    assert numbered(tmp_path, ["train"], suffix) and paths.imagenet_dir() == tmp_path


def test_another_class_order_is_refused(tmp_path):
    """As the devkit's own numbers, which are not in the order of wnids."""
    features = STYLES["tpu"][0]
    for part in ("train", "validation"):
        writer = TFRecordWriter(str(tmp_path / f"{part}-00000-of-00001"))
        for label, wnid in ((0, WNIDS[2]), (1, WNIDS[0]), (2, WNIDS[1])):
            row = features(label, "a.JPEG", jpeg(label))
            row["image/class/synset"] = (wnid.encode(), "byte")
            writer.write(row)
        writer.close()
    with pytest.raises(InputError, match="labels do not follow the sorted wnids"):
        imagenet.from_records(tmp_path)
