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
    from rslib.weights import export

    side = commands.pixels(options.resolution)
    if options.weights is not None and paths.expanded(options.source).is_dir():
        raise InputError(f"{options.source} is a run and has weights of its own; leave --weights")
    if options.weights is None:
        if side is not None:
            raise InputError("a run has its own resolution; --resolution goes with --weights")
        network, side, about = export.trained(paths.expanded(options.source))
    else:
        weights = paths.expanded(options.weights)
        network, side, about = export.published(options.source, weights, side)
    export.export(network, paths.expanded(options.file), resolution=side, about=about)
    print(f"wrote {options.file}")
    return commands.DONE
