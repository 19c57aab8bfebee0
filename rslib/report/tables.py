"""Results beside the paper, as pandas tables. Nothing here needs torch.

`rslib.report.protocols` says what may stand beside what.
"""

from statistics import mean

import pandas as pd

from rslib import config
from rslib.evidence import verdicts
from rslib.report.numerals import NOT_RUN, probability, signed, span, spread
from rslib.report.protocols import headline, no_evidence, short, told_apart

pd.set_option("display.max_colwidth", None)  # a contrast of rows is shown whole


def provenance(study, groups):
    """Markdown: one line for each set of results on runs, hours, machines, commits and files."""
    lines = [
        f"*{short(results)}: {made(results)}; results in `data/results/{study.folder}/`.*"
        for results in groups
    ]
    return "\n\n".join(lines or ["*No run is recorded.*"])


def made(results):
    """How many runs, in which time, on which machines with how many threads, of which commits."""
    sessions = [session for run in results for session in run["sessions"]]
    known = {}  # older results lack the instruction set
    for s in sessions:
        instructions, threads = known.setdefault(s["device_name"], (set(), set()))
        instructions.update(filter(None, [s.get("instructions")]))
        threads.update(filter(None, [s.get("threads")]))
    machines = [f"{name}{_aside(*about)}" for name, about in known.items()]
    commits = sorted({s["commit"][:7] for s in sessions if s.get("commit")})
    hours = sum(run["timing"].get("seconds", 0) for run in results) / 3600
    return (
        f"{len(results)} runs, {hours:.1f} hours on {' and '.join(machines)}; commits "
        f"{', '.join(commits)}"
    )


def _aside(instructions, threads):
    """In brackets: a CPU's instruction sets, and how many threads its runs have."""
    each = " or ".join(map(str, sorted(threads)))
    words = f"{each} thread{'' if threads == {1} else 's'} per run" if threads else ""
    about = "; ".join(filter(None, [", ".join(sorted(instructions)), words]))
    return f" ({about})" if about else ""


def frame(study, results, rows=()):
    """A table of the study's rows, or of those named in ``rows``, from one protocol's results.

    Columns: the paper's and ours as far as they may stand side by side. Δ is the change from the
    row before it, with its 95 % interval over seeds and its p by Holm over the ladder; empty where
    that row has no run or is not shown. Then top-1 in percent, by the raw weights and by their
    average, mean and standard deviation over n seeds, and the mean on clean training images. Below
    the printed rows stand, of evidence, those that claims have to be compared with.
    """
    shown = study.select(rows)
    if not rows and not no_evidence(results):
        shown += [row for row in study.cells if verdicts.score(study, row.id, results)]
    order = [row.id for row in study.rows]
    before = dict(zip(order[1:], order, strict=False)) if study.ladder else {}
    changes = verdicts.steps(study, results)
    lines = []
    for row in shown:
        above = before.get(row.id)
        above = above if above in [r.id for r in shown] else None
        line = _line(study, row, above, changes.get(row.id), results)
        lines.append({"step": label(row, results), **line})
    return _by_step(lines)


def beside(study, groups, rows=()):
    """The rows' changes of top-1 with every set of results beside the paper's, in points.

    groups: as `by_protocol`. At paper scale, and of what is no evidence, top-1 itself stands there.
    """
    order = [row.id for row in study.rows]
    before = dict(zip(order[1:], order, strict=False))
    changes = [verdicts.steps(study, results) for results in groups]
    lines = []
    names = told_apart(groups)
    for row in study.select(rows):
        line = {"step": row.label, "paper": f"{row.paper['top1']:.1f}"}
        line["Δ paper"] = _paper_change(row)
        for name, results, steps in zip(names, groups, changes, strict=True):
            if results[0]["scale"] == "paper" or no_evidence(results):
                scores = verdicts.score(study, row.id, results)
                line[f"top-1, {name}"] = spread(scores)
            if not no_evidence(results):
                line[f"Δ {name} (95 %)"] = _step(study, row, before, steps.get(row.id), results)
        lines.append(line)
    return _by_step(lines)


def _step(study, row, before, step, results):
    if row.id not in before:
        return ""
    here, above = (verdicts.score(study, id, results) for id in (row.id, before[row.id]))
    if not (here and above):
        return NOT_RUN
    change = signed(mean(here.values()) - mean(above.values()))
    if not step:
        return change
    return f"{change} ({span(step[0].interval(), 1)})"


def label(row, results):
    """The paper's wording, but for its ResNet-200 where another network stands in for it."""
    reduced = bool(results) and results[0]["scale"] != "paper"
    return "baseline" if reduced and row.kind == "baseline" else row.label


def _line(study, row, above, step, results):
    failed = verdicts.diverged(study, row.id, results)
    scores = verdicts.score(study, row.id, results)
    n = f"{len(scores)}" + (f" ({failed} diverged)" if failed else "")
    if no_evidence(results):
        return {"top-1 here": spread(scores, failed), "n": n}
    line = {"paper": "" if row.paper["top1"] is None else f"{row.paper['top1']:.1f}"}
    if results[0]["scale"] != "paper":
        line = {}
    if study.ladder:
        line |= {"Δ paper": _paper_change(row), **_change(study, row, above, step, results)}
    for weights, name in (("raw", "raw"), ("ema", "average")):
        line[name] = spread(verdicts.score(study, row.id, results, weights), failed)
    fit = verdicts.score(study, row.id, results, split="train").values()
    return {**line, "on training images": f"{mean(fit):.1f}" if fit else "", "n": n}


def _paper_change(row):
    return "" if row.paper["delta"] is None else signed(row.paper["delta"])


def _change(study, row, above, step, results):
    change = dict.fromkeys(("Δ here", "95 %", "p"), "")
    scores = verdicts.score(study, row.id, results)
    beneath = verdicts.score(study, above, results) if above else {}
    if scores and beneath:
        change["Δ here"] = signed(mean(scores.values()) - mean(beneath.values()), 2)
    if scores and beneath and step:
        change |= {"95 %": span(step[0].interval()), "p": probability(step[1])}
    return change


def recipe(study, row, results):
    """What a reduced scale changed in a row: every field that is not the paper's, and all that
    regularizes."""
    here = next((r["recipe"] for r in results if r["row"] == study.run_as(row)), None)
    if here is None:
        return None
    here = config.to_dict(config.from_dict(here))  # older results lack newer fields
    lines = []
    for part, fields in config.to_dict(row.recipe).items():
        for name, paper in fields.items() if isinstance(fields, dict) else ():
            if here[part][name] != paper or part == "regularization":
                lines.append({"field": f"{part}.{name}", "paper": paper, "here": here[part][name]})
    return pd.DataFrame(lines, dtype=object).set_index("field").rename_axis(None)


def paper_frame(study):
    """The table as the paper prints it."""
    lines = [
        {
            "step": row.label,
            "id": row.id,
            "kind": row.kind,
            "top-1": f"{row.paper['top1']:.1f}",
            "Δ": "" if row.paper["delta"] is None else signed(row.paper["delta"]),
        }
        for row in study.rows
    ]
    return _by_step(lines)


def _by_step(lines):
    return pd.DataFrame(lines).set_index("step").rename_axis(None)


def text(study, results, rows=()):
    """The table for a terminal, under its headline."""
    if not results:
        return "no results"
    return headline(study, results) + "\n" + frame(study, results, rows).to_string()
