"""What the machine did to a process, as one line: the thing, the cause, the remedy.

A full disk or a small /dev/shm is no bug. What is none of this has no line here, and is one.
"""

import errno
import os
import traceback
from collections.abc import Iterator

from rslib import paths

FAILED, AGAIN = 1, 75  # exit codes; 75 where the same command may find it better
GO_ON = "then give the same command again"
ROOM = f"make room or name another folder, {GO_ON}"
RIGHTS = "give its permissions, or name another"
OPEN_FILES = f"raise the limit (ulimit -n 65536) or lower workers, {GO_ON}"
MEMORY = f"end other programs, or lower workers, threads or the number of processes, {GO_ON}"
PROCESSES = f"end other programs or raise the limit (ulimit -u), {GO_ON}"
SHARED = (
    "shared memory (/dev/shm) is too small for loader processes; give workers 0 (--workers 0), "
    "or the container more of it (docker run --shm-size 2g)"
)
DRIVE = f"look at the disk or at the network drive, {GO_ON}"
REPOSITORY = (
    "it belongs to the project's folder, which is not here: install rslib in place, from a "
    "checkout (pip install -e .), and run it there"
)
REMEDIES = {
    "ENOSPC": ROOM,
    "EDQUOT": ROOM,
    "EFBIG": f"name a folder that takes larger files, {GO_ON}",
    "EROFS": "it is read-only; name a folder that can be written",
    "EACCES": RIGHTS,
    "EPERM": RIGHTS,
    "EMFILE": OPEN_FILES,
    "ENFILE": OPEN_FILES,
    "ENOMEM": MEMORY,
    "EAGAIN": PROCESSES,
    "ENOLCK": DRIVE,
    "EIO": DRIVE,
    "ESTALE": DRIVE,
    "ENODEV": DRIVE,
    "ENXIO": DRIVE,
    "ENOTCONN": DRIVE,
    "ETIMEDOUT": DRIVE,
    "EHOSTDOWN": DRIVE,
    "EBUSY": f"another program uses it; end that, {GO_ON}",
    "ETXTBSY": f"another program uses it; end that, {GO_ON}",
    "ENOENT": "restore it, or name another",
    "ENOTDIR": "name a folder",
    "EISDIR": "name a file",
    "EEXIST": "a folder is asked for; remove this, or name another",
    "ENAMETOOLONG": "name a shorter one",
    "ELOOP": "repair the links",
    "EPIPE": GO_ON,
}
# those that pass, or whose remedy lies outside of the command
PASSING = ("ENOMEM", "EAGAIN", "EIO", "ESTALE", "ENOTCONN", "ETIMEDOUT", "EHOSTDOWN", "EBUSY")
PASSING += ("ENODEV", "ENXIO", "ETXTBSY", "EPIPE")
# of one file; all others are of a disk, a drive or the process
OF_A_FILE = ("ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "EACCES", "EPERM", "ENAMETOOLONG", "ELOOP")
# what PyTorch makes a RuntimeError of, by words of its message
SAID = (
    (("shared memory", "bus error", "</torch_"), SHARED, FAILED),
    (("too many open files", "ancdata"), f"too many open files; {OPEN_FILES}", FAILED),
    (("no space left on device",), f"a disk is full; {ROOM}", FAILED),
    (("allocate memory", "not enough memory"), f"the memory is full; {MEMORY}", AGAIN),
    (("can't start new thread", "temporarily unavailable"), f"no more threads; {PROCESSES}", AGAIN),
    (("killed by signal: killed",), f"a loader process was killed; {MEMORY}", AGAIN),
    (("dataloader worker",), f"a loader process ended; give workers 0, or: {SHARED}", FAILED),
)


def explained(error: BaseException) -> tuple[str, int] | None:
    """(line, exit code) of an error that the machine is to blame for; None for a bug."""
    for one in causes(error):
        if isinstance(one, OSError):
            return of_system(one)
        if isinstance(one, UnicodeError):
            return of_text(one), FAILED
        if isinstance(one, MemoryError):
            return f"the memory is full; {MEMORY}", AGAIN
        if isinstance(one, RuntimeError | ImportError):
            words = str(one).lower()
            for known, line, code in SAID:
                if any(word in words for word in known):
                    return line, code
    return None


def stays(error: BaseException) -> bool:
    """Would what this process does next meet it too? So a full disk; not a file that is missing.

    Nor a memory that is full: what needs less may fit.
    """
    for one in causes(error):
        if isinstance(one, OSError) and one.errno is not None:
            return errno.errorcode.get(one.errno, "") not in (*OF_A_FILE, "ENOMEM")
    found = explained(error)
    of_all = isinstance(error, RuntimeError | ImportError) and found is not None
    return of_all and MEMORY not in found[0]


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it was raised from."""
    seen: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in seen:
        seen.append(one)
        yield one
        one = one.__cause__


def of_system(error: OSError) -> tuple[str, int]:
    name = errno.errorcode.get(error.errno or 0, "")
    if error.errno is None and error.filename is None:  # its message is all that there is
        return one_line(error), FAILED
    files = [
        os.fsdecode(f) for f in (error.filename, error.filename2) if isinstance(f, str | bytes)
    ]
    files += [str(f) for f in (error.filename,) if isinstance(f, os.PathLike)]
    what = " and ".join(files) or f"reading or writing{place(error)}"
    if "/dev/shm" in what:
        return SHARED, FAILED
    remedy = REMEDIES.get(name, f"see to it, {GO_ON}")
    if name == "ENOENT" and files and of_repository(files[0]):
        remedy = REPOSITORY
    return f"{what}: {error.strerror or error}; {remedy}", AGAIN if name in PASSING else FAILED


def of_repository(file: str) -> bool:
    """Is it one of those that a copy of the package alone lacks?"""
    known = (paths.PAPER, paths.RESULTS, paths.EMBEDDED.parent, paths.ROOT / "notebooks")
    return any(file.startswith(str(folder)) for folder in known)


def of_text(error: UnicodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        what = f"what was read{place(error)} is not {error.encoding} ({error.reason})"
        return f"{what}; save or name it in UTF-8, and set LC_ALL=C.UTF-8"
    what = f"a name or text{place(error)} has characters that cannot be written"
    return f"{what} ({one_line(error)}); rename it, or set LC_ALL=C.UTF-8"


def place(error: BaseException) -> str:
    """Where in rslib, for what names no file."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if f.filename.startswith(str(paths.ROOT / "rslib"))]
    if not ours:
        return ""
    module = os.path.relpath(ours[-1].filename, paths.ROOT).removesuffix(".py").replace(os.sep, ".")
    return f" ({module}, {ours[-1].name})"


def one_line(error: BaseException) -> str:
    """Its message; of what a loader process raised, which quotes a traceback, the last line."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    if len(lines) < 2 or "Original Traceback" not in str(error):
        return str(error)
    kind, _, message = lines[-1].strip().partition(": ")
    return message if kind.rpartition(".")[2].isidentifier() else lines[-1].strip()
