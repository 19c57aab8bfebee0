"""What smaller images may cost in accuracy, and the pages that speak of speed."""

import base64
import json
from math import sqrt

import matplotlib.pyplot as plt
import numpy as np
import pytest

from rslib import paths
from rslib.config import InputError
from rslib.costs import counts
from rslib.evidence import devices, verdicts
from rslib.recipes import efficientnet_rs, pareto
from rslib.recipes.scales import at_scale
from rslib.report import benched, claims, collect, pages, pareto_plot, protocols, rescaled, tables


def device(seconds, kind="cpu"):
    """Measurements of blocks of so many seconds; seconds: {(name, side): for 128 images}."""
    environment = {"device": kind, "device_name": "a machine", "threads": 2}
    return [
        {
            "model": name,
            "resolution": side,
            "variant": "fp32",
            "images": 128,
            "fits": True,
            "environment": environment,
            "block_seconds": [took] * 10,
            "by_process": [[took] * 5] * 2,
        }
        for (name, side), took in seconds.items()
    ]


PAPER = {(row.name, row.resolution): row.v100 for row in pareto.table_7()}
B = {row.name[-2:]: row for row in pareto.table_7() if row.family == "EfficientNet"}


def with_slow(**seconds):
    """The V100's own latencies, and those given of slow networks: b4=1.0."""
    slow = {row.name[-2:]: row for row in efficientnet_rs.slow_networks()}
    return device(PAPER | {(slow[s].name, slow[s].resolution): took for s, took in seconds.items()})


def test_a_line_is_straight_over_the_logarithm_of_seconds():
    seconds = rescaled.seconds_of(device(PAPER), "fp32")
    middle = sqrt(B["b4"].v100 * B["b5"].v100)
    expected = (B["b4"].top1 + B["b5"].top1) / 2
    assert rescaled.on_line("EfficientNet", seconds, middle) == pytest.approx(expected)
    assert rescaled.on_line("EfficientNet", seconds, B["b4"].v100) == pytest.approx(B["b4"].top1)
    assert rescaled.on_line("EfficientNet", seconds, B["b0"].v100 / 2) is None


def test_a_network_that_is_beaten_in_both_is_not_on_the_line():
    slower_b3 = PAPER | {("efficientnet_b3", 300): 1.1 * B["b4"].v100}
    seconds = rescaled.seconds_of(device(slower_b3), "fp32")
    middle = sqrt(B["b2"].v100 * B["b4"].v100)
    expected = (B["b2"].top1 + B["b4"].top1) / 2
    assert rescaled.on_line("EfficientNet", seconds, middle) == pytest.approx(expected)


def test_what_may_be_lost_is_what_brings_a_network_down_to_the_line():
    """A slow B5 that is as fast as B4 may lose what B5 has more than B4."""
    shown = rescaled.costs(with_slow(b5=B["b4"].v100), "fp32").loc["EfficientNet-RS-B5"]
    assert shown["times as fast"] == f"{B['b5'].v100 / B['b4'].v100:.2f}"
    assert shown["may lose, points"] == f"{B['b5'].top1 - B['b4'].top1:.1f}"
    missing = rescaled.costs(device(PAPER), "fp32").loc["EfficientNet-RS-B5"]
    assert missing["seconds, slow"] == "not measured" and missing["may lose, points"] == ""


def test_the_figure_has_a_bar_for_each_slow_network_on_a_line():
    held = {"one": with_slow(b4=1.0, b5=3.0, b0=B["b0"].v100 / 2), "two": device(PAPER)}
    figure = pareto_plot.rescaled_curves(held)
    (ax,) = figure.axes
    bars = [bar.get_segments()[0] for bar in ax.collections]
    assert [bar[:, 0].tolist() for bar in bars] == [[1.0, 1.0], [3.0, 3.0]]
    assert [bar[1, 1] for bar in bars] == [B["b4"].top1, B["b5"].top1]
    assert pareto_plot.rescaled_curves({"two": device(PAPER)}) is None
    plt.close(figure)


