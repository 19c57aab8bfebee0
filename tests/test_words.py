"""Idioms that must not return to what readers see: pages, captions, and sentences of the code.

In pages, code and quotes are left out; in code, docstrings and names.
"""

import ast
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
}
COLONS = {r"(?<=\S): [^.:;()|\n]+\w: ": "one colon per sentence"}  # messages begin with a name
EDITED = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "book").glob("*.md"))]
GENERATED = sorted((ROOT / "book/generated").glob("*.md"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
PACKAGE = sorted((ROOT / "rslib").rglob("*.py"))
CAPTION = re.compile(r'"(?:caption|alt|code_prompt_show)": "((?:[^"\\]|\\.)*)"')
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


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


def cells(file):
    """[(the line that begins a cell, its text)] of a notebook."""
    parts = re.split(r"^# %%(.*)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def captions(file):
    """What a notebook's figures, tables and dropdowns are called, and their pictures' words."""
    return "\n".join(text for head, _ in cells(file) for text in CAPTION.findall(head))


def sentences(file):
    """What code says: its strings with spaces, without docstrings; values in them are X."""
    if file.parent.name == "notebooks":
        code = [text for head, text in cells(file) if not head.startswith(" [markdown]")]
    else:
        code = [file.read_text(encoding="utf-8")]
    nodes = [node for text in code for node in ast.walk(ast.parse(text))]
    apart = {id(node.body[0].value) for node in nodes if documented(node)}
    said = []
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            apart |= {id(part) for part in node.values}
            parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
            said.append("".join(parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            said += [] if id(node) in apart else [node.value]
    return "\n".join(text for text in said if " " in text.strip())


def documented(node):
    return isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None


def found_in(text, words):
    return [
        f"{text[max(0, hit.start() - 30) : hit.end() + 20]!r}: better {better}"
        for word, better in words.items()
        for hit in re.finditer(word, text, re.MULTILINE | re.IGNORECASE)
    ]


@pytest.mark.parametrize("file", [*EDITED, *GENERATED, *NOTEBOOKS], ids=lambda file: file.name)
def test_prose_has_none_of_these_idioms(file):
    found = found_in(prose(file), WORDS | COLONS)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.name)
def test_captions_and_sentences_of_notebooks_have_none(file):
    found = found_in(captions(file), WORDS | COLONS) + found_in(sentences(file), WORDS)
    assert not found, "\n".join(found)


def test_sentences_of_the_package_have_none():
    found = {file.name: lines for file in PACKAGE if (lines := found_in(sentences(file), WORDS))}
    assert not found, "\n".join(f"{name}: {lines}" for name, lines in found.items())


@pytest.mark.parametrize("idiom", ["one cannot tell it from zero", "a: b c: d", "Written anew"])
def test_an_idiom_is_found(idiom, tmp_path):
    (tmp_path / "page.md").write_text(f"{idiom}\n")
    with pytest.raises(AssertionError, match="better"):
        test_prose_has_none_of_these_idioms(tmp_path / "page.md")


def test_an_idiom_in_code_is_found_and_docstrings_and_names_are_not(tmp_path):
    file = tmp_path / "code.py"
    file.write_text(
        '"""Made anew."""\n\ndef f(x):\n    """Anew."""\n    return {"anew": f"{x} anew"}\n'
    )
    assert sentences(file) == "X anew"
    (tmp_path / "notebooks").mkdir()
    figure = '{"figure": {"caption": "Made \\"anew\\"."}}'
    cell = f'# %% tags=["a"] mystnb={figure}\nprint("It is beside X")\n'
    notebook = tmp_path / "notebooks/page.py"
    notebook.write_text(f"# %% [markdown]\n# text\n\n{cell}")
    assert captions(notebook) == 'Made \\"anew\\".' and sentences(notebook) == "It is beside X"
