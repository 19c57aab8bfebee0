"""The book's pages that are generated from what is recorded. Only counted FLOPs need torch."""

from rslib.evidence import blocks, verdicts
from rslib.recipes import pareto
from rslib.report import (
    claims,
    forest,
    front,
    in_blocks,
    markdown,
    memory,
    numerals,
    power_law,
    protocols,
    ratios,
    speed,
    standing,
)

PACE = (
    "How many times as fast ResNet-RS trains as an EfficientNet of about the same accuracy, by the "
    "paper and as measured."
)
LIGHTER = "EfficientNet's memory over that of ResNet-RS, for 32 images, printed and measured."
PAGES = {"table1_blocks": "table1"}  # a study that is shown on another's page


def scorecard(studies, recorded):
    """Markdown for the front page: every claim, its verdict under every protocol, and n.

    recorded: {study name: results}.
    """
    shown = [study for study in studies if study.name not in front.NOTES]
    return "\n".join(_score(study, recorded[study.name]) for study in shown)


def _score(study, results):
    groups = protocols.by_protocol(results)
    ids = {claim.id for claim in front.counted(study) or study.laws}
    every = [_findings(study, group) for group in groups]
    found = [[f for f in findings if f.claim.id in ids] for findings in every]
    lines = [f"## [{study.title}](../notebooks/{PAGES.get(study.name, study.name)}.ipynb)", ""]
    lines += [standing.tested(study), ""]
    for group, findings in zip(groups, found, strict=True):
        lines += [f"- {protocols.headline(study, group)} **{_tally(findings)}**"]
    if not any(group[0]["scale"] == "paper" for group in groups):
        papers = protocols.SPELT[study.rows[0].recipe.data.dataset]
        lines += [f"- paper scale, {papers}: no run is recorded yet."]
    held = [markdown.row("the paper's claim", "paper", *map(protocols.short, groups))]
    held += [markdown.row(markdown.WORDS, markdown.NUMBER, *[markdown.WORDS] * len(groups))]
    by_id = [{f.claim.id: f for f in findings} for findings in every]
    for claim in front.counted(study) or study.laws:
        cells = (_verdict(held[claim.id], len(held)) if claim.id in held else "" for held in by_id)
        printed = claims.claimed(claim) if study.laws else claims.paper_effect(study, claim)
        says = claim.says if study.laws else standing.label(study, claim)
        held += [markdown.row(says, printed, *cells)]
    name = study.title.split(":")[0]
    caption = "the paper's claims with the effects that it prints, and what each set of runs says"
    lines += ["", *markdown.captioned(f"{name}, {caption}.", held)]
    if groups and study.afterwards:
        lines += ["", "Looked at afterwards, so without a verdict:", ""]
        told = in_blocks.described if study.blocked else claims.afterwards
        lines += [told(study, group) + "\n" for group in groups]
    return "\n".join(lines) + "\n"


def pace(recorded):
    """Markdown for the front page: the speed claims, beside what devices say of them.

    recorded: {device: measurements}.
    """
    columns = speed.columns(recorded)
    lines = [f"## [{pareto.TABLE_7.title}](../notebooks/table7.ipynb)", ""]
    for name, variant, held in columns:
        lines += [f"- {name}, {variant}: **{ratios.tally(held, variant)}.**"]
    if not any(held[0]["environment"]["device"] == "cuda" for held in recorded.values()):
        lines += ["- GPU: none is recorded yet."]
    names = [f"{name}, {variant}" for name, variant, _ in columns]
    held = [
        markdown.row("pair", "paper: V100, TPUv3", *names),
        markdown.row(markdown.WORDS, markdown.NUMBER, *[markdown.WORDS] * len(names)),
    ]
    for match in ratios.stated():
        pair = f"{speed.label(match.ours)} against {speed.label(match.theirs)}"
        printed = f"{match.v100:.1f}, {match.tpu:.1f}"
        cells = (ratios.words(ratios.compare(match, of, v)) for _, v, of in columns)
        held += [markdown.row(pair, printed, *cells)]
    lines += ["", *markdown.captioned(PACE, held)]
    return "\n".join(lines) + "\n"