def test_the_answer_says_what_it_gains_what_it_may_lose_and_what_was_not_run():
    """B5 at a third of its time, and B6 in the time of B5 at its own resolution."""
    faster = B["b5"].v100 / 3
    held = {"a CPU": with_slow(b5=faster, b6=B["b5"].v100)}
    said = rescaled.answer(held, [])
    assert "not run on ImageNet" in said and "No GPU has been measured." in said
    assert f"{B['b6'].v100 / B['b5'].v100:.2f} to 3.00 times as fast" in said
    assert "2 processes each" in said and "runs" not in said
    assert f"{B['b6'].top1 - B['b5'].top1:.1f} to " in said
    assert "times as fast" not in rescaled.answer({"a CPU": device(PAPER)}, [])


def test_the_recorded_answer_of_figure_5_is_short():
    said = rescaled.answer(devices.recorded(), collect.recorded(efficientnet_rs.FIGURE_5))
    assert len(said.split("\n\n")[1].split()) <= 60
    assert "reduced runs are undertrained" in said


def test_flops_fall_with_the_square_of_the_side():
    networks = efficientnet_rs.slow_networks()[:1]
    sides = (networks[0].published.resolution, networks[0].resolution)
    counted = {
        (row.name, side): counts.count("efficientnet_b0", side)
        for row in efficientnet_rs.slow_networks()
        for side in (row.published.resolution, row.resolution)
    }
    shown = rescaled.resolutions(counted).loc["EfficientNet-RS-B0"]
    own, slow = float(shown["FLOPs, B"]), float(shown["FLOPs, B, slow"])
    assert slow / own == pytest.approx((sides[1] / sides[0]) ** 2, rel=0.02)


def test_the_front_page_judges_every_pair_that_the_paper_states():
    card = pages.pace({"a GPU": device(PAPER, "cuda"), "a CPU": device(PAPER)})
    assert "- a GPU, fp32: **of 7 claims, 7 reproduced (magnitude).**" in card
    assert "- a CPU, fp32: **of 7 claims, 7 same direction.**" in card
    assert "| --- | ---: | --- | --- |" in card and "✓ same direction" in card.replace(
        "\u00a0", " "
    )
    assert card.count("\n| ResNet") == 7 and "none is recorded" not in card
    alone = pages.pace({"a CPU": device(PAPER)})
    assert "- GPU: none is recorded yet." in alone


def test_the_roofline_has_a_line_for_every_row_of_table_7():
    held = device(PAPER)[:2]
    shares = benched.shares({"a CPU": held}, lambda one: 0.25 if one is held[0] else 0.5)
    shown = benched.roofline(shares).splitlines()
    assert len([line for line in shown if "not measured" in line]) == 17
    assert f"| {pareto.table_7()[0].label} | 224 | 25 % |" in shown
    assert "| --- | ---: | ---: |" in shown and shown[0].startswith(":::{table} ")
    assert devices.key(held[0]) in shares["a CPU"]


BENCH = {
    "environment": {
        "device": "cpu",
        "device_name": "a CPU",
        "began": "2026-01-02T03:04:05",
        "commit": "0123456789abcdef",
        "dirty": False,
        "torch": "2",
    },
    "versions": {"timm": "1"},
    "rows": [
        {
            "what": "a step",
            "ours": "rslib",
            "peer": "timm",
            "goal": "≥ 1.15",
            "rounds": 8,
            "load": [[0.5, 1, 1], [1, 1, 1]],
            "cpu": {"ratio": [1.1, 1.2, 1.3], "seconds": [2.0, 2.4]},
            "wall": {"ratio": [1.0, 1.25, 1.5], "seconds": [2.1, 2.6]},
        }
    ],
}


