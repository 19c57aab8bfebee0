"""Frames of a video file, found by their times: PyAV decodes, nothing else is asked of the file.

A video is seen as a regular row of frames at its mean rate, whatever the times are at which its own
frames stand: frame k is what is on show in the middle of the k-th slot of 1 / rate seconds. Where
the rate is constant these are the file's own frames, one by one. A file is opened, sought through
and decoded within bounds, so that a broken one ends in an error and never in a wait.
"""

import errno
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rslib.data.unreadable import UnreadableImage, named, refuse_irregular

GAP = 250  # frames: over a longer gap is sought, as few files have key frames farther apart
LEAD = 3_000  # frames that may be decoded before the first that is wanted: 2 minutes at 25 a second
RATES = (0.1, 1_000)  # frames a second; what is outside is no rate but a mistake of the file
WAIT = 60  # seconds that opening may take, or one wait for the disk
# seconds of the processor that the frames of one go may take to decode: not of the clock, as a busy
# machine must not decide which clips can be read
SECONDS = 60
LATE = 0.5  # seconds that a file's frames may end before the end that it states
IN_WORDS = {  # what FFmpeg answers to broken files, where its own words lead astray
    errno.ENOMEM: "it asks for more memory than there is",  # by a length of gigabytes
    errno.EPERM: "its index is broken",  # it cannot be sought
    541478725: "it ends too early",  # AVERROR_EOF
}


class UnreadableClip(UnreadableImage):
    """A file that is no whole video. reason: why, without its name and the remedy."""


class Video:
    """An open video. len: its frames at its mean rate; rate: frames a second; seconds."""

    def __init__(self, file: Path, container: Any):
        if not container.streams.video:
            raise ValueError("it has no pictures, only sound or nothing")
        from av.video.reformatter import VideoReformatter

        self.file, self._container = file, container
        self._converter = VideoReformatter()  # one for all frames: each would make its own
        self._stream = container.streams.video[0]
        if self._stream.codec_context is None:
            raise ValueError("its pictures are of no known kind")
        self._stream.codec_context.thread_count = 1  # workers are what runs side by side
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.rate = float(rate or 0)
        if not RATES[0] <= self.rate <= RATES[1]:
            raise ValueError(f"it states a frame rate of {self.rate:g}")
        self._unit = float(self._stream.time_base)  # seconds of one step of a frame's time
        self._start = self._stream.start_time or 0
        self.seconds = self._length()
        self._frames = round(self.seconds * self.rate)
        if self._frames < 2:
            raise ValueError("it has a single frame, so nothing moves")

    def __len__(self):
        return self._frames

    def read(self, numbers: Sequence[int]) -> torch.Tensor:
        """Frames by their numbers, in any order and repeated too: uint8 (T, 3, H, W).

        In memory the three values of a pixel lie together. Raises UnreadableClip, and ValueError
        for numbers that the video has not.
        """
        if not numbers or not 0 <= min(numbers) <= max(numbers) < len(self):
            raise ValueError(f"frames {list(numbers)[:3]} … of {len(self)} were asked for")
        with explained(self.file):
            found: dict[int, np.ndarray] = {}
            for run in runs(sorted(set(numbers))):
                found |= self._run(run)
            if len({pixels.shape for pixels in found.values()}) > 1:
                raise ValueError("its frames change their size")
            stacked = np.stack([found[number] for number in numbers])
            return torch.from_numpy(stacked).permute(0, 3, 1, 2)

    def _run(self, wanted: list[int]) -> dict[int, np.ndarray]:
        """{number: RGB (H, W, 3)} of frames that ascend, decoded in one go."""
        try:
            return self._decoded(wanted, self._middle(wanted[0]))
        except Overshot:  # an index that names no key frame before
            return self._decoded(wanted, self._start, hold=True)

    def _decoded(self, wanted, seek_to, hold=False):
        """hold: what comes before the first frame that can be decoded shows that one."""
        found, waiting, before = {}, list(wanted), None
        self._container.seek(int(seek_to), stream=self._stream)
        for frame in self._bounded(wanted[-1] - wanted[0]):
            now = frame.pts if frame.pts is not None else frame.dts
            if now is None:
                raise ValueError("its frames have no times")
            shown = None  # of the frame before, once for all slots that it fills
            while waiting and self._middle(waiting[0]) < now:
                if before is None and not hold:
                    raise Overshot
                if shown is None:
                    shown = upright(before or frame, self._converter)
                found[waiting.pop(0)] = shown
            if not waiting:
                return found
            before = frame
        if before is None:
            raise ValueError("none of its frames can be decoded")
        end = (before.pts or 0) + (before.duration or 0) + LATE / self._unit
        if self._middle(waiting[-1]) > end:
            reached = ((before.pts or 0) - self._start) * self._unit
            raise ValueError(f"it breaks off after {reached:.1f} of {self.seconds:.1f} seconds")
        return found | dict.fromkeys(waiting, upright(before, self._converter))

    def _bounded(self, span: int) -> Iterator[Any]:
        """Decoded frames from where was sought, as many as may be needed and no more."""
        limit, begin = LEAD + 4 * span, time.thread_time()
        for count, packet in enumerate(self._container.demux(self._stream), 1):
            yield from packet.decode()
            if count > limit:
                raise ValueError(f"it has no key frame among {limit:,} frames")
            if time.thread_time() - begin > SECONDS:
                raise ValueError(f"decoding takes more than {SECONDS} seconds")

    def _middle(self, number: int) -> float:
        """Time of the middle of a frame's slot, in the file's own steps."""
        return self._start + (number + 0.5) / (self.rate * self._unit)

    def _length(self) -> float:
        """Seconds of the pictures; where the file does not state them, by its last frames."""
        if self._stream.duration:
            return self._stream.duration * self._unit
        if not self._container.duration:
            raise ValueError("it does not state how long it is")
        microseconds = self._container.duration  # of the longest stream, that of sound perhaps
        self._container.seek(microseconds)
        last = self._start
        for count, packet in enumerate(self._container.demux(self._stream)):
            if packet.pts is not None:
                last = max(last, packet.pts + (packet.duration or 0))
            if count > LEAD:
                raise ValueError(f"its last {LEAD:,} frames have no key frame")
        return (last - self._start) * self._unit


