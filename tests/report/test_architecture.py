"""Figure 6 against timm's and torchvision's networks; Tables 8 and 10 to 12 against the paper's."""

import csv
from dataclasses import replace

import pytest
import timm
import torch
import torchvision
from torchvision.models.resnet import Bottleneck

from rslib import models, paths
from rslib.costs import counts, stages
from rslib.models.resnet import BLOCKS
from rslib.recipes import pareto, resnet_rs, scaling
from rslib.recipes.additive import TABLE_1
from rslib.report import architecture, architecture_plot, cells, speed

LAYERS = {"c2": "layer1", "c3": "layer2", "c4": "layer3", "c5": "layer4", "fc": "fc"}


def lines(name):
    with open(paths.PAPER / name, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def shapes_of(network, side):
    """{stage: ((channels, height), parameters, blocks)} of a network with timm's names."""
    found = {}
    for name, theirs in LAYERS.items():
        module = network.get_submodule(theirs)
        blocks = 1 if name == "fc" else len(module)

        def note(m, i, output, name=name, blocks=blocks):
            shape = output.shape[1:3] if output.ndim > 2 else (output.shape[1], 1)
            found[name] = tuple(shape), counts.parameters_of(m), blocks

        module.register_forward_hook(note)
    with torch.device("meta"), torch.no_grad():
        network.eval()(torch.empty(1, 3, side, side))
    return found


@pytest.fixture(scope="module")
def drawn():
    """ResNet-RS-50 at 160 pixels, stage by stage."""
    return stages.of_recipe(resnet_rs.recipe(50, 160))


def test_stages_have_the_shapes_and_parameters_of_timm(drawn):
    with torch.device("meta"):
        theirs = timm.create_model("resnetrs50")
    expected = shapes_of(theirs, 160)
    ours = {s.name: ((s.channels, s.side), s.parameters, s.blocks) for s in drawn}
    stem = ours.pop("stem")
    assert ours == expected
    assert stem[1] == sum(
        counts.parameters_of(m) for m in (theirs.conv1, theirs.bn1, theirs.maxpool)
    )
    block = theirs.layer2[0]
    convs = [block.conv1, block.conv2, block.conv3]
    c3 = next(s for s in drawn if s.name == "c3")
    assert [(p.channels, p.kernel, p.stride) for p in c3.parts[:3]] == [
        (m.out_channels, m.kernel_size[0], m.stride[0]) for m in convs
    ]
    assert c3.parts[3].squeezed == block.se.fc1.out_channels
    pool, conv = block.downsample[:2]
    assert [p.kind for p in c3.shortcut] == ["average pool", "conv"]
    assert (c3.shortcut[0].kernel, c3.shortcut[0].stride) == (pool.kernel_size, pool.stride)
    assert (c3.shortcut[1].channels, c3.shortcut[1].stride) == (conv.out_channels, conv.stride[0])


def test_stages_of_the_original_have_those_of_torchvision():
    with torch.device("meta"):
        of_depth_26 = torchvision.models.ResNet(Bottleneck, list(BLOCKS[26]))
        theirs = shapes_of(of_depth_26, 224)
        ours = stages.stages(models.resnet(26).eval(), torch.empty(1, 3, 224, 224))
    assert {s.name: ((s.channels, s.side), s.parameters, s.blocks) for s in ours[1:]} == theirs
    assert [p.kind for p in ours[0].parts] == ["conv", "max pool"] and not ours[0].shortcut
    architecture_plot.figure(ours)


def test_stages_add_up_to_the_counts_of_the_network(drawn):
    shallow = stages.of_recipe(resnet_rs.recipe(26, 160))
    whole = counts.count("resnet_rs_26", 160)
    assert sum(s.parameters for s in shallow) == whole.parameters
    assert sum(s.flops for s in shallow) == whole.flops
    deep = sum(s.parameters for s in drawn), sum(s.flops for s in drawn)
    assert stages.with_blocks(shallow, BLOCKS[50]) == deep
    assert stages.flops_by_blocks(resnet_rs.recipe(50, 160)) == deep[1]


def test_the_figure_draws_what_was_counted(drawn):
    figure = architecture_plot.figure(drawn)
    top, bottom = ([text.get_text() for text in ax.texts] for ax in figure.axes)
    for stage in drawn:
        assert f"{stage.side}×{stage.side}" in top and f"{stage.channels:,} channels" in top
        assert f"{stage.parameters / 1e6:.3f} M" in top and f"{stage.flops / 1e9:.3f} B" in top
    assert "3×3, 32 /2 · 3×3, 32 · 3×3, 64 · 3×3, 64 /2" in top
    assert {"2×2 average pool /2 (ResNet-D)", "SE: 512 → 128 → 512"} <= set(bottom)
    assert figure.get_facecolor()[3] == 0  # of the page, not white


TABLES = {
    "Table 8": (architecture.table_8(), "table8.csv", 3),
    "Table 10": (architecture.table_10(), "table10.csv", 3),
    "Table 11": (architecture.table_11(BLOCKS), "table11.csv", 4),
    "Table 12": (architecture.table_12(), "table12.csv", 1),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_cell_that_the_paper_prints_is_compared_and_agrees(name):
    found, file, columns = TABLES[name]
    assert cells.tally(found) == (columns * len(lines(file)),) * 2
    assert sum(cell.printed for cell in found) + (4 if name == "Table 11" else 0) == len(found)
    assert f"- **{name}**: " in cells.said({name: found})


def test_a_cell_that_differs_is_named():
    found = [replace(cell, here="7") for cell in architecture.table_12()[:1]]
    said = cells.said({"Table 12": found + architecture.table_12()[1:]})
    assert "4 of 5 cells agree. 0.25, dropout_rate: the paper has 0.0, here is 7." in said
    assert "**✗ 0 of 1 cells agree.**" in cells.answer({"Table 12": found})
    assert list(cells.frame(found, architecture.HEADS).loc["0.25"]) == ["0.0; here 7"]


def test_a_row_that_one_side_lacks_is_no_agreement():
    (paper_only,) = cells.beside({"a": {"x": "1"}, "b": {"x": "2"}}, {"a": {"x": 1}})[1:]
    assert paper_only.printed and not paper_only.agrees
    assert "The paper does not print ResNet-26" in cells.said({"11": TABLES["Table 11"][0]})


def test_the_recipe_of_depth_200_is_the_last_row_of_table_1():
    assert resnet_rs.recipe(200, 256) == TABLE_1.rows[-1].recipe


def test_networks_are_built_with_the_rates_of_table_8(monkeypatch):
    """By recipe all; by name, which has no resolution, all but depth 350 at 320 pixels."""
    given = {}
    monkeypatch.setattr(models, "resnet", lambda depth, **rates: given.update(rates, depth=depth))
    monkeypatch.setattr(models, "resnet_rs", lambda depth, **rates: given.update(rates))
    differ = []
    for row in lines("table8.csv"):
        printed = float(row["stochastic_depth_rate"]), float(row["dropout_rate"])
        depth, side = int(row["depth"]), int(row["resolution"])
        models.build(resnet_rs.recipe(depth, side), 1000)
        assert (given["stochastic_depth"], given["dropout"]) == printed
        assert given["depth"] == depth and given["resnet_d"] and given["se_ratio"] == 0.25
        models.named(f"resnet_rs_{depth}")
        if (given["stochastic_depth"], given["dropout"]) != printed:
            differ.append((depth, side))
    assert differ == [(350, 320)]


def test_marks_follow_the_recipes():
    table = architecture.marks()
    assert (table["ResNet"] == "–").all() and (table["ResNet-RS"] == "✓").all()
    assert list(table.index[table["EfficientNet"] == "–"]) == ["stem modifications"]


def test_layers_are_three_a_block_and_two():
    shown = architecture.layouts(TABLES["Table 11"][0])
    assert shown.loc["ResNet-50", "layers"] == 50 and shown.loc["ResNet-26", "layers"] == 26
    assert list(shown.index) == [f"ResNet-{depth}" for depth in sorted(BLOCKS)]
    assert "ResNet-270 has 272" in architecture.misnamed(TABLES["Table 11"][0])


def test_the_grid_has_a_cell_for_every_width_and_resolution():
    shown = architecture.grid(dict.fromkeys(scaling.WIDTHS, (1e8, 2.34e11)))
    assert list(shown.loc["1"]) == [
        *("0.25", "10, 0", "10, 0", "15, 0.2", "15, 0.2", "20, 0.2"),
        "0.1\u00a0… 234",
    ]
    assert shown.shape == (5, 7)
    assert len(architecture.configurations()) == len(scaling.WIDTHS) * len(scaling.RESOLUTIONS)


def test_training_days_are_steps_of_the_published_latency():
    """350 epochs of 1,281,167 − 25,022 images, 0.31 s for 128 of them."""
    shown = speed.training_days({})
    days = 350 * (1_281_167 - 25_022) / 128 * 0.31 / 86_400
    assert shown["one V100, fp32"].iloc[0] == f"{days:.1f}"
    assert len(shown) == sum("RS" in row.label for row in pareto.table_7())
