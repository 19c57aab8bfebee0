"""python -m rslib run|profile|evaluate|export|data|record|render: the notebooks' work in a shell.

Exit codes: 0 done, 1 bad input, 65 diverged (do not retry), 70 bug, 75 stopped or held (the same
command goes on).
"""

import argparse
import json
import sys
import traceback

from rslib import paths
from rslib.config import InputError, suggest
from rslib.running.params import EXECUTORS, Params

# 75 is sysexits' "temporary failure": also a run that another process holds is worth another try
DONE, BAD_INPUT, DIVERGED, BUG, STOPPED = 0, 1, 65, 70, 75


class Parser(argparse.ArgumentParser):
    """One line and exit code 1 for bad options, and no guessing at shortened ones."""

    def __init__(self, **kwargs):
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message):
        self.exit(BAD_INPUT, f"rslib: {message}; see {self.prog} --help\n")


def number(text):
    """The number a word is, else the word: Params then says what is wrong with it."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def row_ids():
    """Of every study, for the help."""
    from rslib.recipes.studies import STUDIES

    studies = STUDIES.values()
    ids = (f"{s.name}: {','.join(row.id for row in (*s.rows, *s.cells))}" for s in studies)
    return "; ".join(ids)


def parser():
    top = Parser(prog="python -m rslib", description=__doc__.splitlines()[0])
    commands = top.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="train the rows of a study that have no result yet")
    run.add_argument("study", help="table1 or figure5")
    run.add_argument("--scale", default="auto", help="auto, smoke, laptop, gpu or paper")
    run.add_argument(
        "--epochs", type=number, help="length of the long schedule; the paper's is 350"
    )
    run.add_argument("--seeds", type=number, default=1, help="runs a row: seeds 1 … n")
    run.add_argument("--rows", default="", help=f"of {row_ids()}")
    run.add_argument(
        "--dataset", default="", help="fashion-mnist, folder, cifar10, cifar100 or imagenet"
    )
    run.add_argument("--data-dir", default="", help="folder with train/ and val/ (or test/)")
    run.add_argument("--runs-dir", default="", help="checkpoints and histories; default runs/")
    run.add_argument("--device", default="auto", help="auto, cpu or cuda")
    run.add_argument(
        "--executor", default="local", choices=EXECUTORS, help="inline trains in this process"
    )
    run.add_argument(
        "--no-reuse", dest="reuse", action="store_false", help="train anew and compare"
    )
    run.add_argument(
        "--compile", action="store_true", help="time eager and compiled steps, keep the faster"
    )
    run.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    run.add_argument("--max-hours", type=number, help="refuse what would take longer")
    run.add_argument("--threads", type=number, default=1, help="CPU threads a process")
    run.add_argument("--workers", type=number, help="loader processes; default 0 on CPU")
    run.add_argument(
        "--json", action="store_true", help="print the runs' results, and nothing else"
    )
    render = commands.add_parser(
        "render", help="execute notebooks in place and write the book's generated pages"
    )
    render.add_argument("names", nargs="*", help="e.g. table1; default all, and the pages")
    profile = commands.add_parser(
        "profile", help="what a network costs: parameters, FLOPs, latency and memory of training"
    )
    profile.add_argument(
        "model", help="such as resnet_rs_50, efficientnet_b0; or table7, figure5 for all of it"
    )
    profile.add_argument("--resolution", type=number, help="side of the images, pixels")
    profile.add_argument("--device", default="auto", help="auto, cpu or cuda")
    profile.add_argument("--variants", default="", help="fp32, tf32, bf16, …-compiled; with commas")
    profile.add_argument("--threads", type=number, help="CPU threads; default all cores")
    profile.add_argument("--no-latency", action="store_true", help="only count, measure nothing")
    profile.add_argument(
        "--runs-dir", default="", help="where table7 and figure5 are kept; default runs/"
    )
    profile.add_argument("--json", action="store_true", help="print JSON, and nothing else")
    evaluate = commands.add_parser(
        "evaluate", help="top-1 and top-5 of weights that others trained"
    )
    evaluate.add_argument("model", help="such as resnet_rs_50")
    evaluate.add_argument("--weights", required=True, help=".safetensors or .pth, timm's or ours")
    evaluate.add_argument("--data-dir", required=True, help="val/<class>/, or ImageNet's folder")
    evaluate.add_argument("--resolution", type=number, help="pixels, where Table 7 has several")
    evaluate.add_argument("--preprocessing", default="official", help="official or timm")
    evaluate.add_argument("--device", default="auto", help="auto, cpu or cuda")
    evaluate.add_argument("--runs-dir", default="", help="where the result is kept; default runs/")
    evaluate.add_argument("--json", action="store_true", help="print JSON, and nothing else")
    export = commands.add_parser("export", help="write a trained network as ONNX or safetensors")
    export.add_argument("source", help="a run's folder, or a name such as resnet_rs_50")
    export.add_argument("file", help="what to write: .onnx or .safetensors")
    export.add_argument(
        "--weights", help="of a named network: .safetensors or .pth; ours, or timm's resnetrs"
    )
    export.add_argument("--resolution", type=number, help="pixels, where Table 7 has several")
    data = commands.add_parser("data", help="check images on disk, write smaller ones, time them")
    kinds = data.add_subparsers(dest="kind", required=True)
    check = kinds.add_parser("check", help="count, decode and compare with checksums")
    build = kinds.add_parser("build", help="write tars of smaller JPEGs to train on")
    bench = kinds.add_parser("bench", help="images a second, read, decoded and augmented")
    for kind in (check, build, bench):
        kind.add_argument("dataset", help="folder, imagenet, cifar10, cifar100, fashion-mnist")
        kind.add_argument("data_dir", nargs="?", default="", help="where it lies")
    check.add_argument("--sample", type=number, default=0, help="images of each part; default all")
    build.add_argument("--to", required=True, help="the folder that is written")
    build.add_argument("--side", type=number, required=True, help="of the shorter side, pixels")
    bench.add_argument("--side", type=number, default=160, help="that training asks for, pixels")
    bench.add_argument("--workers", type=number, help="loader processes; default all cores but one")
    bench.add_argument("--sample", type=number, default=1000, help="images that are measured")
    record = commands.add_parser("record", help="copy finished runs to data/results")
    record.add_argument("study", help="table1, figure5, profile, or weights")
    record.add_argument("--runs-dir", default="")
    return top


def main(words=None):
    options = parser().parse_args(words)
    try:
        commands = (run, profile, evaluate, export, data, record, render)
        return next(c for c in commands if c.__name__ == options.command)(options)
    except InputError as error:
        return fail(error, BAD_INPUT)
    except KeyboardInterrupt:
        return fail("interrupted; the same command goes on", STOPPED)
    except Exception as error:
        return fail_with(error)


def run(options):
    from rslib.recipes.studies import STUDIES
    from rslib.report import tables
    from rslib.running import runs, sweep

    names = Params.__dataclass_fields__
    params = Params(**{name: value for name, value in vars(options).items() if name in names})
    say = (lambda line: print(line, file=sys.stderr)) if options.json else print
    if options.serve:  # its parent has said all that planning has to say
        sweep.serve(runs.plan(options.study, params, lambda line: None), params)
        return DONE
    plan = runs.plan(options.study, params, say)
    found = sweep.complete(plan, params, say)
    if options.json:
        print(json.dumps(list(found.values()), indent=1, allow_nan=False))
    else:
        print(tables.text(STUDIES[plan.study], list(found.values()), params.rows))
    return DIVERGED if any(r["status"] == "diverged" for r in found.values()) else DONE


def profile(options):
    from rslib import machine, models
    from rslib.costs import profile
    from rslib.recipes import efficientnet_rs, pareto

    if options.threads is not None and (type(options.threads) is not int or options.threads < 1):
        raise InputError(f"threads is {options.threads}; give a whole number from 1 on")
    device = machine.choose_device(options.device)
    variants = profile.chosen(tuple(filter(None, options.variants.split(","))), device)
    asked = {"device": device, "threads": options.threads, "variants": variants}
    rows = {"table7": pareto.table_7, "figure5": efficientnet_rs.slow_networks}.get(options.model)
    if rows:
        if options.no_latency or options.json or options.resolution is not None:
            raise InputError(
                f"{options.model} is measured row by row into a file; it takes neither "
                "--resolution nor --json nor --no-latency"
            )
        profile.measure_all(paths.runs_dir(options.runs_dir), rows(), **asked)
        return DONE
    if options.model not in models.NAMES:
        known = ("table7", "figure5", *models.NAMES)
        raise InputError(f"no model {options.model!r}{suggest(options.model, known)}")
    if whole_pixels(options.resolution) is None:
        raise InputError(f"{options.model} has no resolution of its own; give --resolution")
    found = profile.on_paper(options.model, options.resolution)
    if not options.json:
        print(profile.words(found))
    found["measured"] = []
    if not options.no_latency:
        for one in profile.profile(options.model, options.resolution, **asked):
            found["measured"].append(one)
            if not options.json:
                print(profile.line(one))
    if options.json:
        print(json.dumps(found, indent=1, allow_nan=False))
    return DONE


def evaluate(options):
    from rslib import machine
    from rslib.evidence import released
    from rslib.weights import evaluate

    runs_dir = paths.runs_dir(options.runs_dir)
    found = evaluate.evaluate(
        options.model,
        paths.expanded(options.weights),
        paths.expanded(options.data_dir),
        resolution=whole_pixels(options.resolution),
        shown=options.preprocessing,
        device=machine.choose_device(options.device),
        cache_dir=runs_dir,
        report=lambda line: print(line, file=sys.stderr),
    )
    file = released.keep(found, runs_dir)
    if options.json:
        print(json.dumps(found, indent=1, allow_nan=False))
    else:
        print(f"{released.line(found)}\nkept in {file}")
    return DONE


def export(options):
    from rslib.weights import export

    side = whole_pixels(options.resolution)
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
    return DONE


def data(options):
    from rslib.data import build, images, rate, survey
    from rslib.machine import cores

    counts = {name: getattr(options, name, None) for name in ("sample", "workers")}
    for name, count in counts.items():
        if count is not None and (type(count) is not int or count < 0):
            raise InputError(f"{name} is {count}; give a whole number")
    if options.kind != "check" and (type(options.side) is not int or options.side < 1):
        raise InputError(f"--side is {options.side}; give whole pixels")
    if options.kind == "build" and not options.to:
        raise InputError("--to is empty; name a folder")
    listing = images.source(options.dataset, options.data_dir)
    if options.kind == "check":
        bad = survey.survey(listing, options.sample)
        if options.dataset == "imagenet":
            print(images.imagenet_counts(*map(len, listing[:2])))
        print(f"{bad} images can not be read" if bad else "all that was decoded can be read")
        return BAD_INPUT if bad else DONE
    if options.kind == "bench":
        workers = cores() - 1 if options.workers is None else options.workers
        rate.rate(listing, options.side, workers, options.sample)
        return DONE
    out = paths.expanded(options.to)
    built = build.build(listing, out, options.side, cache_dir=paths.runs_dir())
    remedy = f"dataset folder and data_dir {out}"
    if options.dataset == "imagenet":
        remedy = f"dataset imagenet, and data_dir or RSLIB_DATA {out}"
    print(f"{len(built['shards'])} shards in {out}; train on them with {remedy}")
    return DONE


def whole_pixels(given):
    if given is not None and (type(given) is not int or given < 1):
        raise InputError(f"resolution is {given}; give whole pixels")
    return given


def record(options):
    from rslib.evidence import devices, released, results
    from rslib.recipes.studies import STUDIES

    known = {devices.FOLDER: devices.record, released.FOLDER: released.record}
    known |= {name: lambda folder: results.record(options.study, folder) for name in STUDIES}
    if options.study not in known:
        raise InputError(f"no study {options.study!r}{suggest(options.study, known)}")
    new = known[options.study](paths.runs_dir(options.runs_dir))
    print(f"{new} new results")
    return DONE


def render(options):
    from rslib.report.render import render

    render(options.names)
    return DONE


def fail_with(error):
    """Errors whose classes need torch are only looked for once torch is there."""
    import torch

    from rslib import machine
    from rslib.running import processes
    from rslib.training import checkpoint, engine

    if isinstance(error, torch.OutOfMemoryError):
        return fail(
            "the GPU's memory is full; take a larger one, or lower optim.micro_batch in "
            "rslib/recipes (which makes it another recipe)",
            BAD_INPUT,
        )
    if isinstance(error, checkpoint.CannotSave):
        return fail(error, BAD_INPUT)
    if isinstance(error, machine.Held | engine.Preempted):
        return fail(error, STOPPED)
    if isinstance(error, processes.Stopped):
        return fail(error, error.code)
    traceback.print_exc()
    return fail("this is a bug; please report the lines above", BUG)


def fail(message, code):
    print(f"rslib: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
