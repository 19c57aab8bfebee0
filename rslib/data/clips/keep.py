"""Folders that are made once and kept: by one process, while others wait; whole, or not at all."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rslib.atomic import sync_folder
from rslib.config import InputError

MINUTES = 60  # that another process may take to make a folder
Say = Callable[[str], None]


def made_once(folder: Path, make: Callable[[Path], None], report: Say = print) -> Path:
    """The folder; if it is not there, make(draft) fills a draft of it, which then takes its name.

    Raises InputError where nothing can be written, and whatever make raises: no folder is left.
    """
    if folder.is_dir():
        return folder
    with told(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with alone(folder, report):
        if folder.is_dir():  # another process has made it
            return folder
        for left in folder.parent.glob(f"{folder.name}.*.draft"):  # of one that was killed
            shutil.rmtree(left)
        with told(folder.parent):
            draft = folder.with_name(f"{folder.name}.{os.getpid()}.draft")
            draft.mkdir()
            try:
                make(draft)
                for file in draft.rglob("*"):
                    sync(file)
                os.replace(draft, folder)
                sync_folder(folder.parent)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
    return folder


@contextmanager
def alone(folder: Path, report: Say) -> Iterator[None]:
    """Hold the folder's lock, which the system takes back when a process ends, however it ends."""
    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    with told(folder.parent):
        try:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                report(f"another process makes {folder}: waiting for it")
                lock.acquire(timeout=60 * MINUTES)
        except Timeout:
            raise InputError(
                f"another process has been making {folder} for {MINUTES} minutes; end it, and give "
                "the command again"
            ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """What the system has against a folder becomes one line with the remedy."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise InputError(
            f"cannot write to {folder}: {why}; make room, or name another folder of runs"
        ) from error


def sync(file: Path) -> None:
    """A file's content must survive a power cut before its folder gets the name that counts."""
    if file.is_dir():
        sync_folder(file)
        return
    with open(file, "rb+") as opened:
        os.fsync(opened.fileno())
