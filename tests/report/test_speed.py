"""The speed claim: ratios, their span, and what they say of the paper's."""

import matplotlib.pyplot as plt
import pytest
from boxes import LIMIT, words

from rslib import paths
from rslib.costs import counts
from rslib.evidence import devices
from rslib.recipes import pareto
from rslib.report import counted, found, pages, pareto_plot, ratios, speed

BLOCKS = (0.95, 1.0, 1.0, 1.0, 1.1)


def device(kind, factor=1.0, variant="fp32", left_out=(), processes=2, blocks=BLOCKS):
    """Measurements that are the V100's own latencies, ResNet-RS's taken by a factor."""
    return [
        {
            "model": row.name,
            "resolution": row.resolution,
            "variant": variant,
            "images": 128,
            "fits": row.name != "efficientnet_b7",
            "environment": {
                "device": kind,
                "torch": "2",
                "began": "2026-01-01T00:00:00",
                "commit": "abc",
            },
            "block_seconds": (held := [t * seconds(row, factor) for t in blocks]) * processes,
            "by_process": [held] * processes,
            "memory": {"half": 2e9, "full": 3e9},
            "total": 80e9,
            "machine": {"before": {"load": 1.0}},
        }
        for row in pareto.table_7()
        if row.name not in left_out
    ]


def seconds(row, factor):
    return row.v100 * (factor if row.family == "ResNet-RS" else 1)


def b6():
    return next(match for match in pareto.matches() if match.theirs.name == "efficientnet_b6")


def test_a_speedup_is_a_ratio_of_medians_with_its_widest_span():
    value, low, high = ratios.compare(b6(), device("cuda"), "fp32").ratio
    assert value == pytest.approx(15.7 / 4.72)
    assert (low / value, high / value) == pytest.approx((0.95 / 1.1, 1.1 / 0.95))
    assert ratios.compare(b6(), device("cuda"), "bf16") is None
    assert ratios.compare(b6(), device("cuda", left_out=["resnet_rs_350"]), "fp32") is None


@pytest.mark.parametrize(
    ("kind", "factor", "expected"),
    [  # the V100's own 3.33 divided by the factor, against the printed 3.3
        ("cuda", 1.0, "reproduced (magnitude)"),
        ("cuda", 1.15, "reproduced (magnitude)"),
        ("cuda", 0.5, "reproduced (larger)"),
        ("cuda", 1.24, "reproduced (direction)"),  # 2.68: a lead of 1.68 in place of 2.3
        ("cuda", 3.3, "undecided"),
        ("cuda", 5.0, "contradicted"),
        ("cpu", 1.0, "same direction"),
        ("cpu", 3.3, "undecided"),
        ("cpu", 5.0, "opposite direction here"),
    ],
)
def test_what_a_speedup_says_of_the_papers(kind, factor, expected):
    assert ratios.compare(b6(), device(kind, factor), "fp32").verdict == expected


@pytest.mark.parametrize(
    ("processes", "blocks", "expected", "n"),
    [
        (2, BLOCKS, "same direction", "10 steps, 2 processes"),
        (2, BLOCKS[:4], "not judged", "8 steps, 2 processes"),
        (1, BLOCKS * 4, "not judged", "20 steps, 1 process"),
    ],
)
def test_a_verdict_takes_ten_steps_and_two_processes(processes, blocks, expected, n):
    one = ratios.compare(b6(), device("cpu", processes=processes, blocks=blocks), "fp32")
    assert (one.verdict, one.n) == (expected, n)


def test_the_network_with_fewer_processes_counts():
    """One of the pair measured in a single process is enough to leave it open."""
    held = device("cpu")
    held = [one for one in held if one["model"] != "efficientnet_b6"]
    held += [one for one in device("cpu", processes=1) if one["model"] == "efficientnet_b6"]
    assert ratios.compare(b6(), held, "fp32").n == "5 steps, 1 process"


def test_every_page_says_the_same_of_what_is_not_judged():
    held = {"a CPU": device("cpu", processes=1)}
    said = "of 7 claims, 6 not judged, 1 not measured (a verdict takes 10 steps and 2 processes)"
    assert list(found._speeds(held)) == [("a CPU, fp32", said)]
    counts, _, rule = said.partition(" (a verdict ")
    assert f"**{said}.**" in pages.pace(held) and counts in ratios.answer(held)
    assert f"A verdict {rule[:-1]}." in ratios.answer(held)
    assert set(ratios.table(held)["verdict here, fp32"]) == {
        "",
        "? not judged: 5 steps, 1 process",
    }
    assert "not judged (5 steps, 1 process): 3.33 (" in pages.pace(held)


def test_devices_are_named_where_there_are_several():
    shown = ratios.table({"a CPU": device("cpu"), "a GPU": device("cuda")})
    named = [name for name in shown if "PU, " in name]
    assert named == [f"{v}{d}, fp32" for d in ("a CPU", "a GPU") for v in ("", "verdict ")]


def test_the_answer_has_every_device_its_ratios_and_what_lacks():
    said = ratios.answer({"a CPU": device("cpu"), "a GPU": device("cuda", 8.0)})
    assert "**✓ a CPU, fp32: of 7 claims, 6 same direction, 1 not measured.**" in said
    assert "**✗ a GPU, fp32: of 7 claims, 6 contradicted, 1 not measured.**" in said
    assert "2.15 to 5.51 times as fast (medians of 10 steps, 2 processes)" in said
    assert ":class: danger" in said and "No GPU" not in said
    assert "No GPU has been measured." in ratios.answer({"a CPU": device("cpu")})
    assert ":class: warning" in ratios.answer({})


