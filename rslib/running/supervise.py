"""Papermill that can be stopped: a signal reaches the kernel, training saves, the notebook says so.

A kernel lies in a session of its own, so that neither SIGTERM of a spot machine nor Ctrl-C reaches
it under plain papermill, which dies of them and leaves its notebook as it was saved last.
"""

import json
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import click
import psutil
from papermill import cli, iorw
from papermill.exceptions import PapermillException, PapermillExecutionError

from rslib.atomic import write_atomically
from rslib.config import InputError
from rslib.system import signals

SECONDS = 25  # to save in, of the thirty that a spot machine gives at least
STATUS = "preempted"


class Supervisor:
    """Hands a signal on to the kernel once, and ends it where it takes too long to leave."""

    def __init__(self) -> None:
        self.told = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGALRM:
            self.send(signal.SIGKILL)
        elif not self.told:  # else it is saving already
            self.told = True
            if not self.send(signal.SIGINT):
                signals.stop()  # nothing has begun
            signal.alarm(SECONDS)
            print("told to stop; what is being trained is saved", file=sys.stderr, flush=True)

    def send(self, number: int) -> int:
        """To how many kernels the signal went: of this process, papermill starts nothing else."""
        kernels = psutil.Process().children()
        for kernel in kernels:
            kernel.send_signal(number)
        return len(kernels)


class Whole(iorw.LocalHandler):
    """Writes the notebook so that readers see all of it or none."""

    def write(self, buf: str, path: str) -> None:
        write_atomically(Path(path), buf.encode())


def execute(notebook: Path, output: Path, words: list[str]) -> None:
    """Run a notebook with papermill's own options.

    Raises InputError for what papermill refuses, PapermillExecutionError where a cell fails, and
    signals.ToldToStop after a signal; the notebook's status is then "preempted".
    """
    if not notebook.is_file():
        raise InputError(f"no notebook {notebook}; give one such as notebooks/table1.ipynb")
    if not output.parent.is_dir():
        raise InputError(f"{output.parent} does not exist; make that folder first")
    output = output.resolve()
    iorw.papermill_io.register(str(output), Whole())
    supervisor = Supervisor()
    numbers = (*signals.NUMBERS, signal.SIGINT, signal.SIGALRM)
    with ExitStack() as stack:
        stack.enter_context(signals.handled(supervisor, numbers))
        stack.callback(signal.alarm, 0)
        try:
            cli.papermill.main([str(notebook), str(output), *words], standalone_mode=False)
        except click.ClickException as error:
            raise InputError(f"papermill: {error.format_message()}") from error
        except PapermillExecutionError:
            if not supervisor.told:
                raise
        except PapermillException as error:
            raise InputError(f"papermill: {error}") from error
        except SystemExit as error:  # papermill's for a kernel that died
            if not supervisor.told:
                raise InputError(
                    f"the kernel of {notebook.name} died, perhaps for want of memory; what it had "
                    "trained is saved, and the same command goes on"
                ) from error
    if supervisor.told:
        mark(output)
        signals.stop()


def mark(output: Path) -> None:
    """Note in the notebook that it was stopped."""
    if output.exists():
        held = json.loads(output.read_text(encoding="utf-8"))
        held["metadata"].setdefault("papermill", {})["status"] = STATUS
        write_atomically(output, (json.dumps(held, indent=1, ensure_ascii=False) + "\n").encode())
