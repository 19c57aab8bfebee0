"""How far a study is: its folder of runs, read by any process at any time, and left as it is.

`plan.json` there names what was asked for last, with the seconds that each run would take. All else
is in the runs' own folders: a result, a history, a lock that somebody holds.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rslib.atomic import write_atomically
from rslib.config import InputError
from rslib.evidence import results
from rslib.system import lease
from rslib.training import history
from rslib.training.clock import duration

PLAN, LOCK = "plan.json", "lock"
DONE, DIVERGED, RUNNING, STOPPED, WAITING = "done", "diverged", "running", "stopped", "waiting"
SILENT = "silent"  # held from another machine, which gives no sign of life
ENDED = (DONE, DIVERGED)


@dataclass(frozen=True)
class Progress:
    """Of one run. epoch: the last one that ended, of epochs in all; seconds: of the whole run, by
    the estimate before it began, None where none was made."""

    run_id: str
    state: str
    epoch: int = 0
    epochs: int = 0
    seconds: float | None = None

    @property
    def left(self) -> float | None:
        """Seconds of training that are left of an unfinished run, by that estimate."""
        if self.seconds is None:
            return None
        return self.seconds * (1 - self.epoch / max(1, self.epochs))


def note(plan, seconds: dict[str, float], processes: int) -> None:
    """Keep what is asked for. seconds: of the runs that are to be trained."""
    runs = {
        job.run_id: {"epochs": job.row.recipe.optim.epochs, "seconds": seconds.get(job.run_id)}
        for job in plan.jobs
    }
    for study in {job.study for job in plan.jobs}:
        (plan.runs_dir / study).mkdir(parents=True, exist_ok=True)
        held = json.dumps({"processes": processes, "runs": runs}, indent=1) + "\n"
        write_atomically(plan.runs_dir / study / PLAN, held.encode())


def of(study: str, runs_dir: Path, patient: bool = False) -> tuple[list[Progress], int]:
    """(all runs of the plan, else of the folder; how many processes train at once).

    patient: wait for a sign of life of runs that are held from other machines. Raises InputError
    where there is no such folder.
    """
    folder = runs_dir / study
    if not folder.is_dir():
        raise InputError(f"no runs in {folder}; rslib run {study} makes some")
    planned: dict[str, Any] = {"processes": 1, "runs": {}}
    if (folder / PLAN).exists():
        planned = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    there = (each.name for each in sorted(folder.iterdir()))
    names = planned["runs"] or {name: {} for name in there if results.RUN_ID.fullmatch(name)}
    found = [progress(study, run_id, runs_dir, about) for run_id, about in names.items()]
    if patient:
        places = {folder / run.run_id / LOCK: run for run in found if run.state == RUNNING}
        quiet = [places[place] for place in lease.silent(places)]
        found = [replace(run, state=SILENT) if run in quiet else run for run in found]
    return found, planned["processes"]


def progress(study: str, run_id: str, runs_dir: Path, about: dict[str, Any]) -> Progress:
    """about: of the plan, "epochs" and "seconds", if there is one."""
    epochs, seconds = about.get("epochs", 0), about.get("seconds")
    if result := results.find(study, run_id, runs_dir):
        state = DIVERGED if result["status"] == "diverged" else DONE
        return Progress(run_id, state, epochs, epochs, seconds)
    attempts = results.attempts(study, run_id, runs_dir)
    if not attempts:
        return Progress(run_id, WAITING, 0, epochs, seconds)
    attempt = attempts[-1].parent
    lines = history.read(attempt) if (attempt / history.NAME).exists() else []
    state = RUNNING if lease.holder_of(runs_dir / study / run_id / LOCK) else STOPPED
    return Progress(run_id, state, lines[-1]["epoch"] if lines else 0, epochs, seconds)


def line(found: Sequence[Progress], processes: int) -> str:
    """All runs in one line, with the hours that are left."""
    counts = Counter(run.state for run in found)
    words = [f"{counts[DONE]} of {len(found)} runs done"]
    words += [f"{counts[state]} {state}" for state in (RUNNING, SILENT, DIVERGED) if counts[state]]
    if left := counts[WAITING] + counts[STOPPED]:
        words.append(f"{left} left")
    unfinished = [run.left for run in found if run.state not in ENDED]
    known = [seconds for seconds in unfinished if seconds is not None]
    if known and len(known) == len(unfinished):
        words.append(f"about {duration(sum(known) / processes)} (h:mm:ss) to go")
    return ", ".join(words)


def table(found: Sequence[Progress]) -> list[str]:
    """A line for each run."""
    width = max((len(run.run_id) for run in found), default=3)
    lines = [f"{'run':{width}}  state     epoch"]
    for run in found:
        epochs = f"{run.epoch} of {run.epochs}" if run.epochs else f"{run.epoch}"
        lines.append(f"{run.run_id:{width}}  {run.state:8}  {epochs}")
    return lines
