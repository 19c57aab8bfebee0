"""Studies in blocks, for readers: what is said follows from the results, whatever there is."""

import re
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from blocked import table

from rslib.paths import ROOT
from rslib.recipes.blocks import TABLE_1_BLOCKS
from rslib.recipes.scaling import FIGURE_3
from rslib.recipes.weight_decay import TABLE_2
from rslib.report import block_plot, collect, forest, in_blocks, pages

PAPER = {"none-short": 0.50, "none": 0.46, "all-short": 0.46, "all": 0.56}
CAVEAT = "Small images."


@pytest.fixture(scope="module")
def results():
    return table(np.random.default_rng(1), PAPER)


def test_the_answer_has_verdict_effect_blocks_and_caveat_in_few_words(results):
    said = in_blocks.answer(TABLE_1_BLOCKS, [results], CAVEAT)
    assert said.startswith(":::{admonition} Answer\n:class: tip") and said.endswith(":::")
    assert said.count("✓") == 2 and said.count(", 8 blocks).") == 2
    assert CAVEAT in said and "**Paper scale: not run.**" in said
    turned = table(np.random.default_rng(1), {id: 1 - top for id, top in PAPER.items()})
    assert ":class: danger" in in_blocks.answer(TABLE_1_BLOCKS, [turned], CAVEAT)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_with_few_blocks_nothing_is_judged_and_all_can_be_shown(count):
    found = table(np.random.default_rng(0), PAPER, count=count)
    said = in_blocks.answer(TABLE_1_BLOCKS, [found] if found else [], CAVEAT)
    assert "No run is recorded" in said if not count else f"{count} of 8 blocks" in said
    assert "✓" not in said and "✗" not in said
    if found:
        shown = in_blocks.claims(TABLE_1_BLOCKS, found)
        assert set(shown["verdict"].iloc[:2]) == {f"{count} of 8 blocks"}
        assert in_blocks.frame(TABLE_1_BLOCKS, found).loc[:, "blocks"].eq(str(count)).all()
        forest.of_groups(TABLE_1_BLOCKS, [found])
        plt.close("all")


def test_the_tables_say_what_is_there(results):
    shown = in_blocks.claims(TABLE_1_BLOCKS, results)
    assert list(shown["blocks"]) == ["8"] * 4
    assert all(float(value) > 0 for value in shown["visible"])
    cells = in_blocks.frame(TABLE_1_BLOCKS, results)
    assert list(cells["on training images"]) == ["100.0"] * 4
    assert "one frame" not in cells  # of clips alone
    for run in (videos := table(np.random.default_rng(1), PAPER)):
        run["metrics"]["one-frame"] = run["metrics"]["train"]
    assert list(in_blocks.frame(TABLE_1_BLOCKS, videos)["one frame"]) == ["100.0"] * 4
    assert "not yet run" in in_blocks.described(TABLE_1_BLOCKS, results)
    assert "at 90 epochs: −" in in_blocks.described(TABLE_1_BLOCKS, results)
    assert in_blocks.lacking(TABLE_1_BLOCKS, results) == "Every block has every cell."
    assert len(in_blocks.runs(TABLE_1_BLOCKS, results)) == len(results) == 32


def test_a_claim_of_no_effect_is_drawn_where_it_is():
    claims = tuple(replace(claim, sign=0, after="") for claim in TABLE_1_BLOCKS.claims[:1])
    study = replace(TABLE_1_BLOCKS, claims=claims)
    found = table(np.random.default_rng(1), PAPER)
    (shown,) = in_blocks.claims(study, found).to_dict("records")
    assert (shown["verdict"], shown["paper"]) == ("✗\u00a0contradicted", "0")
    (ax,) = forest.of_groups(study, [found]).axes
    places = [x for line in ax.lines if line.get_marker() == "X" for x in line.get_xdata()]
    here = shown["here (95 %)"].split(" (")[0].replace("−", "-")
    assert places == [pytest.approx(float(here), abs=0.01)]
    plt.close("all")
    assert "✗" in in_blocks.answer(study, [found], CAVEAT)


def test_a_block_that_is_left_out_is_named():
    found = table(np.random.default_rng(1), PAPER, lacks=[(3, "all-short"), (5, "none")])
    lines = in_blocks.lacking(TABLE_1_BLOCKS, found).splitlines()
    assert lines == ["- block 3, not run: all-short", "- block 5, not run: none"]
    for run in found:
        if run["row"] == "all" and run["seed"] == 3:
            run["status"] = "diverged"
    lines = in_blocks.lacking(TABLE_1_BLOCKS, found).splitlines()
    assert lines[:2] == ["- block 3, diverged: all", "- block 3, not run: all-short"]


def test_lines_and_scorecard_take_every_study(results):
    series = {"none": {90: "none-short", 350: "none"}, "all": {90: "all-short", 350: "all"}}
    figure = block_plot.lines(TABLE_1_BLOCKS, [results], series, xlabel="epochs", log=True)
    (ax,) = figure.axes
    assert len(ax.lines) == 2 * (8 + 1)
    both = block_plot.lines(TABLE_1_BLOCKS, [results, results], series, xlabel="epochs")
    assert [len(ax.lines) for ax in both.axes] == [2 * (8 + 1)] * 2
    assert block_plot.lines(TABLE_1_BLOCKS, [], series, xlabel="epochs") is None
    said = block_plot.ends(TABLE_1_BLOCKS, [results], series)
    assert re.search(r": none [45]\d\.\d % at 90 and [45]\d\.\d % at 350; all 4", said)
    assert block_plot.ends(TABLE_1_BLOCKS, [], series) == "No run is recorded."
    plt.close("all")
    held = {study.name: [] for study in (TABLE_1_BLOCKS, TABLE_2, FIGURE_3)}
    said = pages.scorecard([TABLE_1_BLOCKS, TABLE_2, FIGURE_3], held | {"table1_blocks": results})
    assert "notebooks/table1.ipynb" in said and "notebooks/table2.ipynb" in said
    assert said.count("| ✓\u00a0**same direction**") == said.count("n = 8 blocks; visible") == 4
    assert said.count("{term}`Confirmatory <confirmatory>`") == 3 and "xploratory" not in said
    assert "| --- | ---: | --- |" in said and said.count("\n:::{table} ") == 3


def test_table_1s_box_tells_its_only_opposite_verdict():
    """By what is recorded, and as its notebook asks for it."""
    asked = re.findall(r"in_blocks\.answer\(([^)]+)\)", (ROOT / "notebooks/table1.py").read_text())
    assert asked == ['TABLE_1_BLOCKS, in_blocks_runs, CAVEAT, also=["longer-alone"]']
    recorded = collect.recorded(TABLE_1_BLOCKS)
    said = in_blocks.answer(TABLE_1_BLOCKS, recorded, "C.", also=["longer-alone"])
    assert "\n- ✗ Without regularization, 350 epochs in place of 90 lose accuracy" in said
    assert ":class: danger" in said
    assert "✗" not in in_blocks.answer(TABLE_1_BLOCKS, recorded, "C.")