def lighter(recorded, counts):
    """Markdown for the scorecard: Table 3's two ratios of memory, for 32 images.

    recorded: {device: measurements}; counts: {row of Table 7: `rslib.costs.counts.Counts`}.
    """
    columns = speed.columns(recorded)
    names = [
        f"{device}, {variant}, {memory.how(held, variant)}" for device, variant, held in columns
    ]
    lines = [
        markdown.row("pair", "paper: TPUv3", *names),
        markdown.row(markdown.WORDS, markdown.NUMBER, *[markdown.WORDS] * len(names)),
    ]
    for match in memory.pairs():
        told = []
        for _, variant, held in columns:
            one = memory.compare(match, held, variant, counts)
            words = f"{_signed(one.verdict)}: {one.value:.1f} ({one.span})" if one else ""
            told.append(words or ratios.NOT_MEASURED)
        pair = f"{speed.label(match.theirs)} : {speed.label(match.ours)}"
        lines += [markdown.row(pair, f"{memory.printed_ratio(match):.1f}", *told)]
    title = "## [Table 3: more parameters, less memory](../notebooks/table3.ipynb)"
    return "\n".join([title, "", *markdown.captioned(LIGHTER, lines)]) + "\n"


def _findings(study, group):
    return power_law.findings(study, group) if study.laws else forest.findings(study, group)


def _tally(found):
    """Of 14 claims: 9 same direction, …, 2 not judged yet."""
    if not found:
        return "It has no claim at this scale."
    words = [f.verdict if f.p is not None else "not judged yet" for f in found]
    order = [*verdicts.HEADINGS, *words]
    counts = {word: words.count(word) for word in dict.fromkeys(order) if word in words}
    so_far = " (provisional)" if "not judged yet" in counts else ""
    listed = ", ".join(f"{n} {word}" for word, n in counts.items())
    return f"Of {len(found)} claims{so_far}: {listed}."


def _verdict(found, family):
    """A cell of the scorecard; family: how many claims are corrected together on one subset."""
    if isinstance(found, power_law.Tested):
        told = f"{_signed(found.verdict)}: {found.measured}; visible from {found.visible} on"
        return found.verdict if found.p is None else told
    seen = standing.visible(found, family)
    if seen is None:
        return found.verdict
    limit = f"visible from {seen:.1f} on"
    if isinstance(found, blocks.Judged):
        effect = (
            f"{numerals.signed(found.effect.value, 2)} ({numerals.span(found.effect.interval())})"
        )
        return f"{_signed(found.verdict)}: {effect}, n = {len(found.blocks)} blocks; {limit}"
    effect = f"{numerals.signed(found.seeds.value, 2)} ({numerals.span(found.own.interval())})"
    return f"{_signed(found.verdict)}: {effect}, n = {found.n}; {limit}"


def _signed(verdict):
    """A verdict after its symbol, so that a column can be read at a glance."""
    return f"{standing.SYMBOLS.get(verdict, '?')}{numerals.SPACE}**{verdict}**"


def environment(studies, recorded):
    """Markdown: on what the recorded runs were made, a table for each protocol."""
    lines = []
    for study in studies:
        for group in protocols.by_protocol(recorded[study.name]):
            name = f"{study.title.split(':')[0]}, {protocols.short(group)}"
            held = [markdown.row(of, value) for of, value in _about(group).items()]
            caption = f"Software, machine and images of the runs of {name}."
            lines += [f"## {name}", "", *markdown.captioned(caption, ["| | |", "|---|---|", *held])]
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
        "code": f"commits {', '.join(sorted({session['commit'][:7] for session in sessions}))}",
        "protocol": f"`{group[0]['protocol']['id']}`",
        "images": f"{group[0]['protocol']['images']}, `{group[0]['data']['sha256'][:10]}`",
    }
