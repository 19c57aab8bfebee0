"""A Ray cluster played by a few lines: what is shared out, sent back, tried again and refused."""

import socket
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from rslib import machine
from rslib.config import InputError
from rslib.evidence import results
from rslib.running import cluster, remote, runs, status
from rslib.running.cluster import Cluster
from rslib.running.params import Params
from rslib.running.processes import told_to_stop
from rslib.training.engine import Preempted


class RayError(Exception):
    """Of a task that is lost with its node."""


class RayTaskError(RayError):
    def __init__(self, cause):
        self.cause = cause


class Ray:
    """Runs each task when it is asked for, in this process, on nodes of two cores."""

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def __init__(self, nodes=1):
        self.count, self.held, self.options = nodes, {}, []

    def nodes(self):
        return [{"Alive": True, "NodeID": "a", "Resources": {"CPU": 2.0}}] * self.count

    def remote(self, **options):
        self.options.append(options)

        def start(function, *words):
            try:
                found = function(*words)
            except Exception as error:
                found = error if isinstance(error, RayError) else RayTaskError(error)
            self.held[len(self.held)] = found
            return len(self.held) - 1

        return lambda function: SimpleNamespace(remote=lambda *words: start(function, *words))

    def wait(self, asked, **_):
        return asked[:1], asked[1:]

    def get(self, asked):
        if isinstance(self.held[asked], Exception):
            raise self.held[asked]
        return self.held[asked]

    def cancel(self, asked, force):
        assert not force


def trained(job, device, runs_dir, **_):
    """In place of training: a recorded result under the job's name."""
    file = runs.next_attempt(job, runs_dir)
    found = results.recorded("table1")[0] | {"run_id": job.run_id, "seed": job.seed}
    results.write(file, found)
    return found


@pytest.fixture
def three(tmp_path, monkeypatch):
    """(cluster of one node, its Ray, the jobs of three runs, the lines that it reports)."""
    monkeypatch.setattr(remote.tempfile, "gettempdir", lambda: str(tmp_path / "node"))
    monkeypatch.setattr(runs, "run", trained)
    monkeypatch.setattr(remote, "PLANS", {})
    params = Params(scale="smoke", rows="epochs,cosine,dropout", runs_dir=str(tmp_path / "runs"))
    plan, lines, ray = runs.plan("table1", params, lambda line: None), [], Ray()
    found = Cluster(ray, plan, params, 1, lines.append)
    found.asked.marker.touch()
    with told_to_stop():  # as `joined` has it: what `share_out` does to signals ends here
        yield found, ray, plan.jobs, lines


def attempts(tmp_path):
    return sorted(file.parts[-3] for file in tmp_path.glob("runs/table1/*/attempt-*/result.json"))


def test_each_run_is_a_task_with_what_it_needs(three, tmp_path):
    found, ray, jobs, lines = three
    found.share_out(jobs)
    assert attempts(tmp_path) == sorted(job.run_id for job in jobs)
    assert ray.options == [{"max_retries": 3, "num_cpus": 1.0, "num_gpus": 0}]
    assert lines[-1].startswith("3 of 3 runs done") and found.slots() == 2
    found.need["GPU"] = 0.25
    assert found.slots() == 0
    with pytest.raises(InputError, match="no node of the Ray cluster has 1 CPU and 0"):
        found.look()


def test_without_a_shared_folder_results_are_sent_back(three, tmp_path):
    found, _, jobs, lines = three
    found.asked.marker.unlink()
    found.share_out(jobs)
    assert attempts(tmp_path) == sorted(job.run_id for job in jobs)
    assert len(list(tmp_path.glob("node/rslib-*/table1/*/attempt-1/result.json"))) == 3
    (told,) = [line for line in lines if "is not shared with" in line]
    assert str(tmp_path / "runs") in told and "results are sent back" in told


@pytest.mark.parametrize("error", [InputError("bad"), RayError("node died"), machine.Held("x")])
def test_a_run_that_fails_stops_no_other(error, three, tmp_path, monkeypatch):
    found, _, jobs, lines = three

    def run(job, *words, **options):
        if job is jobs[0] or job.run_id == jobs[0].run_id:
            raise error
        return trained(job, *words, **options)

    monkeypatch.setattr(runs, "run", run)
    with pytest.raises((InputError, cluster.Stopped, machine.Held), match=str(error)):
        found.share_out(jobs)
    assert attempts(tmp_path) == sorted(job.run_id for job in jobs[1:])
    assert any(str(error) in line for line in lines)
    failed = [run.run_id for run in status.of("table1", tmp_path / "runs")[0] if run.why]
    assert failed == ([jobs[0].run_id] if isinstance(error, InputError) else [])


def test_a_run_whose_node_is_taken_away_goes_to_another(three, tmp_path, monkeypatch):
    found, _, jobs, _ = three
    told = []

    def run(job, *words, **options):
        if len(told) < 2:
            told.append(job)
            raise Preempted("stopped at step 3")
        return trained(job, *words, **options)

    monkeypatch.setattr(runs, "run", run)
    found.share_out(jobs)
    assert attempts(tmp_path) == sorted(job.run_id for job in jobs)


def test_a_node_with_other_code_is_refused_by_both_commits(three, tmp_path):
    found, _, jobs, _ = three
    found.asked = replace(found.asked, code={"tree": "u", "named": "commit b"}, host="driver")
    with pytest.raises(InputError, match=r"has co.*; driver, .* has commit b; bring both to"):
        found.share_out(jobs)
    assert not attempts(tmp_path)


def test_without_ray_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(InputError, match="executor ray needs Ray: pip install ray"),
        cluster.joined(None, Params(), 1, print),
    ):
        pass


@pytest.mark.parametrize("address", ["head", "ray://head:10001", "head:many", ":6379"])
def test_an_address_that_is_none_is_told(address):
    with pytest.raises(InputError, match="give HOST:PORT of its head node"):
        cluster.refuse_silent(address)


def test_a_cluster_that_does_not_answer_is_told_in_time(monkeypatch):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(InputError, match=f"no Ray answers at {address}"):  # refused
            cluster.refuse_silent(address)
        silent.listen()
        monkeypatch.setattr(cluster, "ANSWER", 0.3)
        with pytest.raises(InputError, match=f"no Ray answers at {address}"):  # silent
            cluster.refuse_silent(address)


def test_a_lone_folder_of_a_node_has_no_name_of_the_driver(three, tmp_path):
    found, *_ = three
    found.asked.marker.unlink()
    folder = Path(found.asked.plan().runs_dir)
    assert folder.parent == tmp_path / "node" and folder.name.startswith("rslib-")
