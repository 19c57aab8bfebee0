"""Checkpoints that survive a kill at any moment, a full disk and a flipped bit.

A checkpoint is `step-<step>.pt` with `step-<step>.sha256` beside it. Each is written to a temporary
name, synced, read back, then renamed. The digest comes first, so that a checkpoint under its final
name always has one. The two newest are kept.
"""

import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rslib.atomic import write_atomically

KEEP = 2  # checkpoints: the older one serves when the newest is damaged


class CannotSave(OSError):
    """The disk refused a checkpoint; earlier ones are untouched."""


def save(run_dir: Path | str, step: int, state: dict[str, Any]) -> Path:
    """Write ``state`` (tensors and plain values) as the newest checkpoint. Raises CannotSave."""
    buffer = io.BytesIO()  # in memory first: the digest needs all bytes before the file exists
    torch.save(state, buffer)
    content = buffer.getbuffer()  # a view, where getvalue() would copy hundreds of MB
    path = Path(run_dir) / f"step-{step:09d}.pt"  # padded: names sort by step
    try:
        digest = hashlib.sha256(content).hexdigest()
        write_atomically(path.with_suffix(".sha256"), digest.encode())
        write_atomically(path, content)
    except OSError as error:
        path.with_suffix(".sha256").unlink(missing_ok=True)
        raise CannotSave(
            f"cannot save {path}: {error.strerror}; earlier checkpoints are intact: "
            "make room and give the same command again"
        ) from error
    for old in _by_age(run_dir)[KEEP:]:
        old.unlink()  # before its digest: a kill in between leaves no checkpoint without one
        old.with_suffix(".sha256").unlink(missing_ok=True)
    return path


def newest(run_dir: Path | str, report: Callable[[str], None] = print) -> dict[str, Any] | None:
    """The newest state that matches its digest, on the CPU; None if there is none.

    A damaged checkpoint is reported and renamed to `*.damaged`, and the one before it is taken.
    """
    for draft in Path(run_dir).glob("*.tmp"):  # left by a process that was killed while it wrote
        draft.unlink()
    for path in _by_age(run_dir):
        if state := _whole(path):
            return state
        report(f"checkpoint {path.name} is damaged; falling back to the one before it")
        path.rename(path.with_suffix(".damaged"))  # kept for whoever looks into it
        path.with_suffix(".sha256").unlink(missing_ok=True)
    return None


def last(run_dir: Path | str) -> dict[str, Any] | None:
    """The state of the last step that was saved; None if it is missing or damaged."""
    # unlike `newest`, never an earlier one: the caller wants the end of a run or nothing
    return next(map(_whole, _by_age(run_dir)), None)


def _whole(path: Path) -> dict[str, Any] | None:
    """A checkpoint's state if it matches its digest, else None."""
    digest, content = path.with_suffix(".sha256"), path.read_bytes()
    found = hashlib.sha256(content).hexdigest().encode()
    if not digest.exists() or found != digest.read_bytes():
        return None
    # From the bytes that were checked, not from the file again. weights_only runs no pickled code.
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _by_age(run_dir: Path | str) -> list[Path]:
    """Newest first."""
    return sorted(Path(run_dir).glob("step-*.pt"), reverse=True)


def weights_sha256(*networks: nn.Module) -> str:
    """One digest over all tensors, which shows whether two runs ended in the same bits."""
    return tensors_sha256(*(network.state_dict() for network in networks))


def tensors_sha256(*held: Mapping[str, torch.Tensor]) -> str:
    """One digest over names and values of tensors, those of each mapping in the order of names."""
    digest = hashlib.sha256()
    for tensors in held:
        for name, tensor in sorted(tensors.items()):
            digest.update(name.encode())
            # as bytes, since NumPy has no bfloat16; contiguous, since weights are channels last
            digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
