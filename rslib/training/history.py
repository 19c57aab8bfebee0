"""`history.jsonl`: a line for each epoch of a run, to be read while it trains.

Strict JSON, one object a line. A line never changes; those behind the checkpoint that a run goes on
from are taken away first, as their epochs come again. A run that was killed and one that was not
leave the same file, so there is no time of day in it.
"""

import json
from pathlib import Path
from typing import Any

from rslib.atomic import write_atomically

NAME = "history.jsonl"


class History:
    """Of one run. step: of the checkpoint it goes on from; 0 at its beginning."""

    def __init__(self, run_dir: Path | str, step: int = 0) -> None:
        self.file = Path(run_dir) / NAME
        before = self.file.read_bytes() if self.file.exists() else b""
        kept = b"".join(line for line in before.splitlines(keepends=True) if _by(line, step))
        if kept != before:
            write_atomically(self.file, kept)

    def add(self, line: dict[str, Any]) -> None:
        """Append one epoch; line has its last "step". Raises OSError, which names the file."""
        words = json.dumps(line, allow_nan=False) + "\n"
        try:
            with open(self.file, "ab") as file:  # one write: readers see whole lines
                file.write(words.encode())
        except OSError as error:
            error.filename = str(self.file)  # a write that fails names none
            raise


def read(run_dir: Path) -> list[dict[str, Any]]:
    """The lines of a run's folder so far."""
    with open(run_dir / NAME, "rb") as lines:
        return [json.loads(line) for line in lines if line.endswith(b"\n")]


def _by(line: bytes, step: int) -> bool:
    """Is it a whole line of an epoch that had ended by this step?"""
    try:
        return line.endswith(b"\n") and json.loads(line)["step"] <= step
    except (ValueError, KeyError, TypeError):  # cut off where the disk was full, or by a kill
        return False
