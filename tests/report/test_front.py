"""The front page says what is judged, once, and what is not; its figure is the same twice."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from blocked import table

from rslib.recipes.additive import TABLE_1
from rslib.recipes.blocks import TABLE_1_BLOCKS
from rslib.recipes.studies import TRAINED
from rslib.report import forest, found, front, render, tables

# longer training loses 10 points without regularization and gains 20 with it: every claim holds
TOPS = {"none-short": 0.46, "none": 0.36, "all-short": 0.42, "all": 0.62}
NOTHING = {name: [] for name in TRAINED}


@pytest.fixture(scope="module")
def recorded():
    return NOTHING | {"table1_blocks": table(np.random.default_rng(0), TOPS)}


def test_the_answer_counts_each_verdict_and_names_what_waits(recorded):
    said = found.answer(recorded, (83, 83), {})
    assert "**✓ 4 verdicts as in the paper, 2 of them of components**" in said
    assert "✗" not in said and "?" not in said
    claim = "| All regularization together helps at 350 epochs | above 0 | ✓ +"
    assert claim in said.replace(tables.SPACE, " ")
    waiting = next(line for line in said.splitlines() if "Not judged yet" in line)
    assert "Table 2" in waiting and "Figure 3" in waiting and "in blocks" not in waiting
    assert "32 runs at the laptop scale" in said and "83 of 83" in said
    assert said.count(":::") == 2


def test_without_runs_it_says_so():
    said = found.answer(NOTHING, (0, 0), {})
    assert "No run is recorded." in said and "✓" not in said and "✗" not in said


def test_a_claim_that_both_versions_of_table_1_test_counts_once():
    ids = [claim.id for study in (TABLE_1, TABLE_1_BLOCKS) for claim in front.counted(study)]
    assert len(ids) == len(set(ids)) == len(TABLE_1.claims) + len(TABLE_1_BLOCKS.claims) - 3


def test_coverage_tells_whole_from_part_from_none(recorded):
    lines = front.coverage(recorded | {"table1": recorded["table1_blocks"][:3]}, {}).splitlines()
    cells = {line.split(" | ")[0]: [c.strip() for c in line.split("|")] for line in lines}
    row = next(value for name, value in cells.items() if "Table 1]" in name)
    assert row[3:7] == ["▷", "◐", "▷", "▷"]
    assert front.state(TABLE_1_BLOCKS, recorded["table1_blocks"], "laptop") == "✓"
    assert front.state(TABLE_1_BLOCKS, [], "laptop") == "▷"


def test_a_figures_line_stands_where_the_paper_signs_it(recorded):
    (found,) = (
        line
        for line in forest.lines(TABLE_1_BLOCKS, [recorded["table1_blocks"], []])
        if line.label == "All regularization together helps at 350 epochs"
    )
    here, other = found.marks
    assert here.ends[0] < here.value < here.ends[1] and 20 < here.value < 32
    assert len(here.blocks) == 8 and np.isclose(np.mean(here.blocks), here.value)
    assert other == "not yet run"


def test_a_claimed_loss_is_turned():
    turned = table(np.random.default_rng(0), TOPS)
    lines = forest.lines(TABLE_1_BLOCKS, [turned])
    loss = next(line for line in lines if line.label.startswith("Without regularization"))
    assert loss.indented and loss.marks[0].value > 5
    assert "lose" in loss.label


def test_the_same_figure_is_the_same_text(recorded):
    before = plt.get_fignums()
    first, second = (render.svg(front.figure(recorded)) for _ in range(2))
    assert first == second and first.startswith("<?xml")
    assert plt.get_fignums() == before  # closed


def test_provenance_has_runs_hours_machine_commit_and_files():
    session = {"device_name": "a CPU", "instructions": "AVX2", "precision": "fp32"}
    runs = table(np.random.default_rng(0), TOPS, count=2)
    for place, run in enumerate(runs):
        run |= {
            "timing": {"seconds": 900.0},
            "sessions": [session | {"commit": f"{place % 2}" * 40}],
        }
    (line,) = tables.provenance(TABLE_1_BLOCKS, [runs]).splitlines()
    assert "8 runs, 2.0 hours on a CPU (AVX2)" in line and "commits 0000000, 1111111" in line
    assert "`data/results/blocks/`" in line
