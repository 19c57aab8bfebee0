"""Figure 2 for readers: what is said follows from the results, whatever there is."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from blocked import table

from rslib.config import from_dict
from rslib.recipes.grid import BLOCKS, FIGURE_2, GRID, REPEATED
from rslib.recipes.scales import at_scale
from rslib.report import pages, power_law

CAVEAT = "Small images."


def about(recipe, classes=10):
    """FLOPs, nearly: counting 27 networks takes seconds."""
    model = recipe.model
    return int(4e4 * (model.width / 0.125) ** 2 * model.depth * (recipe.data.resolution / 16) ** 2)


@pytest.fixture(autouse=True)
def counted(monkeypatch):
    monkeypatch.setattr(power_law, "flops", about)


def tops(slope=-0.25, change=0.0):
    """{row id: top-1 of 1}, along a line on logarithmic axes that may break in the middle."""
    flops = {row.id: about(at_scale(row, "laptop", block=1).recipe) for row in GRID}
    at = np.median(np.log10(list(flops.values())))
    bent = {id: max(0, np.log10(f) - at) for id, f in flops.items()}
    return {id: 1 - 0.7 * (f / 1e6) ** slope * 10 ** (change * bent[id]) for id, f in flops.items()}


def results(tops, seed=0, lacks=(), repeats=BLOCKS):
    """Of block 1, and of the repeated cells in all blocks."""
    rng = np.random.default_rng(seed)
    found = table(rng, tops, study=FIGURE_2, count=repeats, deviation=0.003, lacks=lacks)
    for r in found:
        r["protocol"] |= {"model": r["row"], "resolution": r["recipe"]["data"]["resolution"]}
    return [r for r in found if r["seed"] == 1 or r["row"] in REPEATED]


def test_the_answer_says_not_run_yet_or_what_is_lacking():
    said = power_law.answer(FIGURE_2, [], CAVEAT)
    assert said.startswith(":::{admonition} Not run yet\n:class: warning") and CAVEAT in said
    assert "**Paper scale: not run.**" in said
    part = results({id: top for id, top in tops().items() if id in REPEATED})
    said = power_law.answer(FIGURE_2, [part], CAVEAT)
    assert said.count("**not judged yet**, 3 of 27 cells") == 4 and ":class: warning" in said
    assert power_law.frame(FIGURE_2, part).shape == (3, 6)
    power_law.figure(FIGURE_2, [part])
    plt.close("all")


def test_without_the_repeated_runs_the_spread_waits():
    found = {f.claim.id: f for f in power_law.findings(FIGURE_2, results(tops(), repeats=2))}
    assert found["spread"].verdict == "6 of 12 repeated runs" and found["spread"].p is None
    assert found["slope"].verdict == "same direction"


def test_a_line_a_break_and_their_directions_are_found():
    whole = results(tops())
    found = {f.claim.id: f for f in power_law.findings(FIGURE_2, whole)}
    assert found["slope"].verdict == "same direction"
    assert "slope −0.2" in found["slope"].measured
    assert found["break"].verdict == found["spread"].verdict == "undecided"
    said = power_law.sentence(found["break"])
    assert f"visible from {found['break'].visible} on" in said
    bent = {f.claim.id: f for f in power_law.findings(FIGURE_2, results(tops(change=0.3)))}
    assert bent["break"].verdict == "same direction"
    said = power_law.sentence(bent["break"])
    assert "consistent with the paper's break" in said and "confirm" not in said
    steeper = {f.claim.id: f for f in power_law.findings(FIGURE_2, results(tops(change=-0.4)))}
    assert steeper["break"].verdict == "opposite direction here"


def test_networks_of_equal_flops_that_differ_are_told_from_chance():
    rng = np.random.default_rng(3)
    held = {id: top + rng.normal(0, 0.06) for id, top in tops().items()}
    found = {f.claim.id: f for f in power_law.findings(FIGURE_2, results(held))}
    assert found["spread"].verdict == "same direction"


def test_tables_figure_and_scorecard_take_a_whole_grid():
    whole = results(tops())
    assert power_law.laws(FIGURE_2, whole)["verdict"].iloc[0] == "✓\u00a0same direction"
    assert list(power_law.rules(FIGURE_2).index) == [law.id for law in FIGURE_2.laws]
    shown = power_law.frame(FIGURE_2, whole)
    assert shown.shape == (9, 6) and (shown != "").all(axis=None)
    chart = power_law.figure(FIGURE_2, [whole])
    names = [text.get_text() for text in chart.legends[0].get_texts()]
    assert names[-2:] == ["line", "best hinge"] and "width 0.25" in names and "24 px" in names
    plt.close("all")
    said = pages.scorecard([FIGURE_2], {"figure2": whole})
    assert "**same direction**: slope −0.2" in said and "Of 4 claims" in said
    assert "laptop scale: 27 networks, 16 to 32 px" in said


def test_the_scorecard_takes_a_study_with_no_run_and_one_without_claims():
    from dataclasses import replace

    said = pages.scorecard([FIGURE_2], {"figure2": []})
    assert "no run is recorded yet" in said and FIGURE_2.laws[1].says in said
    bare = replace(FIGURE_2, laws=())
    said = pages.scorecard([bare], {"figure2": results({"wide-350": 0.5})})
    assert "It has no claim at this scale." in said
    paper = [r | {"scale": "paper"} for r in results({"wide-350": 0.5})]
    assert "registered for the reduced grid" in pages.scorecard([FIGURE_2], {"figure2": paper})


def test_flops_are_counted_of_the_runs_own_recipe(monkeypatch):
    monkeypatch.undo()
    (run,) = results({"grid-narrow-26-16": 0.5}, repeats=1)
    assert power_law.flops(from_dict(run["recipe"]), 10) == pytest.approx(0.74e6, rel=0.01)
