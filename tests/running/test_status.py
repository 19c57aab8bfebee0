"""How far a study is, from its folder alone."""

from contextlib import ExitStack

import pytest
from commandline import SMOKE

from rslib import machine
from rslib.__main__ import main
from rslib.config import InputError
from rslib.running import runs, status
from rslib.running.params import Params
from rslib.running.status import Progress
from rslib.system import lease
from rslib.training import engine

ROWS = ["--rows", "epochs,cosine", "--executor", "inline"]


def test_a_study_from_its_beginning_to_its_end(tmp_path, capsys):
    runs_dir = ["--runs-dir", str(tmp_path)]
    assert main(["status", "table1", *runs_dir]) == 1
    assert capsys.readouterr().err.startswith(f"rslib: no runs in {tmp_path}/table1; rslib run")
    assert main([*SMOKE, *ROWS, *runs_dir]) == 0
    said = capsys.readouterr().out
    assert "1 of 2 runs done, 1 left, about 0:00:" in said and "2 of 2 runs done\n" in said
    assert main(["status", "table1", *runs_dir]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 of 2 runs done" and lines[1].split()[1] == "done"

    # as after a kill: no result, some of the history; then somebody trains it again
    (attempt,) = tmp_path.glob("table1/epochs-*/attempt-1")
    (attempt / "result.json").unlink()
    kept = (attempt / "history.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (attempt / "history.jsonl").write_text("".join(kept[:2]) + kept[2][:5], encoding="utf-8")
    found, processes = status.of("table1", tmp_path)
    stopped = next(run for run in found if run.run_id.startswith("epochs"))
    assert stopped.state == "stopped" and (stopped.epoch, stopped.epochs) == (2, len(kept))
    assert status.line(found, processes).startswith("1 of 2 runs done, 1 left, about 0:00:")
    with machine.claim(attempt.parent / "lock", "it is trained"):
        found, _ = status.of("table1", tmp_path)
    assert [run.state for run in found if run.run_id == stopped.run_id] == ["running"]


def test_time_is_shared_by_processes_and_unknown_where_a_run_has_none():
    runs = [
        Progress("a", "done", 10, 10),
        Progress("b", "running", 5, 10, 3600.0),
        Progress("c", "waiting", 0, 10, 7200.0),
        Progress("d", "diverged", 10, 10, 60.0),
    ]
    said = "1 of 4 runs done, 1 running, 1 diverged, 1 left"
    assert status.line(runs, 2) == f"{said}, about 1:15:00 (h:mm:ss) to go"
    assert status.line([*runs, Progress("e", "waiting", 0, 10)], 2).endswith("1 diverged, 2 left")


def test_a_folder_without_a_plan_shows_what_is_in_it(tmp_path):
    (tmp_path / "train" / "mine-0123456789-s1" / "attempt-1").mkdir(parents=True)
    (tmp_path / "train" / "notes").mkdir()
    found, processes = status.of("train", tmp_path)
    assert [(run.run_id, run.state) for run in found] == [("mine-0123456789-s1", "stopped")]
    assert processes == 1
    with pytest.raises(InputError, match="no runs in"):
        status.of("table9", tmp_path)


def test_a_run_of_another_machine_is_believed_until_it_is_silent(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "BEAT", 0.05)
    attempt = tmp_path / "train" / "mine-0123456789-s1" / "attempt-1"
    attempt.mkdir(parents=True)

    def states(**how):
        return [run.state for run in status.of("train", tmp_path, **how)[0]]

    with lease.held(attempt.parent / "lock"):
        monkeypatch.setattr(lease, "machine", lambda: "another boot")
        assert states(patient=True) == ["running"]  # its beats are seen
    with monkeypatch.context() as slow:
        slow.setattr(lease, "machine", lambda: "a machine that is gone")
        dead = lease.Lease(attempt.parent / "lock", 99)
    assert dead.file.exists()
    assert states() == ["running"] and states(patient=True) == ["silent"]


def test_a_run_that_failed_says_why_until_it_is_tried_again(tmp_path):
    attempt = tmp_path / "train" / "mine-0123456789-s1" / "attempt-1"
    status.fail(attempt, KeyError("layer"))  # the attempt's folder may not be there yet
    found, processes = status.of("train", tmp_path)
    assert [(run.state, run.why) for run in found] == [("failed", "KeyError: 'layer'")]
    assert status.table(found)[1].endswith("failed    0  KeyError: 'layer'")
    assert status.line(found, processes) == "0 of 1 runs done, 1 failed"
    with lease.held(attempt.parent / "lock"):
        assert status.of("train", tmp_path)[0][0].state == "running"
    with runs.noted(attempt):
        assert status.of("train", tmp_path)[0][0].state == "stopped"
    for error, state in ((engine.Preempted("x"), "stopped"), (InputError("bad"), "failed")):
        with pytest.raises(type(error)), runs.noted(attempt):
            raise error
        assert status.of("train", tmp_path)[0][0].state == state
    assert (attempt / "failed.txt").read_text(encoding="utf-8") == "bad\n"


def test_a_damaged_result_hides_no_other_run(tmp_path):
    for name in ("mine-0123456789-s1", "mine-0123456789-s2"):
        (tmp_path / "train" / name / "attempt-1").mkdir(parents=True)
    (tmp_path / "train" / "mine-0123456789-s1" / "attempt-1" / "result.json").write_text("{")
    first, second = status.of("train", tmp_path)[0]
    assert first.state == "failed" and "is no JSON" in first.why and second.state == "stopped"


def test_a_second_command_forgets_nothing_that_has_not_ended(tmp_path):
    def plan(*rows):
        asked = Params(scale="smoke", rows=list(rows), runs_dir=str(tmp_path))
        return runs.plan("table1", asked, lambda line: None)

    first, second = plan("cosine", "epochs"), plan("epochs", "dropout")
    status.note(first, {job.run_id: 60.0 for job in first.jobs}, 2)
    status.note(second, {job.run_id: 30.0 for job in second.jobs}, 1)
    found, _ = status.of("table1", tmp_path)
    assert [(run.run_id.split("-")[0], run.seconds) for run in found] == [
        ("cosine", 60.0),
        ("epochs", 30.0),
        ("dropout", 30.0),
    ]
    mine, _ = status.of("table1", tmp_path, only=[job.run_id for job in second.jobs])
    assert [run.run_id for run in mine] == [job.run_id for job in second.jobs]
    for job in first.jobs:  # two commands at once are as fast as both
        (tmp_path / "table1" / job.run_id / "attempt-1").mkdir(parents=True)
    with ExitStack() as held:
        for job in first.jobs:
            held.enter_context(lease.held(tmp_path / "table1" / job.run_id / "lock"))
        assert status.of("table1", tmp_path)[1] == 2
    (tmp_path / "table1" / "plan.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"plan.json is damaged .*; remove it"):
        status.note(second, {}, 1)
