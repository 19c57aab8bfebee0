"""What papermill costs: a notebook against the bare command, for the same run of one row.

    .venv/bin/python bench/papermill_cost.py [rounds, at least 2]

Both train the row "cosine" of Table 1 at smoke scale, each time into a folder of its own, and take
everything from the start of Python to its end: imports, kernel, tables and figure. Both must end in
the same bits.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import interleaved, main, ratio

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


def run(words, runs_dir):
    """One training run in a process of its own; the digest of its weights."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (result,) = runs_dir.rglob("result.json")  # exactly one: it was trained, not found
    return json.loads(result.read_text(encoding="utf-8"))["weights_sha256"]


def bench(rounds=3):
    digests = set()
    with tempfile.TemporaryDirectory() as folder:

        def through_papermill():
            runs_dir = Path(tempfile.mkdtemp(dir=folder))
            words = "-p scale smoke -p rows cosine -p executor inline -p device cpu -p runs_dir"
            notebooks = [ROOT / "notebooks" / "table1.ipynb", runs_dir / "out.ipynb"]
            words = [BIN / "papermill", *notebooks, *words.split(), runs_dir]
            digests.add(run(words, runs_dir))

        def bare():
            runs_dir = Path(tempfile.mkdtemp(dir=folder))
            words = "run table1 --scale smoke --rows cosine --executor inline --device cpu"
            words = [sys.executable, "-m", "rslib", *words.split(), "--runs-dir", runs_dir]
            digests.add(run(words, runs_dir))

        sides = {"papermill": through_papermill, "python -m rslib": bare}
        seconds = interleaved(sides, rounds)
    assert len(digests) == 1, "the two did not train the same"
    return [ratio("one row of Table 1", seconds, "papermill", "python -m rslib", "≤ 10 s more")]


if __name__ == "__main__":
    main(bench)
