"""Claims and what became of them, as tables and in words. Nothing here needs torch."""

from statistics import stdev

import pandas as pd

from rslib.evidence import stats, verdicts
from rslib.report import standing
from rslib.report.numerals import SPACE, probability, signed, span
from rslib.report.protocols import short


def sums(study):
    """The claims as they were written down: contrasts of rows' top-1, by the rows' ids."""
    lines = [
        {
            "the paper's claim": claim.says,
            "where": claim.where,
            "contrast": " ".join(_term(id, weight) for id, weight in claim.cells.items()),
            "claimed": claimed(claim),
            "weights": {"": "as in the table", "raw": "raw", "ema": "average"}[claim.weights],
            "runs per row": claim.runs,
        }
        for claim in study.claims
    ]
    return _by_claim(lines)


def _by_claim(lines):
    return pd.DataFrame(lines).fillna("").set_index("the paper's claim").rename_axis(None)


def _term(id, weight):
    size = "" if abs(weight) == 1 else f"{abs(weight)} × "
    return f"{'+' if weight > 0 else '−'} {size}{id}"


def claimed(claim):
    if not claim.sign:
        return "0"
    return f"{'above' if claim.sign > 0 else 'below'}{SPACE}0"


def paper_effect(study, claim):
    """The effect that the paper prints, marked where its own two runs do not resolve it."""
    effect = study.paper_effect(claim)
    if effect is None:
        return claimed(claim)
    if claim.whole:
        return f"{study.printed(claim.part):.1f} of {study.printed(claim.whole):.1f}"
    return signed(effect) + ("" if study.resolved_by_paper(claim) else f"{SPACE}?")


def frame(study, results):
    """What became of each claim under one protocol: effects in points, intervals, verdict,
    and the smallest effect that would have shown."""
    lines, every = [], verdicts.findings(study, results)
    for found in every:
        line = {
            "the paper's claim": standing.label(study, found.claim),
            # first: on a phone the rest has to be scrolled to
            "verdict": standing.marked(found.verdict),
            "n": found.n.replace(" ", SPACE),
            "paper": paper_effect(study, found.claim),
        }
        if found.seeds:
            line |= {
                "here": signed(found.seeds.value, 2),
                "95 % over seeds, own rows": span(found.own.interval()),
                "pooled": span(found.seeds.interval()),
                "over images": span(found.images.interval()),
                "p, corrected": probability(found.p),
                "visible": f"{standing.visible(found, len(every)):.1f}",
            }
        lines.append(line)
    return _by_claim(lines)


def summary(study, results):
    """Markdown: every claim under its verdict, with its numbers. results: of one protocol."""
    found = verdicts.findings(study, results)
    judged = [f for f in found if f.seeds]
    lines = [f"**{short(results)}**"]
    for verdict, heading in verdicts.HEADINGS.items():
        lines += _listed(heading, [sentence(f) for f in judged if f.verdict == verdict], len(found))
    waiting = [f"{f.claim.says} ({f.verdict})" for f in found if not f.seeds]
    return "\n".join(lines + _listed("Not judged yet", waiting, len(found)))


def _listed(heading, sentences, total):
    if not sentences:
        return []
    return ["", f"{heading} ({len(sentences)} of {total}):", "", *(f"- {s}." for s in sentences)]


def sentence(found):
    """One claim with its numbers, as Markdown."""
    words = (
        f"{found.claim.says}. Here: {signed(found.seeds.value, 2)} points "
        f"({span(found.own.interval())} over seeds, {span(found.images.interval())} over test "
        f"images; n = {found.n})"
    )
    if found.share:
        ratio, low, high = found.share
        words += f"; their share of the whole gain is {ratio:.2f} ({low:.2f} … {high:.2f})"
    return words


def afterwards(study, results):
    """Markdown: sums that no claim names, looked at with the runs at hand; no verdict."""
    lines = [f"**{short(results)}**", ""]
    for claim in study.afterwards:
        paper = study.paper_effect(claim)
        printed = f" (paper: {signed(paper)})" if paper is not None else ""
        if not all(len(verdicts.score(study, id, results)) > 1 for id in claim.cells):
            lines.append(f"- {claim.says}{printed}: too few runs.")
            continue
        _, own = verdicts.effect(study, claim.cells, results, claim.weights)
        lines.append(
            f"- {claim.says}{printed}: {signed(own.value, 2)} points ({span(own.interval())} over "
            "seeds)."
        )
    return "\n".join(lines)


def scatter(study, results):
    """One line: how far runs of one row lie apart, and the pooled value that p goes by."""
    read = verdicts.readings(study, (), results)
    rows = [stdev(scores) for scores in read.values() if len(scores) > 1]
    if not rows:
        return "No row has two runs."
    variance, df = stats.pooled_variance(read)
    return (
        f"Deviation between seeds, by row: {min(rows):.2f} to {max(rows):.2f} points; pooled "
        f"{variance**0.5:.2f} ({df} degrees of freedom)."
    )
