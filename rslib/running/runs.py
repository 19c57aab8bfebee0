"""Load or train: a finished run is never trained twice, and no two processes train the same one."""

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from rslib import config, paths, tasks
from rslib.config import InputError
from rslib.evidence import results
from rslib.machine import Held, choose_device, claim, code_version, cores, session, usable
from rslib.recipes import Row
from rslib.recipes.studies import STUDIES, TRAINED
from rslib.running import status
from rslib.running.params import Params
from rslib.running.provenance import compare, describe
from rslib.system import commit
from rslib.tasks import Opened, Task
from rslib.training import distributed, engine


@dataclass(frozen=True)
class Job:
    """One training run: a recipe, a seed and the data. Rows with equal recipes share it."""

    study: str
    scale: str
    row: Row
    seed: int
    data: Opened  # as the task opened them
    images: str  # what to call them: the data set, or the name of the folder
    run_id: str
    long_epochs: int  # of the table's long schedule
    protocol_id: str  # equal for all rows of one table
    start: Mapping | None = None  # tensors that training begins with, by name; None: random ones


@dataclass(frozen=True)
class Plan:
    study: str
    scale: str
    why: str  # how the scale was chosen, one line
    rows: list
    jobs: list
    device: str
    runs_dir: Path

    def results(self):
        """{run_id: result} of all jobs that have ended."""
        found = {j.run_id: results.find(j.study, j.run_id, self.runs_dir) for j in self.jobs}
        return {run_id: result for run_id, result in found.items() if result}


def plan(study_name, params, report=print):
    """Everything the parameters ask for, checked, before anything is trained."""
    if code_version()["dirty"]:  # of the code that this process has just loaded
        commit.why_dirty()
    study = trained_study(study_name)
    study.select(params.rows)  # a misspelt row ends here
    task = tasks.of(study.rows[0].recipe)  # rows of one table train one task
    # a cluster may have the GPUs that this machine lacks
    far = params.executor == "ray" and params.device == "cuda"
    device = "cuda" if far else choose_device(params.device)
    scale, why = choose_scale(params, task, device)
    study = study.at(scale)
    wanted = study.select(params.rows)
    dataset = task.choose_dataset(scale, params.dataset, params.data_dir)
    runs_dir = usable(paths.runs_dir(params.runs_dir))
    source = task.source(dataset, params.data_dir, runs_dir, report)
    options = {"epochs": params.epochs, "dataset": dataset, "available": task.available(source)}
    blocks: tuple = (None,)
    if study.blocked and scale != "paper":
        blocks, source = params.numbers, task.decoded(source, report)
    elif not params.seeds:
        raise InputError(
            f"seeds 0 is a pilot; {study_name} at {scale} scale has none: give 1 or more"
        )
    scaled = {
        (row.id, block): task.at_scale(row, scale, **options, block=block)
        for block in blocks
        for row in (*study.rows, *study.cells)
    }
    opened = {}
    for row in scaled.values():
        if row.recipe.data not in opened:
            opened[row.recipe.data] = task.open(row.recipe, source, runs_dir, report)
    images = Path(params.data_dir).resolve().name if dataset == "folder" else dataset
    jobs = _jobs(study, scale, scaled, wanted, opened, images, params)
    rows = [scaled[row.id, blocks[0]] for row in wanted]
    return Plan(study_name, scale, why, rows, jobs, device, runs_dir)


def trained_study(name):
    """The study of that name. Raises InputError where there is none that is trained."""
    if name in STUDIES and name not in TRAINED:
        raise InputError(f"{name} is measured, not trained: python -m rslib profile {name}")
    if name not in TRAINED:
        raise InputError(f"no study {name!r}{config.suggest(name, TRAINED)}")
    return TRAINED[name]


def _jobs(study, scale, scaled, rows, opened, images, params):
    """One Job for each run that the rows need, row by row; in blocks, block by block.

    scaled: {(row id, block): row}; block None stands for all seeds of what is not in blocks.
    """
    keys = {
        id: config.key(row.recipe, opened[row.recipe.data].manifest["sha256"])
        for id, row in scaled.items()
    }
    long_epochs = params.epochs or tasks.of(rows[0].recipe).own_epochs(scale)
    in_blocks = (rows[0].id, None) not in scaled
    # results may share a table if the whole table was made by the same rule
    about = [keys[row.id, None] for row in study.rows] if not in_blocks else ["blocks", scale]
    if in_blocks:
        about += [] if params.seeds else ["pilot"]
        about.append(next(iter(opened.values())).manifest["held_out"])
    protocol_id = config.sha256([about, long_epochs])[:8]
    order = [(row, seed) for row in rows for seed in params.numbers]
    if in_blocks:  # so that what is stopped early has whole blocks
        order.sort(key=lambda pair: pair[1])
    jobs = {}
    for row, seed in order:
        id = row.id, seed if in_blocks else None
        run_id = f"{study.run_as(row)}-{keys[id]}-s{seed}"
        jobs[run_id] = Job(
            study=study.folder,
            scale=scale,
            row=scaled[id],
            seed=seed,
            data=opened[scaled[id].recipe.data],
            images=images,
            run_id=run_id,
            long_epochs=long_epochs,
            protocol_id=protocol_id,
        )
    return list(jobs.values())


