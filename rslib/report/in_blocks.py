"""Studies in blocks, for readers: the answer, the cells, the claims."""

import numpy as np
import pandas as pd

from rslib.evidence import blocks, verdicts
from rslib.evidence.blocks import UNDECIDED
from rslib.report import claims as in_words
from rslib.report import numerals, protocols, standing
from rslib.report.numerals import probability, signed, span

KINDS = {"✓": "tip", "✗": "danger", "–": "note", "?": "warning"}  # of MyST's admonitions
SPLITS = {  # beside what is judged, where a run has them
    "on training images": "train",
    "one frame": "one-frame",
    "shuffled frames": "shuffled",
}


def judged(study, results):
    """The claims' findings at a reduced scale. results: of one protocol."""
    return blocks.judge(study.at(results[0]["scale"]), results)


def answer(study, groups, caveat, also=()):
    """Markdown: an admonition with the primary claims' verdicts; groups: of one protocol each.

    caveat: the strongest one, a sentence. also: ids of components that are told too.
    """

    def told(group):
        shown = [f for f in judged(study, group) if not f.claim.after or f.claim.id in also]
        return [(found.verdict, sentence(found)) for found in shown]

    return admonition(study, groups, told, caveat)


def admonition(study, groups, told, caveat):
    """MyST: what each set of runs says, under the colour of the weakest verdict.

    told: group -> [(verdict, sentence)]. Runs at paper scale are left out, and what is no evidence.
    """
    groups = [g for g in groups if not protocols.no_evidence(g) and g[0]["scale"] != "paper"]
    lines, symbols = [], []
    for group in groups:
        for verdict, words in told(group):
            symbols.append(standing.SYMBOLS.get(verdict, "?"))
            lines.append(f"- {symbols[-1]} {words}")
        count = f"{group[0]['protocol']['train_images']:,} {protocols.kind(group)}"
        images = f"{count} of {protocols.images(group)}"
        head = f"{group[0]['scale'].capitalize()} scale, {standing.kind(study)}"
        lines.append(f"\n{head}: {images}. {caveat}".rstrip())
    title, kind = "Answer", KINDS[max(symbols, key="✓–✗?".index, default="?")]
    if not groups:
        title, lines = "Not run yet", [f"No run is recorded. {caveat}"]
    head = f":::{{admonition}} {title}\n:class: {kind}\n"
    return "\n".join([head, *lines, "**Paper scale: not run.**", ":::"])


def sentence(found):
    """One claim with its verdict and numbers, as Markdown."""
    if found.effect is None:
        return f"{found.claim.says}: **not judged yet**, {found.verdict}."
    seen = f"; visible from {found.visible:.1f} on" if found.verdict == UNDECIDED else ""
    return (
        f"{found.claim.says}: **{found.verdict}**, {signed(found.effect.value, 1)} points "
        f"({spanned(found)}, {len(found.blocks)} blocks{seen})."
    )


def reached(study, groups, id, split="train"):
    """A cell's mean top-1 in words, on its training images if no split is named; groups: as
    `protocols.by_protocol`."""
    scores = [verdicts.score(study, id, group, split=split).values() for group in groups]
    means = [f"{np.mean(list(held)):.0f} %" for held in scores if held]
    return " and ".join(means) or "an unknown share"


def visible(study, groups):
    """The effects that undecided primary claims of an effect could have shown, in points, in words;
    "" where there are none."""
    found = [f for group in groups for f in judged(study, group) if f.effect and f.claim.sign]
    seen = [f for f in found if f.verdict == UNDECIDED and not f.claim.after]
    return " and ".join(f"{f.visible:.0f}" for f in seen)


def spanned(found):
    return span(found.effect.interval(), 1)


