"""The front page: what was found, in numbers of verdicts, and which claims are decided."""

from collections.abc import Mapping, Sequence

from rslib.evidence import blocks, verdicts
from rslib.recipes.studies import STUDIES, TRAINED
from rslib.report import claims, memory, ratios, speed
from rslib.report import counted as exact
from rslib.report.front import AGAIN, NOTES, Verdict, counted, evidence, judged, where
from rslib.report.numerals import SPACE, between, signed
from rslib.report.protocols import kind

TERMS = ("exposure", "blocks")  # of the glossary, each a link where it is first named
FIRST = (
    "¹ From the first experiment, on one training subset; not counted, as blocks judge this claim. "
    "The verdicts on single rows of Table 1, such as RandAugment, hold for that subset alone."
)
PARTS = "{term}`components <component>`"
DECIDED = (
    "The claims that are decided on some set of images: the paper's effect, and ours with its "
    "95 % interval, in points of top-1."
)


def answer(
    recorded: Mapping, cells: tuple[int, int], devices: Mapping, networks: Mapping | None = None
) -> str:
    """MyST: an admonition. cells: (agreeing, printed) of the tables of recipes; devices:
    {device: measurements}; networks: {row of Table 7: `rslib.costs.counts.Counts`}."""
    found = sorted(judged(recorded), key=lambda verdict: not verdict.study.blocked)
    lines = [":::{admonition} What was found\n:class: note first-screen\n"]
    lines += [f"**Nothing has been run on ImageNet.** {scale(recorded, found)}", ""]
    lines += _counts(found)
    lines.append(f"- **Exact at full scale, without training**: {_exact(cells, devices, networks)}")
    return "\n".join([*lines, ":::"]) + "\n"


def _exact(cells, devices, networks):
    """What needs no training: what the code counts, beside what the paper prints."""
    settings = f"{cells[0]} of {cells[1]} settings of Tables 8 and 10 to 12"
    if not networks:
        return f"{settings}."
    parameters, flops = exact.as_printed(networks)
    larger, lower, of = exact.statements(networks)
    held = "; ".join(memory.tallies(devices, networks)) or "not measured"
    return (
        f"parameters of {parameters} and FLOPs of {flops} of Table 7's {len(networks)} networks, "
        f"as printed; {settings}; EfficientNet's larger activations ({larger} of {of} pairs) and "
        f"lower intensity ({lower} of {of}). Measured: its larger memory (Table 3), {held}."
    )


def decided(recorded: Mapping, devices: Mapping) -> str:
    """MyST: the table of decided claims, what is not judged yet, and speed on each device."""
    found = sorted(judged(recorded), key=lambda verdict: not verdict.study.blocked)
    lines = _table(recorded, found)
    if waiting := [words for study in TRAINED.values() if (words := _waiting(study, found))]:
        lines.append(f"- **Not judged yet**: {', '.join(waiting)}.")
    lines += [f"- **Speed** on {name}: {words}." for name, words in _speeds(devices)]
    return _linked("\n".join(lines)) + "\n"


def _linked(text):
    for term in TERMS:
        text = text.replace(term, f"{{term}}`{term} <{term.removesuffix('s')}>`", 1)
    return text


def _table(recorded, found):
    """Claims that are decided on some data set, with every data set next to it."""
    decided = [v for v in found if v.sign != "?" and (v.sign == "✗" or not v.claim.after)]
    names = list(dict.fromkeys(v.images for v in decided))
    rows = list(dict.fromkeys((v.study.name, v.claim.id) for v in decided))
    if not rows:
        return []
    held = {(v.study.name, v.claim.id, v.images): v for v in found}
    explored = _explored(recorded)
    lines = [f":::{{table}} {DECIDED}", ":name: table-decided", ""]
    lines += [f"| Claim | paper | {' | '.join(names)} |", f"|---|---:|{'---|' * len(names)}"]
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
    lines += [":::", ""]
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
            among = f", {parts} of them of {PARTS}" if 0 < parts < len(held) else ""
            told.append(f"{sign} {count(len(held))} {words}{among}")
    limits = ""
    if open := kinds["?"]:
        sizes = [v.visible for v in open]
        told.append(f"? {count(len(open))} undecided")
        limits = (
            " The undecided could only show effects larger than "
            f"{min(sizes):.1f} to {max(sizes):.1f} points, depending on the claim."
        )
    return [f"- **{'; '.join(told)}**.{limits}"] if told else []


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
    return f"{'; '.join(told)}: they test the direction of claims, not their size."


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
