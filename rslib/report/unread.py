"""What runs could not read of their data, in words; nothing where all could be read."""

from collections.abc import Iterable, Mapping
from typing import Any


def sentence(results: Iterable[Mapping[str, Any]], kind: str) -> str:
    """How many examples were replaced or left out, from the fewest to the most of a run.

    kind: "clips" or "images". Of a small set they are left out once, before it is trained on, which
    its "data" says; of a large one while it is trained on, which the result's "unreadable" says.
    "" where nothing was.
    """
    held = [_lost(result) for result in results]
    parts = []
    for what in dict.fromkeys(name for lost in held for name in lost):
        numbers = sorted({lost.get(what, 0) for lost in held})
        part, done = what
        shown = " to ".join(f"{n:,}" for n in dict.fromkeys((numbers[0], numbers[-1])))
        noun = kind.removesuffix("s") if numbers[-1] == 1 else kind
        parts.append(f"{shown} {part} {noun} {done}")
    return f"Files that could not be read: {', '.join(parts)}." if parts else ""


def _lost(result: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """{(part, what was done): how many}."""
    found = {}
    told = result.get("unreadable", {})
    if count := told.get("replaced"):
        found["training", "replaced by others"] = count
    before, shown = result["data"].get("unreadable", {}), told.get("left_out", {})
    for part, name in (("train", "training"), ("minival", "minival"), ("test", "test")):
        # training examples that their own evaluation leaves out are among those replaced
        left_out = before.get(part, 0) + (shown.get(part, 0) if part != "train" else 0)
        if left_out:
            found[name, "left out"] = left_out
    return found
