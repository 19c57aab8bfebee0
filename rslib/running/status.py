"""How far a study is: its folder of runs, read by any process at any time, and left as it is.

`plan.json` there names what was asked for last, and what was asked for before and has not ended,
with the seconds that each run would take. All else is in the runs' own folders: a result, a
history, why it failed, a lock that somebody holds.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rslib.atomic import write_atomically
from rslib.config import InputError
from rslib.evidence import results
from rslib.system import faults, lease
from rslib.training import history
from rslib.training.clock import duration

PLAN, LOCK = "plan.json", "lock"
WHY = "failed.txt"  # in an attempt's folder: a line of why its last try failed
HOUR = 3600.0  # seconds after which a command says again how far its runs are
DONE, DIVERGED, RUNNING, STOPPED, WAITING = "done", "diverged", "running", "stopped", "waiting"
SILENT = "silent"  # held from another machine, which gives no sign of life
FAILED = "failed"  # by an error; the same command tries it again
ENDED = (DONE, DIVERGED)


@dataclass(frozen=True)
class Progress:
    """Of one run. epoch: the last one that ended, of epochs in all; seconds: of the whole run, by
    the estimate before it began, None where none was made; why: a line about a run that failed."""

    run_id: str
    state: str
    epoch: int = 0
    epochs: int = 0
    seconds: float | None = None
    why: str = ""

    @property
    def left(self) -> float | None:
        """Seconds of training that are left of an unfinished run, by that estimate."""
        if self.seconds is None:
            return None
        return self.seconds * (1 - self.epoch / max(1, self.epochs))


def why(error: BaseException) -> str:
    """A line about what a run failed by."""
    if found := faults.explained(error):
        return found[0]
    said = next(iter(faults.one_line(error).strip().splitlines()), "no message")
    return said if isinstance(error, InputError) else f"{type(error).__name__}: {said}"


def fail(attempt: Path, error: BaseException) -> None:
    """Keep in an attempt's folder why its try failed."""
    with suppress(OSError):  # on a full disk; the error itself is raised and told all the same
        attempt.mkdir(parents=True, exist_ok=True)
        (attempt / WHY).write_text(why(error) + "\n", encoding="utf-8", errors="replace")


def begin(attempt: Path) -> None:
    """A new try of an attempt begins: why the one before it failed is over."""
    (attempt / WHY).unlink(missing_ok=True)


def note(plan, seconds: dict[str, float], processes: int) -> None:
    """Keep what is asked for, beside what has not ended of that before.

    seconds: of the runs that are to be trained.
    """
    runs = {
        job.run_id: {"epochs": job.row.recipe.optim.epochs, "seconds": seconds.get(job.run_id)}
        for job in plan.jobs
    }
    for study in {job.study for job in plan.jobs}:
        folder = plan.runs_dir / study
        folder.mkdir(parents=True, exist_ok=True)
        before = planned(folder)["runs"]
        left = {
            run_id: about
            for run_id, about in before.items()
            if run_id not in runs and not results.ended(study, run_id, plan.runs_dir)
        }
        held = json.dumps({"processes": processes, "runs": left | runs}, indent=1) + "\n"
        write_atomically(folder / PLAN, held.encode())


def planned(folder: Path) -> dict[str, Any]:
    """{"processes", "runs"}, of a study's folder. Raises InputError for a damaged file."""
    file = folder / PLAN
    if not file.exists():
        return {"processes": 1, "runs": {}}
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{file} is damaged ({error}); remove it") from error


