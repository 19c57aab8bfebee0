"""What weights that others trained reach on images here: one JSON file each. Without torch."""

import json
import tempfile

from rslib import paths
from rslib.atomic import write_atomically
from rslib.config import InputError

FOLDER = "weights"
IMAGENET = 50_000  # validation images
# config.sha256 of ImageNet's thousand class names, n01440764 and so on, in order
IMAGENET_CLASSES = "5e738e464c43c92037bbb4252eeb6ba2c306091861443ae7e182e28c9662324e"
NAMES = {"model", "resolution", "preprocessing", "weights", "weights_sha256", "classes_sha256"}
NAMES |= {"top1", "environment"}  # newer ones have more: images_sha256, balanced, classes
LISTED = 20  # classes that are shown one by one; of more, the lowest


def ready(runs_dir):
    """Make the folder that `keep` writes into. Raises InputError where it cannot be written."""
    folder = runs_dir / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"{}")
    except OSError as error:
        raise InputError(
            f"no result could be kept in {folder} ({error.strerror}); give another --runs-dir"
        ) from error


def keep(found, runs_dir):
    """Write what `evaluate` found into runs_dir; the same weights on the same images take its
    place. Raises InputError where that cannot be written."""
    about = (found["model"], found["resolution"], found["preprocessing"])
    digests = [found[name][:10] for name in ("weights_sha256", "images_sha256") if name in found]
    file = runs_dir / FOLDER / ("-".join(map(str, (*about, *digests))) + ".json")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, (json.dumps(found, indent=1, allow_nan=False) + "\n").encode())
    except OSError as error:
        raise InputError(f"{file} cannot be written ({error.strerror}); make room") from error
    return file


def read(file):
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{file} is no JSON ({error}); restore or remove it") from error
    if not isinstance(found, dict) or not found.keys() >= NAMES:
        raise InputError(f"{file} is no evaluation of weights")
    for part in {"top1", "top5"} & found.keys():
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
    """What was reached, in one line: top-5 only where there are more classes than that."""
    shares = [f"top-1 {percent(found):.2f} %"]
    if "top5" in found:
        shares.append(f"top-5 {percent(found, 'top5'):.2f} %")
    if "balanced" in found:
        shares.append(f"balanced {100 * found['balanced']:.2f} %")
    return (
        f"{found['model']} at {found['resolution']} px, {found['preprocessing']} preprocessing: "
        f"{', '.join(shares)} of {found['top1']['n']:,} images"
    )


def by_class(found):
    """Lines on single classes: what naming the largest scores, and right ones of each."""
    alone = found.get("classes", {})
    sizes = [n for _, n in alone.values()]
    if not sizes:
        return []
    largest = max(alone, key=lambda name: alone[name][1])
    lines = []
    if len(set(sizes)) > 1:
        score = 100 * max(sizes) / sum(sizes)
        lines.append(f"naming the largest class, {largest}, for all of them scores {score:.2f} %")
    if empty := sizes.count(0):
        lines.append(f"{empty} of {len(sizes)} classes have no images; balanced is over the others")
    shown = [name for name in alone if alone[name][1]]
    if len(shown) > LISTED:
        shown = sorted(shown, key=lambda name: alone[name][0] / alone[name][1])[:LISTED]
        lines.append(f"the {LISTED} lowest of {len(alone)} classes; the file has all:")
    return lines + [f"{name}: {alone[name][0]} of {alone[name][1]} right" for name in shown]
