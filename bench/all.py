"""Every bench in turn, each in a process of its own: one table, and one JSON file.

    .venv/bin/python bench/all.py [file.json [bench ...]]

The file is what `data/results/bench/` holds of a machine and what the book shows. It takes a
quarter of an hour, on a machine that should do nothing else.
"""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from measure import load, parser, words

from rslib import machine
from rslib.atomic import write_atomically

HERE = Path(__file__).resolve().parent
BENCHES = ("train_step", "video_step", "sgd_ema", "augment", "pipeline", "clip_decode")
BENCHES += ("profile_overhead", "papermill_cost")
PEERS = ("timm", "torchvision", "kornia", "pillow", "av", "torchcodec")
PEERS += ("pytorch-ignite", "papermill")


def run(bench):
    """A bench's rows, with the machine's load before and after."""
    before = load()
    words = [sys.executable, str(HERE / f"{bench}.py"), "--json"]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    rows = json.loads(done.stdout.splitlines()[-1])
    return [row | {"bench": bench, "load": [before, load()]} for row in rows]


def main(file=None, benches=BENCHES):
    found = {
        "schema": 1,
        "environment": machine.session("cpu"),
        "versions": {name: version(name) for name in PEERS},
        "rows": [],
    }
    if file:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    print(found["environment"]["device_name"], found["versions"], f"load {load()}")
    for bench in benches:
        for row in run(bench):
            found["rows"].append(row)
            print(words(row), flush=True)
        if file:  # after each, so that a later one can fail
            write_atomically(Path(file), (json.dumps(found, indent=1) + "\n").encode())


if __name__ == "__main__":
    options = parser()
    options.add_argument("file", nargs="?", help="where JSON is written; without it, only words")
    known = [[], *BENCHES]  # argparse looks for the empty list among them
    options.add_argument("bench", nargs="*", metavar="bench", choices=known, help="default all")
    asked = options.parse_args()
    main(asked.file, asked.bench or BENCHES)
