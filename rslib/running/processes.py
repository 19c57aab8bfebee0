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
from dataclasses import fields

import torch

from rslib.running import status
from rslib.running.params import Params
from rslib.system import output, signals
from rslib.training import engine

ERROR = "rslib: "  # begins the line by which a process says why it failed
GENTLE = (75, -signal.SIGTERM, -signal.SIGHUP, -signal.SIGINT)  # codes of what was told to stop
READY = "\x01ready"  # a process's line that asks for the next run
POLL = 60.0  # seconds between looks at how far the runs are
SECONDS = "\x01seconds"  # … that answers how long one image takes


class Stopped(RuntimeError):
    """A training process ended early; ``code`` is its exit code."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


def share_out(plan, pending, params, processes, report):
    """Start the processes, hand out the runs, pass their lines on, wait for all of them.

    On GPUs each process has one of its own.
    """
    gpus = visible_gpus(processes) if plan.device == "cuda" else [None]
    on = {}  # {child: its GPU}

    def begin():
        busy = [on[child] for child in on if child.poll() is None]
        gpu = min(gpus, key=busy.count)
        child = start(plan, params, gpu)
        on[child] = gpu
        return child

    hourly = status.Hourly(plan, report)
    crew = Crew(begin, [job.run_id for job in pending], report, hourly.look)
    with told_to_stop():
        try:
            for _ in range(processes):
                crew.add()
            crew.listen()
        finally:  # also when a notebook is interrupted: let each save its checkpoint
            signals.ignore()  # a second signal must not leave them alone with that
            for child in crew.children:
                child.terminate()
            for child in crew.children:
                child.wait()
    if crew.wrong:
        # a process that is only held up or stopped says less than one that failed
        child = min(crew.wrong, key=lambda c: (crew.wrong[c] in GENTLE, crew.wrong[c]))
        raise ended_early(crew.wrong[child], crew.said(child))
    if not crew.todo.empty():
        raise Stopped("no process is left to train what remains", 70)


class Crew:
    """The processes that train, the run that each has in hand, and what each said last.

    A run whose process is killed is tried once more: by another process, or by one that is started
    in its place.
    """

    def __init__(self, begin, run_ids, report, look=lambda: None):
        """look: called now and then while they train."""
        self.begin, self.report, self.look = begin, report, look
        self.todo, self.lines = queue.SimpleQueue(), queue.SimpleQueue()
        for run_id in run_ids:
            self.todo.put(run_id)
        self.children, self.running = [], 0
        self.in_hand, self.last, self.wrong = {}, {}, {}  # {child: run_id, line, exit code}
        self.again, self.spare = set(), len(run_ids)  # replacements that may still be started

    def add(self):
        child = self.begin()
        self.children.append(child)
        self.running += 1
        words = (child, self.todo, self.lines, self.in_hand)
        threading.Thread(target=_attend, args=words, daemon=True).start()

    def said(self, child):
        return self.last.get(child, "no message")

    def listen(self):
        """Pass on what they say, until all have ended."""
        while self.running:
            self.look()
            try:
                child, line = self.lines.get(timeout=POLL)
            except queue.Empty:
                continue
            if line is None:
                self.running -= 1
                code = child.wait()
                if code and not self.replaced(child, code):
                    self.wrong[child] = code
            else:
                self.last[child] = line
                if not line.startswith(ERROR):  # told at the end, once
                    self.report(line)

    def replaced(self, child, code):
        """Is somebody else to do what a process that was killed had in hand?"""
        if code >= 0 or code in GENTLE:
            return False
        run_id = self.in_hand.get(child)
        killed = f"a training process was killed by {signal.Signals(-code).name} (memory?)"
        if run_id in self.again or not self.spare:
            self.report(f"{killed}; {run_id or 'it'} is not tried again")
            return False
        self.spare -= 1
        if run_id:
            self.again.add(run_id)
            self.todo.put(run_id)
        self.report(f"{killed}; {run_id or 'what it would have done'} is tried once more")
        if not self.todo.empty():  # else another process was quick to take it
            self.add()
        return True


def ended_early(code, line):
    """The exception for a process that ended with this code and this last line."""
    if code < 0:
        name = signal.Signals(-code).name
        return Stopped(f"a training process was killed by {name} (memory?) after: {line}", 70)
    if line.startswith(ERROR):
        return Stopped(line.removeprefix(ERROR), code)
    return Stopped(f"a training process ended with code {code}: {line}", code)


def told_to_stop():
    """A signal becomes Preempted here, so that what waits for other processes can stop them."""

    def stop(*_):
        raise engine.Preempted("told to stop; the same command goes on")

    return signals.handled(stop)


def visible_gpus(count):
    """The names of GPUs that this process may use, up to so many, as CUDA_VISIBLE_DEVICES has
    them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    there = [str(index) for index in range(torch.cuda.device_count())]
    return (named if named != [""] else there)[:count]


def start(plan, params, gpu=None):
    """gpu: the only one that the process sees; None for what this one sees."""
    alone = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}
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
        env={
            **os.environ,
            "OMP_NUM_THREADS": str(params.threads),
            "PYTHONUNBUFFERED": "1",
            **alone,
        },
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


def _attend(child, todo, lines, in_hand):
    """Hand runs to one process as it asks for them, and queue everything else that it says."""
    try:
        for line in child.stdout:
            line = line.rstrip("\n")
            if not line.endswith(READY):
                lines.put((child, line))
                continue
            in_hand.pop(child, None)
            try:
                run_id = todo.get_nowait()
            except queue.Empty:
                child.stdin.close()
                continue
            in_hand[child] = run_id
            try:
                child.stdin.write(f"train {run_id}\n")
                child.stdin.flush()
            except BrokenPipeError:  # it died after it asked: the run is another's
                del in_hand[child]
                todo.put(run_id)
    finally:
        lines.put((child, None))


def timed_elsewhere(plan, jobs, params):
    """image_seconds of jobs, from a process that takes its GPU memory with it when it ends."""
    child = start(plan, params)
    words = "".join(f"time {job.run_id}\n" for job in jobs)
    try:
        said, _ = child.communicate(words)
    finally:  # where a signal cuts it short
        child.kill()
    found = [float(line.split()[1]) for line in said.splitlines() if line.startswith(SECONDS)]
    if child.returncode or len(found) != len(jobs):
        lines = [line for line in said.splitlines() if line != READY]
        raise ended_early(child.returncode, lines[-1] if lines else "no message")
    return found


def say_or_leave(line):
    try:
        print(line, flush=True)
    except OSError:  # the parent is gone: go on silently to the next look at Stop
        output.silence(sys.stdout)


class Stop:
    """Asked after every step: has somebody told this process to stop, or has its parent gone?"""

    def __init__(self, watch_parent=False):
        self.asked = False
        self.parent = os.getppid() if watch_parent else None
        self.handled = signals.handled(self._ask, (*signals.NUMBERS, signal.SIGINT))

    def __enter__(self):
        self.handled.__enter__()
        return self

    def __exit__(self, *error):
        self.handled.__exit__(*error)

    def _ask(self, *_):
        self.asked = True

    def __call__(self):
        return self.asked or (self.parent is not None and os.getppid() != self.parent)
