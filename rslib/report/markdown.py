"""Tables of Markdown: their lines, how columns are aligned, and the caption that numbers them."""

from collections.abc import Sequence

WORDS, NUMBER = "---", "---:"  # how a column is aligned


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def captioned(caption: str, lines: Sequence[str]) -> list[str]:
    """MyST: a table of Markdown with a number."""
    return [f":::{{table}} {caption}", "", *lines, ":::", ""]
