"""The front page says what is judged, once, and what is not; its figure is the same twice."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from blocked import table

from rslib.paths import ROOT
from rslib.recipes import pareto
from rslib.recipes.additive import TABLE_1
from rslib.recipes.blocks import TABLE_1_BLOCKS
from rslib.recipes.studies import TRAINED
from rslib.recipes.weight_decay import TABLE_2
from rslib.report import counted, forest, found, front, numerals, render, standing, tables

# longer training loses 10 points without regularization and gains 20 with it: every claim holds
TOPS = {"none-short": 0.46, "none": 0.36, "all-short": 0.42, "all": 0.62}
NOTHING = {name: [] for name in TRAINED}


@pytest.fixture(scope="module")
def recorded():
    return NOTHING | {"table1_blocks": table(np.random.default_rng(0), TOPS)}


def test_the_answer_counts_each_verdict_and_names_what_waits(recorded):
    said = found.answer(recorded, (83, 83), {})
    assert "{term}`Confirmatory <confirmatory>`: 4 verdicts, **✓ 4 as in the paper**." in said
    assert "xploratory" not in said
    assert "✗" not in said and "?" not in said
    assert "32 runs at the laptop scale" in said and "83 of 83" in said
    assert said.count(":::") == 2


def test_decided_claims_have_a_table_and_those_that_wait_are_named(recorded):
    said = found.decided(recorded, {})
    claim = "| All regularization together helps at 350 epochs | above 0 | ✓ +"
    assert claim in said.replace(numerals.SPACE, " ")
    waiting = next(line for line in said.splitlines() if "Not judged yet" in line)
    assert "Table 2" in waiting and "Figure 3" in waiting and "in blocks" not in waiting
    assert said.startswith(":::{table} ") and said.count(":::") == 2


def test_a_term_links_to_the_glossary_once():
    text = found._linked("exposure 1.0; blocks judge; blocks, exposure")
    assert text == "{term}`exposure <exposure>` 1.0; {term}`blocks <block>` judge; blocks, exposure"
    glossary = (ROOT / "book/method.md").read_text().partition("```{glossary}")[2]
    assert all(f"\n{term}\n" in glossary for term in ("exposure", "block", "component"))


def test_what_is_exact_is_counted_and_not_typed():
    """Two networks of Table 7, and one of them with a parameter more in a thousand."""
    rows = [row for row in pareto.table_7() if row.name in ("resnet_rs_50", "resnet_rs_200")]
    costs = {"resnet_rs_50": (35.69e6, 4.557e9), "resnet_rs_200": (93.21e6, 40.187e9)}
    networks = {row: SimpleNamespace(parameters=0, flops=0) for row in rows}
    for row, one in networks.items():
        one.parameters, one.flops = costs[row.name]
    assert counted.as_printed(networks) == (2, 2)
    networks[rows[-1]].parameters *= 1.01
    assert counted.as_printed(networks) == (1, 2)


def test_without_runs_it_says_so():
    said = found.answer(NOTHING, (0, 0), {})
    assert "No run is recorded." in said and "✓" not in said and "✗" not in said


def test_a_claim_that_both_versions_of_table_1_test_counts_once():
    ids = [claim.id for study in (TABLE_1, TABLE_1_BLOCKS) for claim in front.counted(study)]
    assert len(ids) == len(set(ids)) == len(TABLE_1.claims) + len(TABLE_1_BLOCKS.claims) - 4
    assert {id: (study.name, claim.id) for id, (study, claim) in standing.AGAIN.items()} == {
        **{claim.id: ("table1_blocks", claim.id) for claim in TABLE_1_BLOCKS.claims},
        "decay-interaction": ("table2", "lower-step"),
    }
    step = next(claim for claim in TABLE_2.claims if claim.id == "lower-step")
    assert "the same contrast as in Table 1's first experiment" in standing.label(TABLE_2, step)
    assert standing.label(TABLE_1, TABLE_1.claims[3]) == TABLE_1.claims[3].says


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
    session = {"device_name": "a CPU", "instructions": "AVX2", "precision": "fp32", "threads": 1}
    runs = table(np.random.default_rng(0), TOPS, count=2)
    for place, run in enumerate(runs):
        run |= {
            "timing": {"seconds": 900.0},
            "sessions": [session | {"commit": f"{place % 2}" * 40}],
        }
    (line,) = tables.provenance(TABLE_1_BLOCKS, [runs]).splitlines()
    assert "8 runs, 2.0 hours on a CPU (AVX2; 1 thread per run); commits 0000000, 1111111" in line
    assert "`data/results/blocks/`" in line
    assert front.provenance(NOTHING) == "*No run is recorded.*\n"


def test_the_figures_provenance_counts_a_run_of_two_studies_once(recorded):
    runs = table(np.random.default_rng(0), TOPS)
    session = {"device_name": "a CPU", "precision": "fp32", "code": "c", "dirty": False}
    session |= {"commit": "0" * 40}
    for run in runs:
        run |= {"timing": {"seconds": 900.0}, "sessions": [session]}
    both = NOTHING | {"table1_blocks": runs, "table2": runs}
    assert front.provenance(both).startswith("*32 runs, 8.0 hours on a CPU; commits 0000000; ")
