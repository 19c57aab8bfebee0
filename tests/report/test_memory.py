"""Table 3's memory: extrapolation, its interval, and what is said of it."""

import matplotlib.pyplot as plt
import pytest
from boxes import LIMIT, words

from rslib.costs.counts import Counts, Layer
from rslib.evidence import devices
from rslib.recipes import pareto
from rslib.report import memory, pareto_plot

GB = 1e9
ROWS = pareto.table_7()
# one million activations an image, of every network: 1 MB is one byte an activation
COUNTS = {row: Counts(10**6, [Layer(10**9, 10**6, 10**6)], 0, 0) for row in ROWS}


def device(each, images=4, fixed=1.0, total=25.0, kind="cpu"):
    """Measurements by the line fixed + images × each, GB; each: {row of Table 7: GB an image}."""
    return [
        {
            "model": row.name,
            "resolution": row.resolution,
            "variant": "fp32",
            "images": images,
            "fits": True,
            "environment": {"device": kind},
            "block_seconds": [row.v100],
            "memory": {
                "half": (fixed + images // 2 * gb) * GB,
                "full": (fixed + images * gb) * GB,
            },
            "total": total * GB,
        }
        for row, gb in each.items()
    ]


def alike(theirs=2.0, ours=1.0):
    """EfficientNets and ResNet-RS, all of one family alike, in GB an image."""
    return {row: theirs if row.family == "EfficientNet" else ours for row in ROWS}


def test_memory_is_that_of_32_images_on_a_line_through_two_batches():
    """1 + 32 × 2 GB and 1 + 32 × 1; at the measured four images 9 and 5 GB."""
    first, second = (memory.compare(m, device(alike()), "fp32", COUNTS) for m in memory.pairs())
    assert first == second
    assert first.value == pytest.approx(65 / 33)
    assert (first.measured, first.images) == (pytest.approx(9 / 5), 4)
    assert first.interval == pytest.approx((65 / 33, 65 / 33))  # no network differs from another
    assert first.verdict == "same direction"
    missing = [one for one in device(alike()) if one["model"] != "efficientnet_b7"]
    assert memory.compare(memory.pairs()[1], missing, "fp32", COUNTS) is None


def test_the_interval_takes_the_least_and_the_most_bytes_an_activation():
    """One EfficientNet has 3 GB an image and the others 2: 9 + 28 × 2 to 9 + 28 × 3 GB."""
    each = alike()
    each[ROWS[0]] = 3.0
    held = device(each)
    spans = memory.per_activation(held, "fp32", COUNTS)
    assert spans == {
        "EfficientNet": pytest.approx((2e3, 3e3)),
        "ResNet-RS": pytest.approx((1e3, 1e3)),
    }
    one = memory.compare(memory.pairs()[0], held, "fp32", COUNTS)
    assert one.interval == pytest.approx((65 / 33, 93 / 33))


@pytest.mark.parametrize(
    ("theirs", "ours", "odd", "expected"),
    [
        (2.0, 1.0, 1.0, "same direction"),
        (1.0, 2.0, 1.0, "opposite direction here"),
        (2.0, 1.0, 9.0, "undecided"),  # one ResNet-RS with nine times as much: up to 257 GB
    ],
)
def test_a_verdict_is_whether_the_interval_leaves_out_one(theirs, ours, odd, expected):
    each = alike(theirs, ours)
    each[ROWS[2]] *= odd
    assert memory.compare(memory.pairs()[0], device(each), "fp32", COUNTS).verdict == expected


def test_the_head_says_where_memory_is_extrapolated_and_above_the_machines():
    assert memory.how(device(alike()), "fp32") == (
        "extrapolated from 4 images, above the machine's 25 GB"
    )
    assert memory.how(device(alike(), total=80), "fp32") == "extrapolated from 4 images"
    assert memory.how(device(alike(), images=64), "fp32") == "measured"
    shown = memory.table({"a CPU": device(alike())}, COUNTS)
    head = next(name for name in shown if "32 images" in name)
    assert "above the machine's 25 GB (interval)" in head
    assert list(shown[head]) == ["2.0 (2.0\u00a0… 2.0)"] * 2
    assert list(shown["memory, paper, TPUv3"]) == ["2.3", "1.8"]
    assert list(shown["verdict here, fp32"]) == ["✓ same direction"] * 2


def test_networks_have_the_papers_cells_as_printed():
    shown = memory.networks({"a CPU": device(alike())})
    assert list(shown["TPUv3, s"]) == ["3.0", "1.1", "6.0", "2.1"]
    assert list(shown["TPUv3, GB"]) == ["16.6", "7.3", "28.3", "15.5"]
    assert list(shown["here, fp32, GB, batch"]) == ["9.0, 4", "5.0, 4"] * 2


def test_the_answer_names_device_interval_caveat_and_what_lacks():
    said = memory.answer({"a CPU": device(alike())}, COUNTS)
    assert "**✓ a CPU, fp32: same direction in 2 of 2 pairs.**" in said and ":class: tip" in said
    assert "extrapolated from 4 images" in said and "one process a network" in said
    assert "No GPU has been measured" in said and "Paper, on a TPU: 2.3 and 1.8." in said
    assert ":class: warning" in memory.answer({}, COUNTS)


def test_the_recorded_answer_is_short():
    said = memory.answer(devices.recorded(), COUNTS)
    assert len(words(said.split("\n\n")[1])) <= LIMIT


def test_the_figure_has_every_cost_of_both_pairs():
    figure = pareto_plot.ratios({"a CPU": device(alike())}, COUNTS)
    (ax,) = figure.axes
    assert len(ax.get_yticks()) == 8
    costs = [line.get_xdata() for line in ax.get_lines() if len(line.get_xdata()) == 8]
    assert costs[0][3] == pytest.approx(16.6 / 7.3) and costs[1][6] == 2.8
    assert costs[0][4] == pytest.approx(65 / 33)
    plt.close(figure)
