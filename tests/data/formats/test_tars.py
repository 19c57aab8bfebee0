"""Reading tars: whoever wrote them, and refused where they could do harm."""

import io
import json
import tarfile

import pytest

from rslib.config import InputError
from rslib.data import images
from rslib.data.formats import tars


def plain(name, content=b"1"):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, io.BytesIO(content)


def sparse():
    """One of 3 bytes of which a gigabyte would be read, as GNU's tar writes holes."""
    member = tarfile.TarInfo("a.jpg")
    member.pax_headers = {"GNU.sparse.map": "0,3", "GNU.sparse.size": str(2**30)}
    member.size = 3
    return member, io.BytesIO(b"abc")


def special(kind):
    member = tarfile.TarInfo("a.jpg")
    member.type, member.linkname = kind, "/etc/passwd"
    return member, None


@pytest.mark.parametrize(
    "bad",
    [
        plain("../a.jpg"),
        plain("/a.jpg"),
        plain("."),
        sparse(),
        special(tarfile.SYMTYPE),
        special(tarfile.LNKTYPE),
        special(tarfile.CHRTYPE),
    ],
    ids=["parent", "absolute", "dot", "sparse", "symlink", "hardlink", "device"],
)
def test_a_tar_with_anything_but_plain_files_is_refused_whole(bad, tmp_path):
    with tarfile.open(tmp_path / "train-0-of-1.tar", "w") as archive:
        archive.addfile(*plain("b.cls"))
        archive.addfile(*bad)
    with pytest.raises(InputError, match=r"train-0-of-1\.tar is refused: .* is no plain file"):
        tars.members(tmp_path / "train-0-of-1.tar")


def test_damaged_tars_and_missing_labels_are_named(built, tmp_path):
    out, _ = built
    file = next(iter(sorted(out.glob("train-*.tar"))))
    file.write_bytes(file.read_bytes()[:700])
    with pytest.raises(InputError, match=r"is no whole tar|is not whole; build it again"):
        tars.members(file)
    with tarfile.open(file, "w") as archive:
        archive.addfile(*plain("a.jpg"))
    with pytest.raises(InputError, match="a has no label, or is not whole"):
        tars.members(file)
    (out / "manifest.json").unlink()
    with pytest.raises(InputError, match=r"has tars, but no manifest\.json"):
        images.source("folder", str(out))


def manifested(root, **held):
    (root / "manifest.json").write_text(json.dumps(held))


@pytest.mark.parametrize(
    ("classes", "counts", "shards"),
    [
        ("ab", {}, {}),
        (["a", "a"], {}, {}),
        (["a", 1], {}, {}),
        ([["a"]], {}, {}),
        (["a"], [], {}),
        (["a"], {}, []),
        (["a"], {}, None),
    ],
)
def test_a_manifest_names_each_class_once(classes, counts, shards, tmp_path):
    manifested(tmp_path, classes=classes, counts=counts, shards=shards)
    with pytest.raises(InputError, match=r"manifest\.json does not say classes, each once"):
        tars.manifest_of(tmp_path)


def test_tars_of_others_have_no_checksums_and_no_encoding(built):
    out, manifest = built
    train, *_ = images.source("folder", str(out))
    file = train.items.files[0]
    assert tars.verify(file) is True
    assert tars.built(train) == {"side": 24, "quality": 90}
    known = {name: manifest[name] for name in ("classes", "counts")}
    for one in ({}, {"side": 9}, {"quality": 9}):
        manifested(out, **known, **one)
        assert tars.verify(file) is False and tars.built(train) == {}
    manifested(out, **known, shards={})
    with pytest.raises(InputError, match="has not the SHA-256"):
        tars.verify(file)


def test_a_label_that_is_no_number_of_a_class_is_named(tmp_path):
    for label in (b"cat", b"9" * 20):
        with tarfile.open(tmp_path / "train-0-of-1.tar", "w") as archive:
            archive.addfile(*plain("a.cls", label))
        with pytest.raises(InputError, match="the label of a is no number"):
            tars.members(tmp_path / "train-0-of-1.tar")
