"""The command line as a runner meets it: a process of its own, and what it prints as JSON."""

import json
import subprocess
import sys

SMOKE = ["run", "table1", "--scale", "smoke"]


def command(*words):
    return [sys.executable, "-m", "rslib", *map(str, words)]


def rslib(*words, **kwargs):
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=300, **kwargs)


def result(done):
    (found,) = json.loads(done.stdout)
    return found
