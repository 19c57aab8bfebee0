"""rslib train FOLDER: the paper's recipe on one's own images."""

import argparse
from functools import partial

from rslib import commands
from rslib.commands import number
from rslib.system import output

HELP = "train a ResNet-RS on a folder of your images, or fine-tune one"


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    commands.training(parser, "checkpoints, history and scores")
    add("--epochs", type=number, help="default 100; 50 with --weights")
    add("--weights", help="begin with these: timm's resnetrs, ours, or a run's folder")
    add("--classes-from", help="names and order of the classes: a file of lines, a run, a folder")
    add("--grid", default="", help="lr=0.01,0.1,steps=500,2000 or paper: the best when held out")
    add("--tracker", default="", help="tensorboard, wandb or mlflow: show the history there too")
    add("--max-hours", type=number, help="refuse what would take longer")


def main(options: argparse.Namespace) -> int:
    asked = commands.asked(options)

    from rslib.own import train as own
    from rslib.report import judged

    run = own.train(**asked, report=partial(output.say))
    images, part = run.own_images()
    found = run.evaluate(images, part)
    judged.keep(found, partial(run.shown, images), run.folder / "evaluation")
    print("\n".join([*judged.text(found), f"run: {run.folder}"]))
    return commands.DONE
