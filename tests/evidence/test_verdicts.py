"""From runs to verdicts, on simulated tables whose truth is known."""

import base64
import inspect
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from rslib.evidence import stats, verdicts
from rslib.evidence.blocks import NO_LARGER
from rslib.recipes.additive import CELLS, CLAIMS, TABLE_1
from rslib.report import claims as claimed
from rslib.report import forest, front, pages, plot, tables

IMAGES = 4000
FIVE = {"cosine", "short-regularized", "epochs", "long-lower-decay", "dropout", "weight-decay"}
NOTHING = {row.id: 60.0 for row in (*TABLE_1.rows, *CELLS)}
# what the paper says, at six times its size: steps as printed, contrasts by their signs
PAPER = {row.id: 40 + 6 * (row.paper["top1"] - 79.0) for row in TABLE_1.rows}
PAPER |= {"short-regularized": PAPER["dropout"] - 5, "long-lower-decay": PAPER["ema"] - 5}


def counts(random, top1):
    right = random.random(IMAGES) < top1 / 100
    bits = base64.b64encode(np.packbits(right).tobytes()).decode()
    return {"correct": int(right.sum()), "n": IMAGES, "bits": bits}


def run(random, row, seed, truth, **changes):
    """A result as far as verdicts read it. A run of "epochs" has the row "ema" as its average."""
    read = {"raw": truth[row], "ema": truth.get("ema" if row == "epochs" else row)}
    return {
        "row": row,
        "seed": seed,
        "status": "complete",
        "scale": "laptop",
        "recipe_sha256": row,
        "metrics": {
            "test": {name: counts(random, top1) for name, top1 in read.items()},
            "train": {name: {"correct": 100, "n": 100} for name in read},
        },
    } | changes


def table(random, truth, **changes):
    """All promised runs: five of the contrast cells, three of the other rows."""
    ids = [row.id for row in (*TABLE_1.rows, *CELLS) if row.id != "ema"]
    seeds = {id: 5 if id in FIVE else 3 for id in ids}
    return [run(random, id, s, truth, **changes) for id in ids for s in range(1, seeds[id] + 1)]


def judged(results):
    return {f.claim.id: f for f in verdicts.findings(TABLE_1, results)}


def test_the_papers_effects_are_found_when_they_are_there():
    """With ± 1 point of noise a run, small steps may stay open; nothing turns round."""
    found = judged(table(np.random.default_rng(0), PAPER))
    words = {id: f.verdict for id, f in found.items()}
    assert set(words.values()) <= {"same direction", "undecided"}
    for id in ("longer-alone", "longer-interaction", "label-smoothing", "decay-regularized"):
        assert words[id] == "same direction"
    assert words["share"] == "same direction"
    share, low, high = found["share"].share
    assert low < 0.727 < high and share == pytest.approx(0.727, abs=0.1)
    assert found["label-smoothing"].n == "3 to 5" and found["longer-alone"].n == "5"
    effect = found["label-smoothing"].seeds
    assert effect.value == pytest.approx(found["label-smoothing"].images.value)
    assert effect.holds(6 * 1.3)


def test_the_reverse_of_the_paper_is_called_opposite():
    turned = {id: 100 - top1 for id, top1 in PAPER.items()}
    words = {id: f.verdict for id, f in judged(table(np.random.default_rng(1), turned)).items()}
    for id in ("longer-alone", "label-smoothing", "decay-regularized", "decay-alone"):
        assert words[id] == "opposite direction here"
    assert words["share"] == "undecided"  # of a loss there is no share


def test_noise_alone_seldom_becomes_a_direction_anywhere():
    """Fourteen claims, one table: a false direction in at most 5 % of tables, by Holm."""
    random = np.random.default_rng(2)
    false = 0
    for _ in range(60):
        found = judged(table(random, NOTHING)).values()
        false += any("direction" in f.verdict for f in found)
    assert false <= 7  # more has a chance below 2 % if 5 % is true