def of(
    study: str, runs_dir: Path, patient: bool = False, only: Collection[str] = ()
) -> tuple[list[Progress], int]:
    """(all runs of the plan, else of the folder; how many processes train at once).

    only: these runs of them, by id; none means all. patient: wait for a sign of life of runs that
    are held from other machines. Raises InputError where there is no such folder.
    """
    folder = runs_dir / study
    if not folder.is_dir():
        raise InputError(f"no runs in {folder}; rslib run {study} makes some")
    held = planned(folder)
    there = (each.name for each in sorted(folder.iterdir()))
    names = held["runs"] or {name: {} for name in there if results.RUN_ID.fullmatch(name)}
    names = {name: about for name, about in names.items() if not only or name in only}
    found = [progress(study, run_id, runs_dir, about) for run_id, about in names.items()]
    if patient:
        places = {folder / run.run_id / LOCK: run for run in found if run.state == RUNNING}
        quiet = [places[place] for place in lease.silent(places)]
        found = [replace(run, state=SILENT) if run in quiet else run for run in found]
    at_once = sum(run.state == RUNNING for run in found)  # of two commands, more than one started
    return found, max(held["processes"], at_once)


def progress(study: str, run_id: str, runs_dir: Path, about: dict[str, Any]) -> Progress:
    """about: of the plan, "epochs" and "seconds", if there is one."""
    epochs, seconds = about.get("epochs", 0), about.get("seconds")
    try:
        result = results.find(study, run_id, runs_dir)
    except InputError as error:  # a damaged file of one run hides no other
        return Progress(run_id, FAILED, 0, epochs, seconds, str(error))
    if result:
        state = DIVERGED if result["status"] == "diverged" else DONE
        return Progress(run_id, state, epochs, epochs, seconds)
    attempts = results.attempts(study, run_id, runs_dir)
    if not attempts:
        return Progress(run_id, WAITING, 0, epochs, seconds)
    attempt = attempts[-1].parent
    lines = history.read(attempt) if (attempt / history.NAME).exists() else []
    epoch = lines[-1]["epoch"] if lines else 0
    if lease.holder_of(runs_dir / study / run_id / LOCK):
        return Progress(run_id, RUNNING, epoch, epochs, seconds)
    if (attempt / WHY).exists():
        said = (attempt / WHY).read_text(encoding="utf-8").strip()
        return Progress(run_id, FAILED, epoch, epochs, seconds, said)
    return Progress(run_id, STOPPED, epoch, epochs, seconds)


def line(found: Sequence[Progress], processes: int) -> str:
    """All runs in one line, with the hours that are left, of what has not failed."""
    counts = Counter(run.state for run in found)
    words = [f"{counts[DONE]} of {len(found)} runs done"]
    others = (RUNNING, SILENT, DIVERGED, FAILED)
    words += [f"{counts[state]} {state}" for state in others if counts[state]]
    if left := counts[WAITING] + counts[STOPPED]:
        words.append(f"{left} left")
    unfinished = [run.left for run in found if run.state not in (*ENDED, FAILED)]
    known = [seconds for seconds in unfinished if seconds is not None]
    if known and len(known) == len(unfinished):
        words.append(f"about {duration(sum(known) / processes)} (h:mm:ss) to go")
    return ", ".join(words)


def table(found: Sequence[Progress]) -> list[str]:
    """A line for each run; why it failed at its end."""
    width = max((len(run.run_id) for run in found), default=3)
    lines = [f"{'run':{width}}  state     epoch"]
    for run in found:
        epochs = f"{run.epoch} of {run.epochs}" if run.epochs else f"{run.epoch}"
        words = f"{run.run_id:{width}}  {run.state:8}  {epochs}"
        lines.append(f"{words}  {run.why}" if run.why else words)
    return lines


class Hourly:
    """How far the runs of a command are: told after each run, and in long ones about every hour."""

    def __init__(self, plan, report: Callable[[str], None]) -> None:
        self.plan, self.report = plan, report
        self.last = time.monotonic()

    def tell(self) -> None:
        self.last = time.monotonic()
        names = {job.run_id for job in self.plan.jobs}
        self.report(line(*of(self.plan.jobs[0].study, self.plan.runs_dir, only=names)))

    def look(self) -> None:
        """Tell it if that is an hour ago; asked as often as one likes."""
        if time.monotonic() - self.last >= HOUR:
            self.tell()
