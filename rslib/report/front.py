"""The front page: the verdicts that it counts, one figure of them, and what has been run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rslib.evidence.blocks import Judged
from rslib.recipes import Claim, Study
from rslib.recipes.studies import STUDIES, TRAINED
from rslib.report import forest, numerals, protocols, standing, tables

# judged from networks that are far from trained: on its own page only
NOTES = ("figure5",)


def counted(study: Study) -> list[Claim]:
    """The claims of a study that the front page counts; a contrast that is tested twice, once."""
    if study.name in NOTES:
        return []
    return [c for c in study.claims if study.blocked or c.id not in standing.AGAIN]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One claim on one data set."""

    study: Study
    claim: Claim
    images: str
    mark: forest.Mark
    visible: float  # points: the smallest effect that could have been seen

    @property
    def sign(self) -> str:
        return standing.SYMBOLS.get(self.mark.verdict, "?")


def evidence(results: Sequence[dict]) -> list[list[dict]]:
    """Groups of one protocol that are judged at a reduced scale."""
    groups = protocols.by_protocol(results)
    return [g for g in groups if g[0]["scale"] != "paper" and not protocols.no_evidence(g)]


def judged(recorded: Mapping[str, Sequence[dict]]) -> list[Verdict]:
    """Every claim that is judged, on every data set; recorded: {study name: results}."""
    found = []
    for study in TRAINED.values():
        ids = {claim.id for claim in counted(study)}
        for group in evidence(recorded[study.name]):
            for one in forest.findings(study, group):
                mark = forest.mark(study, one, group)
                limit = standing.visible(one, len(study.claims))
                if one.claim.id in ids and isinstance(mark, forest.Mark) and limit is not None:
                    about = {"study": study, "claim": one.claim, "images": where(group)}
                    found.append(Verdict(mark=mark, visible=limit, **about))
    return found


def where(group):
    name, scale = protocols.images(group), group[0]["scale"]
    name = f"clips of {name}" if protocols.kind(group) == "clips" else name
    return name if scale == "laptop" else f"{name} at the {scale} scale"


def measured(one) -> bool:
    return (one.effect if isinstance(one, Judged) else one.seeds) is not None


def provenance(recorded: Mapping[str, Sequence[dict]]) -> str:
    """Markdown: the runs of the figure, their machines, commits and files, in one line."""
    names = {verdict.study.name for verdict in judged(recorded)}
    runs, folders = {}, set()
    for study in (one for one in _shown() if one.name in names):
        for run in (run for group in evidence(recorded[study.name]) for run in group):
            runs[study.folder, run["run_id"]] = run  # studies may share a run
            folders.add(f"`data/results/{study.folder}/`")
    if not runs:
        return "*No run is recorded.*\n"
    return f"*{tables.made(list(runs.values()))}; results in {', '.join(sorted(folders))}.*\n"


def _shown():
    """The studies with primary claims that count; those for more than one subset come first."""
    shown = [s for s in TRAINED.values() if any(not c.after for c in counted(s))]
    return sorted(shown, key=lambda study: not study.blocked)


def figure(recorded: Mapping[str, Sequence[dict]]):
    """Every counted primary claim, a panel for each data set."""
    shown = _shown()
    groups = {s.name: {where(g): g for g in evidence(recorded[s.name])} for s in shown}
    names = dict.fromkeys(name for held in groups.values() for name in held)
    names = sorted(names, key=lambda name: name.startswith("clips"))
    lines = []
    for study in shown:
        ids = {claim.id for claim in counted(study) if not claim.after}
        held = [groups[study.name].get(name, []) for name in names]
        lines.append(forest.Line(label=HEADINGS.get(study.name, study.title.split(":")[0])))
        rows = forest.lines(study, held, only=lambda claim, ids=ids: claim.id in ids)
        lines += [replace(row, marks=_once(row.marks)) for row in rows]
    return forest.figure(lines, names)


def _once(marks):
    """Images on which a study was not run are left blank, unless it was run on none."""
    missing = all(mark == numerals.NOT_RUN for mark in marks)
    return [
        "" if mark == numerals.NOT_RUN and not (missing and place == 0) else mark
        for place, mark in enumerate(marks)
    ]


HEADINGS = {
    "table1": "Table 1, one training subset (exploratory)",
    "table1_blocks": "Table 1, in blocks",
}


@dataclass(frozen=True)
class Item:
    """A table or figure of the paper."""

    name: str
    about: str
    page: str = ""
    study: str = ""  # what is trained for it
    counted: bool = False
    measured: bool = False


ITEMS = (
    Item("Table 1", "additive study", "table1", study="table1"),
    Item("Table 2", "weight decay", "table2", study="table2"),
    Item("Figure 2", "error over FLOPs", "figure2", study="figure2", counted=True),
    Item("Figure 3", "depth or width", "figure3", study="figure3", counted=True),
    Item("Figures 1, 4", "speed and accuracy", "table7", counted=True, measured=True),
    Item("Table 3", "memory and latency", "table3", counted=True, measured=True),
    Item("Table 4", "speed of its pair", "table3", measured=True),
    Item("Figure 5", "EfficientNet-RS", "figure5", study="figure5", counted=True, measured=True),
    Item("Table 5", "transfer"),
    Item("Table 6", "video", "table6", study="table6"),
    Item("Table 7", "all networks", "table7", counted=True, measured=True),
    Item("Table 8", "hyperparameters", "recipes", counted=True),
    Item("Table 9", "ImageNet test split, whose labels are not public", "table7"),
    Item("Tables 10–12, Figure 6", "recipes, networks", "recipes", counted=True),
)


def coverage(recorded: Mapping[str, Sequence[dict]], devices: Mapping) -> str:
    """Markdown: every table and figure of the paper, and what has been done for it."""
    heads = ("", "counted", "smoke", "laptop", "GPU", "paper")
    lines = [f"| {' | '.join(heads)} |", "|---|" + ":---:|" * 5]
    kinds = {held[0]["environment"]["device"] for held in devices.values()}
    for item in ITEMS:
        name = f"[{item.name}](../notebooks/{item.page}.ipynb)" if item.page else item.name
        cells = ["✓" if item.counted else "", "", "", "", ""]
        if item.study:
            results = recorded[item.study]
            states = [state(STUDIES[item.study], results, s) for s in ("laptop", "gpu", "paper")]
            cells[1:] = ["▷", *states]
        elif item.measured:
            cells[2:4] = ["✓" if kind in kinds else "▷" for kind in ("cpu", "cuda")]
        elif not item.page:
            cells[0] = "not built yet"
        lines.append(f"| {name}: {item.about} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def state(study: Study, results: Sequence[dict], scale: str) -> str:
    """✓ where runs of a scale are recorded for all that is claimed, ◐ for a part, ▷ for none."""
    groups = [g for g in protocols.by_protocol(results) if g[0]["scale"] == scale]
    if not groups:
        return "▷"
    primary = [claim for claim in study.claims if not claim.after]
    judged = [{f.claim.id for f in forest.findings(study, g) if measured(f)} for g in groups]
    whole = not study.laws and any({c.id for c in primary} <= ids for ids in judged)
    return "✓" if whole else "◐"
