"""Runs on a Ray cluster of two nodes on this machine: one is killed, nothing is lost.

`make cluster-test` runs this, in an environment that has Ray.
"""

import json
import os
import subprocess
import time

import pytest
from commandline import SMOKE, command, rslib

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]
ROWS = "cosine,epochs,label-smoothing,stochastic-depth"
RUNS = 8  # two of each of these rows
SMALL = {"num_cpus": 1, "object_store_memory": 100 * 2**20}


@pytest.fixture(scope="module")
def environment():
    """Nodes of one machine need no token, and ask nobody outside."""
    quiet = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    os.environ.update(quiet)
    yield {**os.environ, **quiet}
    for name in quiet:
        del os.environ[name]


@pytest.fixture
def cluster(environment):
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args=SMALL)
    yield found
    found.shutdown()


def weights(found):
    assert len({run["run_id"] for run in found}) == len(found) == RUNS
    return {run["run_id"]: run["weights_sha256"] for run in found}


def test_a_node_that_dies_gives_its_runs_to_another(cluster, environment, tmp_path):
    words = [*SMOKE, "--rows", ROWS, "--seeds", "2"]
    alone = rslib(*words, "--executor", "local", "--runs-dir", tmp_path / "alone", "--json")
    assert alone.returncode == 0, alone.stderr
    node = cluster.add_node(**SMALL)
    cluster.wait_for_nodes()
    words += ["--executor", "ray", "--ray-address", cluster.address, "--json"]
    words = command(*words, "--runs-dir", tmp_path / "shared")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, text=True, env=environment, **pipes) as driver:
        while len(list(tmp_path.glob("shared/table1/*/attempt-1/history.jsonl"))) < 2:
            assert driver.poll() is None, driver.communicate()[1]
            time.sleep(0.05)
        cluster.remove_node(node, allow_graceful=False)
        out, said = driver.communicate()
    assert driver.returncode == 0, said
    assert weights(json.loads(out)) == weights(json.loads(alone.stdout))
    results = list(tmp_path.glob("shared/table1/*/attempt-*/result.json"))
    assert len(results) == RUNS and {file.parent.name for file in results} == {"attempt-1"}
    assert not list((tmp_path / "shared").glob("shared-*"))


def test_without_an_address_a_ray_of_this_machine_is_started(environment, tmp_path):
    words = [*SMOKE, "--rows", "epochs", "--executor", "ray", "--runs-dir", tmp_path, "--json"]
    done = rslib(*words, env={k: v for k, v in environment.items() if k != "RAY_ADDRESS"})
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["status"] == "complete"
