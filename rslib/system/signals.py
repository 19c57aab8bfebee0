"""Being told to stop: SIGTERM by schedulers and spot machines, SIGHUP by a session that closes."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NUMBERS = tuple(getattr(signal, n) for n in ("SIGTERM", "SIGHUP") if hasattr(signal, n))


class ToldToStop(KeyboardInterrupt):
    """A signal came; like Ctrl-C, so that no `except Exception` on the way swallows it."""


@contextmanager
def handled(handler: Callable, numbers: tuple = NUMBERS) -> Iterator[None]:
    """Signals call a handler; one that is ignored, as nohup has it, stays so. Main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}
    before = {number: was for number, was in before.items() if was is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, signal.SIG_DFL if was is None else was)


def stop(*_: object) -> None:
    raise ToldToStop("told to stop; the same command goes on")


def ignore(*_: object) -> None:
    """Signals change nothing until what is `handled` ends: it is being stopped already.

    So, too, in a loader's process from its start on, of which this is the `worker_init_fn`: who
    stops a job tells all its processes, and the one that trains needs images until it has saved.
    """
    if threading.current_thread() is threading.main_thread():
        for number in NUMBERS:
            signal.signal(number, signal.SIG_IGN)
