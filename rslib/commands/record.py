"""rslib record WHAT: finished runs and measurements into data/results, which is committed."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rslib import commands, paths
from rslib.config import InputError, suggest

HELP = "copy finished runs and measurements to data/results"


def options(parser: argparse.ArgumentParser) -> None:
    *most, last = stores()
    parser.add_argument("what", nargs="?", default="", help=f"{', '.join(most)} or {last}")
    commands.runs_dir(parser, "where they were made")
    parser.add_argument(
        "--from",
        dest="archive",
        help="what `make gpu` left on another machine: gpu.tar.gz; without a name, all of it",
    )


def stores() -> dict[str, Callable[[Path], int]]:
    """{name: what records it and returns how many were new}: trained studies, and measurements."""
    from rslib.evidence import archive, devices, released, results
    from rslib.recipes.studies import TRAINED

    measured = {devices.FOLDER: devices.record, released.FOLDER: released.record}
    measured[archive.BENCH] = archive.record_benches
    return {name: partial(results.record, s.folder) for name, s in TRAINED.items()} | measured


def main(options: argparse.Namespace) -> int:
    known = stores()
    if not (options.what or options.archive):
        raise InputError(f"say what is recorded: {', '.join(known)}")
    if options.what and options.what not in known:
        raise InputError(f"no study {options.what!r}{suggest(options.what, known)}")
    if options.archive and options.runs_dir:
        raise InputError("--from names an archive, --runs-dir a folder; give one of them")
    if options.archive:
        new = from_archive(paths.expanded(options.archive), options.what, known)
    else:
        new = known[options.what](commands.folder_of_runs(options))
    print(f"{new} new results")
    return commands.DONE


def from_archive(file: Path, what: str, known: dict[str, Callable[[Path], int]]) -> int:
    """Record what an archive holds of a store, or of all; return how many results were new."""
    from rslib.evidence import archive

    with archive.unpacked(file) as folder:
        there = [name for name in known if (folder / name).is_dir()]
        wanted = [what] if what else there
        if not wanted:
            raise InputError(f"{file} holds nothing of {', '.join(known)}")
        return sum(known[name](folder) for name in wanted)
