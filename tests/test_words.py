"""Idioms that must not return to the project's prose; code and quotes are left out."""

import re

import pytest

from rslib.paths import ROOT

WORDS = {  # what a reader stumbles over: the better word
    r"\btells?\b[^.]* from zero": "distinguish from zero",
    r"\banew\b": "again; re-encoded",
    r"\b(learn|know)\w* by heart\b": "memorize",
    r"\bstands? (in|on|here|there|below|above|before|beside)\b|\bas it stands\b": "is; has",
    r"\b(is|are) another\b(?! \w)": "differs",
    r"\bof (its|their|our) own(?= (in|and|at|on|for|with|that)\b|[.,;:)])": "separate",
    r"(^|[.:;] )(Recorded|Needed|Counted|Shown|Kept) (is|are|here|there)\b": "subject first",
    r"\bnetwork's side\b|\bside \d+\b|\b(compares?|larger|smaller|higher) sides?\b": "resolution",
    r"\bwhat it takes\b": "name it",
    r"\bg(o|oes|oing) on (where|with|after)\b|\b[Ss]top and go on\b": "resume",
    r"\b(is|are|was|were) told\b|\btold, and\b": "reported",
    r"\bpasse[sd] over\b(?! the)": "skip",
    r"\bmend(s|ed)?\b": "fix, correct",
    r"\bout of (shards|folders|photographs)\b": "from",
    r"\blies? (beside|there|below)\b|\bwhat lies\b|\bit (lies|does not lie) in\b": "is stored",
    r"\bbeside\b": "next to, with, in addition to",
    r"\bcan not\b": "cannot",
    r"\b(seeds|runs|steps|images|files?) an? (row|second|machine|epoch|stage|command)\b": "per",
    r"\bturned? round\b": "reversed",
    r"\bby its? (nature|self)\b": "itself; originally",
    r"(?<=\S): [^.:;()|\n]+\w: ": "one colon per sentence",
}
EDITED = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "book").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


def prose(file):
    """A file's sentences, without code, quotes, formulas and addresses; line breaks are spaces."""
    text = file.read_text()
    if file.suffix == ".py":
        cells = re.split(r"^# %%", text, flags=re.MULTILINE)
        cells = [cell.partition("\n")[2] for cell in cells if cell.startswith(" [markdown]")]
        text = re.sub(r"^# ?", "", "\n\n".join(cells), flags=re.MULTILINE)
    if file.name == "CHANGELOG.md":
        text = re.split(r"^## ", text, flags=re.MULTILINE)[1]
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\]\([^)]*\)|\{[\w:]+\}`[^`]*`|<[^>]+>", "]", text)
    text = re.sub(r"`[^`]*`|\"[^\"]*\"|\$[^$]*\$", "X", text)
    return re.sub(r"(?<=\S)\n(?!\n|\s*[-*|#:\d])\s*", " ", text)


@pytest.mark.parametrize("file", [*EDITED, *NOTEBOOKS], ids=lambda file: file.name)
def test_prose_has_none_of_these_idioms(file):
    text = prose(file)
    found = [
        f"{text[max(0, hit.start() - 30) : hit.end() + 20]!r}: better {better}"
        for word, better in WORDS.items()
        for hit in re.finditer(word, text, re.MULTILINE)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("idiom", ["one cannot tell it from zero", "a: b c: d", "written anew"])
def test_an_idiom_is_found(idiom, tmp_path):
    (tmp_path / "page.md").write_text(f"{idiom}\n")
    with pytest.raises(AssertionError, match="better"):
        test_prose_has_none_of_these_idioms(tmp_path / "page.md")
