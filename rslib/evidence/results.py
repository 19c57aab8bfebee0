"""The store: one immutable JSON file a run. Needs neither torch nor data, so pages build anywhere.

A run in progress lives in ``runs/<study>/<run_id>/attempt-<k>/``; its result.json is written once,
at the end. ``record`` copies it to ``data/results/<study>/``, which is committed.
"""

import base64
import json
import re

import numpy as np

from rslib import paths
from rslib.atomic import write_atomically
from rslib.config import InputError

SCHEMA = 1
STATUSES = ("complete", "diverged")
RUN_ID = re.compile(r"[a-z0-9-]+-[0-9a-f]{10}-s[0-9]+")
FIELDS = {
    "schema": int,
    "study": str,
    "row": str,
    "run_id": str,
    "attempt": int,
    "status": str,
    "scale": str,
    "recipe": dict,
    "recipe_sha256": str,
    "seed": int,
    "metrics": dict,
    "history": list,
    "protocol": dict,
    "data": dict,
    "environment": dict,
    "sessions": list,
    "timing": dict,
    "weights_sha256": str,
    "started": str,
    "ended": str,
}
# what tables and headlines read
PROTOCOL = {"id", "model", "resolution", "images", "train_images", "long_epochs", "own_epochs"}

SESSION = {"code", "dirty", "device_name", "precision"}


def validate(result, source):
    """Raise InputError, naming source, unless result has the schema's fields and honest counts."""
    if not isinstance(result, dict):
        raise InputError(f"{source} is no result")
    for name, kind in FIELDS.items():
        if not isinstance(result.get(name), kind):
            raise InputError(f"{source}: field {name!r} is missing or no {kind.__name__}")
    if missing := PROTOCOL - result["protocol"].keys():
        raise InputError(f"{source}: protocol lacks {', '.join(sorted(missing))}")
    for session in result["sessions"]:
        if missing := SESSION - session.keys():
            raise InputError(f"{source}: a session lacks {', '.join(sorted(missing))}")
    if result["schema"] != SCHEMA or result["status"] not in STATUSES:
        raise InputError(f"{source}: schema {result['schema']}, status {result['status']!r}")
    if not RUN_ID.fullmatch(result["run_id"]):
        raise InputError(f"{source}: run_id {result['run_id']!r}")
    if (result["status"] == "complete") != bool(result["metrics"]):
        raise InputError(f"{source}: a run has metrics if, and only if, it is complete")
    for both in result["metrics"].values():
        for counts in both.values():
            if not 0 <= counts["correct"] <= counts["n"]:
                raise InputError(f"{source}: {counts['correct']} correct of {counts['n']}")
    return result


def write(path, result):
    """Strict JSON (no NaN), atomically; an existing file is never replaced."""
    validate(result, path.name)
    if path.exists():
        raise InputError(f"{path} exists; results are immutable")
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, allow_nan=False) + "\n"
    write_atomically(path, text.encode())


def read(path):
    def refuse(constant):
        raise InputError(f"{path}: {constant} is no JSON number")

    try:
        result = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is no JSON ({error}); restore or remove it") from error
    return validate(result, path)


def recorded(study):
    """All committed results of a study, in the order of their file names."""
    return [read(path) for path in sorted((paths.RESULTS / study).glob("*.json"))]


def find(study, run_id, runs_dir):
    """The result that counts for a run: as recorded, else the first attempt that is fit to be.

    Else the first that has ended, else None. Trying again never replaces a number by a nicer one.
    """
    stored = paths.RESULTS / study / f"{run_id}.json"
    if stored.exists():
        return read(stored)
    ended = [read(path) for path in attempts(study, run_id, runs_dir) if path.exists()]
    return next((result for result in ended if not unfit(result)), ended[0] if ended else None)


def attempts(study, run_id, runs_dir):
    """Where the results of a run's attempts are, or will be, oldest first."""
    folders = (runs_dir / study / run_id).glob("attempt-*")
    numbered = [f for f in folders if f.name[8:].isdecimal()]
    return [f / "result.json" for f in sorted(numbered, key=lambda f: int(f.name[8:]))]


def ended(study, run_id, runs_dir):
    """How many attempts at a run have ended; a recorded result was the first, wherever it ran."""
    there = [path.parent.name for path in attempts(study, run_id, runs_dir) if path.exists()]
    recorded = (paths.RESULTS / study / f"{run_id}.json").exists()
    return len(there) + int(recorded and "attempt-1" not in there)


def record(study, runs_dir, report=print):
    """Copy every finished run of a study to data/results; return how many were new.

    Left out, with the reason, is what `unfit` says is no evidence. Raises InputError if there are
    no runs of that study.
    """
    if not (runs_dir / study).is_dir():
        raise InputError(f"no runs of {study!r} in {runs_dir}; python -m rslib run trains them")
    new = 0
    for folder in sorted(f for f in (runs_dir / study).iterdir() if RUN_ID.fullmatch(f.name)):
        target = paths.RESULTS / study / f"{folder.name}.json"
        result = find(study, folder.name, runs_dir)
        if target.exists() or result is None:
            continue
        reason = unfit(result)
        if reason:
            report(f"left out {result['run_id']}: {reason}")
            continue
        write(target, result)
        report(f"recorded {target.relative_to(paths.ROOT)}")
        new += 1
    return new


def unfit(result):
    """Why a result is no evidence, or an empty string."""
    sessions = result["sessions"]
    if result["scale"] == "smoke":
        return "smoke scale shows that the path works"
    if not result["seed"]:
        return "seed 0 is a pilot's, by which a scale is chosen"
    epochs, own = result["protocol"]["long_epochs"], result["protocol"]["own_epochs"]
    if epochs != own:
        return f"{epochs} epochs, not the scale's own {own}, show that the path works"
    if any(session["dirty"] for session in sessions):
        return "the code was not committed; commit, then train with reuse=False"
    if len({(session["code"], session["device_name"]) for session in sessions}) > 1:
        return "code or device changed between the sessions of the run"
    return ""


def right_images(counts):
    """Which images of a split a model got right, from the counts of a result: (n,) of bool."""
    packed = np.frombuffer(base64.b64decode(counts["bits"]), np.uint8)
    return np.unpackbits(packed, count=counts["n"]).astype(bool)
