"""Results beside the paper, as pandas tables. Nothing here needs torch.

What may stand beside what: at paper scale, our top-1 beside the paper's. At a reduced scale only
the change that a row brings stands beside the paper's. What is no evidence (smoke runs, other
schedules, code that no commit names) stands alone, and its headline says why.
"""

from statistics import mean, stdev

import pandas as pd

from rslib import config
from rslib.evidence import verdicts
from rslib.evidence.results import unfit
from rslib.report import unread

pd.set_option("display.max_colwidth", None)  # a contrast of rows is shown whole
NOT_RUN = "not yet run"
SPELT = {"fashion-mnist": "Fashion-MNIST", "imagenet": "ImageNet"}
SPELT |= {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
SPELT |= {"clips": "the embedded set", "kinetics-400": "Kinetics-400"}
NAMED = 5  # networks in a headline; more are counted
SPACE = "\u00a0"  # does not break: a number and its ± stay on one line


def by_protocol(results):
    """[[results], …]: results that may share a table, largest training set first."""
    groups = {}
    for result in results:
        groups.setdefault(result["protocol"]["id"], []).append(result)
    about = {id: group[0]["protocol"] for id, group in groups.items()}
    order = sorted(groups, key=lambda id: (-about[id]["train_images"], about[id]["images"]))
    return [groups[id] for id in order]


def headline(study, results):
    """One line on what a protocol is, and what its numbers are worth."""
    p, data = results[0]["protocol"], results[0]["data"]
    networks = list(dict.fromkeys(r["protocol"]["model"] for r in results))
    networks = "; ".join(networks) if len(networks) <= NAMED else f"{len(networks)} networks"
    sides = sorted({r["protocol"]["resolution"] for r in results})
    sides = " to ".join(f"{side}" for side in dict.fromkeys((sides[0], sides[-1])))
    tested = data["test"] + data.get("further", 0)
    line = (
        f"{results[0]['scale']} scale: {networks}, {sides} px, {p['train_images']:,} "
        f"training and {tested:,} test {kind(results)} of {images(results)}{aside(results[0])}, "
        f"{p['long_epochs']} epochs"
    )
    lost = unread.sentence(results, kind(results))
    reason = no_evidence(results)
    if reason:
        return f"{line}. No result: {reason}; {guessing(data)}. {lost}".rstrip()
    told = (regime(study, results), machines(results), lost)
    return " ".join([f"{line}.", *filter(None, told)])


def guessing(data):
    """What a network that knows nothing scores: on uneven classes, by naming the largest.

    data: a result's own; "largest" is how many test images the largest class has, where known.
    """
    evenly, largest = 100 / data["classes"], 100 * data.get("largest", 0) / data["test"]
    if largest > evenly * 1.0001:
        return f"naming the largest class scores {largest:.3g} %"
    return f"guessing scores {evenly:.3g} %"


def aside(result):
    """In brackets, how the images differ from those that were published; "" if they do not."""
    data, found = result["data"], []
    if result["scale"] == "paper" and result["protocol"]["images"] == "imagenet":
        counts = data["train"] + data["minival"], data["test"]
        had, published = (" + ".join(f"{n:,}" for n in c) for c in (counts, config.IMAGENET_COUNTS))
        if had != published:
            found.append(f"{had} images, where {published} were published")
    if (listed := data.get("listed")) and listed != data["found"]:
        had = (f"{data['found'][part]:,} of {listed[part]:,}" for part in ("train", "test"))
        found.append(f"of listed clips {' and '.join(had)} were found")
    if built := data.get("built"):
        found.append(f"re-encoded at {built['side']} px, JPEG quality {built['quality']}")
    return f" ({'; '.join(found)})" if found else ""


def machines(results):
    """A warning where rows that are compared were not made on one kind of machine."""
    made_on = {(s["device_name"], s["precision"]) for r in results for s in r["sessions"]}
    if len(made_on) == 1:
        return ""
    return f"Mixed machines: {'; '.join(f'{name}, {bits}' for name, bits in sorted(made_on))}."


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


def short(results):
    return f"{results[0]['scale']} scale, {images(results)}"


def told_apart(groups):
    """A name for each set of results: its images, with the scale or more where those are alike."""
    for name in (images, short):
        if len(set(map(name, groups))) == len(groups):
            return [name(results) for results in groups]
    return [f"{short(results)}, {results[0]['protocol']['id']}" for results in groups]


def images(results):
    """What results call their data set; a folder that was renamed has all of its names."""
    return ", also named ".join(dict.fromkeys(map(name_of, results)))


def kind(results):
    """What a network is shown: images, or clips of videos."""
    return "clips" if results[0]["recipe"].get("data", {}).get("frames") else "images"


def name_of(result):
    """The data set's own spelling; a folder's name as it is, imagenet/ too."""
    name = result["protocol"]["images"]
    folder = result["recipe"].get("data", {}).get("dataset") == "folder"
    return name if folder else SPELT.get(name, name)


def regime(study, results):
    """What a reduced scale's long unregularized runs say of the regime; empty without them, and
    where no claim asks for it."""
    gate = verdicts.gate(study, results)
    asked = any(claim.overfitting for claim in study.claims)
    if not gate or not asked or results[0]["scale"] == "paper":
        return ""
    return (
        f"Regime gate {'reached' if gate['reached'] else 'NOT reached'}: after 350 epochs without "
        f"regularization, the network classifies {gate['train']:.1f} % of the training images "
        f"correctly, and {gate['test']:.1f} % of the test images."
    )


def no_evidence(results):
    """Why these results may not stand beside the paper's; empty if they may."""
    return next(filter(None, map(unfit, results)), "")


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


def spread(scores, diverged=0):
    """Mean and standard deviation of a row's runs; scores: {seed: percent}."""
    if not scores:
        return "diverged" if diverged else NOT_RUN
    spread = f"{SPACE}±{SPACE}{stdev(scores.values()):.2f}" if len(scores) > 1 else ""
    return f"{mean(scores.values()):.2f}{spread}"


def signed(points, digits=1):
    return f"{points:+.{digits}f}".replace("-", "−")


def between(low, high):
    """An interval's ends, already written; on a phone the second may begin a line."""
    return f"{low}{SPACE}… {high}"


def span(interval, digits=2):
    return between(*(signed(end, digits) for end in interval))


def probability(p):
    return f"<{SPACE}0.001" if p < 0.001 else f"{p:.3f}"


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
