"""A finished run, which several tests of commands look at."""

import json
import os

import pytest
from commandline import SMOKE, result, rslib

from rslib.system.lease import held


@pytest.fixture(scope="session")
def epochs_run(tmp_path_factory):
    """One smoke run of the long unregularized row, and its folder: to be looked at, not changed.

    All workers of pytest share it: the first that asks trains it.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    runs_dir, kept = shared / "epochs-run", shared / "epochs-run.json"
    with held(shared / "epochs-run.lock", wait=300):
        if not kept.exists():
            done = rslib(*SMOKE, "--rows", "epochs,ema", "--runs-dir", runs_dir, "--json")
            assert done.returncode == 0, done.stderr
            kept.write_text(json.dumps(result(done)))
    return json.loads(kept.read_text()), runs_dir
