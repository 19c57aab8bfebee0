"""What the three benches share: the machine in words, and two sides measured in turn.

Two clocks run. CPU seconds are what a process and its children really computed, and are hardly
moved by other work on the machine; wall seconds are what a person waits, and are.
"""

import os
import platform
import resource
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles


def machine(threads, *packages):
    """Two lines without which a time means nothing; print load() again at the end."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    print(f"machine   {(names or [platform.machine()])[0]}, {os.cpu_count()} cores, load {load()}")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    print(f"software  Python {platform.python_version()}, {versions}, threads {threads}")


def load():
    return " ".join(f"{average:.1f}" for average in os.getloadavg()) + " (1, 5, 15 minutes)"


def cpu_seconds():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def interleaved(sides, rounds, warmup=0):
    """{name: {"cpu" | "wall": seconds of each round}}; sides are {name: a call to time}.

    Every round times each side once, so that what else the machine does meets both. Every second
    round turns the order round, because what comes second finds the caches as the first left them.
    """
    seconds = {name: {"cpu": [], "wall": []} for name in sides}
    for number in range(-warmup, rounds):
        for name in list(sides)[:: 1 if number % 2 else -1]:
            cpu, wall = cpu_seconds(), time.perf_counter()
            sides[name]()
            if number >= 0:
                seconds[name]["cpu"].append(cpu_seconds() - cpu)
                seconds[name]["wall"].append(time.perf_counter() - wall)
    return seconds


def show_ratio(seconds, peer, goal=None):
    """Both medians, and how many times longer the peer takes, from the ratio of each round."""
    for name, clocks in seconds.items():
        cpu, wall = (1000 * median(clocks[clock]) for clock in ("cpu", "wall"))
        print(f"{name:30s} {cpu:8.1f} ms CPU {wall:8.1f} ms wall")
    (ours,) = seconds.keys() - {peer}
    for clock in ("cpu", "wall"):
        pairs = zip(seconds[peer][clock], seconds[ours][clock], strict=True)
        low, middle, high = quantiles([p / o for p, o in pairs], n=4, method="inclusive")
        target = f"; goal ≥ {goal:.2f}" if goal and clock == "cpu" else ""
        rounds = len(seconds[ours][clock])
        spread = f"quartiles {low:.2f} to {high:.2f}, {rounds} rounds"
        print(f"{'ratio by ' + clock:30s} {middle:8.2f} ({spread}){target}")
