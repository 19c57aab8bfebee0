"""This process and its machine: cores, device, the code it runs, a folder held for itself alone."""

import os
import platform
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
import torchvision

from rslib.config import InputError, suggest
from rslib.system import lease
from rslib.system.commit import code_version
from rslib.system.lease import Held as Held  # what `claim` raises, for who calls it
from rslib.system.lease import Taken

DEVICES = ("auto", "cpu", "cuda")


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
    """NVIDIA's, by its number, such as 580.159.04; None where there is none."""
    about = Path("/proc/driver/nvidia/version")
    told = about.read_text(encoding="utf-8").splitlines()[0] if about.exists() else ""
    number = re.search(r"\b\d+\.\d+(\.\d+)?\b", told)
    return number[0] if number else told or None


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


@contextmanager
def claim(
    place: Path, what: str, report: Callable[[str], None] = print, wait: float = 0.0
) -> Iterator[lease.Lease]:
    """Hold a place for this process, after up to `wait` seconds.

    Raises Taken, which is Held: what is being done, and by whom. See `rslib.system.lease`.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            mine = stack.enter_context(lease.held(place, wait=wait, report=report))
        except Taken as taken:
            who = f"{what} by {taken.holder}"
            said = f"{who}; when that has ended, give the command again"
            raise Taken(taken.holder, said) from None
        yield mine
