"""rslib run STUDY: the parameters of a notebook as options."""

import argparse
import json
import os
import sys
from contextlib import nullcontext, redirect_stdout
from dataclasses import replace
from functools import partial

from rslib import commands
from rslib.commands import number
from rslib.recipes import Study
from rslib.recipes.studies import STUDIES, TRAINED
from rslib.running.params import EXECUTORS, Params
from rslib.system import output

HELP = "train the rows of a study that have no result yet"
LISTED = 40  # row ids of a study in the help


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("study", help=" or ".join(TRAINED))
    add("--scale", default="auto", help="auto, smoke, laptop, gpu or paper")
    add("--epochs", type=number, help="length of the long schedule; the paper's is 350")
    add("--seeds", type=number, default=1, help="runs per row: seeds 1 … n; 0: a pilot of blocks")
    add("--rows", default="", help=f"of {row_ids()}")
    add(
        "--dataset",
        default="",
        help="fashion-mnist, folder, cifar10, cifar100, imagenet, kinetics-400",
    )
    add("--data-dir", default="", help="folder with train/ and val/ (or test/)")
    commands.runs_dir(parser, "checkpoints and histories")
    commands.device(parser)
    add(
        "--executor",
        default="local",
        choices=EXECUTORS,
        help="inline: in this process; ray: on a cluster",
    )
    add("--ray-address", default="", help="HOST:PORT; default $RAY_ADDRESS, else a local Ray")
    add("--no-reuse", dest="reuse", action="store_false", help="train again and compare")
    add("--compile", action="store_true", help="time eager and compiled steps, keep the faster")
    add("--serve", action="store_true", help=argparse.SUPPRESS)
    add("--estimate", action="store_true", help="say what it would cost, and train nothing")
    add("--max-hours", type=number, help="refuse what would take longer")
    add("--threads", type=number, default=1, help="CPU threads a process")
    add("--workers", type=number, help="loader processes; default 0 on CPU")
    commands.as_json(parser, "the runs' results")


def row_ids() -> str:
    """Of every study that is trained, for the help; of a long list the ends."""
    return "; ".join(f"{study.name}: {_listed(study)}" for study in TRAINED.values())


def _listed(study: Study) -> str:
    ids = [row.id for row in (*study.rows, *study.cells)]
    if len(ids) > LISTED:
        return f"{ids[0]} … {ids[-1]}, {len(ids)} in all"
    return ",".join(ids)


def main(options: argparse.Namespace) -> int:
    from rslib.machine import choose_device
    from rslib.report import tables
    from rslib.running import runs, sweep
    from rslib.training import distributed

    names = Params.__dataclass_fields__
    if options.ray_address:  # no parameter of notebooks, where Ray's own variable names it
        os.environ["RAY_ADDRESS"] = options.ray_address
    params = Params(**{name: value for name, value in vars(options).items() if name in names})
    say = partial(output.say, stream=sys.stderr if options.json else sys.stdout)
    if options.estimate and params.scale == "paper":  # needs no data
        return estimated(options.study, params)
    if options.serve:  # its parent has said all that planning has to say
        sweep.serve(runs.plan(options.study, params, lambda line: None), params)
        return commands.DONE
    with distributed.joined(choose_device(params.device)):
        if not distributed.leads():
            return commands.DONE if sweep.follow(options.study, params) else commands.STOPPED
        if distributed.size() > 1:
            params = replace(params, executor="inline")
        # JSON alone goes to stdout: a library has messages of its own, as Ray of a node that died
        with redirect_stdout(sys.stderr) if options.json else nullcontext():
            plan = runs.plan(options.study, params, say)
            found = sweep.complete(plan, params, say, train=not options.estimate)
        distributed.tell(None)
    if options.estimate:
        return commands.DONE
    if options.json:
        print(json.dumps(list(found.values()), indent=1, allow_nan=False))
    else:
        print(tables.text(STUDIES[plan.study].at(plan.scale), list(found.values()), params.rows))
    diverged = any(result["status"] == "diverged" for result in found.values())
    return commands.DIVERGED if diverged else commands.DONE


def estimated(name: str, params: Params) -> int:
    """Say what a study costs at paper scale by the recorded profiles, without any data.

    Raises InputError where that is more than max_hours on this machine's GPUs, or unknown.
    """
    from rslib import machine, paths
    from rslib.costs import counts
    from rslib.evidence import devices, prices
    from rslib.report import estimate, explorer
    from rslib.running import needs, runs, together
    from rslib.training import memory

    study = runs.trained_study(name)
    asked = needs.at_paper_scale(study, params.rows, len(params.numbers), params.epochs)
    largest, _ = max(asked, key=lambda pair: pair[1].flops)
    recorded = devices.recorded(paths.runs_dir(params.runs_dir) / devices.FOLDER)
    explored = {
        "points": explorer.points(counts.count),
        "devices": explorer.on_devices(recorded, prices.read()),
    }
    recipe, asked = asked[0][0], [run for _, run in asked]
    known = estimate.on_devices(asked, explored, estimate.gpus(recorded))
    print("\n".join(estimate.in_words(name, asked, known)))
    print(needs.data_in_words(recipe))
    print(memory.in_words(largest, needs.CLASSES[recipe.data.dataset]))
    if not known:  # whatever this machine has
        estimate.refuse_limit(params.max_hours)
        return commands.DONE
    device = machine.choose_device(params.device)
    gpus = together.used(params, device, [run.micro_batches for run in asked])
    here = machine.device_name(device)
    known = estimate.on_devices(asked, explored, [here], [gpus])
    print(estimate.here(here, known, params.max_hours, gpus))
    return commands.DONE
