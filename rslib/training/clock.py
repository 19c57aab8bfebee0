"""The printed line of each epoch, and when a checkpoint is worth its time."""

import time
from contextlib import contextmanager

HEADER = "epoch      rate     loss  minival raw  minival EMA  images/s   time left"
CHECKPOINT_SECONDS = 600  # at least this often, also in mid-epoch
SAVING_SHARE = 0.01  # of the time may go into checkpoints at epoch ends


class Clock:
    """Wall time of one process's part of a run: start_step…total_steps."""

    def __init__(self, report, start_step, total_steps, steps_per_epoch, batch_size):
        self.report = report
        self.start_step, self.total_steps = start_step, total_steps
        self.steps_per_epoch, self.batch_size = steps_per_epoch, batch_size
        self.last_step = start_step
        self.start = self.last_line = self.last_save = time.monotonic()
        self.save_cost = 0.0

    @property
    def seconds(self):
        return time.monotonic() - self.start

    @contextmanager
    def saving(self):
        begin = time.monotonic()
        yield
        self.last_save = time.monotonic()
        self.save_cost = self.last_save - begin

    def overdue(self):
        return time.monotonic() - self.last_save > CHECKPOINT_SECONDS

    def worth_saving(self):
        return (time.monotonic() - self.last_save) * SAVING_SHARE >= self.save_cost

    def line(self, step, rate, loss, scores):
        """Print one epoch. scores: minival top-1 as {"minival_raw": 0…1, …}, or empty."""
        now = time.monotonic()
        speed = (step - self.last_step) * self.batch_size / max(now - self.last_line, 1e-9)
        left = (self.total_steps - step) * self.seconds / (step - self.start_step)
        if self.last_step == self.start_step:
            self.report(HEADER)
        raw, ema = (_percent(scores.get(f"minival_{name}")) for name in ("raw", "ema"))
        self.report(
            f"{step // self.steps_per_epoch:5d} {rate:9.5f} {loss:8.4f}  {raw}  {ema}  {speed:8.0f}"
            f"  {duration(left):>10}"
        )
        self.last_step, self.last_line = step, now


def _percent(share):
    return f"{'·':>11}" if share is None else f"{100 * share:9.2f} %"


def duration(seconds):
    """``1:02:03``: hours, minutes, seconds."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
