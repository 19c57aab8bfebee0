"""Folders that are made once and kept: by one process, while others wait; whole, or not at all."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rslib.atomic import sync_folder
from rslib.config import InputError
from rslib.system.lease import Lease, Taken, held

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
    with alone(folder, report) as lease:
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
                lease.check()
                os.replace(draft, folder)
                sync_folder(folder.parent)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
    return folder


@contextmanager
def alone(folder: Path, report: Say) -> Iterator[Lease]:
    """Hold the folder's lock, which is free when its process has ended, however it ended."""
    waiting = f"another process makes {folder}: waiting for it"
    patience = {"wait": 60 * MINUTES, "waiting": waiting, "report": report}
    lock = folder.with_name(f"{folder.name}.lock")
    with ExitStack() as stack:
        try:
            with told(folder.parent):
                lease = stack.enter_context(held(lock, **patience))
        except Taken:
            raise InputError(
                f"another process has been making {folder} for {MINUTES} minutes; end it, and give "
                "the command again"
            ) from None
        yield lease


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
