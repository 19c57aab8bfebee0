"""rslib record WHAT: finished runs and measurements into data/results, which is committed."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rslib import commands
from rslib.config import InputError, suggest

HELP = "copy finished runs and measurements to data/results"


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", help=f"{', '.join(list(stores())[:-1])} or {list(stores())[-1]}")
    commands.runs_dir(parser, "where they were made")


def stores() -> dict[str, Callable[[Path], int]]:
    """{name: what records it and returns how many were new}: trained studies, and measurements."""
    from rslib.evidence import devices, released, results
    from rslib.recipes.studies import TRAINED

    trained = {name: partial(results.record, name) for name in TRAINED}
    return trained | {devices.FOLDER: devices.record, released.FOLDER: released.record}


def main(options: argparse.Namespace) -> int:
    known = stores()
    if options.study not in known:
        raise InputError(f"no study {options.study!r}{suggest(options.study, known)}")
    new = known[options.study](commands.folder_of_runs(options))
    print(f"{new} new results")
    return commands.DONE
