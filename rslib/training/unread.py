"""What a run could not read: counted over all its processes, and over its restarts."""

from collections.abc import Iterable, Mapping
from typing import Any

from rslib.training import distributed


def positions(batches: Any, before: Iterable[int] = ()) -> list[int]:
    """Of the training examples that others have replaced, in any process; every one calls it.

    before: of earlier processes of the run. batches: if its files are opened as they are shown, it
    has them in `unreadable`, as `rslib.data.clips.Batches`; a DataLoader has read its set before.
    """
    here = set(getattr(batches, "unreadable", ()))
    return sorted(set(before).union(*distributed.gathered(here)))


def counts(replaced: Iterable[int], evaluations: Mapping[str, Any]) -> dict[str, Any]:
    """{"replaced": training examples, "left_out": {split: examples}}, without what is zero.

    replaced: of `positions`. evaluations: {split: batches}, whose shares are disjoint. Every
    process calls it.
    """
    found: dict[str, Any] = {}
    if count := len(list(replaced)):
        found["replaced"] = count
    here = {name: len(getattr(batches, "unreadable", ())) for name, batches in evaluations.items()}
    each = distributed.gathered(here)
    total = {name: sum(share[name] for share in each) for name in here}
    if left_out := {name: count for name, count in total.items() if count}:
        found["left_out"] = left_out
    return found
