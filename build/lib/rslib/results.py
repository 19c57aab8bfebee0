"""The store: one immutable JSON file a run. Needs neither torch nor data, so pages build anywhere.

A run in progress lives in ``runs/<study>/<run_id>/attempt-<k>/``; its result.json is written once,
at the end. ``record`` copies it to ``data/results/<study>/``, which is committed.
"""

import json
import subprocess

from rslib import paths
from rslib.atomic import write_atomically
from rslib.config import InputError

SCHEMA = 1
STATUSES = ("complete", "diverged")
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
    "timing": dict,
    "weights_sha256": str,
    "started": str,
    "ended": str,
}


def validate(result, source):
    """Raise InputError, naming source, unless result has the schema's fields and honest counts."""
    for name, kind in FIELDS.items():
        if not isinstance(result.get(name), kind):
            raise InputError(f"{source}: field {name!r} is missing or no {kind.__name__}")
    if result["schema"] != SCHEMA or result["status"] not in STATUSES:
        raise InputError(f"{source}: schema {result['schema']}, status {result['status']!r}")
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
        result = json.loads(path.read_text(), parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is no JSON ({error}); restore or remove it") from error
    return validate(result, path)


def recorded(study):
    """All committed results of a study, in the order of their file names."""
    return [read(path) for path in sorted((paths.RESULTS / study).glob("*.json"))]


def find(study, run_id, runs_dir):
    """The result of a run: as recorded, else the newest attempt's; None if it has not ended."""
    candidates = [
        *(paths.RESULTS / study).glob(f"{run_id}.json"),
        *reversed(attempts(study, run_id, runs_dir)),
    ]
    return next((read(path) for path in candidates if path.exists()), None)


def attempts(study, run_id, runs_dir):
    """Where the results of a run's attempts are, or will be, oldest first."""
    folders = (runs_dir / study / run_id).glob("attempt-*")
    return [f / "result.json" for f in sorted(folders, key=lambda f: int(f.name[8:]))]


def record(study, runs_dir, report=print):
    """Copy every finished run of a study to data/results; return how many were new.

    Left out, with the reason: smoke and shortened runs, which are no evidence, and runs of code
    that no commit names.
    """
    new = 0
    for path in sorted((runs_dir / study).glob("*/attempt-1/result.json")):
        result = read(path)
        reason = unfit(result)
        target = paths.RESULTS / study / f"{result['run_id']}.json"
        if target.exists():
            continue
        if reason:
            report(f"left out {result['run_id']}: {reason}")
            continue
        write(target, result)
        report(f"recorded {target.relative_to(paths.ROOT)}")
        new += 1
    return new


def unfit(result):
    """Why a result is no evidence, or an empty string."""
    if result["scale"] == "smoke":
        return "smoke scale"
    if result["protocol"]["shortened"]:
        return f"a schedule of {result['protocol']['long_epochs']} epochs is not the scale's own"
    if result["environment"]["dirty"] or not result["environment"]["commit"]:
        return "trained from code that is not committed; commit, then train anew"
    return ""


def commit():
    """(commit of the project, whether its code differs from it); (None, True) outside git."""

    def git(*words):
        command = ["git", "-C", str(paths.ROOT), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", "rslib", "data/fashion-mnist")
        return git("rev-parse", "HEAD"), bool(changed)
    except (subprocess.CalledProcessError, FileNotFoundError):
        return None, True
