"""rslib profile MODEL: what a network costs, on paper and on this machine."""

import argparse
import json

from rslib import commands
from rslib.commands import number
from rslib.config import InputError, suggest
from rslib.recipes.studies import MEASURED

HELP = "what a network costs: parameters, FLOPs, latency and memory of training"


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "model",
        help=f"such as resnet_rs_50, efficientnet_b0; or all of {', '.join(MEASURED)}",
    )
    commands.resolution(parser, "side of the images, pixels")
    commands.device(parser)
    add("--variants", default="", help="fp32, tf32, bf16, …-compiled; with commas")
    add("--threads", type=number, help="CPU threads; default all cores")
    add("--no-latency", action="store_true", help="only count, measure nothing")
    commands.runs_dir(parser, f"where {', '.join(MEASURED)} are kept")
    commands.as_json(parser, "what was found")


def main(options: argparse.Namespace) -> int:
    from rslib import machine, models
    from rslib.costs import profile

    threads = commands.whole("threads", options.threads, 1)
    device = machine.choose_device(options.device)
    variants = profile.chosen(tuple(filter(None, options.variants.split(","))), device)
    asked = {"device": device, "threads": threads, "variants": variants}
    if options.model in MEASURED:
        if options.no_latency or options.json or options.resolution is not None:
            raise InputError(
                f"{options.model} is measured row by row into a file; it takes neither "
                "--resolution nor --json nor --no-latency"
            )
        networks = MEASURED[options.model].networks
        profile.measure_all(commands.folder_of_runs(options), networks, **asked)
        return commands.DONE
    if options.model not in models.NAMES:
        raise InputError(f"no model {options.model!r}{suggest(options.model, known())}")
    resolution = commands.pixels(options.resolution)
    if resolution is None:
        raise InputError(f"{options.model} has no resolution; give --resolution")
    found = profile.on_paper(options.model, resolution)
    if not options.json:
        print(profile.words(found))
    found["measured"] = []
    if not options.no_latency:
        for one in profile.profile(options.model, resolution, **asked):
            found["measured"].append(one)
            if not options.json:
                print(profile.line(one))
    if options.json:
        print(json.dumps(found, indent=1, allow_nan=False))
    return commands.DONE


def known() -> list[str]:
    from rslib import models

    return [*MEASURED, *models.NAMES]
