"""Embedded clips as pictures and as MP4, held to four that are committed.

python tests/data/clips/test_clip_drawing.py    # writes them again; raise motions.VERSION with it
"""

from pathlib import Path

import numpy as np
import pytest

from rslib import paths
from rslib.config import InputError
from rslib.data.clips import drawing
from rslib.data.clips.motions import clips
from rslib.data.clips.reading import opened

FIXTURES = Path(__file__).with_name("fixtures")
PLACES = (2, 4, 5, 15)  # sideways, still, up, zoom_out
HEIGHT = 96


def fixtures():
    return [clips("train", 16)[place] for place in PLACES]


def decoded(file):
    with opened(file) as video:
        return video.read(range(len(video))).permute(0, 2, 3, 1).numpy()


def psnr(one, other):
    """Peak signal-to-noise ratio in dB."""
    error = ((one.astype(float) - other) ** 2).mean()
    return 10 * np.log10(255**2 / max(error, 1e-9))


@pytest.mark.parametrize("clip", fixtures(), ids=lambda clip: clip.motion)
def test_frames_are_those_of_the_committed_clip(clip, tmp_path):
    """As drawn now, and as encoded by this machine; a clip that lags is told apart."""
    before = decoded(FIXTURES / f"{clip.name}.mp4")
    assert before.shape == (64, HEIGHT, 128, 3)
    drawn = drawing.drawn(clip, HEIGHT)
    assert psnr(drawn, before) > 35
    if clip.motion != "still":
        assert psnr(drawn[4:], before[:-4]) < 30
    drawing.write(clip, HEIGHT, tmp_path / "again.mp4")
    assert psnr(decoded(tmp_path / "again.mp4"), before) > 35


def test_the_committed_clips_are_small_and_of_h264():
    import av

    files = sorted(FIXTURES.glob("*.mp4"))
    assert len(files) == 4 and sum(file.stat().st_size for file in files) < 100_000
    for file in files:
        with av.open(str(file)) as container:
            assert container.streams.video[0].codec_context.name == "h264"


def test_the_item_is_where_the_list_says():
    """The centre of its pixels, of clips where all of it is inside the frame."""
    tested = 0
    for clip in clips("test", 4_000):
        x, y, level, _ = clip.at(0)
        if clip.motion != "still" or not (0.35 < x < 0.65 and 0.45 < y < 0.55 and level < 0.3):
            continue
        _, cover = drawing.placed(clip, drawing.cut_out("test", clip.item), HEIGHT, 128)
        rows, columns = np.nonzero(cover[0].numpy() > 0.5)
        middle = (columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2
        assert middle == pytest.approx((128 * x, HEIGHT * y), abs=9)  # items fill their square ill
        tested += 1
    assert tested >= 3


def test_only_the_item_moves():
    """What is never covered is the same on all frames, and is the photograph."""
    clip = clips("train", 8, 2)[0]
    frames = drawing.drawn(clip, HEIGHT)
    _, cover = drawing.placed(clip, drawing.cut_out("train", clip.item), HEIGHT, 128)
    free = cover.amax(0).numpy() == 0
    assert free.mean() > 0.3
    ground = drawing.background(clip, HEIGHT, 128)
    assert (frames[:, free] == ground[free]).all()


def test_a_photograph_that_is_another_is_refused(tmp_path, monkeypatch):
    (tmp_path / "rocket.jpg").write_bytes((paths.PHOTOS / "coffee.jpg").read_bytes())
    monkeypatch.setattr(paths, "PHOTOS", tmp_path)
    drawing.photograph.cache_clear()
    for name in ("rocket", "retina"):
        with pytest.raises(InputError, match=rf"{name}\.jpg is missing or damaged: restore it"):
            drawing.photograph(name)


def test_frames_have_four_to_three_and_even_sides():
    found = [drawing.shape(height) for height in (96, 129, 256)]
    assert found == [(96, 128), (128, 172), (256, 342)]


if __name__ == "__main__":
    for chosen in fixtures():
        drawing.write(chosen, HEIGHT, FIXTURES / f"{chosen.name}.mp4")