def test_benches_show_ratios_by_cpu_seconds_and_what_they_are_measured_by(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    assert benched.fast(benched.benches()) == "Nothing is recorded yet.\n"
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench/a-cpu.json").write_text(json.dumps(BENCH))
    shown = benched.fast(benched.benches()).replace("\u00a0", " ")
    assert "**a CPU**, 2026-01-02, commit 0123456; torch 2, timm 1; load" in shown
    cells = "| a step | rslib : timm | **1.20** (1.10 … 1.30) | ≥ 1.15 | 2.1 : 2.6 | 8 |"
    assert cells in shown and "| --- | --- | ---: | ---: | ---: | ---: |" in shown
    assert ":::{table} " in shown and shown.count(":::") == 2
    (tmp_path / "bench/b-cpu.json").write_text('{"rows"')
    with pytest.raises(InputError, match=r"b-cpu\.json is no JSON"):
        benched.benches()


def trained(seeds=3):
    """Results of Figure 5 at laptop scale as tables read them: B1 is better by 2, slow by −1."""
    session = {"dirty": False, "code": "c", "device_name": "a CPU", "precision": "fp32"}
    top1 = {"b0-compound": 70, "b0-slow": 69, "b1-compound": 72, "b1-slow": 71}
    for row in efficientnet_rs.FIGURE_5.rows:
        recipe = at_scale(row, "laptop").recipe
        about = {"id": "p", "model": str(recipe.model), "resolution": recipe.data.resolution}
        about |= {"images": "fashion-mnist", "train_images": 1000}
        about |= {"long_epochs": 350, "own_epochs": 350}
        for seed in range(1, seeds + 1):
            right = np.arange(1000) < 10 * top1[row.id] + seed
            bits = base64.b64encode(np.packbits(right).tobytes()).decode()
            counts = {"correct": int(right.sum()), "n": 1000, "bits": bits}
            yield {
                "row": row.id,
                "seed": seed,
                "status": "complete",
                "scale": "laptop",
                "recipe": {},
                "recipe_sha256": row.id,
                "metrics": {part: {"raw": counts, "ema": counts} for part in ("test", "train")},
                "protocol": about,
                "sessions": [session],
                "data": {"test": 1000, "classes": 10},
            }


def test_whatever_is_trained_of_figure_5_can_be_shown():
    """It has neither a gate nor a ladder."""
    study, results = efficientnet_rs.FIGURE_5, list(trained())
    line = protocols.headline(study, results)
    assert "EfficientNet-B0, width 0.25, stem stride 2; EfficientNet-B1" in line
    assert "24 to 30 px" in line and "gate" not in line
    shown = rescaled.trained(results)
    assert list(shown["px here"]) == ["28", "24", "30", "28"]
    assert shown["change, 95 %"].iloc[1].startswith("−1.00 (") and shown["n"].tolist() == ["3"] * 4
    assert not [name for name in tables.text(study, results).split() if name == "Δ"]
    assert pages.scorecard([study], {"figure5": results}) == ""  # undertrained: on its page only
    shown = claims.frame(study, results)
    assert all(float(value) > 0 for value in shown["visible"])


def test_a_claims_sum_is_zero_for_networks_on_the_line():
    """B1 two points above B0; slow ones on the line are one point below each at −0.5 and 0.5."""
    found = verdicts.findings(efficientnet_rs.FIGURE_5, list(trained()))
    sums = [f.seeds.value for f in found]
    assert sums == pytest.approx([69 - (70 - 0.5 * 2), 71 - (70 + 0.75 * 2)])


def test_places_on_the_line_are_shares_of_the_logarithm():
    flops = {"b0-compound": 1.0, "b1-compound": 4.0, "b0-slow": 0.5, "b1-slow": 2.0}
    shown = rescaled.places({"here": flops})
    assert list(shown["here"]) == ["-0.50", "0.50"]
    assert list(shown["the sum takes"]) == ["-0.5", "0.75"]
