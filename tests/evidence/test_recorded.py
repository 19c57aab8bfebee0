"""The recorded runs are what the code still asks for, and saw the images that it has today."""

import pytest

from rslib import config, tasks
from rslib.data import images
from rslib.evidence import results
from rslib.recipes.additive import TABLE_1
from rslib.recipes.scales import at_scale
from rslib.recipes.studies import TRAINED

FOLDERS = {study.folder for study in TRAINED.values()}
RECORDED = [found for name in sorted(FOLDERS) for found in results.recorded(name)]


@pytest.mark.parametrize("found", RECORDED, ids=lambda r: f"{r['data']['name']}-{r['run_id']}")
def test_a_recorded_run_is_what_the_code_still_asks_for(found):
    """Its recipe is the row's, and key and protocol are those that a run would have today."""
    recipe = config.from_dict(found["recipe"])
    study, row = next(
        (study, row)
        for study in (s.at(found["scale"]) for s in TRAINED.values() if s.folder == found["study"])
        for row in (*study.rows, *study.cells)
        if study.run_as(row) == found["row"]
    )
    block = found["seed"] if study.blocked else None
    asked = {"epochs": None, "dataset": recipe.data.dataset, "available": 60_000}

    def scaled(row):
        return tasks.of(recipe).at_scale(row, found["scale"], **asked, block=block).recipe

    def key(row):
        return config.key(scaled(row), found["data"]["sha256"])

    assert recipe == scaled(row)
    assert found["run_id"] == f"{found['row']}-{key(row)}-s{found['seed']}"
    about, shared = found["protocol"], [key(row) for row in study.rows]
    if study.blocked:
        shared = ["blocks", found["scale"], found["data"]["held_out"]]
    assert about["id"] == config.sha256([shared, about["long_epochs"]])[:8]
    assert found["seed"] >= 1 and recipe.data.subset >= 1  # 0 served to choose the protocols
    assert not results.unfit(found)


def test_recorded_runs_saw_the_images_that_are_embedded_now():
    listing = images.source("fashion-mnist")
    for scale in {r["scale"] for r in RECORDED if r["data"]["name"] == "fashion-mnist"}:
        size = at_scale(TABLE_1.rows[0], scale, dataset="fashion-mnist", available=4000)
        now = images.open_images(size.recipe.data, listing).manifest
        for found in RECORDED:
            if (found["data"]["name"], found["scale"]) == ("fashion-mnist", scale):
                assert {k: found["data"][k] for k in now} == now
