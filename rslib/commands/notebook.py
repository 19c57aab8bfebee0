"""rslib notebook IN OUT: papermill for machines that are taken away."""

import argparse

from rslib import commands, paths

HELP = "papermill that saves and ends with 75 when it is asked to stop"
# what a cell's error means for who starts the command again
CODES = {
    "InputError": commands.BAD_INPUT,
    "Diverged": commands.DIVERGED,
    "Held": commands.STOPPED,
    "Preempted": commands.STOPPED,
    "KeyboardInterrupt": commands.STOPPED,
}


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebook", help="such as notebooks/table1.ipynb")
    parser.add_argument("output", help="the notebook to write")
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="...",
        help="papermill's own options, such as -p epochs 350",
    )


def main(options: argparse.Namespace) -> int:
    from papermill.exceptions import PapermillExecutionError

    from rslib.commands import errors
    from rslib.running import supervise

    notebook, output = paths.expanded(options.notebook), paths.expanded(options.output)
    try:
        supervise.execute(notebook, output, options.words)
    except PapermillExecutionError as error:
        said = f"{output}, cell {error.exec_count}: {error.ename}: {error.evalue}"
        return errors.fail(said, CODES.get(error.ename, commands.BUG))
    return commands.DONE
