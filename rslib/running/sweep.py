"""Many runs on one machine: train what has no result, after saying for how long."""

import sys
import traceback
from contextlib import suppress

import torch

from rslib import machine, tasks
from rslib.config import InputError
from rslib.evidence import results
from rslib.running import bill, cluster, runs, status, together
from rslib.running.processes import (
    READY,
    SECONDS,
    Stop,
    Stopped,
    say_or_leave,
    share_out,
    timed_elsewhere,
)
from rslib.running.timing import done_share, image_passes, image_seconds
from rslib.system import commit, faults
from rslib.training import distributed, engine
from rslib.training.clock import duration

HELD = 75  # exit code of a process that found its runs held by others, or was told to stop


def complete(plan, params, report=print, train=True):
    """Train what has no result yet; return {run_id: result} of all runs that have ended.

    train=False only says how long it would take.

    reuse=False brings every run to one more attempt, and goes on with that when it was stopped.
    Raises InputError if it would take longer than params.max_hours; Stopped, Held or Preempted if
    something came between.
    """
    ended = {job.run_id: endings(plan, job) for job in plan.jobs}
    attempts = 1 if params.reuse else min(ended.values()) + 1
    pending = [job for job in plan.jobs if ended[job.run_id] < attempts]
    report(f"scale {plan.scale}: {plan.why}")
    report(f"{len(plan.rows)} rows, {len(plan.jobs)} runs, {len(pending)} of them to be trained")
    if not pending:
        report("all have ended before and are shown; reuse=False (--no-reuse) trains them again")
    if pending:
        if machine.code_version()["dirty"]:
            report(f"{commit.why_dirty()}: what is trained now cannot be recorded")
        processes = distributed.size()
        refuse_sharing(pending, params)
        ranks = 1
        if params.executor == "local" and processes == 1:
            gpus = together.gpus(plan.device)
            shared = [distributed.in_micro_batches(job.row.recipe.optim) for job in pending]
            ranks = 1 if params.compile else together.ranks(shared, gpus)
            places = gpus if plan.device == "cuda" else machine.cores() // params.threads
            processes = ranks if ranks > 1 else max(1, min(places, len(pending)))
        try:
            if ranks > 1 and train:  # announces, in the processes themselves
                report(f"torchrun trains each run on {ranks} of {gpus} GPUs")
                together.train(plan, params, ranks, report)
                return plan.results()
            if params.executor == "ray":
                with cluster.joined(plan, params, attempts, report) as ray:
                    processes = max(1, min(ray.slots(), len(pending)))
                    announce(plan, pending, processes, params, report, ray.timed, kept=train)
                    if train:
                        ray.share_out(pending)
                return plan.results()
            announce(plan, pending, processes, params, report, kept=train)
            if not train:
                return plan.results()
            if params.executor == "local":
                share_out(plan, pending, params, processes, report)
            else:
                train_here(plan, pending, params, report)
        except (machine.Held, Stopped) as error:
            # what another command held may have been finished by it meanwhile
            held = isinstance(error, machine.Held) or error.code == HELD
            if not held or any(endings(plan, job) < attempts for job in pending):
                raise
    return plan.results()


def refuse_sharing(jobs, params):
    """Raises InputError where the processes that torchrun started cannot share a run."""
    for job in jobs:
        distributed.micro_batches(job.row.recipe.optim)
    if params.compile and distributed.size() > 1:
        raise InputError("compile times the step of one process; leave it out under torchrun")


def endings(plan, job):
    return results.ended(job.study, job.run_id, plan.runs_dir)


