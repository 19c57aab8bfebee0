"""Checkpoints that survive a kill at any moment, a full disk and a flipped bit.

A checkpoint is `step-<step>.pt` with `step-<step>.sha256` beside it. Written to a temporary name,
synced, read back, then renamed; the digest comes first, so that a file under its final name always
has one. The two newest are kept.
"""

import hashlib
import io
from pathlib import Path

import torch

from rslib.atomic import write_atomically

KEEP = 2


class CannotSave(OSError):
    """The disk refused a checkpoint; earlier ones are untouched."""


def save(run_dir, step, state):
    """Write ``state`` (tensors and plain values) as the newest checkpoint. Raises CannotSave."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    path = Path(run_dir) / f"step-{step:09d}.pt"
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
        old.unlink()
        old.with_suffix(".sha256").unlink(missing_ok=True)
    return path


def newest(run_dir, report=print):
    """The newest state that matches its digest, on the CPU; None if there is none.

    A damaged checkpoint is named, put aside as `*.damaged`, and the one before it is taken.
    """
    for draft in Path(run_dir).glob("*.tmp"):  # of a process that was killed while it wrote
        draft.unlink()
    for path in _by_age(run_dir):
        if state := _whole(path):
            return state
        report(f"checkpoint {path.name} is damaged; falling back to the one before it")
        path.rename(path.with_suffix(".damaged"))
        path.with_suffix(".sha256").unlink(missing_ok=True)
    return None


def last(run_dir):
    """The state of the last step that was saved; None if it is missing or damaged."""
    return next(map(_whole, _by_age(run_dir)), None)


def _whole(path):
    """A checkpoint's state if it matches its digest, else None."""
    digest, content = path.with_suffix(".sha256"), path.read_bytes()
    if not digest.exists() or hashlib.sha256(content).hexdigest() != digest.read_text():
        return None
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _by_age(run_dir):
    """Newest first; the zero-padded step makes names sort by age."""
    return sorted(Path(run_dir).glob("step-*.pt"), reverse=True)
