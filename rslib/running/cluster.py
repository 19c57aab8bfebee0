"""Runs as tasks of a Ray cluster: one task a run, on whatever node has room for it.

A task (`rslib.running.remote`) trains into the folder of runs where its node shares that with the
driver, which a marker file shows. So a task that Ray gives to another node, because its own died,
goes on from the last checkpoint. Elsewhere its result is sent back, and the driver writes it.
Leases keep a node that is only thought dead from training beside the one that follows it.
"""

import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from rslib import machine, paths
from rslib.config import InputError
from rslib.evidence import results
from rslib.running import remote, runs, status
from rslib.running.params import Params
from rslib.running.processes import Stopped, told_to_stop
from rslib.system import signals
from rslib.training import engine

RETRIES = 3  # of a run whose process or node is lost
ANSWER = 60.0  # seconds in which a cluster must answer
CANCEL = 30.0  # seconds in which tasks that are told to stop save their checkpoints
STORE = 200 * 2**20  # bytes of shared memory of a Ray that is started here: results are small
SHARE = {"smoke": 0.25, "laptop": 0.25}  # of a GPU that a run takes, by its scale; else all of one
AGAIN = 75  # exit code: the same command goes on
GENTLE = (machine.Held, engine.Preempted, Stopped)  # what stops a run without a fault of its own


class Cluster:
    """A Ray cluster that trains runs of a plan. ray: the module, connected to it."""

    def __init__(
        self,
        ray: Any,
        plan: runs.Plan,
        params: Params,
        attempts: int,
        report: Callable[[str], None],
    ) -> None:
        self.ray, self.plan, self.report = ray, plan, report
        self.need = {"CPU": float(params.threads)}
        if plan.device == "cuda":
            self.need["GPU"] = SHARE.get(plan.scale, 1.0)
        folder = params.data_dir and str(paths.expanded(params.data_dir).resolve())
        inline = replace(params, executor="inline", device=plan.device, scale=plan.scale)
        inline = replace(inline, data_dir=folder)
        self.asked = remote.Asked(plan.study, inline, attempts, plan.runs_dir)
        self.told = False  # that a node does not share the folder
        self.hourly = status.Hourly(plan, report)

    def task(self, function: Callable, **options: Any) -> Callable:
        """What starts a function of `remote` as a task, and returns its reference."""
        needs = {"num_cpus": self.need["CPU"], "num_gpus": self.need.get("GPU", 0)}
        return self.ray.remote(**{"max_retries": RETRIES, **needs, **options})(function).remote

    def slots(self) -> int:
        """How many runs the nodes that live could train at once."""
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        return sum(int(min(n.get(k, 0) / each for k, each in self.need.items())) for n in nodes)

    def look(self) -> None:
        """Raises InputError for nodes with other code, and where none can train."""
        if not self.slots():
            words = " and ".join(f"{each:g} {kind}" for kind, each in self.need.items())
            raise InputError(f"no node of the Ray cluster has {words}; add one that has")
        place = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        ids = [node["NodeID"] for node in self.ray.nodes() if node["Alive"]]
        options = [{"scheduling_strategy": place(id, soft=False)} for id in ids]
        tasks = [self.task(remote.shared, num_cpus=0, num_gpus=0, **each) for each in options]
        for host, common in self.answers([task(self.asked) for task in tasks]):
            self.tell(host, common)

    def answers(self, asked: Any) -> Any:
        """What tasks return, or raise as if it were raised here; Stopped where they are lost."""
        try:
            return self.ray.get(asked)
        except self.ray.exceptions.RayTaskError as error:  # its text is a traceback of the task
            raise (error.cause or error) from error
        except self.ray.exceptions.RayError as error:
            said = (str(error).strip() or "no message").splitlines()[0]
            raise Stopped(f"lost in the cluster ({type(error).__name__}): {said}", AGAIN) from error

    def tell(self, host: str, common: bool) -> None:
        if not common and not self.told:
            self.told = True
            self.report(
                f"{self.plan.runs_dir} is not shared with {host}: results are sent back from "
                "there, and a run whose node dies begins again"
            )

    def timed(self, jobs: Sequence[runs.Job]) -> list[float]:
        """Seconds that a training image takes on a node, of each run."""
        return self.answers(self.task(remote.timed)(self.asked, [job.run_id for job in jobs]))

    def share_out(self, jobs: Sequence[runs.Job]) -> None:
        """Train all. A run that fails stops no other: what failed is raised at the end."""
        task, stopped, failed = self.task(remote.train), Counter[str](), []
        todo = {task(self.asked, job.run_id): job for job in jobs}
        try:
            while todo:
                ended, _ = self.ray.wait(list(todo), timeout=remote.PATIENCE)
                self.hourly.look()
                if not ended and not self.slots():
                    raise Stopped("no node is left; the same command goes on", AGAIN)
                for one in ended:
                    job = todo.pop(one)
                    try:
                        self.keep(job, *self.answers(one))
                    except remote.OtherCode:  # of a node that joined: it would fail all others
                        raise
                    except Exception as error:
                        away = isinstance(error, engine.Preempted)
                        if away and not error.__cause__:  # no task: this process is told to stop
                            raise
                        self.say(job, error)
                        stopped[job.run_id] += away
                        if away and stopped[job.run_id] <= RETRIES:
                            todo[task(self.asked, job.run_id)] = job  # its node is taken away
                        else:
                            failed.append(error)
        finally:
            signals.ignore()  # a second one must not cut short what saves checkpoints
            for one in todo:
                self.ray.cancel(one, force=False)
            if todo:
                self.ray.wait(list(todo), num_returns=len(todo), timeout=CANCEL)
        if failed:
            raise min(failed, key=lambda error: isinstance(error, GENTLE))

    def say(self, job: runs.Job, error: Exception) -> None:
        """Tell that a run did not end, and keep why it failed: its node may share no folder."""
        if isinstance(error, GENTLE):
            return self.report(f"{label(job)} {error}")
        status.fail(runs.next_attempt(job, self.plan.runs_dir).parent, error)
        self.report(f"{label(job)} failed: {status.why(error)}")

    def keep(self, job: runs.Job, host: str, common: bool, line: str, result: dict) -> None:
        """Write down what was sent back, unless the node has written it into the same folder."""
        self.tell(host, common)
        if not common:
            place = self.plan.runs_dir / job.study / job.run_id / "lock"
            what = f"{job.run_id} is being trained"
            with machine.claim(place, what, self.report, remote.PATIENCE):
                ended = results.ended(job.study, job.run_id, self.plan.runs_dir)
                if ended < self.asked.attempts:
                    file = runs.next_attempt(job, self.plan.runs_dir)
                    number = int(file.parent.name.removeprefix("attempt-"))
                    results.write(file, result | {"attempt": number})
        self.report(f"{label(job)} on {host}: {line}")
        self.hourly.tell()


