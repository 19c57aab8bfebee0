"""What the scales of a study take: as recorded, else as far as it can be counted. No torch."""

from collections.abc import Mapping, Sequence
from statistics import mean

import pandas as pd

from rslib.evidence.prices import rounded
from rslib.running.estimate import Run

SHORT = 120  # seconds


def by_scale(
    groups: Sequence[Sequence[dict]], needed: Mapping[str, Sequence[Run]], like: Sequence[str]
) -> pd.DataFrame:
    """A line for each scale: runs and FLOPs of one block, and the time of its recorded runs.

    groups: results, as `rslib.report.tables.by_protocol`. needed: {scale: the runs of one block}.
    like: scales that nobody records, whose time on the same machine follows from their FLOPs and
    the recorded runs. Where nothing is recorded, the time is unknown, and FLOPs are what is known.
    """
    recorded: dict[str, Sequence[dict]] = {}
    for group in groups:  # the largest training set of a scale comes first
        recorded.setdefault(group[0]["scale"], group)
    work = {name: sum(run.training_flops for run in runs) for name, runs in needed.items()}
    lines = []
    for name, runs in needed.items():
        time = "unknown until a machine has run it"
        if name in recorded:
            time = recorded_time(recorded[name], len(runs))
        elif name in like and recorded:
            known, group = next(iter(recorded.items()))
            seconds = mean(seconds_of(group)) * len(needed[known]) * work[name] / work[known]
            time = f"about {duration(seconds)} of training there, by FLOPs, and start-up"
        flops = f"{work[name]:.1e}".replace("e+", "e")
        lines.append({"scale": name, "runs": f"{len(runs)}", "FLOPs": flops, "time": time})
    return pd.DataFrame(lines).set_index("scale").rename_axis(None)


def recorded_time(group: Sequence[dict], runs: int) -> str:
    """Of a run, from the shortest to the longest, and of a block by their mean."""
    seconds = seconds_of(group)
    ends = " to ".join(dict.fromkeys(duration(s) for s in (min(seconds), max(seconds))))
    ends = ends.replace(" minutes to", " to") if ends.endswith(" minutes") else ends
    named = " and ".join(sorted({s["device_name"] for run in group for s in run["sessions"]}))
    threads = {s.get("threads") for run in group for s in run["sessions"]}
    on = f"one thread of {named}" if threads == {1} else named
    block = duration(mean(seconds) * runs)
    return f"{ends} a run and about {block} a block, from {len(group)} recorded runs on {on}"


def seconds_of(group: Sequence[dict]) -> list[float]:
    """Of the runs that came to their end."""
    return [run["timing"]["seconds"] for run in group if run["timing"]]


def duration(seconds: float) -> str:
    """Seconds, minutes or hours in words, in three digits at most."""
    if seconds < SHORT:
        return f"{max(1, round(seconds))} second{'' if round(seconds) <= 1 else 's'}"
    if seconds < 60 * SHORT:
        return f"{round(seconds / 60)} minutes"
    return f"{rounded(seconds / 3600)} hours"
