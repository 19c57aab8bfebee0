"""Clips through the door of the engine: trained, stopped, resumed, and all views averaged."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from rslib import models
from rslib.config import InputError, evolve
from rslib.evidence import results
from rslib.recipes.video import TABLE_6
from rslib.recipes.video_scales import at_scale
from rslib.running import runs, timing
from rslib.tasks.video import Video, scaled
from rslib.training import engine
from rslib.training.memory import saved_bytes

COUNTS = {"data.train_images": 16, "data.minival_images": 8, "data.test_images": 8}
TINY = {**COUNTS, "optim.batch_size": 8, "optim.epochs": 2, "data.test_clips": 2}
TINY |= {"data.frame_stride": 2, "regularization.stochastic_depth": 0.5}


def recipe(row="resnet-d", **changes):
    found = at_scale(TABLE_6.row(row), "smoke", block=1).recipe
    return evolve(found, TINY | {"data.test_crops": 3} | changes)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A few embedded clips, built once."""
    asked, folder = recipe(), tmp_path_factory.mktemp("clips")
    source = Video.source("clips", "", folder, print)
    return Video.open(asked, source, folder, lambda line: None)


def fit(task, run_dir, **more):
    return engine.fit(task, task.recipe, run_dir, seed=3, report=lambda line: None, **more)


def test_a_stopped_run_goes_on_to_the_same_bits(clips, tmp_path):
    task = Video(recipe(), clips)
    whole = fit(task, tmp_path / "whole")
    asked = iter([False] * 2 + [True])
    with pytest.raises(engine.Preempted):  # in the second epoch
        fit(task, tmp_path / "parts", stop=lambda: next(asked))
    resumed = fit(task, tmp_path / "parts")
    assert resumed.restarts == 1 and whole.restarts == 0
    assert resumed.weights_sha256 == whole.weights_sha256
    assert (resumed.history, resumed.metrics) == (whole.history, whole.metrics)
    counted = {split: both["ema"] for split, both in whole.metrics.items()}
    assert {split: counts["n"] for split, counts in counted.items()} == {
        "minival": 8,
        "train": 8,
        "test": 8,  # videos, of which each has six views
        "one-frame": 8,
        "shuffled": 8,
    }
    assert all(results.right_images(c).sum() == c["correct"] for c in counted.values())


class Reads(nn.Module):
    """A network of three classes that writes the mean of the red pixels of a clip into logits."""

    def forward(self, shown):
        assert shown.shape[1] == 3 and shown.ndim == 5
        self.most = max(getattr(self, "most", 0), len(shown))
        red = shown[:, 0].mean((1, 2, 3))
        return torch.stack([red.log(), (1 - red).log(), torch.full_like(red, -30)], dim=1)


def test_thirty_views_are_averaged_as_by_hand(clips):
    """softmax([log p, log(1 - p), ~0]) is (p, 1 - p, 0): a video's score is the mean of its p."""
    task, network = Video(recipe(**{"optim.batch_size": 8}), clips), Reads()
    views = torch.zeros(2, 30, 3, 2, 4, 4, dtype=torch.uint8)
    views[0, :20], views[0, 20:] = 51, 204  # 0.2 twenty times, 0.8 ten times
    views[1] = 255 * torch.arange(1, 31).view(30, 1, 1, 1, 1) // 31
    found, labels = task.predict(network, (views, torch.tensor([1, 0])))
    by_hand = [(20 * 0.2 + 10 * 0.8) / 30, float((views[1, :, 0, 0, 0, 0] / 255).mean())]
    assert found[:, 0].tolist() == pytest.approx(by_hand, rel=1e-5)
    assert found.sum(1).tolist() == pytest.approx([1, 1]) and labels.tolist() == [1, 0]
    # a mean of logits would name the other class for the first video
    assert by_hand[0] < 0.5 and network.most == 8
    metric = task.metrics()["top1"]
    metric.update((found, labels))
    assert metric.compute()["correct"] == 1 and metric.compute()["n"] == 2


def test_pixels_are_divided_and_channels_come_last():
    shown = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1, 1).expand(2, 3, 4, 8, 8)
    found = scaled(shown)
    assert found[0, :, 0, 0, 0].tolist() == pytest.approx([0, 0.2, 1])
    assert found.is_contiguous(memory_format=torch.channels_last_3d)


def test_networks_are_trained_with_channels_last(clips):
    network = Video(recipe(), clips).build()
    assert models.channels_last(network) == torch.channels_last_3d
    assert models.channels_last(models.resnet(26, width=0.125)) == torch.channels_last


