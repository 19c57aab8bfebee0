"""Batches of clips: a seeded order that can be resumed, and views for evaluation."""

import pytest
import torch
from videos import numbered, write

from rslib.config import InputError
from rslib.data.clips import Clips, ClipSet, Show, eval_batches, sets, train_batches
from rslib.data.clips.crops import evaluated, even_clips
from rslib.data.clips.loaders import ORDERS

SHOW = Show(side=28, frames=4, stride=2, clips=3, area=0.4)


def clip_set(tmp_path, count=10, bad=()):
    """Files with 20 frames of a gradient whose grey says frame and clip."""
    files = []
    for k in range(count):
        file = tmp_path / f"{k:03d}.mp4"
        if k in bad:
            file.write_bytes(b"no video")
        else:
            frames = numbered(20, 36, 48).copy()
            frames[..., 0] = 20 * k
            write(file, frames)
        files.append(file)
    clips = Clips([file.stem for file in files], torch.arange(count).numpy() % 2, files)
    return ClipSet(clips, clips.take([0]), clips, ["a", "b"], {})


def batches(found, **more):
    asked = {"batch_size": 4, "epochs": 3, "seed": 1, "report": lambda line: None} | more
    return [(clips.clone(), labels) for clips, labels in train_batches(found, SHOW, **asked)]


def same(one, other):
    return len(one) == len(other) and all(
        torch.equal(a, b)
        for x, y in zip(one, other, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def test_training_is_a_seeded_order_that_goes_on_anywhere(tmp_path):
    found = clip_set(tmp_path)
    whole = batches(found)
    assert len(whole) == 6  # two steps an epoch, as two clips of ten fill no batch
    for clips, labels in whole:
        assert clips.shape == (4, 3, 4, 28, 28) and clips.dtype == torch.uint8
        assert labels.dtype == torch.int64
        assert clips.is_contiguous()
        number = (clips[:, 0].float().mean((1, 2, 3)) / 20).round().long()
        assert torch.equal(number % 2, labels)
    assert same(whole[3:], batches(found, start_step=3))
    halves = batches(found, micro_batch=2)
    assert same(
        whole,
        [tuple(map(torch.cat, zip(*halves[i : i + 2], strict=True))) for i in range(0, 12, 2)],
    )
    assert not same(whole, batches(found, seed=2))
    assert (
        train_batches(found, SHOW, batch_size=4, epochs=3, seed=1).batch_sampler.steps_per_epoch
        == 2
    )


@pytest.mark.long
def test_workers_change_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "UNREADABLE_BUDGET", 0.2)
    found = clip_set(tmp_path, bad={2})
    assert same(batches(found), batches(found, workers=2))


def test_a_clip_that_cannot_be_read_is_replaced_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "UNREADABLE_BUDGET", 0.2)
    found, said = clip_set(tmp_path, bad={2, 7}), []
    stream = train_batches(found, SHOW, batch_size=5, epochs=2, seed=1, report=said.append)
    first = [(clips.clone(), labels) for clips, labels in stream]
    assert [len(labels) for _, labels in first] == [5] * 4
    assert sorted(stream.unreadable) == [2, 7]
    assert len(said) == 2 and "002.mp4 cannot be read (no known kind of video)" in "".join(said)
    assert same(first[1:], batches(found, batch_size=5, epochs=2, start_step=1))
    monkeypatch.setattr(sets, "UNREADABLE_BUDGET", 0.1)
    with pytest.raises(InputError, match=r"train: 2 of 10 clips that cannot be read: .*1 % is"):
        batches(found)


def test_nothing_that_can_be_read_ends_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "UNREADABLE_BUDGET", 1)
    with pytest.raises(InputError, match="20 clips one after the other cannot be read"):
        batches(clip_set(tmp_path, bad=range(10)))


def test_evaluation_shows_all_views_of_all_videos_in_order(tmp_path):
    found = clip_set(tmp_path, 5)
    seen = list(eval_batches(found.test, SHOW, batch_size=2))
    assert [tuple(clips.shape) for clips, _ in seen] == [(n, 9, 3, 4, 32, 32) for n in (2, 2, 1)]
    assert torch.cat([labels for _, labels in seen]).tolist() == [0, 1, 0, 1, 0]
    frames = found.test.frames(3, lambda length: even_clips(length, SHOW))
    assert torch.equal(seen[1][0][1, 3:6], evaluated(frames[4:8], SHOW))  # clip 1, three crops


def greys(views):
    """The frames of a video's views by their grey, which says their number: (views, T)."""
    return views[:, 0].float().mean((2, 3))


def test_one_frame_is_repeated_and_frames_are_shuffled_alike_in_every_run(tmp_path):
    found = clip_set(tmp_path, 2)
    orders = ("", *ORDERS)
    one = {order: next(iter(eval_batches(found.test, SHOW, order=order))) for order in orders}
    whole, still, mixed = (greys(one[order][0][1]) for order in ("", "one-frame", "shuffled"))
    assert torch.equal(still, whole[:, 2:3].expand(-1, 4))  # the third of four
    assert torch.equal(mixed.sort(1).values, whole.sort(1).values) and not torch.equal(mixed, whole)
    assert torch.equal(mixed[0::3], mixed[1::3])  # crops of a clip have one order
    again = next(iter(eval_batches(found.test, SHOW, order="shuffled")))
    assert torch.equal(again[0], one["shuffled"][0])
    assert torch.equal(again[1], one[""][1])


def test_evaluation_counts_what_was_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "UNREADABLE_BUDGET", 0.5)
    stream = eval_batches(
        clip_set(tmp_path, 5, bad={1, 4}).test, SHOW, batch_size=2, report=lambda line: None
    )
    assert [labels.tolist() for _, labels in stream] == [[0], [0, 1]]
    assert sorted(stream.unreadable) == [1, 4]


def test_batches_that_cannot_be_filled_or_parted(tmp_path):
    found = clip_set(tmp_path, 3)
    with pytest.raises(InputError, match="3 training clips do not fill one batch of 4"):
        batches(found)
    with pytest.raises(InputError, match="no multiple"):
        batches(found, batch_size=3, micro_batch=2)
