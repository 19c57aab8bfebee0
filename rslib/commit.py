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
    try:
        git("ls-files", "--error-unmatch", "rslib/__init__.py")
        changed = git("status", "--porcelain", "--", *TREES)
        head = git("rev-parse", "HEAD")
        return {"commit": head, "code": git("rev-parse", "HEAD:rslib"), "dirty": bool(changed)}
    except (subprocess.CalledProcessError, FileNotFoundError):
        return of_a_copy(paths.ROOT)


def git(*words: str) -> str:
    command = ["git", "-C", str(paths.ROOT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


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
    lines = re.findall(r"^(\S+) ([0-9a-f]{40})$", file.read_text(errors="replace"), re.MULTILINE)
    found = dict(lines)
    return found if {"commit", *TREES} <= found.keys() else None


def write(file: Path) -> None:
    """Write the COMMIT file of what HEAD holds. Raises CalledProcessError outside a checkout."""
    held = {"commit": git("rev-parse", "HEAD")}
    held |= {tree: git("rev-parse", f"HEAD:{tree}") for tree in TREES}
    file.write_text("".join(f"{name} {digest}\n" for name, digest in held.items()))


def tree_hash(folder: Path) -> str:
    """Git's SHA-1 of a folder, without what .gitignore leaves out.

    Every file counts as not executable, as all of these are: a copy may not keep permissions.
    """
    return _tree(folder, ignored_folders()).hex()


def ignored_folders() -> list:
    """Names of folders, at any depth, that .gitignore leaves out: its lines that end in "/"."""
    file = paths.ROOT / ".gitignore"
    lines = file.read_text().splitlines() if file.is_file() else []
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
