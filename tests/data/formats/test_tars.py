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


def folder(name):
    member = tarfile.TarInfo(name)
    member.type = tarfile.DIRTYPE
    return member, None


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
        folder("../"),
        folder("/etc"),
        folder("a/../.."),
        sparse(),
        special(tarfile.SYMTYPE),
        special(tarfile.LNKTYPE),
        special(tarfile.CHRTYPE),
    ],
    ids=[
        "parent",
        "absolute",
        "dot",
        "folder above",
        "absolute folder",
        "out of a folder",
        "sparse",
        "symlink",
        "hardlink",
        "device",
    ],
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


def of_tar(root, prefix="", before=(), kind=tarfile.GNU_FORMAT, suffix="jpg"):
    """A folder of two tars of two classes as a `tar` writes them. before: members."""
    root.mkdir()
    for part, count in (("train", 4), ("val", 2)):
        with tarfile.open(root / f"{part}-0-of-1.tar", "w", format=kind) as archive:
            for member in before:
                archive.addfile(member[0], member[1] and io.BytesIO(member[1].getvalue()))
            for k in range(count):
                archive.addfile(*plain(f"{prefix}{k:03d}.{suffix}", b"P6 1 1 255\n" + bytes(3)))
                archive.addfile(*plain(f"{prefix}{k:03d}.cls", b"%d\n" % (k % 2)))
    held = {"classes": ["cat", "dog"], "counts": {"train": 4, "val": 2}}
    (root / "manifest.json").write_text(json.dumps(held))
    return root


FORK = b"\0\5\x16\7" + bytes(99)


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize(
    ("prefix", "before", "told"),
    [
        ("./", [folder("./")], ""),
        ("", [folder(".")], ""),
        ("set/", [folder("set"), folder("set/empty")], ""),
        ("./a/b/", [folder("./a"), folder("./a/b")], ""),
        ("é/", [folder("é")], ""),
        ("", [plain("._000.jpg", FORK), plain("._000.cls", FORK)], "2 ._ files of macOS"),
        ("./", [folder("./"), plain("./._.", FORK), plain("./.DS_Store")], "1 .DS_Store"),
        ("", [plain("__MACOSX/._000.jpg", FORK)], "1 __MACOSX"),
        ("", [plain("000.json"), plain("001.json")], "2 .json"),
        ("", [plain("zzz.cls")], "1 labels without an image"),
    ],
)
def test_tars_of_tar_and_of_macos_are_read(prefix, before, told, kind, tmp_path):
    root = of_tar(tmp_path / "set", prefix, before, kind)
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        said = []
        train, test, classes = images.source("folder", str(root), cache, said.append)
        assert list(train.names) == [f"train/{prefix.removeprefix('./')}{k:03d}" for k in range(4)]
        assert (train.labels.tolist(), len(test), classes) == ([0, 1, 0, 1], 2, ["cat", "dog"])
        passed = [line for line in said if "skipped" in line]
        assert len(passed) == 2 * bool(told) and all(told in line for line in passed)


def test_pax_headers_name_the_members(tmp_path):
    """Longer names than the old header takes, and one header for all of them."""
    prefix = "long/" * 60
    root = of_tar(tmp_path / "set", prefix, kind=tarfile.PAX_FORMAT)
    with tarfile.open(root / "val-0-of-1.tar", "w", pax_headers={"comment": "all"}) as archive:
        for k in range(2):
            member, content = plain(f"{k}.jpg", b"x")
            member.pax_headers = {"mtime": "1.5", "SCHILY.xattr.user": "ü"}
            archive.addfile(member, content)
            archive.addfile(*plain(f"{k}.cls", b"1"))
    train, test, _ = images.source("folder", str(root), None, str)
    assert train.names[0] == f"train/{prefix}000" and list(test.names) == ["val/0", "val/1"]


@pytest.mark.parametrize("suffix", ["JPG", "jpe", "jfif", "png", "webp"])
def test_images_in_tars_have_any_suffix_that_files_have(suffix, tmp_path):
    root = of_tar(tmp_path / "set", suffix=suffix)
    assert len(images.source("folder", str(root), None, str)[0]) == 4
