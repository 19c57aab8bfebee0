"""A folder held for one process, on file systems that have no locks or no room."""

import errno
import fcntl
import os

import pytest

from rslib import machine
from rslib.config import InputError
from rslib.system import faults


@pytest.mark.parametrize("name", ["ENOSYS", "ENOLCK", "EOPNOTSUPP"])
def test_a_file_system_without_locks_is_told_in_one_line(name, tmp_path, monkeypatch):
    def flock(*_):
        code = getattr(errno, name)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    held = machine.claim(tmp_path / "run" / "lock", "it is trained")
    with pytest.raises(InputError, match="no file locks; put runs_dir on one") as caught, held:
        raise AssertionError("nobody may go on without a lock")
    assert str(tmp_path / "run" / "lock") in str(caught.value) and "\n" not in str(caught.value)


def test_a_full_disk_names_the_file_and_lets_the_lock_go(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(machine.Path, "write_text", full)
    with pytest.raises(OSError) as caught, machine.claim(tmp_path / "lock", "it is trained"):
        raise AssertionError("it was not claimed")
    assert str(tmp_path / "lock.holder") in faults.explained(caught.value)[0]
    monkeypatch.undo()
    with machine.claim(tmp_path / "lock", "it is trained"):
        assert (tmp_path / "lock.holder").exists()