def test_the_ladders_steps_are_adjusted_together():
    changes = verdicts.steps(TABLE_1, table(np.random.default_rng(3), PAPER))
    assert list(changes) == [row.id for row in TABLE_1.rows[1:]]
    effect, p = changes["weight-decay"]
    assert effect.holds(6 * 1.5) and p < 0.05 and p >= effect.p()
    one_each = [r for r in table(np.random.default_rng(3), PAPER) if r["seed"] == 1]
    assert verdicts.steps(TABLE_1, one_each) == {}


def test_a_claim_waits_for_the_runs_that_were_promised():
    results = table(np.random.default_rng(4), PAPER)
    fewer = [r for r in results if (r["row"], r["seed"]) != ("cosine", 5)]
    found = judged(fewer)
    assert found["longer-alone"].verdict == "4 of 5 runs" and found["longer-alone"].seeds is None
    assert found["label-smoothing"].seeds is not None
    # the gate is part of what a claim about overfitting needs
    ungated = [r for r in results if r["row"] != "epochs"]
    assert judged(ungated)["dropout"].verdict == "0 of 3 runs"
    assert judged(ungated)["se"].seeds is not None
    assert verdicts.gate(TABLE_1, ungated) is None


def test_a_diverged_run_counts_and_two_end_it():
    results = table(np.random.default_rng(5), PAPER)
    fail = {"status": "diverged", "metrics": {}}
    once = [r | fail if (r["row"], r["seed"]) == ("se", 1) else r for r in results]
    assert judged(once)["se"].verdict in ("same direction", "undecided")
    assert judged(once)["se"].n == "2 to 5"
    twice = [r | fail if r["row"] == "se" and r["seed"] < 3 else r for r in results]
    assert judged(twice)["se"].verdict == "diverged"


def test_later_seeds_and_other_rows_do_not_change_who_is_counted():
    results = table(np.random.default_rng(8), PAPER)
    more = [run(np.random.default_rng(9), "cosine", seed, PAPER) for seed in range(6, 20)]
    assert judged(results + more) == judged(results)


def test_where_nothing_overfits_claims_about_overfitting_are_not_judged():
    results = table(np.random.default_rng(6), PAPER)
    for r in results:
        r["metrics"]["train"]["raw"]["correct"] = 98
    words = {id: f.verdict for id, f in judged(results).items()}
    assert not verdicts.gate(TABLE_1, results)["reached"]
    for claim in CLAIMS:
        assert (words[claim.id] == "regime not reached") == claim.overfitting, claim.id


def test_at_paper_scale_two_runs_are_enough_and_grades_are_the_papers():
    found = judged(table(np.random.default_rng(7), PAPER, scale="paper"))
    assert found["label-smoothing"].verdict == "reproduced (direction)"  # six times as much
    assert found["longer-interaction"].verdict == "reproduced (direction)"
    whole = table(np.random.default_rng(7), PAPER, scale="paper")
    ungated = [r for r in whole if r["row"] != "epochs"]
    assert judged(ungated)["dropout"].seeds is not None  # there is no gate at paper scale
    two = [r for r in table(np.random.default_rng(7), PAPER, scale="paper") if r["seed"] < 3]
    assert all(f.seeds is not None for f in judged(two).values())
    fail = {"status": "diverged", "metrics": {}}
    broken = [r | fail if (r["row"], r["seed"]) == ("se", 1) else r for r in two]
    assert judged(broken)["se"].verdict == "diverged"  # one run is left


def test_steps_that_are_missing_stay_in_the_family():
    results = table(np.random.default_rng(3), NOTHING)
    few = [r for r in results if r["row"] in ("cosine", "epochs")]
    effect, p = verdicts.steps(TABLE_1, few)["epochs"]
    assert p == pytest.approx(min(1, 10 * effect.p()))


def dressed(results):
    """Results as tables and figures read them."""
    about = {"id": "p", "images": "some", "model": "a net", "resolution": 32, "train_images": 9}
    about |= {"long_epochs": 350, "own_epochs": 350}
    session = {"dirty": False, "code": "c", "device_name": "a CPU", "precision": "fp32"}
    point = {"epoch": 1, "minival_raw": 0.5, "minival_ema": 0.5, "train_raw": 0.5, "train_ema": 0.5}
    more = {"protocol": about, "sessions": [session], "recipe": {}}
    more |= {"data": {"test": IMAGES, "classes": 10}}
    return [r | more | {"history": [point] if r["metrics"] else []} for r in results]


