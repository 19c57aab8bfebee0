"""The book's pages that are generated from what is recorded. Without torch."""

from rslib import judged, tables, verdicts


def scorecard(studies, recorded):
    """Markdown for the front page: every claim, its verdict under every protocol, and n.

    recorded: {study name: results}.
    """
    return "\n".join(_score(study, recorded[study.name]) for study in studies)


def _score(study, results):
    groups = tables.by_protocol(results)
    found = [verdicts.findings(study, group) for group in groups]
    lines = [f"## [{study.title}](../notebooks/{study.name}.ipynb)", ""]
    for group, findings in zip(groups, found, strict=True):
        lines += [f"- {tables.headline(study, group)} **{_tally(findings)}**"]
    if not any(group[0]["scale"] == "paper" for group in groups):
        lines += ["- paper scale, ImageNet: no run is recorded yet."]
    lines += ["", _row("the paper's claim", "paper", *map(tables.short, groups))]
    lines += [_row(*["---"] * (2 + len(groups)))]
    for place, claim in enumerate(study.claims):
        cells = (_verdict(findings[place]) for findings in found)
        lines += [_row(claim.says, judged.paper_effect(study, claim), *cells)]
    if groups and study.afterwards:
        lines += ["", "Looked at afterwards, so without a verdict:", ""]
        lines += [judged.afterwards(study, group) + "\n" for group in groups]
    return "\n".join(lines) + "\n"


def _tally(found):
    """Of 14 claims: 9 same direction, …, 2 not judged yet."""
    words = [f.verdict if f.seeds else "not judged yet" for f in found]
    order = [*verdicts.HEADINGS, *words]
    counts = {word: words.count(word) for word in dict.fromkeys(order) if word in words}
    so_far = " (provisional)" if "not judged yet" in counts else ""
    listed = ", ".join(f"{n} {word}" for word, n in counts.items())
    return f"Of {len(found)} claims{so_far}: {listed}."


def _verdict(found):
    if not found.seeds:
        return found.verdict
    effect = f"{tables.signed(found.seeds.value, 2)} ({tables.span(found.own.interval())})"
    return f"**{found.verdict}**: {effect}, n = {found.n}"


def _row(*cells):
    return f"| {' | '.join(cells)} |"


def environment(studies, recorded):
    """Markdown: on what the recorded runs were made, a table for each protocol."""
    lines = []
    for study in studies:
        for group in tables.by_protocol(recorded[study.name]):
            lines += [f"## {study.title.split(':')[0]}, {tables.short(group)}", ""]
            lines += ["| | |", "|---|---|"]
            lines += [_row(name, value) for name, value in _about(group).items()]
            lines += [""]
    return "\n".join(lines or ["No run is recorded yet."]) + "\n"


def _about(group):
    """What a protocol's runs say of themselves, for people."""
    sessions = [session for result in group for session in result["sessions"]]
    hours = sum(result["timing"].get("seconds", 0) for result in group) / 3600
    diverged = sum(result["status"] == "diverged" for result in group)
    each = {
        name: ", ".join(sorted({str(session[name]) for session in sessions}))
        for name in ("device_name", "precision", "threads", "python", "torch", "torchvision")
    }
    return {
        "runs": f"{len(group)}, of which {diverged} diverged",
        "training": f"{hours:.1f} hours in all, one run a process",
        "from, to": f"{min(r['started'] for r in group)}, {max(r['ended'] for r in group)}",
        "machine": each["device_name"],
        "precision, threads a run": f"{each['precision']}, {each['threads']}",
        "Python, torch, torchvision": f"{each['python']}, {each['torch']}, {each['torchvision']}",
        "Ignite": ", ".join(sorted({str(session["ignite"]) for session in sessions})),
        "commits": ", ".join(sorted({f"`{session['commit'][:10]}`" for session in sessions})),
        "protocol": f"`{group[0]['protocol']['id']}`",
        "images": f"{group[0]['protocol']['images']}, `{group[0]['data']['sha256'][:10]}`",
    }