def test_evaluation_during_training_counts_every_view(clips, tmp_path):
    """Six views of 37 pixels, where training sees one of 32: evaluated in the last epoch alone."""
    long = recipe(**{"optim.epochs": 3, "data.test_resolution": 37})
    assert long.data.test_passes == pytest.approx(6 * (37 / 32) ** 2)
    passes = timing.image_passes(job(long, clips.manifest))
    shown = 3 * 8 + 8 + 8  # test clips are shown as one frame and shuffled too
    assert passes == pytest.approx(16 * 3 * 1.1 + 2 * shown / 3 * 6 * (37 / 32) ** 2)
    run = engine.Run(Video(long, clips), long, tmp_path, 1, torch.device("cpu"), print, bool)
    assert run.evaluation_epochs == {3}


class Moves(nn.Module):
    """A network that sees how far the mean of a clip changes from its first to its last frame."""

    def forward(self, shown):
        change = (shown[:, :, -1] - shown[:, :, 0]).mean((1, 2, 3))
        return torch.stack([change, torch.full_like(change, 0.1)], dim=1)


def test_what_sees_motion_alone_is_lost_on_one_frame(clips, monkeypatch):
    """Clips that grow brighter are of class 0, and still ones of class 1: half are still right."""
    grey = torch.arange(0, 64, dtype=torch.uint8).mul(4).view(64, 1, 1, 1).expand(64, 3, 32, 32)
    still = grey[:1].expand_as(grey)
    test = clips.test.take([0, 0, 0, 0])
    test.labels[:] = [0, 0, 1, 1]

    def frames(self, position, choose):
        return (grey if self.labels[position] == 0 else still)[choose(64)]

    monkeypatch.setattr(type(test), "frames", frames)
    task = Video(recipe(), replace(clips, test=test))
    _, splits = task.loaders(1)
    found = {
        name: engine.run_metrics(task, {"raw": Moves()}, splits[name], torch.device("cpu"))["raw"]
        for name in ("test", "one-frame", "shuffled")
    }
    assert found["test"]["correct"] == 4 and found["one-frame"]["correct"] == 2
    assert found["shuffled"]["n"] == 4


def test_at_paper_scale_nothing_more_is_evaluated():
    assert at_scale(TABLE_6.row("resnet-d"), "paper").recipe.data.test_orders == ()


def job(asked, manifest):
    row = replace(TABLE_6.row("resnet-d"), recipe=asked)
    return runs.Job("table6", "smoke", row, 1, Counted(manifest), "clips", "id", 7, "p")


class Counted:
    def __init__(self, manifest):
        self.manifest = manifest


def test_where_no_minival_is_held_out_none_is_evaluated(clips, tmp_path):
    none = replace(clips, minival=clips.minival.take([]))
    one_epoch = recipe(**{"optim.epochs": 1, "data.test_crops": 1})
    outcome = fit(Video(one_epoch, none), tmp_path)
    assert outcome.metrics.keys() == {"train", "test", "one-frame", "shuffled"}
    assert outcome.metrics["train"]["raw"]["n"] == 8  # as many as are tested
    assert outcome.history[-1].keys() == {"epoch", "loss", "train_raw", "train_ema"}


def test_memory_of_a_clip_is_what_autograd_keeps():
    """At paper scale 178 million elements are put out by convolutions, and kept twice."""
    paper = at_scale(TABLE_6.row("baseline"), "paper").recipe
    assert saved_bytes(paper, 400) == pytest.approx(2 * 178e6 * 4, rel=0.15)
    small = recipe("baseline")
    double = evolve(small, {"data.frames": 16})
    assert saved_bytes(double, 8) == pytest.approx(2 * saved_bytes(small, 8), rel=0.1)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("paper", "clips", ""), "scale 'paper' is Kinetics-400's"),
        (("laptop", "clips", "there"), "for Kinetics set dataset kinetics-400"),
        (("laptop", "kinetics-40", ""), "did you mean 'kinetics-400'"),
    ],
)
def test_a_wrong_choice_of_clips_is_told(asked, told):
    with pytest.raises(InputError, match=told):
        Video.choose_dataset(*asked)


def test_the_scale_chooses_the_clips(tmp_path):
    assert Video.choose_dataset("paper", "", str(tmp_path)) == "kinetics-400"
    assert Video.choose_dataset("smoke", "", "") == "clips"
    assert Video.choose_dataset("smoke", "", str(tmp_path)) == "kinetics-400"
    assert Video.papers_data("", str(tmp_path)) is None
    for part in ("train", "val"):
        (tmp_path / part).mkdir()
        (tmp_path / f"{part}.csv").touch()
    assert Video.papers_data("", str(tmp_path)) == tmp_path
