"""rslib status STUDY: how far its runs are, from any shell."""

import argparse

from rslib import commands

HELP = "how far a study's runs are, and how long they will take"


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", help="table1, table2, …, or train for one's own images")
    commands.runs_dir(parser, "where they lie")


def main(options: argparse.Namespace) -> int:
    from rslib.running import status

    found, processes = status.of(options.study, commands.folder_of_runs(options), patient=True)
    print("\n".join([*status.table(found), status.line(found, processes)]))
    return commands.DONE