class Overshot(Exception):
    """The file was sought, and what was found comes after what is wanted."""


@contextmanager
def opened(file: Path) -> Iterator[Video]:
    """A video file, its header read. Raises UnreadableClip, which names it and says why.

    What fails inside the block is as it was raised.
    """
    import av

    with explained(file):
        refuse_irregular(file)
        if not file.stat().st_size:
            raise ValueError("it is empty")
        try:
            # an absolute path, so that no name is taken for an address
            container = av.open(
                str(file.absolute()),
                timeout=WAIT,
                container_options={"protocol_whitelist": "file"},
                metadata_errors="replace",
            )
        except av.error.InvalidDataError:
            raise ValueError(broken_off(file) or "no known kind of video") from None
    with container:
        with explained(file):
            video = Video(file, container)
        yield video


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """What a broken file leads FFmpeg to becomes UnreadableClip."""
    import av

    with named(file, UnreadableClip):
        try:
            yield
        except av.error.FFmpegError as error:
            if error.errno in IN_WORDS:
                raise ValueError(IN_WORDS[error.errno]) from error
            raise


def broken_off(file: Path) -> str:
    """Why an MP4 cannot be opened, if that is because its end is missing; else ""."""
    size = file.stat().st_size
    with open(file, "rb") as stream:
        at, kinds = 0, []
        while at + 8 <= size and len(kinds) < 1_000:
            stream.seek(at)
            head = stream.read(16)
            length, kind = int.from_bytes(head[:4]), head[4:8]
            if length == 1:  # a large box, whose length stands behind its name
                length = int.from_bytes(head[8:16])
            kinds.append(kind)
            at += length if length >= 8 else size  # 0: to the end of the file
    if kinds[:1] != [b"ftyp"]:
        return ""
    return "" if b"moov" in kinds and at <= size else "its end is missing, and the index (moov)"


def runs(numbers: Sequence[int]) -> Iterator[list[int]]:
    """Ascending numbers, parted where more than `GAP` are missing between two."""
    begin = 0
    for place in range(1, len(numbers) + 1):
        if place == len(numbers) or numbers[place] - numbers[place - 1] > GAP:
            yield list(numbers[begin:place])
            begin = place


def upright(frame: Any, converter: Any) -> np.ndarray:
    """A decoded frame as RGB (H, W, 3), turned as the file says that it is to be shown."""
    pixels = converter.reformat(frame, format="rgb24", threads=1).to_ndarray()
    quarters = round(frame.rotation / 90)
    if not math.isclose(frame.rotation, 90 * quarters, abs_tol=1):
        raise ValueError(f"it is turned by {frame.rotation} degrees, no right angle")
    return np.rot90(pixels, quarters)