FULL = table(np.random.default_rng(10), PAPER)
FAILED = {"status": "diverged", "metrics": {}}
PARTS = {
    "all": FULL,
    "one run": FULL[:1],
    "one seed": [r for r in FULL if r["seed"] == 1],
    "contrast cells": [r for r in FULL if r["row"] in ("short-regularized", "long-lower-decay")],
    "all diverged": [r | FAILED for r in FULL],
    "paper": table(np.random.default_rng(11), PAPER, scale="paper"),
    "smoke": [r | {"scale": "smoke"} for r in FULL],
}


def test_all_sets_of_results_are_in_one_figure():
    full, smoke = dressed(FULL), dressed(PARTS["smoke"])
    part = [run for run in full if run["row"] == "epochs"]
    titles = [ax.get_title() for ax in plot.ladder(TABLE_1, [full, part, smoke]).axes]
    assert [title.split(":")[0] for title in titles] == ["paper", "here", "here"]
    (alone,) = plot.ladder(TABLE_1, [smoke]).axes
    assert alone.get_title().endswith("no result")
    panels = plot.curves(TABLE_1, [full, part], {"cosine": "a", "epochs": "b"}).axes
    assert [ax.get_title() for ax in panels] == ["a", "b", "", ""]
    assert [bool(ax.lines) for ax in panels] == [True, True, False, True]
    plt.close("all")


@pytest.mark.parametrize("results", PARTS.values(), ids=PARTS)
def test_whatever_there_is_can_be_shown(results):
    results = dressed(results)
    plot.ladder(TABLE_1, [results])
    forest.of_groups(TABLE_1, [results])
    plot.curves(TABLE_1, [results], {"cosine": "a", "epochs": "b"})
    plt.close("all")
    assert len(claimed.frame(TABLE_1, results)) == len(claimed.sums(TABLE_1)) == len(CLAIMS)
    assert len(tables.frame(TABLE_1, results)) in (11, 13)
    assert len(tables.beside(TABLE_1, [results])) == 11
    cells = tables.frame(TABLE_1, results, ["short-regularized", "long-lower-decay"])
    assert len(cells) == 2
    words = claimed.summary(TABLE_1, results)
    assert all(sum.says in claimed.afterwards(TABLE_1, results) for sum in TABLE_1.afterwards)
    assert claimed.scatter(TABLE_1, results)
    assert all(claim.says in words for claim in CLAIMS)
    card = pages.scorecard([TABLE_1], {"table1": results})
    assert all(f"| {claim.says} |" in card for claim in front.counted(TABLE_1))


def test_the_rows_stand_beside_the_papers():
    """The change is that of the full table; where only one run is there, it has no interval."""
    full, one = dressed(FULL), dressed([r | {"scale": "gpu"} for r in PARTS["one seed"]])
    both = tables.beside(TABLE_1, [full, one], ["epochs"])
    assert list(both["Δ paper"]) == ["−0.5"]
    change, alone = both.iloc[0, 2], both.iloc[0, 3]
    whole = tables.frame(TABLE_1, full).loc["+ Increase training epochs"]
    assert change.startswith(f"{float(whole['Δ here'].replace('−', '-')):+.1f}".replace("-", "−"))
    assert "…" in change and "…" not in alone


def test_every_verdict_has_its_heading_and_its_mark():
    assert list(verdicts.HEADINGS) == [word for word in forest.MARKS if word != NO_LARGER]
    words = set(re.findall(r'"([a-z]+[a-z ()]*)"', inspect.getsource(stats.reduced_verdict)))
    words |= set(re.findall(r'"([a-z]+[a-z ()]*)"', inspect.getsource(stats.paper_verdict)))
    assert words == set(verdicts.HEADINGS)
