"""24 runs on a Ray cluster of two nodes on this machine: one is killed, nothing is lost.

`make cluster-test` runs this, in an environment that has Ray.
"""

import json
import os
import subprocess
import time

import psutil
import pytest
from commandline import SMOKE, command, rslib

from rslib.system import lease

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]
ROWS = "epochs,label-smoothing,stochastic-depth"
SEEDS = 8
MANY = [*SMOKE, "--rows", ROWS, "--seeds", str(SEEDS), "--epochs", "2", "--json"]
RUNS = 3 * SEEDS
SMALL = {"num_cpus": 1, "object_store_memory": 100 * 2**20}


@pytest.fixture(scope="module")
def environment():
    """Nodes of one machine need no token, ask nobody outside, and do not give way to others."""
    quiet = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    quiet |= {"RAY_worker_niceness": "0"}
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


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """{run_id: digest of its weights} of all runs, without Ray."""
    folder = tmp_path_factory.mktemp("undisturbed")
    words = command(*MANY, "--executor", "local", "--runs-dir", folder)
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return weights(json.loads(done.stdout))


def weights(found):
    assert len({run["run_id"] for run in found}) == len(found) == RUNS
    return {run["run_id"]: run["weights_sha256"] for run in found}


def halfway(folder, parent):
    """Ids of runs that have a checkpoint and no result, and that children of a process train."""
    children = {child.pid for child in parent.children()}
    found = {file.parents[1] for file in folder.glob("*/attempt-1/step-*.pt")}
    held = {run.name: lease.holder_of(run / "lock") for run in found}
    return [name for name, holder in held.items() if holder and holder.pid in children]


def die(cluster, node):
    """As a machine does: all of its processes at once, before one can end what it does."""
    (raylet,) = node.all_processes["raylet"]
    raylet = psutil.Process(raylet.process.pid)
    raylet.suspend()  # else it would begin anew what its children had in hand
    for child in raylet.children(recursive=True):
        child.kill()
    cluster.remove_node(node, allow_graceful=False)


@pytest.mark.parametrize("ended", [1, 5, 9, 13, 17])  # of the runs, when the node dies
def test_a_node_that_dies_gives_its_runs_to_another(
    ended, cluster, environment, undisturbed, tmp_path
):
    node, folder = cluster.add_node(**SMALL), tmp_path / "table1"
    cluster.wait_for_nodes()
    (raylet,) = node.all_processes["raylet"]
    raylet = psutil.Process(raylet.process.pid)
    words = [*MANY, "--executor", "ray", "--ray-address", cluster.address, "--runs-dir", tmp_path]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command(*words), text=True, env=environment, **pipes) as driver:
        lost = []
        while not lost:
            assert driver.poll() is None, driver.communicate()[1]
            time.sleep(0.02)
            if len(list(folder.glob("*/attempt-1/result.json"))) >= ended:
                lost = halfway(folder, raylet)
        die(cluster, node)
        out, said = driver.communicate()
    assert driver.returncode == 0, said
    found = json.loads(out)
    assert weights(found) == undisturbed
    restarts = {run["run_id"]: run["timing"]["restarts"] for run in found}
    assert [restarts[run_id] for run_id in lost] == [1]  # gone on with, not begun again
    results = list(folder.glob("*/attempt-*/result.json"))
    assert len(results) == RUNS and {file.parent.name for file in results} == {"attempt-1"}
    assert not list(tmp_path.glob("shared-*"))


def test_without_an_address_a_ray_of_this_machine_is_started(environment, tmp_path):
    words = [*SMOKE, "--rows", "epochs", "--executor", "ray", "--runs-dir", tmp_path, "--json"]
    done = rslib(*words, env={k: v for k, v in environment.items() if k != "RAY_ADDRESS"})
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["status"] == "complete"
