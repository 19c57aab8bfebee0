"""Training: it learns, it goes on after anything to the same bits, it never records a lie."""

import itertools

import pytest
import torch
from torch import nn

from rslib.config import evolve
from rslib.data import images
from rslib.evidence import results
from rslib.tasks.classify import Classify, normalise
from rslib.training import checkpoint, engine, metrics


def opened(recipe):
    return images.open_images(recipe.data, images.source(recipe.data.dataset))


@pytest.fixture
def task(tiny):
    return Classify(tiny, opened(tiny))


def fit(task, run_dir, seed=3, **kwargs):
    return engine.fit(task, task.recipe, run_dir, seed=seed, report=lambda line: None, **kwargs)


def stop_after(steps):
    calls = itertools.count(1)
    return lambda: next(calls) == steps


def test_a_network_can_learn_its_training_images(tiny, tmp_path):
    plain = {
        "regularization.label_smoothing": 0.0,
        "regularization.stochastic_depth": 0.0,
        "regularization.dropout": 0.0,
        "regularization.randaugment": 0.0,
        "data.crop_area": 0.9,
        "optim.epochs": 30,
        "model.width": 0.25,
    }
    recipe = evolve(tiny, plain)
    outcome = fit(Classify(recipe, opened(recipe)), tmp_path)
    losses = [row["loss"] for row in outcome.history]
    assert losses[-1] < 0.3 * losses[0]
    counts = outcome.metrics["train"]["raw"]
    assert counts["correct"] / counts["n"] > 0.7  # chance is 0.1


def test_history_and_counts_are_of_what_they_say(task, tmp_path):
    outcome = fit(task, tmp_path)
    assert outcome.history[-1]["epoch"] == 3
    assert {s: m["ema"]["n"] for s, m in outcome.metrics.items()} == {
        "test": 20,
        "minival": 20,
        "train": 20,  # as many clean training images as minival has
    }
    for both in outcome.metrics.values():
        for counts in both.values():
            assert results.right_images(counts).sum() == counts["correct"]
    minival = outcome.metrics["minival"]["raw"]
    assert outcome.history[-1]["minival_raw"] == minival["correct"] / 20


def test_metric_bits_say_which_images_were_right():
    metric = metrics.Correct()
    logits = torch.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1, 2, 0]]
    labels = torch.tensor([0, 1, 0, 0, 1, 0, 0, 1, 0, 0])
    for chunk in (slice(0, 4), slice(4, 10)):
        metric.update((logits[chunk], labels[chunk]))
    counts = metric.compute()
    assert (counts["correct"], counts["n"]) == (7, 10)
    expected = [True, True, False, True, True, False, True, True, False, True]
    assert results.right_images(counts).tolist() == expected


def test_normalise_is_imagenets():
    images = torch.tensor([0, 128, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    expected = [-0.485 / 0.229, (128 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert normalise(images).flatten().tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("steps", "workers"), [(1, 0), (4, 0), (6, 0), (12, 0), (6, 2), (9, 2)])
def test_a_stopped_run_goes_on_to_the_same_bits(tiny, task, tmp_path, steps, workers):
    """Stops at an epoch's first step, its end (4), in mid-epoch, and after the last step (12)."""
    whole = fit(task, tmp_path / "whole")
    parts = Classify(tiny, task.image_set, workers=workers)
    with pytest.raises(engine.Preempted):
        fit(parts, tmp_path / "parts", stop=stop_after(steps))
    resumed = fit(parts, tmp_path / "parts")
    assert resumed.restarts == 1 and whole.restarts == 0
    assert resumed.weights_sha256 == whole.weights_sha256
    assert (resumed.history, resumed.metrics) == (whole.history, whole.metrics)


def test_a_flipped_bit_in_the_newest_checkpoint_costs_steps_and_no_bit(task, tmp_path):
    whole = fit(task, tmp_path / "whole")
    with pytest.raises(engine.Preempted):
        fit(task, tmp_path / "parts", stop=stop_after(9))
    older, newest = sorted((tmp_path / "parts").glob("*.pt"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 3] ^= 1
    newest.write_bytes(content)
    lines = []
    resumed = engine.fit(task, task.recipe, tmp_path / "parts", seed=3, report=lines.append)
    assert f"{newest.name} is damaged" in lines[0]
    assert lines[1] == f"resumed at step {int(older.stem[5:])}"
    assert resumed.weights_sha256 == whole.weights_sha256


def test_another_seed_is_another_run(task, tmp_path):
    first, again, other = (
        fit(task, tmp_path / str(i), seed=seed) for i, seed in enumerate((0, 0, 1))
    )
    assert first.weights_sha256 == again.weights_sha256 != other.weights_sha256


def test_micro_batches_add_up_to_the_batch(tiny, tmp_path, monkeypatch):
    """Without batch norm, two halves accumulate to the gradient of the whole."""
    monkeypatch.setattr(
        Classify, "build", lambda self: nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    )
    losses = {}
    for micro in (16, 8):
        recipe = evolve(tiny, {"optim.micro_batch": micro, "optim.peak_rate": 1e-3})
        task = Classify(recipe, opened(recipe))
        assert {len(labels) for _, labels in task.loaders(0)[0]} == {micro}
        losses[micro] = fit(task, tmp_path / str(micro)).history[-1]["loss"]
    assert losses[8] == pytest.approx(losses[16], rel=1e-4)


def test_a_finished_run_is_not_trained_again(task, tmp_path, monkeypatch):
    first = fit(task, tmp_path)
    monkeypatch.setattr(engine.Run, "step", lambda *_: pytest.fail("trained again"))
    assert fit(task, tmp_path).weights_sha256 == first.weights_sha256


@pytest.mark.parametrize("bad_step", [2, 7])
def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_good_state(
    task, tmp_path, monkeypatch, bad_step
):
    calls = itertools.count()
    honest = Classify.loss

    def loss(self, model, batch):
        return honest(self, model, batch) * (float("nan") if next(calls) == bad_step else 1.0)

    monkeypatch.setattr(Classify, "loss", loss)
    with pytest.raises(engine.Diverged, match="not finite"):
        fit(task, tmp_path)
    kept = checkpoint.newest(tmp_path)
    if bad_step < 4:  # of the first epoch: nothing good was ever saved
        assert kept is None
    else:
        assert kept["step"] == 4
        assert all(t.isfinite().all() for t in kept["model"].values())


def test_an_error_in_training_is_not_swallowed(task, tmp_path, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("in the loss")

    monkeypatch.setattr(Classify, "loss", fail)
    with pytest.raises(ZeroDivisionError):
        fit(task, tmp_path)


def test_the_line_of_an_epoch_is_aligned_with_its_header(task, tmp_path):
    lines = []
    engine.fit(task, task.recipe, tmp_path, seed=0, report=lines.append)
    assert len(lines) == 4 and len({len(line) for line in lines}) == 1
    assert lines[0].split("  ")[0] == "epoch" and lines[-1].split()[0] == "3"
