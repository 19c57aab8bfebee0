"""Numba's cache on disk: damaged, full or not writable, it is left aside and said once."""

import errno
import importlib.util
import os
import sys

import numba
import numpy as np
import pytest

from rslib.data.augment import loops

SOURCE = """
from rslib.data.augment.loops import compiled
@compiled
def double(x):
    return 2 * x
@compiled
def more(x):
    return double(x) + 1
"""


@pytest.fixture
def more(tmp_path, monkeypatch):
    """A call of `more`, as a new process would have it, and the folder of its cache."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder))
    monkeypatch.setattr(loops, "SAID", set())
    (tmp_path / "doubling.py").write_text(SOURCE)

    def call():
        loops.SAID.clear()
        spec = importlib.util.spec_from_file_location("doubling", tmp_path / "doubling.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.more(np.int64(4)) == 9
        return module.more.stats

    return call, folder


@pytest.mark.parametrize("suffix", ["nbc", "nbi"])
@pytest.mark.parametrize("content", [b"", b"no pickle", None])
def test_what_is_damaged_is_said_once_and_made_anew(suffix, content, more, capsys):
    call, folder = more
    call()
    for file in folder.rglob(f"*.{suffix}"):
        file.write_bytes(file.read_bytes()[:-9] if content is None else content)
    assert not call().cache_hits
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "cannot be read; it is made again" in told
    assert call().cache_hits  # whole again
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["ENOSPC", "EACCES", "EROFS"])
def test_what_cannot_be_written_is_said_once(name, more, capsys, monkeypatch):
    call, _ = more

    def refuse(*_):
        raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)))

    monkeypatch.setattr(numba.core.caching.IndexDataCacheFile, "save", refuse)
    call()
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "cannot be written; each process compiles" in told


def test_a_folder_that_cannot_be_is_done_without(more, monkeypatch):
    call, _ = more
    monkeypatch.setattr(numba.config, "CACHE_DIR", "/proc/nowhere")
    call()
    assert "doubling" not in sys.modules
