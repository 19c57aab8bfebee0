"""The printed line of each epoch, and when a checkpoint is worth its time."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

HEADER = "epoch      rate     loss  held-out raw  held-out EMA  images/s   time left"
CHECKPOINT_SECONDS = 600  # a checkpoint at least this often, in mid-epoch too
SAVING_SHARE = 0.01  # of the time may go into checkpoints at the ends of epochs


class Clock:
    """Wall time of one process's part of a run: start_step…total_steps."""

    def __init__(
        self,
        report: Callable[[str], None],
        start_step: int,
        total_steps: int,
        steps_per_epoch: int,
        batch_size: int,
    ) -> None:
        self.report = report
        self.start_step, self.total_steps = start_step, total_steps
        self.steps_per_epoch, self.batch_size = steps_per_epoch, batch_size
        self.last_step = start_step  # of the last printed line
        # seconds; monotonic, since a correction of the system clock may set time.time() back
        self.start = self.last_line = self.last_save = time.monotonic()
        self.save_cost = 0.0  # seconds of the last checkpoint; 0 makes the first one worth it

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.start

    @contextmanager
    def saving(self) -> Generator[None]:
        begin = time.monotonic()
        yield
        self.last_save = time.monotonic()
        self.save_cost = self.last_save - begin

    def overdue(self) -> bool:
        return time.monotonic() - self.last_save > CHECKPOINT_SECONDS

    def worth_saving(self) -> bool:
        # one second of saving, then none for 100 seconds
        return (time.monotonic() - self.last_save) * SAVING_SHARE >= self.save_cost

    def line(self, step: int, rate: float, loss: float, scores: Mapping[str, float]) -> None:
        """Print one epoch. scores: top-1 on held-out images, {"minival_raw": 0…1, …}, or empty."""
        now = time.monotonic()
        speed = (step - self.last_step) * self.batch_size / max(now - self.last_line, 1e-9)
        # seconds; of this process's steps alone, as an earlier one may have had another machine
        left = (self.total_steps - step) * self.seconds / (step - self.start_step)
        if self.last_step == self.start_step:  # no line so far
            self.report(HEADER)
        raw, ema = (_percent(scores.get(f"minival_{name}")) for name in ("raw", "ema"))
        # widths as in HEADER
        self.report(
            f"{step // self.steps_per_epoch:5d} {rate:9.5f} {loss:8.4f}  {raw}  {ema}  {speed:8.0f}"
            f"  {duration(left):>10}"
        )
        self.last_step, self.last_line = step, now


def _percent(share: float | None) -> str:
    return f"{'·':>12}" if share is None else f"{100 * share:10.2f} %"


def duration(seconds: float) -> str:
    """``1:02:03``: hours, minutes, seconds."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
