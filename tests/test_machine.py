"""A folder held for one process, on file systems that have no locks or no room."""

import errno
import fcntl
import os

import pytest

from rslib import machine
from rslib.system import faults, lease


def test_a_file_system_without_locks_will_do(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    place = tmp_path / "run" / "lock"
    with machine.claim(place, "it is trained"):
        said = f"it is trained by process {os.getpid()} on .*; when that has ended, give the"
        with pytest.raises(machine.Held, match=said), machine.claim(place, "it is trained"):
            raise AssertionError("two hold it")
    assert lease.holder_of(place) is None


def test_a_full_disk_names_the_file_and_leaves_it_free(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lease, "open", full, raising=False)
    with pytest.raises(OSError) as caught, machine.claim(tmp_path / "lock", "it is trained"):
        raise AssertionError("it was not claimed")
    assert str(tmp_path / "lock.1") in faults.explained(caught.value)[0]
    monkeypatch.undo()
    assert not list(tmp_path.iterdir())
    with machine.claim(tmp_path / "lock", "it is trained"):
        assert lease.holder_of(tmp_path / "lock").pid == os.getpid()
