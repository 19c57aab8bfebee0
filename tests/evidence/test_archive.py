"""Archives from another machine: taken as a folder of runs, or refused in one line."""

import gzip
import io
import json
import tarfile

import pytest

from rslib import paths
from rslib.config import InputError
from rslib.evidence import archive, devices

CLEAN = {
    "schema": 1,
    "environment": {"dirty": False, "device_name": "A GPU"},
    "versions": {},
    "rows": [{"what": "a step"}],
}


def packed(file, members):
    """A .tar.gz of {name: bytes, or a TarInfo}."""
    with tarfile.open(file, "w:gz") as held:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                held.addfile(info, io.BytesIO(content))
            else:
                held.addfile(info)
    return file


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_an_archive_is_a_folder_of_runs_while_it_lasts(tmp_path):
    members = {"profile/a.json": b"{}", "table1": special("table1", tarfile.DIRTYPE)}
    with archive.unpacked(packed(tmp_path / "gpu.tar.gz", members)) as folder:
        assert (folder / "profile/a.json").read_bytes() == b"{}" and (folder / "table1").is_dir()
    assert not folder.exists()


def test_measurements_are_recorded_out_of_an_archive(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    one = {"model": "resnet_rs_50", "resolution": 160, "variant": "fp32", "images": 1}
    one |= {"fits": False, "free": 1, "total": 1}
    one["environment"] = {"dirty": False, "device": "cuda", "device_name": "A GPU"}
    devices.write(tmp_path / "a-gpu.json", [one])
    members = {"profile/a-gpu.json": (tmp_path / "a-gpu.json").read_bytes()}
    with archive.unpacked(packed(tmp_path / "gpu.tar.gz", members)) as runs_dir:
        assert devices.record(runs_dir, lambda line: None) == 1
    assert devices.recorded() == {"A GPU": [one]}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"../a.json": b""}, "may lead out"),
        ({"/etc/a.json": b""}, "may lead out"),
        ({"profile/../../a": b""}, "may lead out"),
        ({"...": b""}, "may lead out"),
        ({"a\nb": b""}, "may lead out"),
        ({"a": special("a", tarfile.SYMTYPE, "/etc/passwd")}, "neither a file nor a folder"),
        ({"a": special("a", tarfile.LNKTYPE, "b")}, "neither a file nor a folder"),
        ({"a": special("a", tarfile.FIFOTYPE)}, "neither a file nor a folder"),
        ({"a": special("a", tarfile.CHRTYPE)}, "neither a file nor a folder"),
    ],
)
def test_what_may_do_harm_is_refused_before_anything_is_written(members, message, tmp_path):
    held = packed(tmp_path / "a.tar.gz", {"good.json": b"{}", **members})
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(InputError, match=message) as told:
        archive.unpack(held, out)
    assert "\n" not in str(told.value) and list(out.iterdir()) == []


def test_what_is_too_large_is_refused(tmp_path, monkeypatch):
    held = packed(tmp_path / "a.tar.gz", {"zeros": bytes(2**20), "more": bytes(2**20)})
    monkeypatch.setattr(archive, "MOST_UNPACKED", 2**20)
    with pytest.raises(InputError, match="holds too much"), archive.unpacked(held):
        pass
    monkeypatch.setattr(archive, "MOST", 10)
    with pytest.raises(InputError, match="has more than"), archive.unpacked(held):
        pass


@pytest.mark.parametrize("damage", ["missing", "text", "cut", "empty"])
def test_what_is_no_archive_is_told_in_one_line(damage, tmp_path):
    file = packed(tmp_path / "a.tar.gz", {"a.json": b"123" * 1000})
    if damage == "missing":
        file.unlink()
    elif damage == "text":
        file.write_text("no archive")
    elif damage == "cut":
        plain = gzip.decompress(file.read_bytes())
        file.write_bytes(gzip.compress(plain)[:-20])
    else:
        file.write_bytes(b"")
    with pytest.raises(InputError) as told, archive.unpacked(file):
        pass
    assert str(file) in str(told.value) and "\n" not in str(told.value)


def test_benches_are_recorded_unless_they_are_no_evidence(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    dirty = CLEAN | {"environment": CLEAN["environment"] | {"dirty": True}}
    found = {"a": CLEAN, "b": dirty, "c": CLEAN | {"miniature": True}, "d": CLEAN | {"rows": []}}
    members = {f"bench/{name}.json": json.dumps(one).encode() for name, one in found.items()}
    said = []
    with archive.unpacked(packed(tmp_path / "a.tar.gz", members)) as folder:
        assert archive.record_benches(folder, said.append) == 1
    assert [file.name for file in (tmp_path / "results/bench").iterdir()] == ["a.json"]
    assert json.loads((tmp_path / "results/bench/a.json").read_text()) == CLEAN
    assert sum(line.startswith("left out") for line in said) == 3
    with pytest.raises(InputError, match="no bench in"):
        archive.record_benches(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 2}'])
def test_a_damaged_bench_is_named(text, tmp_path):
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench/a.json").write_text(text)
    with pytest.raises(InputError, match=r"a\.json"):
        archive.record_benches(tmp_path)
