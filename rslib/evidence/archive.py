"""What `bench/gpu.py` brings back from another machine: one archive, laid out as a folder of runs.

    profile/<device>.json            measurements, as `rslib.evidence.devices` keeps them
    table1/<run>/attempt-1/result.json   runs, as `rslib.evidence.results` does
    bench/<device>.json              ratios to peers, as `bench/all.py` writes them
    steps/, logs/                    what became of each step, and what it said

An archive comes from elsewhere, so nothing in it is believed: names that lead out of the folder,
links, and more or larger files than such an archive has are refused before anything is written.
"""

import json
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from rslib import paths
from rslib.atomic import write_atomically
from rslib.config import InputError

BENCH = "bench"
MOST = 16 * 2**20  # bytes of an archive
MOST_UNPACKED = 256 * 2**20  # bytes of all files in it together
MOST_FILES = 10_000
NAME = re.compile(r"[A-Za-z0-9._-]+")


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """A folder with what the archive holds, for as long as the context lasts.

    It is laid out as a runs_dir, so what records runs or measurements takes it as one. Raises
    InputError, one line, for what is no such archive.
    """
    with tempfile.TemporaryDirectory() as folder:
        unpack(archive, Path(folder))
        yield Path(folder)


def unpack(archive, folder):
    """Write an archive's files below a folder. Raises InputError before anything is written."""
    if not archive.is_file():
        raise InputError(f"{archive} is no file; bench/gpu.py leaves gpu.tar.gz")
    if archive.stat().st_size > MOST:
        raise InputError(f"{archive} has more than {MOST >> 20} MiB; it is none of bench/gpu.py")
    try:
        with tarfile.open(archive, "r:gz") as held:
            for member in accepted(held, archive):
                target = folder / member.name
                if member.isdir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(held.extractfile(member).read())
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"{archive} cannot be unpacked ({error}); fetch it again") from error


def accepted(held, archive):
    """The members of an open archive, if every one is a plain file or folder inside it."""
    members, size = [], 0
    for member in held:
        parts = PurePosixPath(member.name).parts
        if not parts or not all(NAME.fullmatch(p) and p.strip(".") for p in parts):
            raise InputError(f"{archive}: the name {member.name!r} may lead out of the folder")
        if not (member.isfile() or member.isdir()):
            raise InputError(f"{archive}: {member.name} is neither a file nor a folder")
        members.append(member)
        size += member.size
        if size > MOST_UNPACKED or len(members) > MOST_FILES:
            raise InputError(f"{archive} holds too much: more than it is unpacked to")
    return members


def record_benches(runs_dir: Path, report: Callable = print) -> int:
    """Copy what bench/ of a folder holds to data/results/bench; return how many files were new.

    A file that is there is replaced, as `bench/all.py` replaces it. Left out is what no commit's
    code has measured, and miniatures. Raises InputError if there is none, or one is damaged.
    """
    files = sorted((runs_dir / BENCH).glob("*.json"))
    if not files:
        raise InputError(f"no bench in {runs_dir}; bench/gpu.py measures some")
    new = 0
    for file in files:
        found = read_bench(file)
        if reason := unfit_bench(found):
            report(f"left out {file.name}: {reason}")
            continue
        target = paths.RESULTS / BENCH / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, (json.dumps(found, indent=1, allow_nan=False) + "\n").encode())
        report(f"recorded {target.relative_to(paths.ROOT)}")
        new += 1
    return new


def read_bench(file):
    """A file of `bench/all.py`'s form. Raises InputError."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is no JSON ({error}); restore or remove it") from error
    wanted = {"schema", "environment", "versions", "rows"}
    if not isinstance(found, dict) or wanted - found.keys() or found["schema"] != 1:
        raise InputError(f"{file} holds no bench of schema 1")
    return found


def unfit_bench(found):
    """Why a bench is no evidence, or an empty string."""
    if found.get("miniature"):
        return "a miniature of it shows that the path works"
    if not found["rows"]:
        return "it has no rows"
    return "the code was not committed" if found["environment"]["dirty"] else ""
