"""Does `rslib profile` measure what another stopwatch measures, and how long does it take?

    .venv/bin/python bench/profile_overhead.py [rounds, at least 2]

In turn: the command itself for ResNet-RS-50 at 160 pixels, a process of its own as anybody would
start it; and timm's network of the same name in a bare loop, timed by torch.utils.benchmark, which
shares no code with it. Both take a batch of 4 on all cores. Times are those of 128 images.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from measure import compared, main

ROOT = Path(__file__).resolve().parent.parent
MODEL, SIDE, BATCH = "resnet_rs_50", 160, 4


def by_the_command():
    """(seconds for 128 images, seconds of the whole command)."""
    words = [sys.executable, "-m", "rslib", "profile", MODEL, "--resolution", str(SIDE)]
    begin = time.perf_counter()
    done = subprocess.run([*words, "--device", "cpu", "--json"], capture_output=True, cwd=ROOT)
    whole = time.perf_counter() - begin
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    (found,) = json.loads(done.stdout)["measured"]
    assert found["images"] == BATCH
    return 128 / BATCH * median(found["block_seconds"]), whole


BARE = """
import timm, torch
from torch.utils.benchmark import Timer
torch.set_num_threads({threads})
model = timm.create_model("resnetrs50").to(memory_format=torch.channels_last).train()
average = timm.utils.ModelEmaV2(model)
sgd = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, nesterov=True, fused=True)
loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
images = torch.randn({batch}, 3, {side}, {side}).to(memory_format=torch.channels_last)
labels = torch.randint(0, 1000, ({batch},))

def step():
    sgd.zero_grad()
    loss_of(model(images), labels).backward()
    sgd.step()
    average.update(model)

step()
timer = Timer("step()", globals=dict(step=step), num_threads={threads})
print(timer.blocked_autorange(min_run_time=10).median)
"""


def by_another_stopwatch():
    """Seconds for 128 images, in a process of its own."""
    program = BARE.format(threads=len(os.sched_getaffinity(0)), batch=BATCH, side=SIDE)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return 128 / BATCH * float(done.stdout)


def bench(rounds=3):
    ours, theirs, whole = [], [], []
    for _ in range(rounds):
        seconds, command = by_the_command()
        ours.append(seconds)
        whole.append(command)
        theirs.append(by_another_stopwatch())
    about = {"what": "latency of ResNet-RS-50, 128 images", "rounds": rounds}
    about |= {"ours": "python -m rslib profile", "peer": "timm by torch.utils.benchmark"}
    about["goal"] = f"1; the command ≤ 60 s, took {median(whole):.0f} s"
    return [about | {"wall": compared(ours, theirs)}]


if __name__ == "__main__":
    main(bench)
