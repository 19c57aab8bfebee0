"""Table 6 at every scale: planned and priced; and what is wrong with a folder, in one line."""

import csv
import json
from dataclasses import dataclass

import pytest
from commandline import rslib
from videos import numbered, write

from rslib.__main__ import main
from rslib.config import InputError
from rslib.data.clips import Source
from rslib.recipes.video_scales import SCALES
from rslib.running import runs, timing
from rslib.running.params import Params
from rslib.tasks.video import Video

KINETICS = {"train": 240_000, "minival": 0, "test": 19_800}  # nearly as published


@dataclass(frozen=True)
class Counted:
    """Clips that nobody looks at."""

    manifest: dict


def opened(recipe, source, cache_dir, report):
    data = recipe.data
    counts = {"train": data.train_images, "minival": data.minival_images, "test": data.test_images}
    about = {"classes": 8, "sha256": str(data.subset), "held_out": "h"}
    return Counted((counts if data.train_images else KINETICS) | about)


@pytest.fixture
def planned(monkeypatch, tmp_path):
    monkeypatch.setattr(Video, "source", staticmethod(lambda *words: Source()))
    monkeypatch.setattr(Video, "open", staticmethod(opened))

    def plan(scale, seeds):
        return runs.plan("table6", Params(scale=scale, seeds=seeds, runs_dir=str(tmp_path)), print)

    return plan


@pytest.mark.parametrize("scale", ["smoke", "laptop", "gpu"])
def test_block_k_trains_on_subset_k_and_no_run_on_the_pilots(scale, planned):
    plan = planned(scale, 2)
    assert len(plan.rows) == 10 and len(plan.jobs) == 18  # the average is no run of its own
    assert [job.seed for job in plan.jobs] == [1] * 9 + [2] * 9
    assert all(job.row.recipe.data.subset == job.seed for job in plan.jobs)
    assert len({job.protocol_id for job in plan.jobs}) == 1
    assert len({job.run_id for job in plan.jobs}) == 18


def test_a_pilot_has_subset_0_and_shares_no_table(planned):
    pilot, first = planned("laptop", 0), planned("laptop", 1)
    assert {(job.seed, job.row.recipe.data.subset) for job in pilot.jobs} == {(0, 0)}
    assert not {job.protocol_id for job in pilot.jobs} & {job.protocol_id for job in first.jobs}
    with pytest.raises(InputError, match="seeds 0 is a pilot; table6 at paper scale has none"):
        planned("paper", 0)


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_has_its_price(scale, planned):
    """Passes of a clip: its training, a tenth more for a look now and then, and the last scores."""
    plan = planned(scale, 1)
    for job in plan.jobs:
        data, counts = job.row.recipe.data, job.data.manifest
        views = data.test_clips * data.test_crops * (data.test_resolution / data.resolution) ** 2
        trained = 1.1 * counts["train"] * job.row.recipe.optim.epochs
        # test clips three times: as they are, as one frame, and shuffled
        checked = 3 * counts["test"] + 2 * counts["minival"] if counts["minival"] else 2 * 19_800
        expected = trained + 2 / 3 * checked * views
        assert timing.image_passes(job) == pytest.approx(expected)
    words = Video.in_words(job.row.recipe, counts, "clips")
    memory = {"smoke": 0.83, "laptop": 1.56, "gpu": 225, "paper": 1750}[scale]  # of the last row
    assert (
        float(words.split()[-6].replace(",", "")) == pytest.approx(memory, rel=0.05)
        and "MiB of" in words
    )


def kinetics(root, labels=("a", "b"), each=4):
    """A small folder as Kinetics is laid out, its videos half a second long."""
    for part in ("train", "val"):
        with open(root / f"{part}.csv", "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["label", "youtube_id", "time_start", "time_end", "split"])
            for label in labels:
                for k in range(each):
                    rows.writerow([label, f"-{part}{label}{k}", 0, 1, part])
                    video = root / part / f"-{part}{label}{k}_000000_000001.mp4"
                    write(video, numbered(12, 32, 32))
    return root


def unknown_labels(root):
    file = root / "val.csv"
    file.write_text(file.read_text().replace("\nb,", "\nc,"))


def no_videos(root):
    for video in root.glob("train/*.mp4"):
        video.unlink()


def cut_off(root):
    for video in root.glob("val/*.mp4"):
        video.write_bytes(video.read_bytes()[:200])


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            unknown_labels,
            "4 of 8 clips of the test list have labels that the training list",
        ),
        (no_videos, "of 8 training clips that are listed none is found"),
        (cut_off, "test: 8 of 8 clips that cannot be read: "),
    ],
)
def test_a_damaged_folder_ends_in_one_line(damage, told, tmp_path, capsys):
    (tmp_path / "k").mkdir()
    damage(kinetics(tmp_path / "k"))
    asked = ["run", "table6", "--scale", "paper", "--executor", "inline", "--device", "cpu"]
    code = main([*asked, "--data-dir", str(tmp_path / "k"), "--runs-dir", str(tmp_path / "runs")])
    (line,) = capsys.readouterr().err.splitlines()
    assert code == 1 and told in line and len(line) < 1500


def test_without_kinetics_the_paper_scale_names_the_remedy(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("RSLIB_DATA", raising=False)
    assert main(["run", "table6", "--scale", "paper", "--runs-dir", str(tmp_path)]) == 1
    assert "Kinetics is not found: set data_dir" in capsys.readouterr().err


@pytest.mark.long
def test_smoke_builds_its_clips_and_trains_in_processes(tmp_path):
    done = rslib(
        *("run", "table6", "--scale", "smoke", "--rows", "baseline,resnet-d", "--json"),
        *("--runs-dir", tmp_path / "runs"),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = {run["row"]: run for run in json.loads(done.stdout)}
    assert found.keys() == {"baseline", "resnet-d"}
    for run in found.values():
        assert run["status"] == "complete" and run["recipe"]["data"]["subset"] == 1
        assert {split: c["ema"]["n"] for split, c in run["metrics"].items()} == {
            "minival": 16,
            "train": 16,
            "test": 16,
            "one-frame": 16,
            "shuffled": 16,
        }
        assert run["data"]["builder"] == 1 and run["data"]["found"] == run["data"]["listed"]
    assert "MiB of activations a clip" in done.stderr and "examples/s" in done.stderr
