"""Files that are written whole: on file systems that cannot do all that is asked of them."""

import errno
import os
import stat

import pytest

from rslib.atomic import write_atomically


def refusing(monkeypatch, code, folders):
    """fsync fails with a code: of folders, or of files."""
    real = os.fsync

    def fsync(number):
        if stat.S_ISDIR(os.fstat(number).st_mode) == folders:
            raise OSError(code, os.strerror(code))
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("name", ["EINVAL", "ENOTSUP", "EACCES", "ENOSYS"])
def test_a_folder_that_cannot_be_synced_is_written_to(name, tmp_path, monkeypatch):
    refusing(monkeypatch, getattr(errno, name), folders=True)
    write_atomically(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["file"]


def test_a_disk_that_fails_is_told_also_where_it_fails_at_the_folder(tmp_path, monkeypatch):
    refusing(monkeypatch, errno.EIO, folders=True)
    with pytest.raises(OSError) as caught:
        write_atomically(tmp_path / "file", b"content")
    assert caught.value.errno == errno.EIO


@pytest.mark.parametrize("name", ["EINVAL", "ENOSPC", "EIO"])
def test_a_file_that_cannot_be_synced_leaves_the_old_one_and_names_it(name, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"before")
    refusing(monkeypatch, getattr(errno, name), folders=False)
    with pytest.raises(OSError) as caught:
        write_atomically(tmp_path / "file", b"content")
    assert caught.value.errno == getattr(errno, name)
    assert caught.value.filename == str(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["file"]
