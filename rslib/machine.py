"""This process and its machine: cores, device, the code it runs, a folder held for itself alone."""

import errno
import os
import platform
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
import torchvision
from filelock import FileLock, SoftFileLock, Timeout

from rslib.config import InputError, suggest
from rslib.system import faults
from rslib.system.commit import code_version

DEVICES = ("auto", "cpu", "cuda")
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EINVAL, errno.EOPNOTSUPP)  # answers to flock


class Held(RuntimeError):
    """Another process does this very work."""


def cores() -> int:
    """CPU cores open to this process: its affinity, and its container's quota, rounded down."""
    if not hasattr(os, "sched_getaffinity"):  # not Linux
        return os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0))
    quota = Path("/sys/fs/cgroup/cpu.max")
    if quota.exists():
        limit, period = quota.read_text(encoding="utf-8").split()
        if limit != "max":
            allowed = min(allowed, int(limit) // int(period))
    return max(1, allowed)


def choose_device(name: str) -> str:
    """The name "cpu" or "cuda"; "auto" takes a GPU where there is one. Raises InputError."""
    if name not in DEVICES:
        raise InputError(f"device is {name!r}{suggest(name, DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device is 'cuda', but torch finds no CUDA GPU; use device cpu")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name


def has_bf16(device: torch.device) -> bool:
    """Does the device compute in bfloat16 itself? Most CPUs and older GPUs only emulate it."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def session(device: str, world_size: int = 1) -> dict:
    """Code and machine of this process as it begins; neither host name nor folder.

    world_size: how many such processes share the work.
    """
    return {
        "began": now(),
        **code_version(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "torchvision": torchvision.__version__,
        "ignite": version("pytorch-ignite"),
        "device": device,
        "device_name": device_name(device),
        "driver": driver() if device == "cuda" else None,
        # another set computes sums in another order: bits hold within one
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "precision": "bf16" if has_bf16(torch.device(device)) else "fp32",
        "threads": torch.get_num_threads(),
        "world_size": world_size,
    }


def device_name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else cpu_name()


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def driver() -> str | None:
    about = Path("/proc/driver/nvidia/version")
    return about.read_text(encoding="utf-8").splitlines()[0] if about.exists() else None


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def usable(folder: Path) -> Path:
    """The folder, made if need be. Raises InputError where nothing can be written to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise InputError(f"runs_dir {folder}: {error.strerror}; name another") from error


def no_locks(file: Path) -> InputError:
    return InputError(f"{file}: {faults.LOCKS}")


def note(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        error.filename = str(file)  # a write that fails names none
        raise


def holder_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:  # it is just leaving
        return "another process"


@contextmanager
def claim(lock_file: Path, what: str) -> Iterator[None]:
    """Hold a lock file for this process. Raises Held: what is being done, and by whom.

    The lock is the system's: it goes with the process, however that ends. Raises InputError where
    the file system has none.
    """
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    holder = lock_file.with_suffix(".holder")
    lock = FileLock(lock_file)
    try:
        with warnings.catch_warnings():  # that it falls back to a file that outlives its process
            warnings.simplefilter("ignore")
            lock.acquire(timeout=0)
    except Timeout:
        who = holder_of(holder)
        raise Held(f"{what} by {who}; when that has ended, give the command again") from None
    except (OSError, NotImplementedError) as error:
        if getattr(error, "errno", errno.ENOSYS) not in NO_LOCKS:
            raise
        raise no_locks(lock_file) from error
    if isinstance(lock, SoftFileLock):
        lock.release()
        raise no_locks(lock_file)
    try:
        note(holder, f"process {os.getpid()} on {socket.gethostname()} since {now()}")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
