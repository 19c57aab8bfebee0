"""ResNet-RS, run again: the notebooks' work in a shell."""

import argparse
import sys
from pathlib import Path

from rslib import commands
from rslib.commands import (
    data,
    errors,
    evaluate,
    export,
    notebook,
    predict,
    profile,
    record,
    render,
    run,
    scales,
    status,
)
from rslib.commands import train as own
from rslib.system import output, signals

CONTENTS = {
    "Your own images": (own, predict, evaluate, scales),
    "The paper's tables": (run, status, notebook),
    "Measure": (profile,),
    "Look at data": (data,),
    "Use weights": (export,),
    "Keep and show": (record, render),
}


def name_of(command) -> str:
    return command.__name__.rpartition(".")[2]


def contents(prog: str) -> str:
    """The commands with a line each, as a table of contents."""
    lines = [__doc__, ""]
    for title, group in CONTENTS.items():
        lines += [title, *(f"  {name_of(command):10} {command.HELP}" for command in group), ""]
    lines += [f"{prog} COMMAND --help lists a command's options.", commands.EXIT_CODES]
    return "\n".join(lines)


def parser() -> commands.Parser:
    prog = "rslib" if Path(sys.argv[0]).stem == "rslib" else "python -m rslib"
    kept = {"formatter_class": argparse.RawDescriptionHelpFormatter}
    usage = f"{prog} COMMAND ..."
    top = commands.Parser(prog=prog, usage=usage, description=contents(prog), **kept)
    listed = {"metavar": "COMMAND", "help": argparse.SUPPRESS}  # in the contents
    parts = top.add_subparsers(dest="command", required=True, prog=prog, **listed)
    for command in (command for group in CONTENTS.values() for command in group):
        part = parts.add_parser(name_of(command), description=command.HELP)
        part.set_defaults(main=command.main)
        command.options(part)
    return top


def main(words: list[str] | None = None) -> int:
    output.lenient()
    with signals.handled(signals.stop):
        try:
            options = parser().parse_args(words)
            code = options.main(options)
            output.flush()
            return code
        except SystemExit:  # of the parser: help, or one line about an option
            output.closed()
            raise
        except (Exception, KeyboardInterrupt) as error:
            signals.ignore()  # a second one would only cut short what is said
            code = errors.told(error)
            output.closed()  # else Python would complain of it once more, and end with 120
            return code


def run() -> None:
    """The command itself; a signal that comes while it leaves does not change its exit code."""
    code = main()
    signals.ignore()
    sys.exit(code)


if __name__ == "__main__":
    run()
