"""Answer boxes: the first thing on a page is read whole, so it has few words."""

import re

import nbformat
import pytest
from boxes import LIMIT, words

from rslib.paths import ROOT

BOX = re.compile(
    r"^:::\{admonition\} (?:Answer|What was found|Not run yet)\n(.*?)^:::", re.DOTALL | re.MULTILINE
)
PAGES = [*(ROOT / "book").glob("*.md"), *(ROOT / "book/generated").glob("*.md")]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WITHOUT = {"data"}  # a page of no claim


def boxes(path):
    if path.suffix == ".md":
        return BOX.findall(path.read_text(encoding="utf-8"))
    shown = [o for c in nbformat.read(path, as_version=4).cells for o in c.get("outputs", [])]
    texts = [o.data["text/markdown"] for o in shown if "text/markdown" in o.get("data", {})]
    return [box for text in texts for box in BOX.findall(text)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_one_answer_of_few_words(path):
    found = boxes(path)
    assert len(found) == (path.stem not in WITHOUT)
    assert [box for box in found if len(words(box)) > LIMIT] == []


def test_a_pages_answer_has_few_words():
    found = {path.name: boxes(path) for path in PAGES}
    assert {name for name, held in found.items() if held} >= {"answer.md", "speed.md", "cloud.md"}
    long = [name for name, held in found.items() if any(len(words(b)) > LIMIT for b in held)]
    assert long == []


def test_words_are_counted_without_numbers_and_targets():
    text = ":class: tip\n\n- ✓ {term}`Exposure <exposure>` +4.8 (n = 8), [see it](a.md#b)."
    assert words(text) == ["Exposure", "(n", "[see", "it]."]
