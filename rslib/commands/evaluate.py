"""rslib evaluate MODEL: weights that others trained, on validation images."""

import argparse
import json
import sys

from rslib import commands, paths

HELP = "top-1, balanced and by class, of weights that others trained"


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", help="such as resnet_rs_50")
    add("--weights", required=True, help=".safetensors or .pth, timm's or ours")
    add("--data-dir", required=True, help="val/<class>/, or ImageNet's folder")
    commands.resolution(parser, "pixels, where Table 7 has several")
    add("--preprocessing", default="official", help="official or timm")
    commands.device(parser)
    commands.runs_dir(parser, "where the result is kept")
    commands.as_json(parser, "the result")


def main(options: argparse.Namespace) -> int:
    from rslib import machine
    from rslib.evidence import released
    from rslib.weights import evaluate

    runs_dir = commands.folder_of_runs(options)
    released.ready(runs_dir)  # not found out after all the work
    found = evaluate.evaluate(
        options.model,
        paths.expanded(options.weights),
        paths.expanded(options.data_dir),
        resolution=commands.pixels(options.resolution),
        shown=options.preprocessing,
        device=machine.choose_device(options.device),
        cache_dir=runs_dir,
        report=lambda line: print(line, file=sys.stderr),
    )
    # shown before it is written: whatever happens then, it is known
    if options.json:
        print(json.dumps(found, indent=1, allow_nan=False), flush=True)
    else:
        print("\n".join([released.line(found), *released.by_class(found)]), flush=True)
    file = released.keep(found, runs_dir)
    if not options.json:
        print(f"kept in {file}")
    return commands.DONE
