"""The command line: one file a command, with its one-line `HELP`, its `options` and its `main`; and
`errors`, what went wrong as one line and an exit code.

May import everything below. Each `main` imports what it needs itself, so that help comes at once.
"""

import argparse
from pathlib import Path
from typing import NoReturn

from rslib import config, paths

# 75 is sysexits' "temporary failure": also a run that another process holds is worth another try
DONE, BAD_INPUT, DIVERGED, BUG, STOPPED = 0, 1, 65, 70, 75
EXIT_CODES = """Exit codes: 0 done; 1 bad input; 65 diverged, do not retry; 70 bug;
75 stopped, or held by another process: give the same command again."""


class Parser(argparse.ArgumentParser):
    """One line and exit code 1 for bad options, and no guessing at shortened ones."""

    def __init__(self, **kwargs) -> None:
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"rslib: {message}; see {self.prog} --help\n")


def number(text: str) -> int | float | str:
    """The number that a word is, else the word: who takes it then says what is wrong with it."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")


def runs_dir(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--runs-dir", default="", help=f"{what}; default runs/")


def as_json(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON, nothing else")


def resolution(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--resolution", type=number, help=what)


def whole(name: str, given: object, least: int) -> int | None:
    """A whole number within its bounds, or None where nothing was given. Raises InputError."""
    return config.count(name, given, least, optional=True, shown=str)


def pixels(given: object) -> int | None:
    """A resolution. Raises InputError."""
    return whole("resolution", given, 1)


def folder_of_runs(options: argparse.Namespace) -> Path:
    return paths.runs_dir(options.runs_dir)
