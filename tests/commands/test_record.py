"""rslib record: what comes from a folder of runs, and what comes from another machine."""

import io
import json
import tarfile

import pytest

from rslib import paths
from rslib.__main__ import main

BENCH = {"schema": 1, "environment": {"dirty": False}, "versions": {}, "rows": [{"what": "a step"}]}


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A gpu.tar.gz with one bench and nothing else that can be recorded."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    file = tmp_path / "gpu.tar.gz"
    with tarfile.open(file, "w:gz") as held:
        for name, content in {"bench/a-gpu.json": json.dumps(BENCH), "logs/a.log": "hi"}.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            held.addfile(about, io.BytesIO(content.encode()))
    return file


@pytest.mark.parametrize("what", [[], ["bench"]], ids=["all", "bench"])
def test_an_archive_of_another_machine_is_taken_in(archive, what, tmp_path, capsys):
    assert main(["record", *what, "--from", str(archive)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 new results"
    assert json.loads((tmp_path / "results/bench/a-gpu.json").read_text()) == BENCH


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "say what is recorded: table1,"),
        (["profile", "--from", "ARCHIVE"], "nothing is measured in"),
        (["--from", "/no/such.tar.gz"], "/no/such.tar.gz is no file"),
        (["--from", "ARCHIVE", "--runs-dir", "runs"], "give one of them"),
        (["benches", "--from", "ARCHIVE"], "did you mean 'bench'"),
    ],
)
def test_what_cannot_be_recorded_is_said_in_one_line(archive, words, message, capsys):
    words = [str(archive) if word == "ARCHIVE" else word for word in words]
    assert main(["record", *words]) == 1
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1
