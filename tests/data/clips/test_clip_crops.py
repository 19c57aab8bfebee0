"""Which frames, which part of them: held to cases computed by hand."""

from dataclasses import replace

import pytest
import torch
from pictures import seeded

from rslib.config import Recipe, evolve
from rslib.data.clips.crops import (
    Show,
    corners,
    evaluated,
    even_starts,
    numbers,
    random_start,
    trained,
)

PAPER = Show()


def test_a_recipe_says_how_clips_are_shown():
    fields = {"frames": 32, "test_resolution": 256}
    data = evolve(Recipe(), {f"data.{name}": value for name, value in fields.items()}).data
    assert Show.of(data) == Show(test_side=256)
    assert Show.of(data).short_side == PAPER.short_side == 256
    assert Show.of(replace(data, test_resolution=0)).short_side == 224


def test_a_clip_is_every_second_frame_and_a_short_video_is_repeated():
    assert numbers(7, 250, PAPER) == list(range(7, 71, 2))
    assert numbers(3, 10, Show(frames=8, stride=2)) == [3, 5, 7, 9, 1, 3, 5, 7]
    assert numbers(1, 5, Show(frames=4, stride=2)) == [1, 3, 0, 2]


def test_random_starts_are_all_that_fit():
    """250 − 31 · 2 = 188 of a video that is long enough, all of one that is not; as in TF."""
    drawn = seeded(1)
    assert {random_start(250, PAPER, drawn) for _ in range(3_000)} == set(range(188))
    assert {random_start(63, PAPER, drawn) for _ in range(20)} == {0}
    assert {random_start(62, PAPER, drawn) for _ in range(1_000)} == set(range(62))


def test_thirty_views_by_hand():
    """A video of 250 frames of 340 × 256: ten clips of 64 frames leave 186, three crops 84."""
    assert PAPER.short_side == 256
    assert even_starts(250, PAPER) == [0, 20, 41, 62, 82, 103, 124, 144, 165, 186]
    assert corners((256, 340), PAPER) == [(0, 0), (0, 42), (0, 84)]
    assert corners((340, 256), PAPER) == [(0, 0), (42, 0), (84, 0)]
    assert even_starts(40, PAPER) == [0] * 10
    one = Show(clips=1, crops=1)
    assert even_starts(250, one) == [93] and corners((256, 340), one) == [(0, 42)]


def test_views_show_what_they_should():
    """Each pixel says where and when it is: red its column, green its row, blue its frame."""
    show = Show(side=28, frames=3, stride=1, clips=2)  # short side 32
    rows, columns = torch.arange(32), torch.arange(43)
    frames = torch.zeros(3, 3, 32, 43, dtype=torch.uint8)
    frames[:, 0], frames[:, 1] = columns.byte(), rows.byte()[:, None]
    frames[:, 2] = torch.tensor([10, 20, 30], dtype=torch.uint8)[:, None, None]
    crops = evaluated(frames, show)
    assert crops.shape == (3, 3, 3, 32, 32)  # crops, colours, frames, rows, columns
    for crop, left in zip(crops, (0, 6, 11), strict=True):  # 43/2 − 16 = 5.5, to even: 6
        assert crop[0, 0, 0].tolist() == list(range(left, left + 32))
        assert crop[1, 2, :, 0].tolist() == list(range(32))
        assert crop[2, :, 5, 5].tolist() == [10, 20, 30]


def test_frames_of_another_size_are_resized_to_the_short_side():
    show = Show(side=28, frames=2)
    assert evaluated(torch.full((2, 3, 64, 100), 7, dtype=torch.uint8), show).unique() == 7
    assert evaluated(torch.zeros(2, 3, 20, 18, dtype=torch.uint8), show).shape == (3, 3, 2, 32, 32)


def test_one_crop_and_one_flip_for_all_frames():
    """So that what stands still does so in every view: jitter of the scale is no zoom."""
    frames = torch.randint(256, (1, 3, 48, 64), dtype=torch.uint8, generator=seeded(0))
    show = Show(side=32, frames=8)
    views = [trained(frames.expand(8, -1, -1, -1), show, seeded(k)) for k in range(20)]
    for view in views:
        assert view.shape == (3, 8, 32, 32)
        assert torch.equal(view, view[:, :1].expand(-1, 8, -1, -1))
    assert len({view.numpy().tobytes() for view in views}) == 20


def test_half_of_all_clips_are_flipped_and_crops_have_the_area_asked_for():
    """Columns and rows are told by the colours of a gradient."""
    frames = torch.zeros(2, 3, 200, 200, dtype=torch.uint8)
    frames[:, 0], frames[:, 1] = torch.arange(200).byte(), torch.arange(200).byte()[:, None]
    show, flips, areas = Show(side=100, frames=2, area=0.4), 0, []
    for k in range(400):
        view = trained(frames, show, seeded(k)).float()
        across = (view[0, 0, 0, 90] - view[0, 0, 0, 10]) / 80 * 100
        along = (view[1, 0, 90, 0] - view[1, 0, 10, 0]) / 80 * 100
        flips += bool(across < 0)
        areas.append(float(abs(across) * along) / 200**2)
    assert 160 < flips < 240  # 200 ± 4 deviations of 10
    assert 0.38 < min(areas) < 0.5 and 0.9 < max(areas) < 1.03


def test_what_is_no_way_to_show_is_refused():
    with pytest.raises(ValueError, match="crops other than 1 and 3"):
        Show(crops=5)
    with pytest.raises(ValueError, match="below 1"):
        Show(frames=0)
