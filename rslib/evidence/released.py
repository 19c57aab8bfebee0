"""What weights that others trained reach on ImageNet here: one JSON file each. Without torch."""

import json

from rslib import paths
from rslib.atomic import write_atomically
from rslib.config import InputError

FOLDER = "weights"
IMAGENET = 50_000  # validation images
# config.sha256 of ImageNet's thousand class names, n01440764 and so on, in order
IMAGENET_CLASSES = "5e738e464c43c92037bbb4252eeb6ba2c306091861443ae7e182e28c9662324e"
NAMES = {"model", "resolution", "preprocessing", "weights", "weights_sha256", "classes_sha256"}
NAMES |= {"top1", "top5", "environment"}


def keep(found, runs_dir):
    """Write what `evaluate` found into runs_dir; the same weights again take its place."""
    file = (
        runs_dir
        / FOLDER
        / (
            f"{found['model']}-{found['resolution']}-{found['preprocessing']}-"
            f"{found['weights_sha256'][:10]}.json"
        )
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, (json.dumps(found, indent=1, allow_nan=False) + "\n").encode())
    return file


def read(file):
    try:
        found = json.loads(file.read_text())
    except json.JSONDecodeError as error:
        raise InputError(f"{file} is no JSON ({error}); restore or remove it") from error
    if not isinstance(found, dict) or not found.keys() >= NAMES:
        raise InputError(f"{file} is no evaluation of weights")
    for part in ("top1", "top5"):
        if not 0 <= found[part]["correct"] <= found[part]["n"]:
            raise InputError(f"{file}: {found[part]['correct']} correct of {found[part]['n']}")
    return found


def record(runs_dir, report=print):
    """Copy evaluations on all of ImageNet's validation images to data/results; return how many.

    One that is there is never replaced. Raises InputError if nothing was evaluated.
    """
    files = sorted((runs_dir / FOLDER).glob("*.json"))
    if not files:
        raise InputError(f"no weights are evaluated in {runs_dir}; python -m rslib evaluate does")
    new = 0
    for file in files:
        found, target = read(file), paths.RESULTS / FOLDER / file.name
        if target.exists():
            continue
        if reason := unfit(found):
            report(f"left out {file.stem}: {reason}")
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, file.read_bytes())
        report(f"recorded {target.relative_to(paths.ROOT)}")
        new += 1
    return new


def unfit(found):
    """Why an evaluation may not stand beside the paper's; empty if it may."""
    if (found["classes_sha256"], found["top1"]["n"]) != (IMAGENET_CLASSES, IMAGENET):
        return "not all of ImageNet's validation images"
    return "the code was not committed" if found["environment"]["dirty"] else ""


def recorded():
    """All committed evaluations, in the order of their file names."""
    return [read(file) for file in sorted((paths.RESULTS / FOLDER).glob("*.json"))]


def percent(found, part="top1"):
    return 100 * found[part]["correct"] / found[part]["n"]


def line(found):
    return (
        f"{found['model']} at {found['resolution']} px, {found['preprocessing']} preprocessing: "
        f"top-1 {percent(found):.2f} %, top-5 {percent(found, 'top5'):.2f} % of "
        f"{found['top1']['n']:,} images"
    )
