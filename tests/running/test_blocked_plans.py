"""Studies in blocks at the scales that no CPU trains: planned, priced, and one step taken."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rslib import paths
from rslib.__main__ import main
from rslib.config import IMAGENET_COUNTS, InputError
from rslib.data.images import Images
from rslib.recipes.scales import LOOKED_AT, at_scale
from rslib.recipes.studies import TRAINED
from rslib.running import runs, timing
from rslib.running.params import Params
from rslib.tasks.classify import Classify

BLOCKED = [s for s in TRAINED.values() if s.blocked and s.rows[0].recipe.task == "classify"]


def like_cifar():
    """As many images as CIFAR-10 has, of two kinds, in memory."""
    kinds = [torch.full((3, 32, 32), value, dtype=torch.uint8) for value in (40, 200)]

    def part(name, count):
        labels = np.arange(count) % 10
        return Images([f"{name}/{i}" for i in range(count)], labels, [kinds[i % 2] for i in labels])

    return part("train", 50_000), part("test", 10_000), [f"class {i}" for i in range(10)]


@pytest.fixture
def planned(monkeypatch, tmp_path):
    """plan(study name, scale, seeds) on images as many as CIFAR's."""
    monkeypatch.setattr(Classify, "source", staticmethod(lambda *words: like_cifar()))
    monkeypatch.setattr(Classify, "decoded", staticmethod(lambda listing, report: listing))

    def plan(name, scale, seeds):
        asked = {"dataset": "folder", "data_dir": str(tmp_path), "runs_dir": str(tmp_path / "runs")}
        return runs.plan(name, Params(scale=scale, seeds=seeds, **asked), lambda line: None)

    return plan


@pytest.mark.parametrize("scale", ["laptop", "gpu"])
def test_blocks_are_planned_one_after_the_other(scale, planned):
    plan = planned("table2", scale, 3)
    assert [job.seed for job in plan.jobs] == [1] * 6 + [2] * 6 + [3] * 6
    assert len({job.run_id for job in plan.jobs}) == 18
    assert {job.row.recipe.data.subset for job in plan.jobs} == {8, 9, 10}
    assert len({job.protocol_id for job in plan.jobs}) == 1  # so they share a table
    trained = [set(job.data.train.names) for job in (plan.jobs[0], plan.jobs[6])]
    assert not trained[0] & trained[1]


def test_a_pilot_trains_on_the_last_subset_that_was_looked_at(planned):
    jobs = planned("table2", "laptop", 0).jobs
    assert {(job.seed, job.row.recipe.data.subset) for job in jobs} == {(0, LOOKED_AT)}
    with pytest.raises(InputError, match="seeds 0 is a pilot; table1 at laptop scale has none"):
        planned("table1", "laptop", 0)


def test_studies_of_one_experiment_share_their_runs(planned):
    corners, decays = planned("table1_blocks", "laptop", 1), planned("table2", "laptop", 1)
    shared = {job.run_id for job in corners.jobs} & {job.run_id for job in decays.jobs}
    assert {id.rsplit("-", 2)[0] for id in shared} == {"none", "all"}
    assert {job.study for job in (*corners.jobs, *decays.jobs)} == {"blocks"}


def test_a_step_of_the_gpu_scale_is_timed_on_a_cpu(planned, monkeypatch):
    monkeypatch.setattr(timing, "TIMED_STEPS", 1)
    job = next(job for job in planned("table2", "gpu", 1).jobs if job.run_id.startswith("all-low"))
    assert job.row.recipe.model.depth == 50 and job.row.recipe.optim.batch_size == 256
    assert timing.image_seconds(job, "cpu") > 0


@pytest.mark.parametrize("study", BLOCKED, ids=lambda study: study.name)
def test_the_paper_scale_is_priced(study):
    """In passes of an image, of which a run of 350 epochs has nearly half a billion."""
    train, test = IMAGENET_COUNTS
    counts = {"train": train - 25_022, "minival": 25_022, "test": test}
    for row in study.at("paper").rows:
        recipe = at_scale(row, "paper").recipe
        job = SimpleNamespace(
            data=SimpleNamespace(manifest=counts), row=SimpleNamespace(recipe=recipe)
        )
        assert recipe.data.train_images == 0 and recipe.data.split == ""
        passes = timing.image_passes(job)
        assert passes == pytest.approx(counts["train"] * recipe.optim.epochs * 1.1, rel=0.01)


@pytest.mark.long
@pytest.mark.parametrize(
    ("study", "row"),
    [
        ("table1_blocks", "all-short"),
        ("table2", "none-low-decay"),
        ("figure2", "grid-narrow-26-16"),
        ("figure3", "deep-10"),
    ],
)
def test_smoke_trains_a_row_of_each_study(study, row, tmp_path):
    words = ["run", study, "--scale", "smoke", "--rows", row, "--executor", "inline"]
    assert main([*words, "--device", "cpu", "--runs-dir", str(tmp_path)]) == 0
    (result,) = tmp_path.glob(f"blocks/{row}-*-s1/attempt-1/result.json")
    assert json.loads(result.read_text(encoding="utf-8"))["status"] == "complete"


@pytest.mark.parametrize("study", BLOCKED, ids=lambda study: study.name)
def test_every_cell_that_no_claim_reads_has_a_command(study):
    """Of those that are described: `rslib run` trains the printed rows alone without --rows."""
    page = (paths.ROOT / "book" / "blocks.md").read_text(encoding="utf-8")
    at = study.at("laptop")
    rows = {row.id for row in at.rows}
    for claim in at.afterwards:
        for id in claim.cells.keys() - rows:
            assert re.search(rf"[ ,]{re.escape(id)}[,\n]", page) or id == "all-low-decay", id
