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
from dataclasses import fields

import torch

from rslib import engine, optim, runs
from rslib.clock import duration
from rslib.config import InputError
from rslib.params import Params
from rslib.tasks.classify import Classify

TIMED_STEPS = 4
READY = "\x01ready"  # a process's line that asks for the next run


class Stopped(RuntimeError):
    """A training process ended early; ``code`` is its exit code."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


def complete(plan, params, report=print):
    """Train what has no result yet; return {run_id: result} of all runs that have ended.

    reuse=False trains all of them anew. Raises InputError if it would take longer than
    params.max_hours; Stopped, Held or Preempted if something came between.
    """
    pending = [job for job in plan.jobs if not params.reuse or job.run_id not in plan.results()]
    report(f"scale {plan.scale}: {plan.why}")
    report(f"{len(plan.rows)} rows, {len(plan.jobs)} runs, {len(pending)} of them to be trained")
    if pending:
        processes = 1
        if params.executor == "local" and plan.device == "cpu":
            processes = max(1, min(os.cpu_count() // params.threads, len(pending)))
        announce(plan, pending, processes, params, report)
        if params.executor == "local":
            share_out(plan, pending, params, processes, report)
        else:
            train_here(plan, pending, params, report)
    return plan.results()


def announce(plan, pending, processes, params, report):
    """Say what will be trained and for how long, from timed steps of its first and last run."""
    torch.set_num_threads(params.threads)
    first, last = pending[0], pending[-1]
    an_image = (image_seconds(first, plan.device) + image_seconds(last, plan.device)) / 2
    total = an_image * sum(image_passes(job) for job in pending) / processes
    model, data = first.row.recipe.model, first.row.recipe.data
    report(
        f"ResNet-{model.depth}, width {model.width:g}, {data.resolution} px, "
        f"{first.image_set.manifest['train']} training images of {data.dataset}, "
        f"{processes} process{'es' if processes > 1 else ''} on {plan.device}"
    )
    report(f"about {duration(total)} (h:mm:ss) by a few timed steps")
    if params.max_hours is not None and total / 3600 > params.max_hours:
        raise InputError(
            f"about {total / 3600:.2g} hours are more than max_hours {params.max_hours:g}; "
            "name fewer rows, seeds or epochs, or raise it"
        )


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
    for _ in range(TIMED_STEPS):
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
    """What a training process does: ask for a run, train it, until there is none left."""

    def asked_for():
        jobs = {job.run_id: job for job in plan.jobs}
        print(READY, flush=True)
        for line in sys.stdin:
            yield jobs[line.strip()]
            print(READY, flush=True)

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
    children = [start(plan, params) for _ in range(processes)]
    for child in children:
        threading.Thread(target=_attend, args=(child, todo, lines), daemon=True).start()
    trouble, last, running = {}, {}, processes
    try:
        while running:
            child, line = lines.get()
            if line is None:
                running -= 1
                if child.wait():
                    trouble[child.returncode] = last.get(child, "no message")
            else:
                report(line)
                last[child] = line
    finally:  # also when a notebook is interrupted: let each save its checkpoint
        for child in children:
            child.terminate()
        for child in children:
            child.wait()
    if trouble:
        code = next(c for c in (70, 1, 75, *trouble) if c in trouble)
        raise Stopped(f"a training process ended with code {code}: {trouble[code]}", code)


def start(plan, params):
    options = {"scale": plan.scale, "device": plan.device, "executor": "worker"}
    words = [sys.executable, "-m", "rslib", "run", plan.study, *command_line(params, options)]
    return subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
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
    for line in child.stdout:
        if line.rstrip("\n") != READY:
            lines.put((child, line.rstrip("\n")))
            continue
        try:
            child.stdin.write(todo.get_nowait() + "\n")
        except queue.Empty:
            child.stdin.close()
    lines.put((child, None))
