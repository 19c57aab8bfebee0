"""rslib evaluate RUN, or MODEL --weights: what a network reaches on labelled images."""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

from rslib import commands, paths
from rslib.config import InputError

HELP = "top-1, balanced, by class, confusion: of a run, or of others' weights"


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "model",
        metavar="RUN|MODEL",
        help="a run's folder, or resnet_rs_50 and --weights",
    )
    add("--weights", help=".safetensors or .pth, timm's or ours, of a MODEL")
    add(
        "--data-dir",
        help="test/ or val/<class>/, or ImageNet's folder; default a RUN's own",
    )
    commands.resolution(parser, "of a MODEL: pixels, where Table 7 has several")
    add("--preprocessing", help="of a MODEL: official (the default) or timm")
    commands.device(parser)
    commands.runs_dir(parser, "where a MODEL's result is kept")
    commands.as_json(parser, "the result")


def main(options: argparse.Namespace) -> int:
    folder = paths.expanded(options.model)
    return of_model(options) if options.weights or not is_path(folder) else of_run(options, folder)


def is_path(given: Path) -> bool:
    """Is a run meant? A model's name has neither a slash, nor is there such a folder."""
    return given.exists() or len(given.parts) > 1


def of_run(options: argparse.Namespace, folder: Path) -> int:
    for name in ("resolution", "preprocessing"):
        if getattr(options, name) is not None:
            raise InputError(f"a run has its own {name}; --{name} is for a MODEL with --weights")
    if folder.is_file():
        raise InputError(f"{folder} is a file; give the folder of a run, or a MODEL and --weights")
    paths.existing(folder, "train one first: rslib train FOLDER")
    existing_data(options)

    from rslib.data import own
    from rslib.own import classifier
    from rslib.report import judged

    run = classifier.load(folder, device=options.device)
    report = partial(print, file=sys.stderr)
    to = run.folder / "evaluation"
    if options.data_dir:
        given = paths.expanded(options.data_dir)
        images, part = own.to_judge(given, run.classes, report), f"images of {given.resolve().name}"
        to = run.folder / f"evaluation-{given.resolve().stem}"
    else:
        images, part = run.own_images()
    found = run.evaluate(images, part, report)
    if options.json:
        print(json.dumps(found.scores, indent=1, allow_nan=False), flush=True)
    else:
        print("\n".join(judged.text(found)), flush=True)
    judged.keep(found, partial(run.shown, images), to)
    if not options.json:
        print(f"confusion matrix, mistakes and scores in {to}")
    return commands.DONE


def existing_data(options: argparse.Namespace) -> None:
    if options.data_dir:
        paths.existing(options.data_dir, "give the folder of labelled images")


def of_model(options: argparse.Namespace) -> int:
    for name in ("weights", "data_dir"):
        if not getattr(options, name):
            raise InputError(
                f"{options.model} is no run's folder; a model's name needs --weights and --data-dir"
            )
    existing_data(options)

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
        shown=options.preprocessing or "official",
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
