"""rslib scales FOLDER: which dimension pays on one's own images, depth, width or resolution."""

import argparse
from functools import partial

from rslib import commands
from rslib.commands import number
from rslib.system import output

HELP = "does depth, width or resolution pay on your images?"


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", help="train/<class>/*, or <class>/*, or a CSV of path,label; as train takes it")
    add("--model", help="to begin with, resnet_rs_26 … 400; default resnet_rs_50")
    add("--width", type=number, help="of that; default 1; 0.25 for a CPU")
    add("--resolution", type=number, help="of that, pixels; default 160")
    add("--epochs", type=number, help="the full schedule; default 100")
    add("--batch", type=number, help="default 128, less for few images")
    add("--seeds", type=number, default=3, help="runs of each network; default 3")
    add("--valid", type=number, default=0.1, help="share held out where there is no val/; 0.1")
    add("--balance", default="", help="sampling or weights, for uneven classes; default off")
    add("--seed", type=number, default=1, help="the first one")
    add("--name", default="", help="of the comparison; default the folder's")
    commands.device(parser)
    commands.runs_dir(parser, "runs, and the page that they end in")
    add("--max-hours", type=number, default=1.0, help="of all runs; decides on how many images; 1")
    add("--threads", type=number, help="CPU threads; default torch's, usually all cores")
    add("--workers", type=number, help="loader processes; default 0 on CPU")


def main(options: argparse.Namespace) -> int:
    from rslib.own.asked import Asked

    names = Asked.__dataclass_fields__
    asked = {name: value for name, value in vars(options).items() if name in names}
    Asked(**asked)  # what is wrong here is said before torch is imported, which takes seconds

    from rslib.own import scales as own
    from rslib.report import dimensions

    found = own.scales(**asked, seeds=options.seeds, report=partial(output.say))
    page = dimensions.keep(found)
    print("\n".join([*dimensions.answer(found), f"the page: {page}"]))
    return commands.DONE
