"""The front page: what was found, in numbers of verdicts, and which claims are decided."""

from collections.abc import Mapping, Sequence

from rslib.evidence import blocks, verdicts
from rslib.recipes.studies import STUDIES, TRAINED
from rslib.report import claims, memory, protocols, ratios, speed, standing
from rslib.report import counted as exact
from rslib.report.front import NOTES, Verdict, counted, evidence, judged, where
from rslib.report.numerals import SPACE, between, signed

TERMS = ("exposure", "blocks")  # of the glossary, each a link where it is first named
FIRST = "¹ Exploratory, from the first experiment; not counted, as blocks judge this claim."
KINDS = (
    "Claims in blocks are {term}`confirmatory`; those marked *exploratory* are from one training "
    "subset, and hold for it alone."
)
PARTS = "{term}`components <component>`"
DECIDED = (
    "The claims that are decided on some set of images: the paper's effect, and ours with its "
    "95 % interval and the smallest effect that would have shown, in points of top-1."
)


def answer(
    recorded: Mapping, cells: tuple[int, int], devices: Mapping, networks: Mapping | None = None
) -> str:
    """MyST: an admonition of few words. cells: (agreeing, printed) of the tables of recipes;
    devices: {device: measurements}; networks: {row of Table 7: `rslib.costs.counts.Counts`}."""
    found = judged(recorded)
    lines = [":::{admonition} What was found\n:class: note first-screen\n"]
    lines += [f"**Nothing has been run on ImageNet.** {scale(recorded, found)}", ""]
    lines += _counts(found)
    lines.append(f"- **Without training**: {_exact(cells, devices, networks)}")
    return "\n".join([*lines, ":::"]) + "\n"


def _exact(cells, devices, networks):
    """What needs no training: what the code counts, beside what the paper prints."""
    told = [f"{cells[0]} of {cells[1]} recipe settings"]
    if networks:
        parameters, flops = exact.as_printed(networks)
        told += [f"parameters of {parameters} and FLOPs of {flops} of {len(networks)} networks"]
    return f"{', '.join(told)} as printed."


def _counted(devices, networks):
    """MyST: what the numbers without training are, beyond those of the answer."""
    larger, lower, of = exact.statements(networks)
    held = "; ".join(memory.tallies(devices, networks)) or "not measured"
    return (
        "- **Without training**: the settings are those of Tables 8 and 10 to 12, the networks "
        f"Table 7's. EfficientNet has larger activations ({larger} of {of} pairs) and lower "
        f"intensity ({lower} of {of}), by count. Its larger memory (Table 3) is measured, {held}."
    )


def decided(recorded: Mapping, devices: Mapping, networks: Mapping | None = None) -> str:
    """MyST: the table of decided claims, what is not judged yet, and speed on each device.

    networks: as of `answer`.
    """
    found = sorted(judged(recorded), key=lambda verdict: not verdict.study.blocked)
    lines = _table(recorded, found)
    lines += [f"- **Runs**: {of}." for of in _runs(recorded, found)]
    if agreeing := [v for v in found if v.sign == "✓"]:
        parts = sum(bool(v.claim.after) for v in agreeing)
        lines.append(f"- Of {count(len(agreeing))} as in the paper, {parts} are of {PARTS}.")
    lines += [_counted(devices, networks)] if networks else []
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
        kind = "" if standing.confirmatory(STUDIES[study]) else " (exploratory)"
        lines.append(f"| {claim.says}{kind} | {printed} | {' | '.join(told)} |")
    lines += [":::", "", KINDS, ""]
    if any(one in line for line in lines for one in explored.values()):
        lines += [FIRST, ""]
    return lines


def _cell(verdict):
    way = verdict.claim.sign or 1
    low, high = sorted(way * end for end in verdict.mark.ends)
    value = f"{verdict.sign}{SPACE}{signed(way * verdict.mark.value)}"
    seen = f"visible from {verdict.visible:.1f} on"
    return f"{value} ({between(signed(low), signed(high))}; {seen})"


def _explored(recorded):
    """What the first experiment says of a claim that is judged in blocks, on images that the blocks
    were not run on: {(study, claim, images): a cell}."""
    first, told = STUDIES["table1"], {}
    contrasts = [c for c in (*first.claims, *first.afterwards) if c.id in standing.AGAIN]
    for group in evidence(recorded[first.name]):
        for claim in contrasts:
            if all(len(verdicts.score(first, id, group)) > 1 for id in claim.cells):
                _, own = verdicts.effect(first, claim.cells, group, claim.weights)
                ends = between(*(signed(end) for end in own.interval()))
                study, again = standing.AGAIN[claim.id]
                told[study.name, again.id, where(group)] = f"{signed(own.value)}{SPACE}({ends}) ¹"
    return told


def _counts(found):
    """How many verdicts of each kind, and what the undecided could have seen: a line for claims in
    blocks, and one for those of one training subset."""
    names = {"confirmatory": True, "exploratory": False}
    groups = {
        name: [v for v in found if standing.confirmatory(v.study) is kind]
        for name, kind in names.items()
    }
    return [
        f"- {{term}}`{name.capitalize()} <{name}>`: {_tally(held)}"
        for name, held in groups.items()
        if held
    ]


def _tally(found):
    kinds = {sign: [v for v in found if v.sign == sign] for sign in "✓✗–?"}
    names = {
        "✓": "as in the paper",
        "✗": "opposite here",
        "–": f"no effect larger than {blocks.SAME:g} point",
        "?": "undecided",
    }
    told = [f"{sign} {len(held)} {names[sign]}" for sign, held in kinds.items() if held]
    limits = ""
    if sizes := [v.visible for v in kinds["?"]]:
        ends = dict.fromkeys(f"{size:.1f}" for size in (min(sizes), max(sizes)))
        limits = f", visible from {' to '.join(ends)} points on"
    return f"{count(len(found))}, **{'; '.join(told)}**{limits}."


def scale(recorded: Mapping[str, Sequence[dict]], found: Sequence[Verdict]) -> str:
    """How many runs at which scales. found: what they were judged for."""
    runs = {scale: set() for group in _judged(recorded, found) for scale in [group[0]["scale"]]}
    for group in _judged(recorded, found):
        runs[group[0]["scale"]] |= {run["run_id"] for run in group}
    if not runs:
        return "No run is recorded."
    told = " and ".join(f"{len(ids)} runs at the {name} scale" for name, ids in runs.items())
    return f"{told} test directions, not sizes."


def _judged(recorded, found):
    judged = {v.study.name for v in found}
    return [g for s in TRAINED for g in evidence(recorded[s]) if s in judged]


def _runs(recorded, found):
    """How many runs of which network on how many images, for each kind of them."""
    groups = _judged(recorded, found)
    for about in dict.fromkeys(map(_about, groups)):
        runs = {run["run_id"] for g in groups if _about(g) == about for run in g}
        yield f"{len(runs)} {about}"


def _about(group):
    protocol = group[0]["protocol"]
    return (
        f"at the {group[0]['scale']} scale ({protocol['model'].split(',')[0]}, "
        f"{protocol['train_images']:,} {protocols.kind(group)} of {protocol['resolution']} pixels)"
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