def label(job: runs.Job) -> str:
    return f"{job.run_id.rsplit('-', 2)[0]} s{job.seed}".ljust(20)


@contextmanager
def joined(
    plan: runs.Plan, params: Params, attempts: int, report: Callable[[str], None]
) -> Iterator[Cluster]:
    """The cluster at $RAY_ADDRESS; without it, one of this machine alone.

    Raises InputError where it does not answer, has other code or no room, and without Ray.
    """
    try:
        import ray  # pyrefly: ignore  it is no part of the usual environment
        import ray.util.scheduling_strategies  # pyrefly: ignore
    except ImportError as error:
        raise InputError("executor ray needs Ray: pip install ray, on every node") from error
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = os.environ.get("RAY_ADDRESS", "")
    options: dict = {"log_to_driver": False, "logging_level": "warning"}
    if address:
        refuse_silent(address)
        options["address"] = address
    else:
        options |= {"address": "local", "num_cpus": machine.cores(), "include_dashboard": False}
        options["object_store_memory"] = STORE
    with told_to_stop():  # and again inside: Ray has its own handler of SIGTERM
        try:
            ray.init(**options)
        except (ConnectionError, RuntimeError, ValueError) as error:
            said = str(error).strip().splitlines()[0]
            raise InputError(f"Ray at {address or 'this machine'}: {said}") from error
        found = Cluster(ray, plan, params, attempts, report)
        try:
            with told_to_stop():
                found.asked.marker.touch()
                found.look()
                yield found
        finally:
            found.asked.marker.unlink(missing_ok=True)
            ray.shutdown()


def refuse_silent(address: str) -> None:
    """Raises InputError where no Ray answers: `ray.init` would try for minutes."""
    remedy = "give HOST:PORT of its head node, usually port 6379, and look if `ray status` works"
    host, _, port = address.rpartition(":")
    if address == "auto":
        return
    if not host or not port.isdecimal() or "://" in address:
        raise InputError(f"the address of Ray is {address!r}; {remedy}")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
        words = [sys.executable, "-m", "ray.scripts.scripts", "status", "--address", address]
        subprocess.run(words, capture_output=True, check=True, timeout=ANSWER)
    except (OSError, OverflowError, subprocess.SubprocessError) as error:
        raise InputError(f"no Ray answers at {address}; {remedy}") from error
