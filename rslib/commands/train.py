"""rslib train FOLDER: the paper's recipe on one's own images."""

import argparse
from functools import partial

from rslib import commands
from rslib.commands import number
from rslib.system import output

HELP = "train a ResNet-RS on a folder of your images, or fine-tune one"


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", help="train/<class>/* (and val/, test/), or <class>/*, or a CSV of path,label")
    add("--model", help="resnet_rs_26 … 420; default resnet_rs_50")
    add("--width", type=number, help="multiplies all filters; default 1; 0.25 for a CPU")
    add("--resolution", type=number, help="pixels; default 160")
    add("--epochs", type=number, help="default 100; 50 with --weights")
    add("--batch", type=number, help="default 128, less for few images")
    add("--weights", help="begin with these: timm's resnetrs, ours, or a run's folder")
    add("--classes-from", help="names and order of the classes: a file of lines, a run, a folder")
    add("--grid", default="", help="lr=0.01,0.1,steps=500,2000: the best on held-out images")
    add("--valid", type=number, default=0.1, help="share held out where there is no val/; 0.1")
    add("--balance", default="", help="sampling or weights, for uneven classes; default off")
    add("--seed", type=number, default=1, help="of weights, order, augmentation, split")
    add("--name", default="", help="of the run; default the folder's")
    add("--tracker", default="", help="tensorboard, wandb or mlflow: show the history there too")
    commands.device(parser)
    commands.runs_dir(parser, "checkpoints, history and scores")
    add("--max-hours", type=number, help="refuse what would take longer")
    add("--threads", type=number, help="CPU threads; default torch's, usually all cores")
    add("--workers", type=number, help="loader processes; default 0 on CPU")


def main(options: argparse.Namespace) -> int:
    from rslib.own.asked import Asked

    names = Asked.__dataclass_fields__
    asked = {name: value for name, value in vars(options).items() if name in names}
    Asked(**asked)  # what is wrong here is said before torch is imported, which takes seconds

    from rslib.own import train as own
    from rslib.report import judged

    run = own.train(**asked, report=partial(output.say))
    images, part = run.own_images()
    found = run.evaluate(images, part)
    judged.keep(found, partial(run.shown, images), run.folder / "evaluation")
    print("\n".join([*judged.text(found), f"run: {run.folder}"]))
    return commands.DONE
