"""rslib export SOURCE FILE: a trained network for other programs."""

import argparse

from rslib import commands, paths
from rslib.config import InputError

HELP = "write a trained network as ONNX or safetensors"


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("source", help="a run's folder, or a name such as resnet_rs_50")
    add("file", help="what to write: .onnx or .safetensors")
    add("--weights", help="of a named network: .safetensors or .pth; ours, or timm's resnetrs")
    commands.resolution(parser, "pixels, where Table 7 has several")


def main(options: argparse.Namespace) -> int:
    source, file = paths.expanded(options.source), paths.expanded(options.file)
    side = commands.pixels(options.resolution)
    if options.weights is not None and source.is_dir():
        raise InputError(f"{options.source} is a run and has its own weights; leave --weights")
    if options.weights is None and side is not None:
        raise InputError("a run has its own resolution; --resolution goes with --weights")
    if len(source.parts) > 1:
        paths.existing(source, "name the folder of a finished run, or a network")

    from rslib.own import classifier
    from rslib.weights import about, export

    export.writable(file)
    if options.weights is None and (source / about.NAME).is_file():
        run = classifier.load(source, device="cpu")
        for written in run.export(file):
            print(f"wrote {written}")
        return commands.DONE
    if options.weights is None:
        network, side, said = export.trained(source)
    else:
        weights = paths.expanded(options.weights)
        network, side, said = export.published(options.source, weights, side)
    export.export(network, file, resolution=side, about=said)
    print(f"wrote {options.file}")
    return commands.DONE
