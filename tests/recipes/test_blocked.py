"""Studies in blocks: Table 2, Figures 2 and 3, and Table 1's corners once more."""

import csv
from itertools import product

import pytest

from rslib import paths
from rslib.config import evolve
from rslib.recipes import grid, scaling
from rslib.recipes.blocks import TABLE_1_BLOCKS
from rslib.recipes.grid import FIGURE_2
from rslib.recipes.scales import SCALES, at_scale
from rslib.recipes.scaling import FIGURE_3, appendix_e
from rslib.recipes.weight_decay import DECAYS, TABLE_2
from rslib.training.optim import weight_decay_exposure

BLOCKED = (TABLE_1_BLOCKS, TABLE_2, FIGURE_3)


def lines(name):
    with open(paths.PAPER / name, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_table_2_is_the_papers():
    rows = {row.label: row.paper["top1"] for row in TABLE_2.at("paper").rows}
    assert len(rows) == 12
    for line in lines("table2.csv"):
        for decay in ("1e-4", "4e-5"):
            name = f"{line['model']}, {line['regularization']}, {decay}"
            assert rows[name] == float(line[f"top1_wd_{decay}"])
        low = TABLE_2.row(next(r.id for r in TABLE_2.rows if r.label == name))
        assert low.paper["delta"] == float(line["delta"])
        assert low.recipe.data.resolution == int(line["resolution"])


@pytest.mark.parametrize("scale", ["laptop", "gpu"])
def test_the_three_decays_have_the_registered_exposures(scale):
    rows = {row.id: at_scale(row, scale, block=1).recipe for row in TABLE_2.at(scale).rows}
    for name in ("none", "all"):
        for level, exposure in (("-high-decay", 1.0), ("", 0.4), ("-low-decay", 0.16)):
            recipe = rows[name + level]
            steps = recipe.data.train_images // recipe.optim.batch_size
            found = weight_decay_exposure(recipe.optim, steps)
            assert found == pytest.approx(exposure, rel=0.05)
    assert len(rows) == 6 and DECAYS == (1e-4, 4e-5)


def test_studies_of_one_experiment_mean_one_thing_by_one_id():
    """Their runs are shared by name, so a name must stand for one recipe at every scale."""
    for scale in ("smoke", "laptop", "gpu", "paper"):
        found = {}
        for study in (*BLOCKED, FIGURE_2):
            study = study.at(scale)
            for row in (*study.rows, *study.cells):
                recipe = at_scale(row, scale, block=1).recipe
                assert found.setdefault(row.id, recipe) == recipe
                assert study.run_as(row) == row.id
        assert len(set(found.values())) == len(found)


@pytest.mark.parametrize("study", BLOCKED, ids=lambda study: study.name)
def test_claims_name_rows_of_every_reduced_scale_and_primaries_are_few(study):
    for scale in ("smoke", "laptop", "gpu"):
        rows = {row.id for row in (*study.at(scale).rows, *study.at(scale).cells)}
        for claim in (*study.claims, *study.afterwards):
            assert claim.cells.keys() <= rows or (claim in study.afterwards and scale == "gpu")
            assert sum(claim.cells.values()) == 0
    ids = {claim.id for claim in study.claims if not claim.after}
    assert 1 <= len(ids) <= 4
    assert all(claim.after in ids for claim in study.claims if claim.after)
    assert not study.gate or study.gate in rows


def test_batch_16_keeps_the_exposure():
    rows = {r.id: at_scale(r, "laptop", block=1).recipe for r in TABLE_1_BLOCKS.cells}
    small = rows["none-batch-16"]
    large = at_scale(TABLE_1_BLOCKS.row("none"), "laptop", block=1).recipe
    exposures = [
        weight_decay_exposure(r.optim, r.data.train_images // r.optim.batch_size)
        for r in (small, large)
    ]
    assert exposures[0] == pytest.approx(exposures[1], rel=0.04)
    assert evolve(small, {"optim.batch_size": 64, "optim.peak_rate": 0.1}) == large


def test_appendix_e_by_the_papers_words():
    table = {float(r["filter_scaling"]): float(r["dropout_rate"]) for r in lines("table12.csv")}
    assert table == scaling.DROPOUT
    for width in scaling.WIDTHS:
        for resolution in scaling.RESOLUTIONS:
            r = appendix_e(101, width, resolution).regularization
            assert r.dropout == table[width] and r.label_smoothing == 0.1
            small = width <= 0.5 or resolution <= 160
            assert r.randaugment == (10 if small else 15 if resolution in (224, 320) else 20)
            assert r.stochastic_depth == (0.2 if resolution >= 224 and width > 0.25 else 0)
            short = appendix_e(101, width, resolution, 100)
            assert set(vars(short.regularization).values()) == {0.0}
            assert short.optim.weight_decay == 4e-5


def test_figure_3_differs_in_depth_or_width_only():
    for scale in ("laptop", "paper"):
        for epochs in scaling.EPOCHS:
            base, deep, wide = (
                at_scale(FIGURE_3.row(f"{name}-{epochs}"), scale, block=1).recipe
                for name in ("base", "deep", "wide")
            )
            assert evolve(deep, {"model.depth": base.model.depth}) == base
            same = {"model.width": base.model.width}
            if scale == "paper":  # Table 12: a wider network has more dropout
                same["regularization.dropout"] = base.regularization.dropout
            assert evolve(wide, same) == base
            assert base.optim.epochs == epochs


def test_figure_2_has_appendix_e_at_every_cell_of_the_papers_grid():
    rows = {row.recipe: row.id for row in FIGURE_2.at("paper").rows}
    assert len(rows) == 175
    for width in scaling.WIDTHS:
        for depth in scaling.DEPTHS:
            for resolution in scaling.RESOLUTIONS:
                assert appendix_e(depth, width, resolution) in rows
    assert rows[appendix_e(200, 1.0, 224)] == "deep-350"  # is Figure 3's too


@pytest.mark.parametrize("scale", ["laptop", "gpu"])
def test_the_reduced_grid_differs_in_width_depth_and_side_only(scale):
    rows = FIGURE_2.at(scale).rows
    cells = {row.id: at_scale(row, scale, block=1).recipe for row in rows}
    assert len(cells) == 27 and cells.keys() == {row.id for row in grid.GRID}
    own = SCALES[scale].width
    found = {(r.model.width / own, r.model.depth, r.data.resolution) for r in cells.values()}
    assert found == set(product((0.5, 1, 2), (26, 50, 101), (16, 24, 32)))
    rest = {
        evolve(r, {"model.width": own, "model.depth": 26, "data.resolution": 32})
        for r in cells.values()
    }
    (recipe,) = rest  # RandAugment by the same share of every image: one pixel_reference too
    held = recipe.regularization
    assert (held.label_smoothing, held.randaugment) == (0.1, 10)
    assert held.dropout == held.stochastic_depth == 0 and recipe.optim.epochs == 350


def test_figure_2_shares_figure_3s_runs_and_is_short_at_smoke():
    shared = {row.id for row in FIGURE_2.at("laptop").rows} & {row.id for row in FIGURE_3.rows}
    assert shared == {"base-350", "wide-350"}
    small = [at_scale(row, "smoke", block=1).recipe for row in FIGURE_2.at("smoke").rows]
    assert len(small) == 6 and {recipe.model.depth for recipe in small} == {26}
    assert set(grid.REPEATED) <= {row.id for row in grid.GRID} and grid.BLOCKS == 4


def test_figure_2s_laws_are_those_of_the_page():
    page = (paths.ROOT / "book" / "blocks.md").read_text()
    for law in FIGURE_2.laws:
        assert f"| `{law.id}` | {law.says} | {'+' if law.sign > 0 else '−'} | {law.rule} |" in page
    assert all(f"`{id}`" in page for id in grid.REPEATED)
