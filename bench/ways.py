"""The same runs by one process, several, torchrun and Ray: what they end with, and what that costs.

    .venv-cluster/bin/python bench/ways.py file.json     # .venv-cluster: make cluster-test

24 short runs by one process, by one for each core and by a Ray of this machine; the cost is the
share of these processes' time, from the first start to the last end, in which no run was trained.
And one run by one process and by two of torchrun, in turn. Two cores, and nothing else to do.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from measure import load, parser

from rslib import __main__, machine
from rslib.atomic import write_atomically
from rslib.config import evolve
from rslib.tasks.classify import Classify

RUNS, PROCESSES, ROUNDS = 24, 2, 3
RUN = ("run", "table1", "--device", "cpu", "--json", "--runs-dir")
MANY = ("--rows", "epochs", "--scale", "smoke", "--epochs", "10", "--seeds", str(RUNS))
SHARED = ("--rows", "epochs", "--scale", "laptop", "--epochs", "12", "--executor", "inline")
WAYS = {"one process": ("inline", 1), "local": ("local", PROCESSES), "Ray": ("ray", PROCESSES)}
HALVED = (__file__, "--halved")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(PROCESSES))


def run(*words, by=("-m", "rslib")):
    """The results of a command in a process of its own, from an empty folder of runs."""
    quiet = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as runs_dir:
        command = [sys.executable, *by, *RUN, runs_dir, *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=os.environ | quiet)
    return json.loads(done.stdout)


def halve():
    """Every recipe's batch has as many micro-batches as there are processes to share it."""
    at_scale = Classify.at_scale

    def halved(row, scale, **options):
        scaled = at_scale(row, scale, **options)
        parts = {"optim.micro_batch": scaled.recipe.optim.batch_size // PROCESSES}
        return replace(scaled, recipe=evolve(scaled.recipe, parts))

    Classify.at_scale = staticmethod(halved)


def many():
    """([a row for each way], do all runs end in the same bits?)"""
    rows, weights = [], []
    for way, (executor, processes) in WAYS.items():
        found = run(*MANY, "--executor", executor)
        times = [[datetime.fromisoformat(one[at]) for at in ("started", "ended")] for one in found]
        span = (max(end for _, end in times) - min(begin for begin, _ in times)).total_seconds()
        trained = sum(one["timing"]["seconds"] for one in found)
        row = {"way": way, "processes": processes, "runs": len(found), "seconds": span}
        rows.append(row | {"trained": trained, "idle": 1 - trained / (processes * span)})
        weights.append({one["run_id"]: one["weights_sha256"] for one in found})
        print(rows[-1], flush=True)
    return rows, all(each == weights[0] for each in weights)


def shared():
    """One run by one process and by two: seconds of each round, and how far their ends differ."""
    found = {"one": [], "two": []}
    for _ in range(ROUNDS):
        for name, by in (("one", HALVED), ("two", (*TORCHRUN, *HALVED))):
            (result,) = run(*SHARED, by=by)
            found[name].append(result)
            print(name, result["timing"], flush=True)
    seconds = {name: [one["timing"]["seconds"] for one in held] for name, held in found.items()}
    one, two = (held[0] for held in found.values())
    losses = [result["history"][-1]["loss"] for result in (one, two)]
    tested = [result["metrics"]["test"]["ema"] for result in (one, two)]
    halves = [2 * b / a for a, b in zip(seconds["one"], seconds["two"], strict=True)]
    return {
        "seconds": seconds,
        "ratio": median(halves),  # to half the time of one process
        "losses": losses,
        "correct": [each["correct"] for each in tested],
        "n": [each["n"] for each in tested],
    }


def main(file):
    before = load()
    found = {"schema": 1, "environment": machine.session("cpu"), "load": before}
    found["versions"] = {"ray": version("ray")}
    found["many"], found["equal"] = many()
    found["shared"] = shared()
    write_atomically(Path(file), (json.dumps(found, indent=1) + "\n").encode())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--halved"]:  # what `run` starts
        halve()
        sys.exit(__main__.main(sys.argv[2:]))
    options = parser()
    options.add_argument("file", help="where JSON is written")
    main(options.parse_args().file)
