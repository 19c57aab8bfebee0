"""Frames by their times, and files that are no videos."""

import os
import time

import numpy as np
import pytest
import torch
from videos import greys, numbered, sound, write

from rslib.data.clips import reading
from rslib.data.clips.reading import UnreadableClip, opened


def read(file, numbers):
    with opened(file) as video:
        return video.read(numbers)


def test_frames_are_those_that_were_written(tmp_path):
    file = write(tmp_path / "a.mp4", numbered(70))
    with opened(file) as video:
        assert (len(video), video.rate, video.seconds) == (70, 25, pytest.approx(2.8))
        assert video.read([0]).shape == (1, 3, 48, 64)
        for numbers in ([0, 2, 4], [61, 63, 69], [69, 0, 69, 35]):
            expected = [8 + 3 * n for n in numbers]
            assert greys(video.read(numbers)) == pytest.approx(expected, abs=1.5)


def test_pixels_are_those_of_ffmpeg(tmp_path):
    """The peer reads all frames in order, without seeking."""
    import av

    frames = np.random.default_rng(0).integers(0, 255, (40, 6, 8, 3), np.uint8)
    file = write(tmp_path / "a.mp4", frames.repeat(8, 1).repeat(8, 2))
    with av.open(str(file)) as container:
        plain = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert torch.equal(
        read(file, [31, 5]).permute(0, 2, 3, 1), torch.tensor(np.stack(plain)[[31, 5]])
    )


def test_a_variable_rate_is_read_by_time(tmp_path):
    """30 frames in the first second, then 10: the last whose time is not after a slot's middle."""
    times = np.array([k / 30 for k in range(30)] + [1 + k / 10 for k in range(10)])
    file = write(tmp_path / "v.mp4", numbered(40), times)
    numbers = [0, 10, 19, 20, 22, 30, 39]
    with opened(file) as video:
        assert len(video) == 40 and 19 < video.rate < 23  # about 40 frames in 2 seconds
        found = greys(video.read(numbers))
        shown = np.searchsorted(np.round(times, 3), (np.array(numbers) + 0.5) / video.rate) - 1
    assert shown[2] > 19 + 3 and shown[5] > 30 + 1  # other frames than by counting them
    assert found == pytest.approx([8 + 3 * n for n in shown], abs=1.5)


def test_a_turned_video_stands_upright(tmp_path):
    """The matrix of ISO 14496-12: x' = a x + c y, y' = b x + d y, so that b = 1, c = -1 turns what
    points right downwards: clockwise."""
    frames = np.zeros((4, 32, 64, 3), np.uint8)
    frames[:, :16, :32] = 255  # a white quarter, top left
    file = write(tmp_path / "a.mp4", frames)
    content = bytearray(file.read_bytes())
    matrix = content.find(b"tkhd") + 4 + 40
    one, minus = (1 << 16).to_bytes(4), (-(1 << 16)).to_bytes(4, signed=True)
    content[matrix : matrix + 20] = bytes(4) + one + bytes(4) + minus + bytes(4)
    file.write_bytes(content)
    pixels = read(file, [0])[0, 0]
    assert pixels.shape == (64, 32)
    assert pixels[:32, 16:].min() > 200 and pixels[:32, :14].max() < 50
    assert pixels[34:].max() < 50


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_other_containers(tmp_path, suffix):
    codec = "libx264" if suffix == ".mkv" else "mpeg4"  # which alone states its length
    file = write(tmp_path / f"a{suffix}", numbered(50), codec=codec)
    with opened(file) as video:
        assert len(video) == 50
        assert greys(video.read([7, 49])) == pytest.approx([29, 155], abs=4)


def test_ten_hours_are_sought_not_decoded(tmp_path, monkeypatch):
    """4,000 frames, one every 9 seconds, of which two far behind are asked for."""
    times = [9 * k for k in range(4_000)]
    file = write(tmp_path / "long.mp4", numbered(4_000, 16, 16), times, key_every=10)
    decoded = []
    bounded = reading.Video._bounded
    monkeypatch.setattr(
        reading.Video,
        "_bounded",
        lambda video, span: (decoded.append(1) or frame for frame in bounded(video, span)),
    )
    with opened(file) as video:
        assert video.seconds == pytest.approx(36_000, abs=9)
        found = greys(video.read([1_205, 3_333]))
        shown = [int((number + 0.5) / video.rate / 9) for number in (1_205, 3_333)]
    assert found == pytest.approx([8 + 3 * (number % 80) for number in shown], abs=1.5)
    assert sum(decoded) < 40


