"""What the benches share: two sides measured in turn, and what is said of them.

Two clocks run. CPU seconds are what a process and its children really computed, and are hardly
moved by other work on the machine; wall seconds are what a person waits, and are.
"""

import argparse
import json
import os
import resource
import sys
import time
from statistics import median, quantiles


def cpu_seconds():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def interleaved(sides, rounds, warmup=0, before=None):
    """{name: {"cpu" | "wall": seconds of each round}}; sides are {name: a call to time}.

    before: {name: what is called before that side's call, and not timed}.

    Every round times each side once, so that what else the machine does meets all. Every second
    round turns the order round, because what comes second finds the caches as the first left them.
    """
    seconds = {name: {"cpu": [], "wall": []} for name in sides}
    for number in range(-warmup, rounds):
        for name in list(sides)[:: 1 if number % 2 else -1]:
            if before and name in before:
                before[name]()
            cpu, wall = cpu_seconds(), time.perf_counter()
            sides[name]()
            if number >= 0:
                seconds[name]["cpu"].append(cpu_seconds() - cpu)
                seconds[name]["wall"].append(time.perf_counter() - wall)
    return seconds


def ratio(what, seconds, ours, peer, goal=""):
    """How many times longer the peer takes: quartiles of the ratios of single rounds.

    seconds: of `interleaved`. Returns plain data.
    """
    found = {"what": what, "ours": ours, "peer": peer, "goal": goal}
    found["rounds"] = len(seconds[ours]["wall"])
    for clock in ("cpu", "wall"):
        found[clock] = compared(seconds[ours][clock], seconds[peer][clock])
    return found


def compared(ours, theirs):
    """Quartiles of theirs ÷ ours, round by round, and both medians in seconds."""
    ratios = [t / o for o, t in zip(ours, theirs, strict=True)]
    return {
        "ratio": [round(value, 3) for value in quantiles(ratios, n=4, method="inclusive")],
        "seconds": [round(median(side), 5) for side in (ours, theirs)],
    }


def words(row):
    """A row for a terminal."""
    line = f"{row['what']}: {row['ours']} against {row['peer']}"
    for clock in ("cpu", "wall"):
        if clock in row:
            low, middle, high = row[clock]["ratio"]
            mine, theirs = row[clock]["seconds"]
            line += f"; {clock} {middle:.2f} ({low:.2f} to {high:.2f}), "
            line += f"{mine:.3g} against {theirs:.3g} s"
    return f"{line}; {row['rounds']} rounds{row['goal'] and '; goal '}{row['goal']}"


def load():
    return [round(average, 1) for average in os.getloadavg()]


def parser():
    """A parser whose help is the docstring of the program that was started."""
    return argparse.ArgumentParser(
        description=sys.modules["__main__"].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def main(bench):
    """Run a bench, a function of the number of rounds (as by default if none is given).

    Prints its rows in words, and with --json as one line of JSON for bench/all.py.
    """
    options = parser()
    options.add_argument("rounds", nargs="?", type=int, help="how often each side is timed")
    options.add_argument("--json", action="store_true", help="one line of JSON, nothing else")
    asked = options.parse_args()
    if asked.rounds is not None and asked.rounds < 2:
        options.error(f"{asked.rounds} rounds have no quartiles; give 2 or more")
    rows = bench() if asked.rounds is None else bench(asked.rounds)
    if asked.json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(words(row))
    print(f"load {load()} (1, 5, 15 minutes)")
