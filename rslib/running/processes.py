"""The processes that train: how they are started, fed with runs, told to stop, and mourned.

The parent hands one run at a time to each process. A process that is told to stop, or whose parent
is gone, saves a checkpoint and leaves.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import fields

from rslib.running.params import Params
from rslib.training import engine

ERROR = "rslib: "  # begins the line by which a process says why it failed
READY = "\x01ready"  # a process's line that asks for the next run
SECONDS = "\x01seconds"  # … that answers how long one image takes


class Stopped(RuntimeError):
    """A training process ended early; ``code`` is its exit code."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


def share_out(plan, pending, params, processes, report):
    """Start the processes, hand out the runs, pass their lines on, wait for all of them."""
    todo, lines = queue.SimpleQueue(), queue.SimpleQueue()
    for job in pending:
        todo.put(job.run_id)
    with told_to_stop():
        children = [start(plan, params) for _ in range(processes)]
        for child in children:
            threading.Thread(target=_attend, args=(child, todo, lines), daemon=True).start()
        last, running = {}, processes
        try:
            while running:
                child, line = lines.get()
                if line is None:
                    running -= 1
                else:
                    last[child] = line
                    if not line.startswith(ERROR):  # told below, once
                        report(line)
        finally:  # also when a notebook is interrupted: let each save its checkpoint
            for child in children:
                child.terminate()
            codes = {child.wait(): last.get(child, "no message") for child in children}
    wrong = [code for code in codes if code]
    if wrong:
        # a process that is only held up or stopped says less than one that failed
        code = min(wrong, key=lambda c: (c in (75, -signal.SIGTERM), c))
        raise ended_early(code, codes[code])
    if not todo.empty():
        raise Stopped("no process is left to train what remains", 70)


def ended_early(code, line):
    """The exception for a process that ended with this code and this last line."""
    if code < 0:
        name = signal.Signals(-code).name
        return Stopped(f"a training process was killed by {name} (memory?) after: {line}", 70)
    if line.startswith(ERROR):
        return Stopped(line.removeprefix(ERROR), code)
    return Stopped(f"a training process ended with code {code}: {line}", code)


@contextmanager
def told_to_stop():
    """SIGTERM becomes Preempted here, so that what waits for other processes can stop them."""

    def stop(*_):
        raise engine.Preempted("told to stop; the same command goes on")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def start(plan, params):
    options = {"scale": plan.scale, "device": plan.device, "executor": "inline"}
    words = [sys.executable, "-m", "rslib", "run", plan.study, *command_line(params, options)]
    words += ["--serve"]
    return subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        bufsize=1,
        env={**os.environ, "OMP_NUM_THREADS": str(params.threads), "PYTHONUNBUFFERED": "1"},
    )


def command_line(params, changes):
    """The options of ``python -m rslib run`` that say what the Params say, with some changed."""
    words = []
    for f in fields(Params):
        value = changes.get(f.name, getattr(params, f.name))
        if isinstance(f.default, bool):
            switch = {"reuse": "--no-reuse"}.get(f.name, f"--{f.name}")
            words += [] if value == f.default else [switch]
        elif value not in (None, "", []):
            text = ",".join(value) if isinstance(value, list) else str(value)
            words += [f"--{f.name.replace('_', '-')}", text]
    return words


def _attend(child, todo, lines):
    """Hand runs to one process as it asks for them, and queue everything else that it says."""
    try:
        for line in child.stdout:
            line = line.rstrip("\n")
            if not line.endswith(READY):
                lines.put((child, line))
                continue
            try:
                run_id = todo.get_nowait()
            except queue.Empty:
                child.stdin.close()
                continue
            try:
                child.stdin.write(f"train {run_id}\n")
                child.stdin.flush()
            except BrokenPipeError:  # it died after it asked: the run is another's
                todo.put(run_id)
    finally:
        lines.put((child, None))


def timed_elsewhere(plan, jobs, params):
    """image_seconds of jobs, from a process that takes its GPU memory with it when it ends."""
    child = start(plan, params)
    words = "".join(f"time {job.run_id}\n" for job in jobs)
    said, _ = child.communicate(words)
    found = [float(line.split()[1]) for line in said.splitlines() if line.startswith(SECONDS)]
    if child.returncode or len(found) != len(jobs):
        lines = [line for line in said.splitlines() if line != READY]
        raise ended_early(child.returncode, lines[-1] if lines else "no message")
    return found


def say_or_leave(line):
    try:
        print(line, flush=True)
    except BrokenPipeError:  # the parent is gone: go on silently to the next look at Stop
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


class Stop:
    """Asked after every step: has somebody told this process to stop, or has its parent gone?"""

    def __init__(self, watch_parent=False):
        self.asked = False
        self.parent = os.getppid() if watch_parent else None
        self.before = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            numbers = (signal.SIGTERM, signal.SIGINT)
            self.before = {number: signal.signal(number, self._ask) for number in numbers}
        return self

    def __exit__(self, *_):
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _ask(self, *_):
        self.asked = True

    def __call__(self):
        return self.asked or (self.parent is not None and os.getppid() != self.parent)