def test_bad_files_are_named_with_the_reason(tmp_path):
    whole = write(
        tmp_path / "whole.mp4", np.random.default_rng(0).integers(0, 255, (30, 48, 64, 3), np.uint8)
    )
    content = whole.read_bytes()
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "page.mp4").write_text("<html>not found</html>", encoding="utf-8")
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    write(tmp_path / "one.mp4", numbered(1))
    sound(tmp_path / "sound.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    reasons = {
        "missing.mp4": "No such file",
        "empty.mp4": "it is empty",
        "page.mp4": "no known kind of video",
        "cut.mp4": "its end is missing, and the index",
        "one.mp4": "a single frame",
        "sound.mp4": "no pictures",
        "pipe.mp4": "a named pipe",
        "folder.mp4": "a folder",
    }
    for name, reason in reasons.items():
        with pytest.raises(
            UnreadableClip, match=rf"{name} cannot be read \(.*{reason}.*repair"
        ) as told:
            read(tmp_path / name, [0])
        assert reason in told.value.reason and name not in told.value.reason
        assert "\n" not in str(told.value)


def test_a_file_whose_index_stands_first_and_whose_frames_end_early(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (75, 48, 64, 3), np.uint8)
    file = tmp_path / "a.mp4"
    fast_start(file, noise)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    assert read(file, [0, 2, 4]).shape == (3, 3, 48, 64)
    with pytest.raises(UnreadableClip, match=r"breaks off|none of its frames"):
        read(file, [70])


def fast_start(file, frames):
    import av

    with av.open(str(file), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "5"})
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())


def test_a_frame_rate_of_zero(tmp_path):
    """Every frame's and the whole's duration are set to 0."""
    file = write(tmp_path / "a.mp4", numbered(30))
    content = bytearray(file.read_bytes())
    for name, offset in ((b"stts", 16), (b"mdhd", 20), (b"elst", 12), (b"tkhd", 24), (b"mvhd", 20)):
        at = content.find(name) + offset - (4 if name in (b"mdhd", b"mvhd") else 0)
        content[at : at + 4] = bytes(4)
    file.write_bytes(content)
    with pytest.raises(UnreadableClip, match=r"frame rate of 0|how long"):
        read(file, [0])


def test_decoding_has_bounds(tmp_path, monkeypatch):
    file = write(tmp_path / "a.mp4", numbered(60), key_every=60)
    monkeypatch.setattr(reading, "LEAD", 20)
    with pytest.raises(UnreadableClip, match="no key frame among 20 frames"):
        read(file, [50])
    monkeypatch.undo()
    monkeypatch.setattr(reading, "SECONDS", -1)
    with pytest.raises(UnreadableClip, match="takes more than"):
        read(file, [50])


def test_whatever_is_broken_ends_in_frames_or_in_one_error(tmp_path):
    """Cut off, overwritten, in the index too, or with lengths of gigabytes; and without delay."""
    chance, file, reasons = np.random.default_rng(1), tmp_path / "a.mp4", set()
    whole = write(tmp_path / "whole.mp4", numbered(40)).read_bytes()
    index = whole.find(b"moov")
    for k in range(120):
        content = bytearray(whole)
        if k % 4 == 0:
            del content[chance.integers(len(content)) :]
        elif k % 4 == 1:
            at = chance.integers(index, len(content) - 4)
            content[at : at + 4] = bytes([255]) * 4
        else:
            begin = index if k % 4 == 2 else 0
            for at in chance.integers(begin, len(content), 5):
                content[at] = chance.integers(256)
        file.write_bytes(content)
        begin = time.thread_time()
        try:
            with opened(file) as video:
                video.read([place * len(video) // 8 for place in range(8)])
        except UnreadableClip as error:
            reasons.add(error.reason)
        assert time.thread_time() - begin < 1
    assert len(reasons) > 5


def test_a_frame_that_is_not_there_is_refused(tmp_path):
    file = write(tmp_path / "a.mp4", numbered(10))
    for numbers in ([10], [-1], []):
        with pytest.raises(ValueError, match=r"of 10 were asked for") as told:
            read(file, numbers)
        assert not isinstance(told.value, UnreadableClip)  # it is no fault of the file
