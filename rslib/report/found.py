"""The front page's first box: what was found, as a table and in numbers of verdicts."""

from collections.abc import Mapping, Sequence

from rslib.evidence import blocks, verdicts
from rslib.recipes.studies import STUDIES, TRAINED
from rslib.report import claims, ratios, speed
from rslib.report.front import AGAIN, NOTES, Verdict, counted, evidence, judged, where
from rslib.report.tables import SPACE, between, kind, signed

FIRST = (
    "¹ From the first experiment, on one training subset; not counted, as blocks judge this claim. "
    "The verdicts on single rows of Table 1, such as RandAugment, hold for that subset alone. "
    "Components are parts of a primary claim, judged after it."
)


def answer(recorded: Mapping, cells: tuple[int, int], devices: Mapping) -> str:
    """MyST: an admonition. cells: (agreeing, printed) of the tables of recipes; devices:
    {device: measurements}."""
    found = sorted(judged(recorded), key=lambda verdict: not verdict.study.blocked)
    lines = [":::{admonition} What was found\n:class: note\n"]
    lines += [f"**Nothing has been run on ImageNet.** {scale(recorded, found)}", ""]
    lines += _table(recorded, found) + _counts(found)
    if waiting := [words for study in TRAINED.values() if (words := _waiting(study, found))]:
        lines.append(f"- **Not judged yet**: {', '.join(waiting)}.")
    lines.append(
        f"- **Compared with the code, nothing trained**: {cells[0]} of {cells[1]} printed settings "
        "of networks and recipes agree (Tables 8, 10, 11 and 12)."
    )
    lines += [f"- **Speed** on {name}: {words}." for name, words in _speeds(devices)]
    return "\n".join([*lines, ":::"]) + "\n"


def _table(recorded, found):
    """Claims that are decided on some data set, with every data set beside."""
    decided = [v for v in found if v.sign != "?" and (v.sign == "✗" or not v.claim.after)]
    names = list(dict.fromkeys(v.images for v in decided))
    rows = list(dict.fromkeys((v.study.name, v.claim.id) for v in decided))
    if not rows:
        return []
    held = {(v.study.name, v.claim.id, v.images): v for v in found}
    explored = _explored(recorded)
    lines = [f"| Claim | paper | {' | '.join(names)} |", f"|---|---:|{'---|' * len(names)}"]
    for study, id in rows:
        claim = next(v.claim for v in decided if (v.study.name, v.claim.id) == (study, id))
        printed = claims.paper_effect(STUDIES[study], claim)
        told = [
            _cell(held[study, id, name])
            if (study, id, name) in held
            else explored.get((study, id, name), "")
            for name in names
        ]
        lines.append(f"| {claim.says} | {printed} | {' | '.join(told)} |")
    lines.append("")
    if any(one in line for line in lines for one in explored.values()):
        lines += [FIRST, ""]
    return lines


def _cell(verdict):
    way = verdict.claim.sign or 1
    low, high = sorted(way * end for end in verdict.mark.ends)
    value = f"{verdict.sign}{SPACE}{signed(way * verdict.mark.value)}"
    return f"{value} ({between(signed(low), signed(high))})"


def _explored(recorded):
    """What the first experiment says of a claim that is judged in blocks, on images that the blocks
    were not run on: {(study, claim, images): a cell}."""
    first, told = STUDIES["table1"], {}
    contrasts = [c for c in (*first.claims, *first.afterwards) if c.id in AGAIN]
    for group in evidence(recorded[first.name]):
        for claim in contrasts:
            if all(len(verdicts.score(first, id, group)) > 1 for id in claim.cells):
                _, own = verdicts.effect(first, claim.cells, group, claim.weights)
                ends = between(*(signed(end) for end in own.interval()))
                cell = f"{signed(own.value)}{SPACE}({ends}) ¹"
                told["table1_blocks", claim.id, where(group)] = cell
    return told


def _counts(found):
    """How many verdicts of each kind, and what the undecided could have seen."""
    kinds = {sign: [v for v in found if v.sign == sign] for sign in "✓✗–?"}
    names = {
        "✓": "as in the paper",
        "✗": "the other way round here",
        "–": f"no effect larger than {blocks.SAME:g} point",
    }
    told = []
    for sign, words in names.items():
        if held := kinds[sign]:
            parts = sum(bool(v.claim.after) for v in held)
            among = f", {parts} of them of components" if 0 < parts < len(held) else ""
            told.append(f"{sign} {count(len(held))} {words}{among}")
    lines = [f"- **{'; '.join(told)}**."] if told else []
    if open := kinds["?"]:
        sizes = [v.visible for v in open]
        lines.append(
            f"- **? {count(len(open))} undecided**: these runs could only detect effects larger "
            f"than {min(sizes):.1f} to {max(sizes):.1f} points, depending on the claim."
        )
    return lines


def scale(recorded: Mapping[str, Sequence[dict]], found: Sequence[Verdict]) -> str:
    """How many runs at which scale. found: what they were judged for."""
    judged = {v.study.name for v in found}
    groups = [g for s in TRAINED for g in evidence(recorded[s]) if s in judged]
    told = []
    for about in dict.fromkeys(map(_about, groups)):
        runs = {run["run_id"] for g in groups if _about(g) == about for run in g}
        told.append(f"{len(runs)} runs {about}")
    if not told:
        return "No run is recorded."
    return (
        f"{'; '.join(told)}: they test the direction of claims, not their size. Effects are in "
        "points of top-1, with 95 % intervals."
    )


def _about(group):
    protocol = group[0]["protocol"]
    return (
        f"at the {group[0]['scale']} scale ({protocol['model'].split(',')[0]}, "
        f"{protocol['train_images']:,} {kind(group)} of {protocol['resolution']} pixels)"
    )


def count(verdicts):
    """A claim has a verdict for each data set."""
    return f"{verdicts} verdict{'s' if verdicts != 1 else ''}"


def _waiting(study, found):
    """A study that has primary claims which are not judged; of a part of them, how many."""
    there = {v.claim.id for v in found if v.study.name == study.name}
    primary = {c.id for c in counted(study) if not c.after}
    missing, name = primary - there, study.title.split(":")[0]
    if study.name in NOTES or not (missing or study.laws):  # Figure 2's laws have their own page
        return ""
    return f"{name} ({len(missing)} of {len(primary)} claims)" if missing < primary else name


def _speeds(devices):
    for name, variant, held in speed.columns(devices):
        yield f"{name}, {variant}", ratios.tally(held, variant)
