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


def training(parser: argparse.ArgumentParser, runs: str) -> None:
    """What `train` and `scales` share. runs: what is in the folder of runs."""
    add = parser.add_argument
    add("folder", help="train/<class>/* (and val/, test/), or <class>/*, or a CSV of path,label")
    add("--model", help="resnet_rs_26 … 420; default resnet_rs_50")
    add("--width", type=number, help="multiplies all filters; default 1; 0.25 for a CPU")
    resolution(parser, "pixels; default 160")
    add("--batch", type=number, help="default 128, less for few images")
    add("--valid", type=number, default=0.1, help="share held out where there is no val/; 0.1")
    add("--balance", default="", help="sampling or weights, for uneven classes; default off")
    add("--seed", type=number, default=1, help="of weights, order, augmentation, split")
    add("--name", default="", help="of what is trained; default the folder's")
    device(parser)
    runs_dir(parser, runs)
    add("--threads", type=number, help="CPU threads; default torch's, usually all cores")
    add("--workers", type=number, help="loader processes; default 0 on CPU")


def asked(options: argparse.Namespace) -> dict:
    """The options that training takes, checked before torch is imported, which takes seconds.

    Raises InputError.
    """
    from rslib.own.asked import Asked

    found = {name: of for name, of in vars(options).items() if name in Asked.__dataclass_fields__}
    Asked(**found)
    return found


def whole(name: str, given: object, least: int) -> int | None:
    """A whole number within its bounds, or None where nothing was given. Raises InputError."""
    return config.count(name, given, least, optional=True, shown=str)


def pixels(given: object) -> int | None:
    """A resolution. Raises InputError."""
    return whole("resolution", given, 1)


def folder_of_runs(options: argparse.Namespace) -> Path:
    return paths.runs_dir(options.runs_dir)