def test_the_recorded_answer_is_short():
    said = ratios.answer(devices.recorded())
    assert len(words(said.split("\n\n")[1])) <= LIMIT


def test_published_cells_are_those_of_the_file_as_printed():
    """2.0, 4.0 and 0.70 keep their last digit."""
    lines = (paths.PAPER / "table7.csv").read_text().splitlines()[1:]
    shown = speed.published()
    assert [",".join(cells) for cells in shown.to_numpy()] == [x.partition(",")[2] for x in lines]
    printed = {row.label: text for row, text in speed.printed().items()}
    assert printed["EfficientNet-B2"]["flops_b"] == "2.0"
    held = speed.measured(device("cuda"))["V100, fp32, s"]
    assert held["EfficientNet-B4"] == "4.0" and held["ResNet-RS-101"].tolist() == ["0.48", "0.70"]


def test_load_is_named_as_own_or_of_others():
    """Two that follow each other at once, and one an hour later."""
    held = device("cpu")[:3]
    times = ("2026-01-01T00:00:00", "2026-01-01T00:01:00", "2026-01-01T01:00:00")
    for one, began, load in zip(held, times, (0.2, 1.8, 0.4), strict=True):
        one["environment"] = one["environment"] | {"began": began}
        one["machine"] = {"before": {"load": load}}
    first, following = speed.loads(held[::-1])
    assert first == "load before the first of a series (other programs) 0.2 to 0.4"
    assert following == "before the others (mostly the preceding measurement) 1.8"


def test_in_bfloat16_the_papers_speedup_is_the_tpus():
    """2.7 there, 3.3 on the V100: 2.6 is as large as the one and not as the other."""
    ratio = (2.6, 2.5, 2.7)
    assert ratios.verdict(b6(), ratio, "bf16", gpu=True) == "reproduced (magnitude)"
    assert ratios.verdict(b6(), ratio, "fp32", gpu=True) == "reproduced (direction)"


def test_of_a_pair_that_is_not_the_papers_nothing_is_said():
    other = next(match for match in pareto.matches() if match.where == "here")
    assert ratios.compare(other, device("cuda"), "fp32").verdict == ""
    table = ratios.table({"a GPU": device("cuda")})
    assert table["V100"]["ENet-B0 @224"] == "(1.5)"  # 0.47 / 0.31
    assert table["here, fp32"]["ENet-B0 @224"].startswith("1.52 (")
    assert table["top-1, %"]["ENet-B5 @456"].tolist()[-1] == "86.2\u00a0:\u00a086.1"  # Table 4


def test_counts_say_what_7_1_does():
    """One layer each: a depthwise 3×3 of 10 channels and a dense one, on maps of 4 × 4."""
    depthwise = counts.Counts(90, [counts.Layer(2 * 9 * 160, 160, 160)], 160, 0)
    dense = counts.Counts(900, [counts.Layer(2 * 90 * 160, 160, 160)], 0, 160)
    assert counted.intensity(depthwise) == pytest.approx(2 * 9 * 160 / 640)
    assert counted.intensity(dense) == pytest.approx(2 * 90 * 160 / 640)
    small = counts.Counts(9, [counts.Layer(2 * 9 * 160, 160, 80)], 0, 0)
    rows = pareto.table_7()
    held = {row: depthwise if row.family == "EfficientNet" else dense for row in rows}
    assert "larger activations in **0 of 9**" in counted.said(held)
    assert "lower operational intensity in **9 of 9**" in counted.said(held)
    held = {row: depthwise if row.family == "EfficientNet" else small for row in rows}
    assert "larger activations in **9 of 9**" in counted.said(held)
    assert set(counted.compared(held)["activations"]) == {"2.00"}


def test_tables_say_what_is_missing():
    held = device("cuda", left_out=["resnet_rs_50"])
    seconds = speed.measured(held)["fp32, s"]
    assert seconds["ResNet-RS-50"] == "not measured"
    assert seconds["EfficientNet-B7"] == "does not fit"
    assert seconds["EfficientNet-B6"] == "15.7 (14.9\u00a0… 17.3)"
    claims = ratios.table({"a GPU": held})
    ratio, verdict = claims["here, fp32"], claims["verdict here, fp32"]
    assert ratio["ENet-B0 @224"] == "not measured" == ratio["ENet-B7 @600"]
    assert ratio["ENet-B6 @528"].startswith("3.33 (")
    assert verdict["ENet-B6 @528"] == "✓ reproduced (magnitude)"
    assert "load" in speed.conditions(held)


def test_the_figure_has_a_panel_for_each_device_and_leaves_out_what_is_missing():
    figure = pareto_plot.curves({"a GPU": device("cuda"), "a CPU": device("cpu")})
    drawn = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title() for ax in drawn][2:] == ["a GPU, fp32", "a CPU, fp32"]
    efficientnet = drawn[2].get_lines()[1]
    assert len(efficientnet.get_xdata()) == 7  # B7 did not fit
    assert list(efficientnet.get_xdata()) == sorted(efficientnet.get_xdata())
    plt.close(figure)


def test_the_papers_memory_follows_from_activations():
    rows = list(pareto.table_3())
    assert [row.label for row in rows] == [
        "EfficientNet-B6",
        "ResNet-RS-350",
        "EfficientNet-B7",
        "ResNet-RS-420",
    ]
    found = counted.memory({row: counts.count(row.name, row.resolution) for row in rows})
    assert list(found["bytes an activation"]) == ["3.0", "2.1", "2.9", "3.1"]