def frame(study, results):
    """The cells: top-1 in percent over the blocks, mean and deviation, and on other `SPLITS`.

    The paper's numbers stand beside evidence alone.
    """
    study = study.at(results[0]["scale"])
    beside = not protocols.no_evidence(results)
    printed = beside and any(row.paper["top1"] is not None for row in study.rows)
    known = {split for run in results for split in run["metrics"]}
    there = {name: split for name, split in SPLITS.items() if split in known}
    lines = []
    for row in (*study.rows, *study.cells):
        scores = verdicts.score(study, row.id, results)
        if row in study.cells and not scores:
            continue
        line = {"cell": row.label}
        if printed:
            line["paper"] = "" if row.paper["top1"] is None else f"{row.paper['top1']:.1f}"
        line["here"] = numerals.spread(scores, verdicts.diverged(study, row.id, results))
        for name, split in there.items():
            held = verdicts.score(study, row.id, results, split=split).values()
            line[name] = f"{np.mean(list(held)):.1f}" if held else ""
        lines.append({**line, "blocks": f"{len(scores)}"})
    return pd.DataFrame(lines).set_index("cell").rename_axis(None)


def slower(study, results, id, other):
    """How many times as long a cell's runs take as another's, as the median over blocks that have
    both; None without one."""
    took = [seconds(study, of, results) for of in (id, other)]
    ratios = [took[0][k] / took[1][k] for k in took[0].keys() & took[1].keys()]
    return float(np.median(ratios)) if ratios else None


def seconds(study, id, results):
    """{block: seconds of training} of a cell's runs."""
    found = verdicts.runs_of(study, id, results)
    return {run["seed"]: run["timing"]["seconds"] for run in found}


def runs(study, results):
    """Every run as a line: its block, top-1 on test and on training images, minutes of training."""
    study = study.at(results[0]["scale"])
    lines = []
    for row in (*study.rows, *study.cells):
        known = verdicts.score(study, row.id, results, split="train")
        took = seconds(study, row.id, results)
        for block, top in sorted(verdicts.score(study, row.id, results).items()):
            line = {"cell": row.label, "block": f"{block}", "top-1, %": f"{top:.2f}"}
            line["on training images"] = f"{known[block]:.1f}" if block in known else ""
            line["minutes"] = f"{took[block] / 60:.1f}"
            lines.append(line)
    return pd.DataFrame(lines).set_index("cell").rename_axis(None)


def claims(study, results):
    """What became of each claim: effect in points, interval, p, smallest visible effect."""
    lines = []
    for found in judged(study, results):
        line = {
            "claim": ("↳ " if found.claim.after else "") + standing.label(study, found.claim),
            "verdict": standing.marked(found.verdict),
            "paper": in_words.paper_effect(study, found.claim),
            "blocks": f"{len(found.blocks)}",
        }
        if found.effect:
            line |= {
                "here (95 %)": f"{signed(found.effect.value, 2)} ({span(found.effect.interval())})",
                "p, corrected": probability(found.p),
                "visible": f"{found.visible:.1f}",
            }
        lines.append(line)
    return pd.DataFrame(lines).fillna("").set_index("claim").rename_axis(None)


def lacking(study, results):
    """Markdown: the blocks that were left out of a claim, and for which cells."""
    missing = {}
    for found in judged(study, results):
        for block, ids in found.lacking.items():
            missing.setdefault(block, set()).update(ids)
    at = study.at(results[0]["scale"])
    lines = []
    for block in sorted(missing):
        gone = {id for id in missing[block] if block in blocks.diverged(at, id, results)}
        for ids, what in ((gone, "diverged"), (missing[block] - gone, "not run")):
            lines += [f"- block {block}, {what}: {', '.join(sorted(ids))}"] if ids else []
    return "\n".join(lines or ["Every block has every cell."])


def described(study, results):
    """Markdown: contrasts without a verdict, over the blocks that there are."""
    study, lines = study.at(results[0]["scale"]), []
    for claim in study.afterwards:
        found, _ = blocks.complete(study, claim, results)
        if len(found) < 2:
            lines.append(f"- {claim.says}: {numerals.NOT_RUN}.")
            continue
        effect = blocks.effect(study, claim, results)
        lines.append(
            f"- {claim.says}: {signed(effect.value, 2)} points ({span(effect.interval())}, "
            f"n = {len(found)} blocks)."
        )
    return "\n".join(lines)
