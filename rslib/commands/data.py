"""rslib data check|build|bench: images on disk, without training."""

import argparse

from rslib import commands, paths
from rslib.commands import number
from rslib.config import InputError

HELP = "check images on disk, write smaller ones, time them"


def options(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="check|build|bench")
    check = kinds.add_parser("check", help="count, decode and compare with checksums")
    build = kinds.add_parser("build", help="write tars of smaller JPEGs to train on")
    bench = kinds.add_parser("bench", help="images per second, read, decoded and augmented")
    for kind in (check, build, bench):
        kind.add_argument("dataset", help="folder, imagenet, cifar10, cifar100, fashion-mnist")
        kind.add_argument("data_dir", nargs="?", default="", help="where it lies")
    check.add_argument("--sample", type=number, default=0, help="images of each part; default all")
    build.add_argument("--to", required=True, help="the folder that is written")
    build.add_argument("--side", type=number, required=True, help="of the shorter side, pixels")
    bench.add_argument("--side", type=number, default=160, help="that training asks for, pixels")
    bench.add_argument("--workers", type=number, help="loader processes; default all cores but one")
    bench.add_argument("--sample", type=number, default=1000, help="images that are measured")


def main(options: argparse.Namespace) -> int:
    from rslib.data import images

    for name in ("sample", "workers"):
        commands.whole(name, getattr(options, name, None), 0)
    commands.whole("--side", getattr(options, "side", None), 1)
    if options.kind == "build" and not options.to:
        raise InputError("--to is empty; name a folder")
    listing = images.source(options.dataset, options.data_dir)
    return {"check": check, "bench": bench, "build": build}[options.kind](options, listing)


def check(options: argparse.Namespace, listing: tuple) -> int:
    from rslib.data import images, survey

    bad = survey.survey(listing, options.sample)
    print(f"{bad} images cannot be read" if bad else "all that was decoded can be read")
    if options.dataset == "imagenet":  # last: it ends the command where that is not all of it
        print(images.imagenet_counts(*map(len, listing[:2])))
    return commands.BAD_INPUT if bad else commands.DONE


def bench(options: argparse.Namespace, listing: tuple) -> int:
    from rslib.data import rate
    from rslib.machine import cores

    workers = cores() - 1 if options.workers is None else options.workers
    rate.rate(listing, options.side, workers, options.sample)
    return commands.DONE


def build(options: argparse.Namespace, listing: tuple) -> int:
    from rslib.data import build

    out = paths.expanded(options.to)
    built = build.build(listing, out, options.side, cache_dir=paths.runs_dir())
    remedy = f"dataset folder and data_dir {out}"
    if options.dataset == "imagenet":
        remedy = f"dataset imagenet, and data_dir or RSLIB_DATA {out}"
    print(f"{len(built['shards'])} shards in {out}; train on them with {remedy}")
    return commands.DONE
