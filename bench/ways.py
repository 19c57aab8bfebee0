"""The same runs by one process, several, torchrun and Ray: what they end with, and what that costs.

    .venv-cluster/bin/python bench/ways.py file.json     # .venv-cluster: make cluster-test

24 short runs by one process, by one for each core and by a Ray of this machine; the cost is the
share of these processes' time, from the first start to the last end, in which no run was trained.
And one run by one process, by two of torchrun and by Ray, in turn. The seconds of the whole
command, from its start to its end, stand beside. Two cores, and nothing else to do.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from measure import load, parser

from rslib import __main__, machine
from rslib.atomic import write_atomically
from rslib.config import evolve
from rslib.running import remote
from rslib.tasks.classify import Classify

RUNS, PROCESSES, ROUNDS = 24, 2, 3
RUN = ("run", "table1", "--device", "cpu")
MANY = ("--rows", "epochs", "--scale", "smoke", "--epochs", "10", "--seeds", str(RUNS))
SHARED = ("--rows", "epochs", "--scale", "laptop", "--epochs", "12")
WAYS = {"one process": ("inline", 1), "local": ("local", PROCESSES), "Ray": ("ray", PROCESSES)}
HALVED = (__file__, "--halved")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(PROCESSES))
ONE_RUN = {"one process": ("inline", HALVED), "Ray": ("ray", HALVED)}
ONE_RUN["torchrun"] = ("inline", (*TORCHRUN, *HALVED))


def run(*words, by=("-m", "rslib")):
    """(results, seconds) of a command in a process of its own, from an empty folder of runs."""
    quiet = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as runs_dir:
        command = [sys.executable, *by, *RUN, "--json", "--runs-dir", runs_dir, *words]
        begin = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=os.environ | quiet)
        seconds = time.perf_counter() - begin
    return json.loads(done.stdout), seconds


def typed(*words, torchrun=False):
    """The command as a user types it."""
    by = ("torchrun", *TORCHRUN[2:], "-m") if torchrun else ()
    return " ".join((*by, "rslib", *RUN, *words))


def halve():
    """Every recipe's batch has as many micro-batches as there are processes to share it; done
    twice it is the same."""
    at_scale = Classify.at_scale

    def halved(row, scale, **options):
        scaled = at_scale(row, scale, **options)
        parts = {"optim.micro_batch": scaled.recipe.optim.batch_size // PROCESSES}
        return replace(scaled, recipe=evolve(scaled.recipe, parts))

    Classify.at_scale = staticmethod(halved)


def halve_there():
    """… in the processes of Ray too, which import rslib as it is."""

    def first_halved(name):
        def there(*words):
            from rslib.running import remote

            halve()
            return getattr(remote, name)(*words)

        return there

    for name in ("shared", "timed", "train"):
        setattr(remote, name, first_halved(name))


def many():
    """([a row for each way], do all runs end in the same bits?)"""
    rows, weights = [], []
    for way, (executor, processes) in WAYS.items():
        words = (*MANY, "--executor", executor)
        found, whole = run(*words)
        times = [[datetime.fromisoformat(one[at]) for at in ("started", "ended")] for one in found]
        span = (max(end for _, end in times) - min(begin for begin, _ in times)).total_seconds()
        trained = sum(one["timing"]["seconds"] for one in found)
        row = {"way": way, "command": typed(*words), "processes": processes, "runs": len(found)}
        row |= {"seconds": span, "whole": whole, "trained": trained}
        rows.append(row | {"idle": 1 - trained / (processes * span)})
        weights.append({one["run_id"]: one["weights_sha256"] for one in found})
        print(rows[-1], flush=True)
    return rows, all(each == weights[0] for each in weights)


def shared():
    """[a row for each way to train one run]: seconds of each round, and what it ends with."""
    found = {way: [] for way in ONE_RUN}
    for _ in range(ROUNDS):
        for way, (executor, by) in ONE_RUN.items():
            (result,), whole = run(*SHARED, "--executor", executor, by=by)
            found[way].append((result, whole))
            print(way, result["timing"], f"{whole:.1f}", flush=True)
    rows = []
    for way, held in found.items():
        result, (executor, _) = held[0][0], ONE_RUN[way]
        tested, torchrun = result["metrics"]["test"]["ema"], way == "torchrun"
        rows.append(
            {
                "way": way,
                "command": typed(*SHARED, "--executor", executor, torchrun=torchrun),
                "processes": PROCESSES if torchrun else 1,
                "seconds": [one["timing"]["seconds"] for one, _ in held],
                "whole": [whole for _, whole in held],
                "loss": result["history"][-1]["loss"],
                "correct": tested["correct"],
                "n": tested["n"],
                "weights_sha256": result["weights_sha256"],
            }
        )
    return rows


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
        halve_there()
        sys.exit(__main__.main(sys.argv[2:]))
    options = parser()
    options.add_argument("file", help="where JSON is written")
    main(options.parse_args().file)
