"""rslib render: notebooks and generated pages up to what is recorded."""

import argparse

from rslib import commands

HELP = "execute notebooks in place and write the book's generated pages"


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", help="e.g. table1; default all, and the pages")
    parser.add_argument(
        "--pairs", action="store_true", help="only bring .py and .ipynb in step, or say they cannot"
    )


def main(options: argparse.Namespace) -> int:
    from rslib.report.render import render

    render(options.names, execute_too=not options.pairs)
    return commands.DONE
