"""What a task of a cluster does on the node that Ray gives it to; see `rslib.running.cluster`."""

import secrets
import socket
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from rslib import paths
from rslib.config import InputError, sha256
from rslib.evidence import results
from rslib.running import runs
from rslib.running.params import Params
from rslib.running.processes import Stop
from rslib.running.timing import image_seconds
from rslib.system import commit, lease

PATIENCE = lease.STALE + 30  # seconds for the process of a node that is thought dead to let go
PLANS: dict[str, runs.Plan] = {}  # of this process, which trains one run after the other


class OtherCode(InputError):
    """A node would train by other code than the driver's."""


@dataclass(frozen=True)
class Asked:
    """What the tasks of one command have in common; made by the driver."""

    study: str
    params: Params
    attempts: int  # of each run that are to have ended
    runs_dir: Path  # of the driver
    host: str = field(default_factory=socket.gethostname)
    code: dict[str, str] = field(default_factory=commit.of_files)
    token: str = field(default_factory=lambda: f"shared-{secrets.token_hex(8)}")

    @property
    def marker(self) -> Path:
        """The driver's file, by which a node knows the same folder."""
        return self.runs_dir / self.token

    def shared(self) -> bool:
        """Is the driver's folder of runs here too? Raises OtherCode."""
        here = commit.of_files()
        if here["tree"] != self.code["tree"]:
            raise OtherCode(
                f"{socket.gethostname()} has {here['named']}; {self.host}, which shares out the "
                f"runs, has {self.code['named']}; bring both to one commit, and restart Ray there"
            )
        return self.marker.exists()

    def plan(self) -> runs.Plan:
        """The driver's, or the same with a folder of this node's own."""
        where = self.runs_dir
        if not self.shared():
            about = sha256([self.host, str(self.runs_dir), self.attempts])[:10]
            where = Path(tempfile.gettempdir()) / f"rslib-{about}"
        params = replace(self.params, runs_dir=str(where))
        name = repr((self.study, params))
        if name not in PLANS:
            PLANS[name] = runs.plan(self.study, params, lambda line: None)
        return PLANS[name]


def shared(asked: Asked) -> tuple[str, bool]:
    """(this host, does it share the driver's folder of runs)."""
    return socket.gethostname(), asked.shared()


def timed(asked: Asked, run_ids: list[str]) -> list[float]:
    """Seconds that a training image takes here, of each run."""
    plan = asked.plan()
    torch.set_num_threads(asked.params.threads)
    jobs = {job.run_id: job for job in plan.jobs}
    return [image_seconds(jobs[run_id], plan.device) for run_id in run_ids]


def train(asked: Asked, run_id: str) -> tuple[str, bool, str, dict]:
    """(this host, is its folder the driver's, the last line of training, the result) of a run.

    Raises OtherCode, and what `rslib.running.runs.run` raises.
    """
    plan, params = asked.plan(), asked.params
    jobs = {job.run_id: job for job in plan.jobs}
    if run_id not in jobs:
        raise InputError(
            f"{run_id} is not planned on {socket.gethostname()}: give it the same images"
        )
    job, common, attempts = jobs[run_id], plan.runs_dir == asked.runs_dir, asked.attempts
    if not common:  # a folder of this command's own holds one attempt, beside what is recorded
        attempts = 1 + (paths.RESULTS / job.study / f"{run_id}.json").exists()
    torch.set_num_threads(params.threads)
    said = ["it had ended before"]
    options = {"workers": params.workers, "may_compile": params.compile, "wait": PATIENCE}
    options |= {"reuse": params.reuse, "attempts": attempts, "report": said.append}
    with Stop() as stop:
        runs.run(job, plan.device, plan.runs_dir, stop=stop, **options)
    ended = [f for f in results.attempts(job.study, run_id, plan.runs_dir) if f.exists()]
    return socket.gethostname(), common, said[-1], results.read(ended[-1])
