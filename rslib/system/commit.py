"""Which commit's code this is, as git tells; in a copy without git, as the file COMMIT tells.

`make commit-file` writes COMMIT at the root of the project: the commit, and git's hashes of the
trees that a result depends on. In a copy the same hashes are computed from the files themselves, so
COMMIT is believed exactly where the files are what that commit holds.
"""

import hashlib
import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from rslib import paths

TREES = ("rslib", "data/fashion-mnist")  # code, and the images that are embedded
FILE = "COMMIT"
UNKNOWN = {"commit": None, "code": None, "dirty": True}


@cache
def code_version() -> dict:
    """{"commit", "code", "dirty"}: the commit, the hash of what it holds of rslib, local changes.

    As of the first call in a process, so that what is committed while it runs is not taken for
    what it runs. Dirty, too, where neither git nor COMMIT tells.
    """
    return looked()[0]


@cache
def why_dirty() -> str:
    """What was found, in words, where code_version() is dirty; and what to do about it."""
    return looked()[1]


@cache
def of_files() -> dict[str, str]:
    """{"tree": the hash of rslib's files here, "named": which commit they are of, in words}.

    By the tree two machines know that they run the same code, also where neither has git, or where
    changes are not committed.
    """
    found = code_version()
    named = f"commit {found['commit'][:10]}" if found["commit"] else "code of no commit"
    named += ", changed since" if found["commit"] and found["dirty"] else ""
    return {"tree": tree_hash(paths.ROOT / "rslib"), "named": named}


def looked() -> tuple[dict, str]:
    """(code_version, why it is dirty), of what is there now."""
    try:
        git("ls-files", "--error-unmatch", "rslib/__init__.py")
        changed = git("status", "--porcelain", "--", *TREES)
        head = git("rev-parse", "HEAD")
        found = {"commit": head, "code": git("rev-parse", "HEAD:rslib"), "dirty": bool(changed)}
        return found, "the code differs from its commit"
    except (subprocess.CalledProcessError, OSError) as error:
        found = of_a_copy(paths.ROOT)
        return found, no_git(paths.ROOT, found, error)


def no_git(root: Path, found: dict, error: Exception) -> str:
    """Why git does not tell which code this is."""
    if found["commit"]:
        return f"files here are not those of commit {found['commit'][:10]}, which {FILE} names"
    remedy = f"clone it with git, or give the copy a {FILE} file (make commit-file in the checkout)"
    if not (root / ".git").exists():
        return f"this copy has neither git's folder nor a whole {FILE} file; {remedy}"
    if not isinstance(error, subprocess.CalledProcessError):
        return f"git cannot be started ({error}), so nobody knows which commit this is; install it"
    said = next(iter(str(error.stderr).strip().splitlines()), f"code {error.returncode}")
    if "dubious ownership" in said:
        remedy = f"git config --global --add safe.directory {root}"
    elif "did not match any file" in said:
        return "rslib is not committed here; commit it"
    return f"git does not say which commit this is ({said}); {remedy}"


def git(*words: str) -> str:
    command = ["git", "-C", str(paths.ROOT), *words]
    english = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=True, env=english
    )
    return done.stdout.strip()


def of_a_copy(root: Path) -> dict:
    """`code_version` of a folder without git, by its COMMIT file."""
    claimed = read(root / FILE)
    if claimed is None:
        return UNKNOWN
    same = all(tree_hash(root / tree) == claimed[tree] for tree in TREES)
    return {"commit": claimed["commit"], "code": claimed["rslib"], "dirty": not same}


def read(file: Path) -> dict | None:
    """{"commit" or a tree: 40 hex digits} of a COMMIT file; None if it is missing or incomplete."""
    if not file.is_file():
        return None
    text = file.read_text(encoding="utf-8", errors="replace")
    found = dict(re.findall(r"^(\S+) ([0-9a-f]{40})$", text, re.MULTILINE))
    return found if {"commit", *TREES} <= found.keys() else None


def write(file: Path) -> None:
    """Write the COMMIT file of what HEAD holds. Raises CalledProcessError outside a checkout."""
    held = {"commit": git("rev-parse", "HEAD")}
    held |= {tree: git("rev-parse", f"HEAD:{tree}") for tree in TREES}
    lines = "".join(f"{name} {digest}\n" for name, digest in held.items())
    file.write_text(lines, encoding="utf-8")


def tree_hash(folder: Path) -> str:
    """Git's SHA-1 of a folder, without what .gitignore leaves out.

    Every file counts as not executable, as all of these are: a copy may not keep permissions.
    """
    return _tree(folder, ignored_folders()).hex()


def ignored_folders() -> list:
    """Names of folders, at any depth, that .gitignore leaves out: its lines that end in "/"."""
    file = paths.ROOT / ".gitignore"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [line[:-1] for line in lines if line.endswith("/") and "/" not in line[:-1]]


def _tree(folder, ignored):
    entries = []
    for entry in os.scandir(folder):
        name = os.fsencode(entry.name)
        if entry.is_symlink():
            digest = _object(b"blob", os.fsencode(os.readlink(entry.path)))
            entries.append((name, b"120000", name, digest))
        elif entry.is_dir():
            if any(fnmatch(entry.name, pattern) for pattern in ignored) or not any_file(entry.path):
                continue  # git knows no empty folders
            digest = _tree(entry.path, ignored)
            entries.append((name + b"/", b"40000", name, digest))  # git sorts folders with a slash
        else:
            digest = _object(b"blob", Path(entry.path).read_bytes())
            entries.append((name, b"100644", name, digest))
    content = (mode + b" " + name + b"\0" + digest for _, mode, name, digest in sorted(entries))
    return _object(b"tree", b"".join(content))


def any_file(folder):
    return any(files for _, _, files in os.walk(folder))


def _object(kind, content):
    return hashlib.sha1(b"%s %d\0%s" % (kind, len(content), content)).digest()


if __name__ == "__main__":
    try:
        write(paths.ROOT / FILE)
    except subprocess.CalledProcessError as error:
        sys.exit(f"COMMIT is not written: {error.stderr.strip()}")
