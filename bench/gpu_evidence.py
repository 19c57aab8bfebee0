"""Table 1's contrast cells on one GPU, then Table 6's rows: a step of `bench/gpu.py`.

Runs of Table 1 are trained side by side: first a few seconds of training by 1, 4, 8 and 12
processes at once say how many do most together. All rows of seed 1 come first. Then videos are
trained, one run after the other. Shortly before its time is up the step tells them to stop: each
saves a checkpoint, and the next call goes on from there.
"""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent
ROWS = ("cosine", "short-regularized", "epochs", "long-lower-decay", "dropout", "weight-decay")
SEEDS = {"table1": 5, "table6": 6}  # runs a row: as many as the claims promise
SMALL = {"table1": ["cosine", "short-regularized"], "table6": ["baseline"]}  # of the miniature
COUNTS = (1, 4, 8, 12)  # of processes that are tried
PACED = 3.0  # seconds of training by each number of processes
WORTH = 1.03  # times as many steps a second that more processes must do
ENDLESS = 10_000  # epochs: no machine gets to the end of them while it is paced
LEAVING = 0.06  # of the step's time, in which processes save and leave; at least 3 s


def main(asked):
    from rslib.machine import code_version
    from rslib.running import runs

    begin = time.monotonic()
    if not asked.data_dir:
        print("no --data-dir: trained on the embedded images, which makes this a trial")
    leaving = max(3.0, LEAVING * asked.seconds)
    for study, count in (("table1", pace(asked)["processes"]), ("table6", 1)):
        drop_unfinished(asked.out / study, code_version()["code"])
        params = parameters(asked, study)
        plan = runs.plan(study, params, say)
        ended = plan.results()
        pending = sorted((j for j in plan.jobs if j.run_id not in ended), key=lambda job: job.seed)
        say(f"{study}: {len(ended)} of {len(plan.jobs)} runs have ended; {count} processes train")
        code = train(plan, pending, params, count, asked.until - leaving)
        found = plan.results()
        say(f"{len(found)} of {len(plan.jobs)} runs have ended, {time.monotonic() - begin:.0f} s")
        if code:
            return code
    return 0


def say(line):
    print(line, flush=True)


def parameters(asked, study):
    from rslib.running.params import Params

    about = {"device": asked.device, "runs_dir": str(asked.out)}
    about["data_dir"] = asked.data_dir if study == "table1" else ""
    if asked.miniature:
        return Params(scale="smoke", seeds=1, rows=SMALL[study], workers=0, **about)
    rows = list(ROWS) if study == "table1" else []
    return Params(scale="gpu", seeds=SEEDS[study], rows=rows, workers=1, **about)


def train(plan, pending, params, count, until):
    """Hand out the runs, in their order, to so many processes. Returns an exit code."""
    from gpu_steps import DONE, LEFT

    from rslib.running import processes
    from rslib.training import engine

    if not pending:
        return DONE
    seconds = until - time.monotonic()
    if seconds <= 0:
        return LEFT
    alarm = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM))
    alarm.daemon = True
    alarm.start()
    try:
        processes.share_out(plan, pending, params, min(count, len(pending)), say)
        return DONE
    except engine.Preempted:
        return LEFT
    except processes.Stopped as error:
        say(f"rslib: {error}")
        return error.code
    finally:
        alarm.cancel()


def drop_unfinished(folder, code):
    """Remove checkpoints of other code: a run that two codes trained would be no evidence."""
    note = folder / "code"
    note.parent.mkdir(parents=True, exist_ok=True)
    if note.exists() and note.read_text(encoding="utf-8") != str(code):
        for attempt in note.parent.glob("*/attempt-*"):
            if not (attempt / "result.json").exists():
                say(f"{attempt.parent.name} was begun by other code and is begun again")
                shutil.rmtree(attempt)
    note.write_text(str(code), encoding="utf-8")


def pace(asked):
    """{"processes": how many train fastest together, "steps_per_second": {how many: in all}}."""
    from gpu_steps import write_json

    file = asked.out / "pace.json"
    if file.exists():
        return json.loads(file.read_text(encoding="utf-8"))
    counts, seconds = ((1, 2), 1.0) if asked.miniature else (COUNTS, PACED)
    words = [sys.executable, __file__, json.dumps({"device": asked.device})]
    children = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(max(counts))
    ]
    try:
        for child in children:
            answer(child)  # it is ready
        found = {}
        for count in counts:
            for child in children[:count]:
                child.stdin.write(f"{seconds}\n")
                child.stdin.flush()
            found[count] = round(sum(float(answer(child)) for child in children[:count]), 2)
            say(f"{count} processes: {found[count]:.1f} steps a second in all")
    finally:
        for child in children:
            child.terminate()
            child.wait()
    paced = {"processes": best(found), "steps_per_second": found, "miniature": asked.miniature}
    write_json(file, paced)
    return paced


def answer(child):
    line = child.stdout.readline()
    if not line:
        raise RuntimeError(f"a process that was to train ended with code {child.wait()}")
    return line


def best(found):
    """The smallest number of processes that more of them do not beat by WORTH."""
    chosen, *others = sorted(found)
    for count in others:
        if found[count] >= WORTH * found[chosen]:
            chosen = count
    return chosen


def keep_pace(device):
    """Train when asked to, for so many seconds; print steps a second. Images are random."""
    import tempfile

    import torch

    from rslib.training import engine

    task, recipe = made_up(device)
    ignite = SimpleNamespace(state=SimpleNamespace(iteration=0))
    with tempfile.TemporaryDirectory() as folder:
        run = engine.Run(task, recipe, Path(folder), 1, torch.device(device), say, lambda: False)
    items = run.steps_left()

    def step():
        ignite.state.iteration += 1
        run.step(ignite, next(items))
        if ignite.state.iteration % 10 == 0:
            run.loss_sum.item()  # waits for the device, which else would run ahead for long

    for _ in range(10):
        step()
    say("ready")
    for line in sys.stdin:
        begin, before = time.monotonic(), ignite.state.iteration
        while time.monotonic() - begin < float(line):
            step()
        run.loss_sum.item()
        say((ignite.state.iteration - before) / (time.monotonic() - begin))


def made_up(device):
    """(task, recipe) of the row that has most to do, on random images of the scale's size."""
    import numpy as np
    import torch

    from rslib.data.images import Images, ImageSet
    from rslib.recipes.additive import TABLE_1
    from rslib.recipes.scales import at_scale
    from rslib.tasks.classify import Classify

    (row,) = TABLE_1.select(["dropout"])
    recipe = at_scale(row, "gpu" if device == "cuda" else "smoke").recipe
    optim = dataclasses.replace(recipe.optim, epochs=ENDLESS)  # a fast machine asks for many steps
    recipe = dataclasses.replace(recipe, optim=optim)
    count, side = recipe.data.train_images, recipe.data.resolution
    pixels = list(torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8))
    images = Images([str(i) for i in range(count)], np.arange(count) % 10, pixels)
    images = ImageSet(images, images, images, list(range(10)), {})
    gpu = torch.device(device) if device == "cuda" else None
    return Classify(recipe, images, workers=1 if gpu else 0, device=gpu), recipe


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    keep_pace(**json.loads(sys.argv[1]))
