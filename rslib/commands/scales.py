"""rslib scales FOLDER: which dimension pays on one's own images, depth, width or resolution."""

import argparse
from functools import partial

from rslib import commands
from rslib.commands import number
from rslib.system import output

HELP = "does depth, width or resolution pay on your images?"


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    commands.training(parser, "runs, and the page that they end in")
    add("--epochs", type=number, help="the full schedule; default 100")
    add("--seeds", type=number, default=3, help="runs of each network; default 3")
    add("--max-hours", type=number, default=1.0, help="of all runs; decides on how many images; 1")


def main(options: argparse.Namespace) -> int:
    asked = commands.asked(options)

    from rslib.own import scales as own
    from rslib.report import dimensions

    found = own.scales(**asked, seeds=options.seeds, report=partial(output.say))
    page = dimensions.keep(found)
    print("\n".join([*dimensions.answer(found), f"the page: {page}"]))
    return commands.DONE
