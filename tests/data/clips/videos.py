"""Small videos that several tests write, and what is known of their frames."""

from fractions import Fraction

import av
import numpy as np

RATE = 25


def numbered(count, height=48, width=64):
    """Frames whose grey says their number: uint8 (count, height, width, 3), 8 + 3k (mod 240)."""
    greys = (8 + 3 * np.arange(count)) % 240
    return np.broadcast_to(greys[:, None, None, None], (count, height, width, 3)).astype(np.uint8)


def write(file, frames, times=None, key_every=12, codec="libx264", **stream_fields):
    """Frames (N, H, W, 3) as a video; times: seconds of each, or a constant rate of 25."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(file), "w") as container:
        options = {"crf": "8", "preset": "veryfast", "g": str(key_every)}
        stream = container.add_stream(codec, rate=RATE, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.codec_context.thread_count = 1
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for place, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
            if times is not None:
                frame.pts, frame.time_base = round(1000 * times[place]), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file


def greys(pixels):
    """The mean grey of each frame of (T, 3, H, W)."""
    return pixels.float().mean((1, 2, 3)).tolist()


def sound(file, seconds=1):
    """A file of sound alone."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream("aac", rate=16_000)
        for start in range(0, 16_000 * seconds, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 16_000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file
