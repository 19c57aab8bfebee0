"""What a verdict is worth: its symbol, what it could have seen, confirmatory or exploratory.

Some contrasts are tested twice, by runs on one training subset and again in blocks; the second
counts. Nothing here needs torch.
"""

from rslib.evidence import blocks, stats
from rslib.evidence.blocks import NO_LARGER, UNDECIDED, Judged
from rslib.evidence.verdicts import Finding
from rslib.recipes import Claim, Study
from rslib.recipes.additive import TABLE_1
from rslib.recipes.studies import TRAINED
from rslib.report.numerals import SPACE

SYMBOLS = {
    "reproduced (magnitude)": "✓",
    "reproduced (direction)": "✓",
    "same direction": "✓",
    "opposite direction here": "✗",
    "contradicted": "✗",
    NO_LARGER: "–",
    UNDECIDED: "?",
    "consistent": "?",
    "regime not reached": "?",
}
CONFIRMATORY = (
    "{term}`Confirmatory <confirmatory>`: the claims were written before the runs, and each "
    "block has a separate training subset."
)
EXPLORATORY = (
    "{term}`Exploratory <exploratory>`: one training subset, so a verdict holds for it alone."
)


def marked(verdict: str) -> str:
    """A verdict after its symbol, so that a column can be read at a glance; why there is none."""
    return f"{SYMBOLS[verdict]}{SPACE}{verdict}" if verdict in SYMBOLS else verdict


def visible(found: Judged | Finding, family: int) -> float | None:
    """Points: the smallest effect that would show; None where nothing is judged.

    family: how many claims a `Finding` is corrected with.
    """
    if isinstance(found, Judged):
        return found.visible
    if not (found.seeds and found.own):
        return None
    corrected = blocks.visible(found.seeds, stats.ALPHA / family)
    return max(corrected, blocks.visible(found.own, stats.ALPHA))  # both have to distinguish it


def confirmatory(study: Study) -> bool:
    """Are a study's claims tested over training subsets? A grid's laws are of one subset."""
    return study.blocked and not study.laws


def kind(study: Study) -> str:
    return "confirmatory" if confirmatory(study) else "exploratory"


def tested(study: Study) -> str:
    """Markdown: a sentence on whether the study's verdicts are confirmatory or exploratory."""
    return CONFIRMATORY if confirmatory(study) else EXPLORATORY


def _contrast(study, claim):
    """What a claim compares, whatever its rows are called."""
    cells = [(study.row(id), weight) for id, weight in claim.cells.items()]
    return {
        (row.recipe, tuple(row.reduced.items()), claim.weights or row.weights): weight
        for row, weight in cells
    }


def _again():
    """{id of a contrast of Table 1's first experiment: (study, claim) that tests it in blocks}."""
    later = [(s, claim) for s in TRAINED.values() if s.blocked for claim in s.claims]
    return {
        first.id: (study, claim)
        for first in (*TABLE_1.claims, *TABLE_1.afterwards)
        for study, claim in later
        if _contrast(TABLE_1, first) == _contrast(study, claim)
    }


AGAIN: dict[str, tuple[Study, Claim]] = _again()


def label(study: Study, claim: Claim) -> str:
    """What a claim says, and where the same contrast is tested by other runs."""
    if study.name == TABLE_1.name and claim.id in AGAIN:
        return f"{claim.says} (the same contrast as in {_name(AGAIN[claim.id][0])}, which counts)"
    ids = {(of.name, again.id) for of, again in AGAIN.values()}
    if (study.name, claim.id) in ids and not study.title.startswith(_name(TABLE_1)):
        return f"{claim.says} (the same contrast as in {_name(TABLE_1)}'s first experiment)"
    return claim.says


def _name(study):
    return study.title.split(":")[0]
