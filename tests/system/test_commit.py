"""Which code a copy without git holds: git's own hashes, computed from the files."""

import shutil
import subprocess

import pytest

from rslib import paths
from rslib.system import commit

GIT = ["git", "-C", str(paths.ROOT)]


@pytest.fixture
def head(tmp_path, monkeypatch):
    """HEAD's own files in a folder without git, with its COMMIT file."""
    if not (paths.ROOT / ".git").exists():
        pytest.skip("no checkout")
    folder = tmp_path / "copy"
    folder.mkdir()
    commit.write(folder / commit.FILE)
    names = (*commit.TREES, ".gitignore")
    held = subprocess.run([*GIT, "archive", "HEAD", *names], capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=held.stdout, check=True)
    monkeypatch.setattr(paths, "ROOT", folder)
    return folder


def version():
    return commit.code_version.__wrapped__()


def rev_parse(what):
    return subprocess.run(
        [*GIT, "rev-parse", what], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_tree_has_the_hash_that_git_gives_it(head):
    for tree in commit.TREES:
        assert commit.tree_hash(head / tree) == rev_parse(f"HEAD:{tree}")
    expected = {"commit": rev_parse("HEAD"), "code": rev_parse("HEAD:rslib"), "dirty": False}
    assert version() == expected


def test_what_python_and_editors_leave_behind_changes_nothing(head):
    (head / "rslib/__pycache__").mkdir()
    (head / "rslib/__pycache__/a.pyc").write_bytes(b"x")
    (head / "rslib/data/empty").mkdir()
    (head / "rslib/machine.py").chmod(0o755)
    assert not version()["dirty"]


@pytest.mark.parametrize("name", ["rslib/machine.py", "rslib/added.py", "data/fashion-mnist/more"])
def test_a_changed_or_added_file_is_dirty(name, head):
    with open(head / name, "a") as file:
        file.write(" ")
    assert version() == {
        "commit": rev_parse("HEAD"),
        "code": rev_parse("HEAD:rslib"),
        "dirty": True,
    }


def test_a_removed_file_and_a_link_are_dirty(head):
    (head / "rslib/atomic.py").rename(head / "atomic.py")
    assert version()["dirty"]
    (head / "rslib/atomic.py").symlink_to(head / "atomic.py")
    assert version()["dirty"]
    (head / "rslib/atomic.py").unlink()
    shutil.move(head / "atomic.py", head / "rslib/atomic.py")
    assert not version()["dirty"]


@pytest.mark.parametrize("text", [None, "", "commit 123\n", f"commit {'0' * 40}\n"])
def test_without_a_whole_commit_file_nothing_is_known(text, head):
    (head / commit.FILE).unlink()
    if text is not None:
        (head / commit.FILE).write_text(text)
    assert version() == {"commit": None, "code": None, "dirty": True}


def why():
    return commit.looked()[1]


def test_a_copy_without_git_is_called_one(head):
    (head / "rslib/machine.py").write_text("")
    assert "files here are not those of commit " + rev_parse("HEAD")[:10] in why()
    (head / commit.FILE).unlink()
    assert "neither git's folder nor a whole COMMIT file" in why()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "fatal: detected dubious ownership in repository at '/x'\nTo add an exception …",
            "(fatal: detected dubious ownership in repository at '/x'); git config --global --add",
        ),
        ("fatal: bad object HEAD", "(fatal: bad object HEAD); clone it"),
        ("error: pathspec 'rslib/x' did not match any file(s) known to git", "is not committed"),
        (None, "git cannot be started"),
    ],
)
def test_what_git_says_is_passed_on(said, words, tmp_path, monkeypatch):
    def git(*_):
        if said is None:
            raise FileNotFoundError(2, "No such file or directory", "git")
        raise subprocess.CalledProcessError(128, "git", stderr=said)

    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(commit, "git", git)
    found, told = commit.looked()
    assert found == commit.UNKNOWN
    assert words in told and "differs" not in told and "\n" not in told


def test_a_changed_checkout_differs_from_its_commit(tmp_path, monkeypatch):
    (tmp_path / "rslib").mkdir()
    (tmp_path / "rslib/__init__.py").write_text("")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "code"]):
        subprocess.run([*git, *words], check=True)
    (tmp_path / "rslib/__init__.py").write_text("x = 1")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    found, told = commit.looked()
    assert found["dirty"] and told == "the code differs from its commit"
