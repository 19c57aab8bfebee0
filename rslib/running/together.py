"""Each run on several GPUs of this machine, by a torchrun that the command itself starts.

Plain `rslib run` and notebooks come here; what torchrun started already does not.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence

import torch

from rslib.running.processes import ERROR, command_line, ended_early, told_to_stop

PROGRAM = ("-m", "rslib")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node")
REPORT = re.compile(r"E\d{4} ")  # begins what torchrun says of a process that failed
LEADER = re.compile(r"rank +: 0 .*\n +exitcode +: (-?\d+)")  # torchrun itself always ends with 1


def gpus(device: str) -> int:
    """How many GPUs this process may use; 1 without any."""
    return max(1, torch.cuda.device_count()) if device == "cuda" else 1


def ranks(micro_batches: Iterable[int], gpus: int) -> int:
    """The most of so many GPUs that can share the batches of all runs; micro_batches: of each."""
    shared = set(micro_batches)
    return max(n for n in range(1, gpus + 1) if all(count % n == 0 for count in shared))


def used(params, device: str, micro_batches: Sequence[int]) -> int:
    """How many GPUs of this machine train such runs: all share each run, or each has its own."""
    here = gpus(device) if params.executor == "local" else 1
    shared = 1 if params.compile else ranks(micro_batches, here)
    return shared if shared > 1 else max(1, min(here, len(micro_batches)))


def train(plan, params, ranks: int, report) -> None:
    """All runs, one after the other. Raises Stopped if they did not all end well."""
    words = [sys.executable, *TORCHRUN, str(ranks), *PROGRAM, "run", plan.study]
    words += command_line(params, {"scale": plan.scale, "executor": "inline"})
    threads = {"OMP_NUM_THREADS": str(params.threads), "PYTHONUNBUFFERED": "1"}
    child = subprocess.Popen(
        [*words, "--json"],  # so that its words are on stderr, and the table is not told twice
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, **threads},
    )
    why, noise = "", []
    with told_to_stop():
        try:
            for line in map(str.rstrip, child.stderr or ()):
                if line.startswith(ERROR):
                    why = why or line
                elif noise or REPORT.match(line):
                    noise.append(line)
                else:
                    report(line)
        finally:  # also when a notebook is interrupted: let all save
            child.terminate()
            child.communicate()
    if child.returncode:
        leader = LEADER.search("\n".join(noise))
        code = int(leader[1]) if leader else child.returncode
        raise ended_early(code, why or next(filter(None, reversed(noise)), "no message"))
