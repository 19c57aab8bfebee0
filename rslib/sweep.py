"""Many runs on one machine: how long they will take, and the processes that train them.

The parent hands one run at a time to each process. A process that is told to stop, or whose parent
is gone, saves a checkpoint and leaves; giving the same command again goes on.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import fields

import torch

from rslib import engine, optim, results, runs
from rslib.clock import duration
from rslib.config import InputError
from rslib.machine import cores
from rslib.params import Params
from rslib.tasks.classify import Classify

TIMED_STEPS = 4
TIMED_SECONDS = 20.0  # … or as many as fit
READY = "\x01ready"  # a process's line that asks for the next run
SECONDS = "\x01seconds"  # … that answers how long one image takes


class Stopped(RuntimeError):
    """A training process ended early; ``code`` is its exit code."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


def complete(plan, params, report=print):
    """Train what has no result yet; return {run_id: result} of all runs that have ended.

    reuse=False brings every run to one more attempt, and goes on with that when it was stopped.
    Raises InputError if it would take longer than params.max_hours; Stopped, Held or Preempted if
    something came between.
    """
    ended = {job.run_id: results.ended(plan.study, job.run_id, plan.runs_dir) for job in plan.jobs}
    attempts = 1 if params.reuse else min(ended.values()) + 1
    pending = [job for job in plan.jobs if ended[job.run_id] < attempts]
    report(f"scale {plan.scale}: {plan.why}")
    report(f"{len(plan.rows)} rows, {len(plan.jobs)} runs, {len(pending)} of them to be trained")
    if pending:
        if results.code_version()["dirty"]:
            report("the code differs from its commit: what is trained now can not be recorded")
        processes = 1
        if params.executor == "local" and plan.device == "cpu":
            processes = max(1, min(cores() // params.threads, len(pending)))
        announce(plan, pending, processes, params, report)
        if params.executor == "local":
            share_out(plan, pending, params, processes, report)
        else:
            train_here(plan, pending, params, report)
    return plan.results()


def announce(plan, pending, processes, params, report):
    """Say what will be trained and for how long, from timed steps of its first and last run."""
    torch.set_num_threads(params.threads)
    ends = [pending[0], pending[-1]]
    if params.executor == "local" and plan.device == "cuda":
        an_image = sum(timed_elsewhere(plan, ends, params)) / 2
    else:
        an_image = sum(image_seconds(job, plan.device) for job in ends) / 2
    passes = sum(image_passes(job) * (1 - done_share(plan, job)) for job in pending)
    total = an_image * passes / processes
    model, data = ends[0].row.recipe.model, ends[0].row.recipe.data
    report(
        f"ResNet-{model.depth}, width {model.width:g}, {data.resolution} px, "
        f"{ends[0].image_set.manifest['train']:,} training images of {data.dataset}, "
        f"{processes} process{'es' if processes > 1 else ''} on {plan.device}"
    )
    report(f"about {duration(total)} (h:mm:ss) by a few timed steps")
    if params.max_hours is not None and total / 3600 > params.max_hours:
        raise InputError(
            f"about {total / 3600:.2g} hours are more than max_hours {params.max_hours:g}; "
            "name fewer rows, seeds or epochs, or raise it"
        )


def done_share(plan, job):
    """How much of a run's steps its newest checkpoint has behind it, 0 to 1."""
    attempts = results.attempts(plan.study, job.run_id, plan.runs_dir)
    if not attempts or attempts[-1].exists():
        return 0.0
    steps = [int(path.stem[5:]) for path in attempts[-1].parent.glob("step-*.pt")]
    optim = job.row.recipe.optim
    total = job.image_set.manifest["train"] // optim.batch_size * optim.epochs
    return max(steps, default=0) / total


def image_passes(job):
    """Training passes of one image that a run amounts to; evaluating one is a third of a pass."""
    counts = job.image_set.manifest
    trained = counts["train"] * job.row.recipe.optim.epochs
    evaluated = 2 * (counts["test"] + counts["minival"] + min(counts["train"], counts["minival"]))
    return trained * (1 + engine.EVALUATION_SHARE) + evaluated / 3


def image_seconds(job, device):
    """Seconds a training image takes in the job's own model and batch.

    On CPU with its share of the data pipeline; on a GPU without, as workers run ahead of it.
    """
    task, device = Classify(job.row.recipe, job.image_set), torch.device(device)
    model = task.build().to(device=device, memory_format=torch.channels_last).train()
    optimizer = optim.sgd(model, job.row.recipe.optim)
    stream, times, batch = iter(task.loaders(job.seed)[0]), [], None
    while len(times) < TIMED_STEPS and sum(times) < TIMED_SECONDS:
        begin = time.perf_counter()
        if batch is None or device.type == "cpu":
            batch = [tensor.to(device) for tensor in next(stream)]
        optimizer.zero_grad()
        with engine.autocast(device):
            loss = task.loss(model, batch)
        loss.backward()
        optimizer.step()
        loss.item()  # waits for the device
        times.append(time.perf_counter() - begin)
    return min(times) / len(batch[1])


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


def train_here(plan, jobs, params, report, watch_parent=False):
    """Train in this process, one run after the other."""
    torch.set_num_threads(params.threads)
    with Stop(watch_parent) as stop:
        for job in jobs:
            label = f"{job.run_id.rsplit('-', 2)[0]} s{job.seed}"

            def say(line, label=label):
                report(f"{label:20} {line}")

            runs.run(
                job,
                plan.device,
                plan.runs_dir,
                reuse=params.reuse,
                workers=params.workers,
                report=say,
                stop=stop,
            )


def serve(plan, params):
    """What a training process does: ask for a run, train or time it, until there is none left."""
    jobs = {job.run_id: job for job in plan.jobs}

    def asked_for():
        say_or_leave(READY)
        for line in sys.stdin:
            verb, run_id = line.split()
            if verb == "time":
                say_or_leave(f"{SECONDS} {image_seconds(jobs[run_id], plan.device)}")
            else:
                yield jobs[run_id]
            say_or_leave(READY)

    train_here(plan, asked_for(), params, say_or_leave, watch_parent=True)


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
                    report(line)
                    last[child] = line
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
        if f.name == "reuse":
            words += [] if value else ["--no-reuse"]
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
