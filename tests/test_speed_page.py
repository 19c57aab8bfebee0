"""The page "How fast is it" repeats numbers of the generated table: they must be the same."""

import re

from rslib.paths import ROOT

PAGE = (ROOT / "book/speed.md").read_text()
TABLE = (ROOT / "book/generated/fast.md").read_text()
ROW = re.compile(r"^\| (.+?) \| (.+?) : (.+?) \| \*\*([\d.]+)\*\* .*?\| (.*?) \|", re.MULTILINE)


def test_the_answer_has_the_tables_ratios():
    answer = PAGE.partition(":::{admonition}")[2].partition(":::\n")[0]
    shown = re.findall(r"\*\*([\d.]+)\*\*", answer)
    assert len(shown) > 4 and set(shown) <= {row[3] for row in ROW.findall(TABLE)}


def test_every_missed_goal_is_listed_and_no_other():
    rows = ROW.findall(TABLE)
    assert len(rows) > 20
    aims = [(goal, ratio) for *_, ratio, goal in rows if goal.startswith("≥")]
    missed = [(goal, ratio) for goal, ratio in aims if float(ratio) < float(goal[2:])]
    assert re.findall(r"^\| ✗ .+ \| (≥ [\d.]+) \| ([\d.]+) \|$", PAGE, re.MULTILINE) == missed