def announce(plan, pending, processes, params, report, timed=None, kept=True):
    """Say what will be trained and for how long, from timed steps of its first and last run.

    timed: what times them, where that is not this machine. kept: for `rslib status`.
    """
    torch.set_num_threads(params.threads)
    ends = [pending[0], pending[-1]]
    if timed:  # where they will be trained
        an_image = sum(timed(ends)) / 2
    elif params.executor == "local" and plan.device == "cuda":
        an_image = sum(timed_elsewhere(plan, ends, params)) / 2
    else:
        an_image = sum(image_seconds(job, plan.device) for job in ends) / 2
    passes = sum(image_passes(job) * (1 - done_share(plan, job)) for job in pending)
    total = an_image * passes / processes
    seconds = {job.run_id: an_image * image_passes(job) for job in pending}
    if kept:
        status.note(plan, seconds, processes)
    first = ends[0]
    task = tasks.of(first.row.recipe)
    report(
        f"{task.in_words(first.row.recipe, first.data.manifest, first.images)}, "
        f"{processes} process{'es' if processes > 1 else ''} on {plan.device}"
    )
    compiling = ", and minutes to compile each run's step" if params.compile else ""
    report(
        f"about {duration(total)} (h:mm:ss) of training, {1 / an_image:.3g} examples/s in each "
        f"process, by a few timed steps{compiling}"
    )
    for line in bill.lines(plan, pending, seconds, total, here=not timed):
        report(line)
    if not kept:
        report(bill.FORMULA)
    if params.max_hours is not None and total / 3600 > params.max_hours:
        raise InputError(
            f"about {total / 3600:.2g} hours are more than max_hours {params.max_hours:g}; "
            "name fewer rows, seeds or epochs, or raise it"
        )


def train_here(plan, jobs, params, report, watch_parent=False):
    """Train in this process, one run after the other.

    A run that fails, or that another process holds, is told and stops no other. At the end the
    first error is raised, else the first Held. What `concerns_all` is raised at once.
    """
    torch.set_num_threads(params.threads)
    failed, hourly = [], status.Hourly(plan, report)
    with Stop(watch_parent) as stop:

        def asked():
            if not watch_parent:  # which says it for all of its processes
                hourly.look()
            return stop()

        for job in jobs:
            label = f"{job.run_id.rsplit('-', 2)[0]} s{job.seed}"

            def say(line, label=label):
                report(f"{label:20} {line}")

            options = {"reuse": params.reuse, "workers": params.workers}
            options["may_compile"] = params.compile
            try:
                runs.run(job, plan.device, plan.runs_dir, report=say, stop=asked, **options)
            except Exception as error:
                if concerns_all(error, failed):
                    raise
                held = isinstance(error, machine.Held)
                say(str(error) if held else f"failed: {status.why(error)}")
                failed.append(error)
                for one in faults.causes(error):  # whose frames hold the network and its tensors
                    traceback.clear_frames(one.__traceback__)
            else:
                hourly.tell()
    if failed:
        raise min(failed, key=lambda error: isinstance(error, machine.Held))


def concerns_all(error, before):
    """Would the next run in this process end by it too? before: the errors of other runs.

    So a word to stop, a GPU that answers no more, a full disk, and what two runs refuse in the same
    words. Under torchrun anything but a run that another command holds, of which the other
    processes know nothing yet: else they would wait for this one in the middle of a step.
    """
    if isinstance(error, engine.Preempted | torch.AcceleratorError) or faults.stays(error):
        return True
    if distributed.size() > 1:
        return not isinstance(error, machine.Taken)
    refused = [str(one) for one in before if isinstance(one, InputError)]
    return isinstance(error, InputError) and str(error) in refused


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


def follow(study_name, params):
    """What a process beside the leader does: its part of each run that the leader trains.

    Returns whether it came to the end of them; the leader says what came between.
    """
    torch.set_num_threads(params.threads)
    plan = None
    with Stop() as stop, suppress(engine.Preempted, distributed.Left):
        while run_id := distributed.told():
            # not before the leader did, which leaves on disk what is to be read once
            plan = plan or runs.plan(study_name, params, lambda line: None)
            jobs = {job.run_id: job for job in plan.jobs}
            if run_id not in jobs:
                raise InputError(
                    f"process 0 trains {run_id}, which is not planned here: give all machines the "
                    "same code, data and options"
                )
            options = {"report": lambda line: None, "stop": stop}
            with suppress(engine.Diverged):  # the leader writes it down
                runs.fit(jobs[run_id], plan.device, plan.runs_dir, params.workers, **options)
        return True
    return False