def choose_scale(params: Params, task: type[Task], device: str) -> tuple[str, str]:
    """(scale, why): the one asked for, else what machine and data allow."""
    if params.scale != "auto":
        return params.scale, "as asked"
    found = task.papers_data(params.dataset, params.data_dir)
    if device == "cuda" and found:
        return "paper", f"a CUDA GPU, and {task.PAPERS_DATA} at {found}"
    if device == "cuda":
        return "gpu", f"a CUDA GPU, but no {task.PAPERS_DATA} (set data_dir or RSLIB_DATA)"
    return "laptop", "no CUDA GPU"


def run(
    job,
    device,
    runs_dir,
    *,
    reuse=True,
    workers=None,
    may_compile=False,
    report=print,
    stop=lambda: False,
    tracker="",
    wait=0.0,
    attempts=None,
):
    """The job's result: the stored one, or trained now; reuse=False always trains a new attempt,
    unless as many as `attempts` have ended.

    may_compile, tracker: as for `rslib.training.engine.fit`. wait: seconds for another process that
    trains it. Raises machine.Held, engine.Preempted and checkpoint.CannotSave. A run that diverges
    returns a result with that status and no metrics.
    """

    def enough():
        if reuse:
            return stored
        return attempts and results.ended(job.study, job.run_id, runs_dir) >= attempts

    stored = results.find(job.study, job.run_id, runs_dir)
    if enough():
        return stored
    place, what = runs_dir / job.study / job.run_id / "lock", f"{job.run_id} is being trained"
    with claim(place, what, report, wait) as lease:
        stored = results.find(job.study, job.run_id, runs_dir)
        if enough():  # it ended while we waited for nothing
            return stored
        file = next_attempt(job, runs_dir)

        def stopped():
            if lease.lost:  # before another checkpoint is written beside that of the new holder
                lease.check()
            return stop()

        options = {"may_compile": may_compile, "stop": stopped, "tracker": tracker}
        with noted(file.parent):
            result = train(job, device, file, workers, report, lease.check, **options)
    if stored:
        seeds = [
            r
            for r in results.recorded(job.study)
            if r["recipe_sha256"] == result["recipe_sha256"]
            and r["data"]["sha256"] == result["data"]["sha256"]
        ]
        report(compare(stored, result, seeds))
    return result


@contextmanager
def noted(attempt):
    """A try at a run: why it fails, if it does, stays in the attempt's folder until the next."""
    status.begin(attempt)
    try:
        yield
    except Exception as error:
        if not (isinstance(error, Held | engine.Preempted) or distributed.of_others(error)):
            status.fail(attempt, error)
        raise


def next_attempt(job, runs_dir):
    """The result file of the unfinished attempt, else of a new one."""
    files = results.attempts(job.study, job.run_id, runs_dir)
    if files and not files[-1].exists():
        return files[-1]
    last = int(files[-1].parent.name[8:]) if files else 0
    # what is recorded was attempt 1; no file that is there is written again
    number = max(last, results.ended(job.study, job.run_id, runs_dir)) + 1
    return runs_dir / job.study / job.run_id / f"attempt-{number}" / "result.json"


def train(job, device, result_file, workers, report, check, **options):
    """The result of a run, trained by this process and those that follow it, and written down.

    check: raises where it is no longer this process that may write.
    """
    distributed.tell(job.run_id)
    try:
        outcome = fit(job, device, result_file.parent, workers, report=report, **options)
        sessions = outcome.sessions
    except engine.Diverged as error:
        report(f"diverged: {error}")
        outcome, sessions = None, error.sessions
    result = describe(job, outcome, int(result_file.parent.name[8:]), sessions)
    check()
    results.write(result_file, result)
    return result


def fit(job, device, run_dir, workers, **options):
    """This process's part of training; its Outcome. options: as `rslib.training.engine.fit`."""
    recipe = job.row.recipe
    if workers is None:
        spare = max(0, cores() // distributed.neighbours() - 1)
        workers = min(16, spare) if device == "cuda" else 0
    gpu = torch.device(device) if device == "cuda" else None
    task = tasks.of(recipe)(recipe, job.data, workers=workers, device=gpu)
    if job.start is not None:
        task = replace(task, start=job.start)
    return engine.fit(
        task,
        recipe,
        run_dir,
        seed=job.seed,
        device=device,
        session=session(device, distributed.size()),
        **options,
    )
