"""32 frames of a video, every second of a span of 64, on one core, against other readers.

    .venv/bin/python bench/clip_decode.py [rounds, at least 2]

The video is H.264 of 340 x 256 px, 10 seconds of 25 frames, with x264's own settings, as copies of
Kinetics have it: a photograph under a moving crop, so that there is motion everywhere. The clips
begin at the same 6 random places for all. PyAV used plainly decodes from the first frame to the
last that is wanted and converts those; TorchCodec is one of the sides where it finds FFmpeg on the
system. The floor is to seek and to decode, and to convert nothing.
"""

import tempfile
from functools import partial
from pathlib import Path

import av
import numpy as np
import torch
from measure import interleaved, main, ratio
from PIL import Image

from rslib import paths
from rslib.data.clips import Show, opened
from rslib.data.clips.crops import random_clip
from rslib.data.randomness import generator

FRAMES, WIDTH, HEIGHT, CLIPS = 250, 340, 256, 6


def lay_out(file):
    """A crop goes over a photograph in a Lissajous figure, with the noise that cameras have."""
    with Image.open(paths.PHOTOS / "astronaut.jpg") as photo:
        pixels = np.asarray(photo.convert("RGB").resize((500, 667)))
    noise = np.random.default_rng(0).normal(0, 2, (HEIGHT, WIDTH, 3))
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        stream.codec_context.thread_count = 1
        for k in range(FRAMES):
            top = round((667 - HEIGHT) * (0.5 + 0.5 * np.sin(k / 31)))
            left = round((500 - WIDTH) * (0.5 + 0.5 * np.sin(k / 23)))
            shown = pixels[top : top + HEIGHT, left : left + WIDTH] + np.roll(noise, 37 * k)
            shown = shown.clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, "rgb24")))
        container.mux(stream.encode())


def ours(file, wanted):
    with opened(file) as video:
        return video.read(wanted)


def plain_pyav(file, wanted):
    found = []
    with av.open(str(file)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                found.append(frame.to_ndarray(format="rgb24"))
            if number == wanted[-1]:
                break
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2)


def torchcodec(file, wanted, decoder):
    return decoder(str(file), num_ffmpeg_threads=1).get_frames_at(list(wanted)).data


def decoding_alone(file, wanted):
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        step = int(1 / (stream.average_rate * stream.time_base))
        container.seek(wanted[0] * step, stream=stream)
        for frame in container.decode(stream):
            if frame.pts >= wanted[-1] * step:
                return


def video_decoder():
    """TorchCodec's; None where it finds no FFmpeg."""
    from torchcodec.decoders import VideoDecoder

    try:
        VideoDecoder(b"")
    except RuntimeError as error:
        if "libtorchcodec" in str(error):
            return None
        return VideoDecoder
    except ValueError:
        return VideoDecoder


def bench(rounds=10):
    torch.set_num_threads(1)
    chance = generator(0)
    clips = [random_clip(FRAMES, Show(), chance) for _ in range(CLIPS)]
    sides = {"rslib": ours, "PyAV, plainly": plain_pyav, "decoding alone": decoding_alone}
    if decoder := video_decoder():
        sides["TorchCodec"] = partial(torchcodec, decoder=decoder)
    with tempfile.TemporaryDirectory() as held:
        file = Path(held, "clip.mp4")
        lay_out(file)
        for wanted in clips:  # all must see the same
            for name in sides.keys() - {"decoding alone", "rslib"}:
                apart = (ours(file, wanted).int() - sides[name](file, wanted).int()).abs()
                assert apart.float().mean() < 1, name
        calls = {
            name: lambda read=read: [read(file, wanted) for wanted in clips]
            for name, read in sides.items()
        }
        seconds = interleaved(calls, rounds, warmup=1)
    what = f"{CLIPS} clips of 32 frames, {WIDTH} x {HEIGHT} px"
    goals = {"PyAV, plainly": "≥ 1.1", "TorchCodec": "", "decoding alone": ""}
    return [ratio(what, seconds, "rslib", peer, goals[peer]) for peer in sides if peer != "rslib"]


if __name__ == "__main__":
    main(bench)
