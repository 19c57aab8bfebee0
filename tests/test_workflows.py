"""Workflows: what they run, as far as it can run here."""

import os
import subprocess

import pytest
import yaml

from rslib.paths import ROOT

WORKFLOWS = {
    file.stem: yaml.load(file.read_text(), yaml.BaseLoader)  # else "on" is a truth value
    for file in (ROOT / ".github/workflows").glob("*.yml")
}


def commands(workflow):
    steps = [step for job in WORKFLOWS[workflow]["jobs"].values() for step in job["steps"]]
    return [step["run"] for step in steps if "run" in step]


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@b.org"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (["notebooks/b.ipynb"], "notebooks/b.ipynb"),
        (
            ["notebooks/a.ipynb", "notebooks/b.ipynb", "new.py"],
            "notebooks/a.ipynb notebooks/b.ipynb",
        ),
        (["notebooks/a.py"], ""),
    ],
)
def test_a_pull_request_names_the_notebooks_that_it_touches(changed, named, tmp_path):
    git(tmp_path, "init", "-b", "main")
    (tmp_path / "notebooks").mkdir()
    for name in ("a.ipynb", "b.ipynb", "c.ipynb"):
        (tmp_path / "notebooks" / name).write_text("{}")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    git(tmp_path, "update-ref", "refs/remotes/origin/main", "HEAD")
    for name in changed:
        (tmp_path / name).write_text("{ }")
    git(tmp_path, "rm", "-q", "notebooks/c.ipynb")  # nothing is left to run of it
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "second")
    (command,) = [run for run in commands("tests") if "NOTEBOOKS" in run]
    told = tmp_path / "told"
    environment = {**os.environ, "GITHUB_BASE_REF": "main", "GITHUB_ENV": str(told)}
    subprocess.run(["bash", "-ec", command], cwd=tmp_path, env=environment, check=True)
    assert told.read_text() == f"NOTEBOOKS={named}\n"


@pytest.mark.parametrize(
    ("named", "run"), [(None, "notebooks"), ("notebooks/a.ipynb", "notebooks/a.ipynb"), ("", "")]
)
def test_make_test_runs_the_notebooks_that_are_named(named, run):
    environment = {k: v for k, v in os.environ.items() if k not in ("NOTEBOOKS", "MAKEFLAGS")}
    environment |= {} if named is None else {"NOTEBOOKS": named}
    command = ["make", "-n", "-o", ".venv/.installed", "test"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    found = [line.split("--nbval ")[1] for line in done.stdout.splitlines() if "--nbval " in line]
    assert found == [run] * bool(run)


@pytest.mark.parametrize(
    ("name", "command"), [("links", "linkcheck"), ("cluster", "make cloud-test cluster-test")]
)
def test_what_asks_other_hosts_or_takes_long_is_on_a_schedule_and_on_no_pull_request(name, command):
    on = WORKFLOWS[name]["on"]
    assert "schedule" in on and not {"push", "pull_request"} & set(on)
    assert any(command in each for each in commands(name))


def test_the_scheduled_make_runs_the_tests_of_cloud_and_cluster():
    (words,) = (each.split() for each in commands("cluster"))
    done = subprocess.run([words[0], "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True)
    assert "pytest tests/test_cloud.py" in done.stdout and "pytest tests/cluster" in done.stdout
