"""What the machine does to a command: one line with the thing, the cause and the remedy."""

import errno
import os

import pytest
import torch

from rslib import paths
from rslib.commands import errors
from rslib.config import InputError
from rslib.system import faults, output


def raised(error, cause=None):
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def from_loader(error):
    """As PyTorch raises in the parent what a loader process raised."""
    wrapper = torch._utils.ExceptionWrapper(
        (type(error), error, raised(error).__traceback__), where="in DataLoader worker process 0"
    )
    try:
        wrapper.reraise()
    except Exception as caught:
        return caught


def system(name, *files):
    code = getattr(errno, name)
    return OSError(code, os.strerror(code), *files)


@pytest.mark.parametrize(
    ("name", "code", "remedy"),
    [
        ("ENOSPC", 1, "make room"),
        ("EDQUOT", 1, "make room"),
        ("EROFS", 1, "read-only"),
        ("EACCES", 1, "permissions"),
        ("EMFILE", 1, "ulimit -n"),
        ("ENFILE", 1, "ulimit -n"),
        ("EEXIST", 1, "a folder is asked for"),
        ("ENOLCK", 1, "look at the disk or at the network drive"),
        ("EIO", 75, "look at the disk"),
        ("ESTALE", 75, "network drive"),
        ("ENOMEM", 75, "end other programs"),
        ("EAGAIN", 75, "ulimit -u"),
        ("ENOTUNIQ", 1, "give the same command again"),  # whatever else there is
    ],
)
def test_an_error_of_the_system_is_one_line(name, code, remedy, capsys):
    assert errors.told(raised(system(name, "/data/file"))) == code
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "bug" not in told
    assert told.startswith("rslib: /data/file: ") and remedy in told
    assert os.strerror(getattr(errno, name)) in told


def test_where_no_file_is_named_the_place_is(tmp_path):
    from rslib.atomic import sync_folder

    try:
        sync_folder(tmp_path / "none")
    except OSError as error:
        error.filename = None
        line, _ = faults.explained(error)
    assert line.startswith("reading or writing (rslib.atomic, sync_folder): ")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UnicodeEncodeError("ascii", "é", 0, 1, "ordinal not in range"), 1, "LC_ALL=C.UTF-8"),
        (UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "invalid"), 1, "is not utf-8"),
        (MemoryError(), 75, "memory is full"),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error"),
            1,
            "shm-size",
        ),
        (RuntimeError("unable to write to file </torch_1_2>: No space left"), 1, "--workers 0"),
        (RuntimeError("received 0 items of ancdata"), 1, "ulimit -n"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), 75, "was killed"),
        (RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"), 1, "workers 0"),
        (RuntimeError("can't start new thread"), 75, "threads"),
        (raised(RuntimeError("odd"), system("ENOSPC", "/x")), 1, "/x: No space"),
        (from_loader(OSError("it broke")), 1, "it broke"),
        (from_loader(InputError("image 7 is damaged")), 1, "rslib: image 7 is damaged\n"),
    ],
)
def test_what_else_the_machine_does_is_one_line(error, code, words, capsys):
    assert errors.told(error) == code
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and words in told, told


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("shapes differ"), ValueError("x")])
def test_a_bug_alone_has_a_traceback(error, capsys):
    assert errors.told(raised(error)) == 70
    told = capsys.readouterr().err
    assert "Traceback" in told and told.endswith("this is a bug; please report the lines above\n")


def test_a_file_of_the_repository_that_is_missing_says_where_it_is():
    line, code = faults.explained(system("ENOENT", str(paths.RESULTS / "table1")))
    assert code == 1 and "pip install -e ." in line
    assert "pip" not in faults.explained(system("ENOENT", "/data/x"))[0]


class Full:
    """A stream on a disk that is full, or whose reader has left."""

    def __init__(self, name):
        self.name = name

    def flush(self):
        raise system(self.name)

    def write(self, text):
        raise system(self.name)

    def fileno(self):
        raise ValueError


def test_an_output_that_cannot_be_written_is_told(monkeypatch):
    monkeypatch.setattr("sys.stdout", Full("ENOSPC"))
    with pytest.raises(OSError) as caught:
        output.flush()
    assert "standard output: " in faults.explained(caught.value)[0]
    output.flush()  # is silent from then on


def test_an_output_that_was_closed_is_not_told(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout", Full("EPIPE"))
    assert errors.told(raised(system("EPIPE"))) == 75
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr", Full("EIO"))  # a terminal that is gone
    output.complain("nobody hears it")
