"""`rslib notebook`: papermill that saves, says so and ends with 75 when it is told to stop."""

import json
import os
import signal
import subprocess
import time

import nbformat
import pytest
from commandline import command

from rslib import paths
from rslib.__main__ import main

QUIET = ["--no-progress-bar"]


def write(folder, *cells):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    nbformat.write(notebook, folder / "in.ipynb")
    return folder / "in.ipynb"


def status(file):
    return json.loads(file.read_text(encoding="utf-8"))["metadata"]["papermill"].get("status")


def until(true, seconds):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def stopped(words, begun, seconds=120):
    """(exit code, standard error) of a command that gets SIGTERM once something has begun."""
    process = subprocess.Popen(
        command(*words), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        until(begun, seconds)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=90)
        return process.returncode, said
    finally:
        process.kill()


def test_a_signal_reaches_the_kernel_which_can_save(tmp_path):
    begun, saved = tmp_path / "begun", tmp_path / "saved"
    cell = f"""import pathlib, time
try:
    pathlib.Path({str(begun)!r}).touch()
    time.sleep(300)
finally:
    pathlib.Path({str(saved)!r}).touch()"""
    out = tmp_path / "out.ipynb"
    words = ["notebook", write(tmp_path, "1 + 1", cell), out, *QUIET]
    code, said = stopped(words, begun.exists)
    assert code == 75 and said.endswith("rslib: told to stop; the same command goes on\n")
    assert saved.exists() and status(out) == "preempted"
    cells = nbformat.read(out, 4).cells
    assert any(cell.get("outputs") for cell in cells)  # what was done before is there
    assert not [file for file in tmp_path.iterdir() if ".tmp" in file.name]


def test_a_kernel_that_does_not_leave_is_ended(tmp_path, monkeypatch):
    from rslib.running import supervise
    from rslib.system.signals import ToldToStop

    monkeypatch.setattr(supervise, "SECONDS", 2)
    begun, out = tmp_path / "begun", tmp_path / "out.ipynb"
    cell = f"""import pathlib, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
pathlib.Path({str(begun)!r}).touch()
time.sleep(300)"""
    notebook = write(tmp_path, cell)
    if not (child := os.fork()):  # tells its parent to stop
        until(begun.exists, 60)
        os.kill(os.getppid(), signal.SIGTERM)
        os._exit(0)
    with pytest.raises(ToldToStop):
        supervise.execute(notebook, out, QUIET)
    os.waitpid(child, 0)
    assert status(out) == "preempted"


def test_what_a_cell_fails_with_decides_the_exit_code(tmp_path, capsys):
    cell = "from rslib.config import InputError\nraise InputError('no row emma')"
    out = tmp_path / "out.ipynb"
    assert main(["notebook", str(write(tmp_path, cell)), str(out), *QUIET]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"rslib: {out}, cell 1: InputError: no row emma" and status(out) is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["missing.ipynb", "out.ipynb"], "no notebook missing.ipynb"),
        (["{notebook}", "no/such/out.ipynb"], "no/such does not exist; make that folder first"),
        (["{notebook}", "out.ipynb", "--rows", "ema"], "papermill: No such option"),
    ],
)
def test_what_cannot_begin_ends_in_one_line(words, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = str(paths.ROOT / "notebooks" / "table1.ipynb")
    assert main(["notebook", *(word.format(notebook=notebook) for word in words)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("rslib: ") and says in error and error.count("\n") == 1


def test_a_kernel_that_dies_by_itself_is_named(tmp_path, capsys):
    notebook = write(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert main(["notebook", str(notebook), str(tmp_path / "out.ipynb"), *QUIET]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("rslib: the kernel of in.ipynb died, perhaps for want of memory")


@pytest.mark.long
def test_training_in_a_notebook_saves_and_goes_on(tmp_path):
    runs, out = tmp_path / "runs", tmp_path / "out.ipynb"
    asked = ["-p", "scale", "smoke", "-p", "rows", "epochs", "-p", "runs_dir", runs]
    words = ["notebook", paths.ROOT / "notebooks" / "table1.ipynb", out, *QUIET, *asked]
    history = lambda: list(runs.glob("table1/*/attempt-1/history.jsonl"))  # noqa: E731
    code, said = stopped(words, history)
    assert code == 75 and status(out) == "preempted", said
    assert list(runs.glob("table1/*/attempt-1/step-*.pt"))
    assert not list(runs.glob("table1/*/attempt-1/result.json"))
    done = subprocess.run(command(*words), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert status(out) is None and list(runs.glob("table1/*/attempt-1/result.json"))
