"""The list of embedded clips: only the motion tells the class, and blocks share nothing."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import kstest

from rslib.config import InputError
from rslib.data.clips import motions
from rslib.data.clips.motions import MOTIONS, clips, identity


@pytest.fixture(scope="module")
def many():
    """250 clips of each motion."""
    return clips("test", 2_000)


@pytest.mark.parametrize("frame", [0, 9, 63])
@pytest.mark.parametrize("motion", MOTIONS)
def test_no_frame_tells_the_motion(many, motion, frame):
    """Place, size and angle are uniform at every frame of every class (Kolmogorov-Smirnov)."""
    states = np.array([clip.at(frame) for clip in many if clip.motion == motion])
    for column in states.T:
        assert kstest(column, "uniform").pvalue > 1e-4
    assert np.abs(np.corrcoef(states.T) - np.eye(4)).max() < 0.25  # 4 deviations of 1 / √250


def steps(clip, frames=64):
    """What changes from each frame to the next, the way round an edge that is shorter."""
    states = np.array([clip.at(frame) for frame in range(frames)])
    return (np.diff(states, axis=0) + 0.5) % 1 - 0.5


def test_each_motion_is_what_it_is_called(many):
    """x right, y down, level larger, angle clockwise; in any 16 frames as in all 64."""
    signs = {"up": (1, -1), "down": (1, 1), "zoom_in": (2, 1), "zoom_out": (2, -1)}
    columns = {"sideways": 0, "spin": 3, "bounce": 1}
    for clip in many[:160]:
        moved = steps(clip)
        if clip.motion == "still":
            assert not moved.any()
            continue
        column = columns[clip.motion] if clip.motion in columns else signs[clip.motion][0]
        assert not np.delete(moved, column, axis=1).any()
        turns = np.flatnonzero(np.diff(np.sign(moved[:, column]).round()))
        if clip.motion == "bounce":
            assert len(turns) >= 3 and np.diff(turns).max() <= 17
            continue
        assert len(turns) == 0
        if clip.motion in signs:
            assert np.sign(moved[0, column]) == signs[clip.motion][1]
        way = np.abs(moved[:, column].sum()) * (4 / 3 if clip.motion == "sideways" else 1)
        assert 63 / 64 <= way <= 2 * 63 / 64


def test_motions_are_balanced_and_names_differ(many):
    assert set(Counter(clip.motion for clip in many).values()) == {250}
    assert len({clip.name for clip in many}) == 2_000
    assert {len(clip.name) for clip in many} == {11}
    assert any(clip.name.startswith("-") for clip in many)


def test_blocks_and_parts_share_no_item_and_no_pixel():
    blocks = [clips("train", 640, block) for block in range(motions.BLOCKS)]
    parts = [*blocks, clips("minival", 300)]
    for one, other in combinations(parts, 2):
        assert not {clip.item for clip in one} & {clip.item for clip in other}
        assert not {(c.photo, c.tile) for c in one} & {(c.photo, c.tile) for c in other}
    photos = [{clip.photo for clip in clips(part, 300)} for part in motions.PHOTOS]
    assert sum(map(len, photos)) == len(set.union(*photos)) == 8
    assert max(Counter(clip.item for clip in blocks[0]).values()) == 2
    with pytest.raises(InputError, match="subset 9 is not there"):
        clips("train", 8, 9)


def test_more_clips_begin_with_the_fewer():
    assert clips("train", 20, 3)[:8] == clips("train", 8, 3)


def test_the_identity_is_that_of_the_list():
    """Held to one value, as recorded results are found by it."""
    parts = {part: clips(part, 8) for part in motions.PHOTOS}
    assert identity(parts, 96)[:16] == "331d83d723d1e005"
    assert identity(parts, 96) != identity(parts, 128)
    assert identity(parts, 96) != identity(parts | {"train": clips("train", 8, 1)}, 96)
