"""Embedded clips become pictures and H.264: a cut-out of Fashion-MNIST over a photograph."""

import hashlib
import io
import math
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import binary_fill_holes
from torch.nn.functional import grid_sample

from rslib import paths
from rslib.config import InputError
from rslib.data import images
from rslib.data.clips.motions import FRAMES, GRID, PHOTOS, Clip, size

RATE = 25  # frames a second
INK = 12  # grey above which a pixel of Fashion-MNIST is the item and not the ground
PHOTO_SHA256 = {  # first 16 digits, of the files: others would make other clips of one list
    "astronaut": "813deea2e6d45527",
    "camera": "b50d70c054f332da",
    "chelsea": "2c0357a57121a80b",
    "coffee": "d9ab188e2060e5bb",
    "grass": "106a31e257ea4a6b",
    "hubble": "805724b307c6d80f",
    "retina": "23bd089c62abd38c",
    "rocket": "b086767a7b53c8ea",
}
# one thread and fixed settings, so that one encoder writes the same on every machine of a kind
ENCODER = {"preset": "veryfast", "crf": "20", "g": "16", "threads": "1"}


def drawn(clip: Clip, height: int) -> np.ndarray:
    """All frames of a clip: uint8 (64, height, width, 3), width as of `shape`."""
    height, width = shape(height)
    ground = torch.from_numpy(background(clip, height, width)).float()
    part = "test" if clip.photo in PHOTOS["test"] else "train"
    grey, alpha = placed(clip, cut_out(part, clip.item), height, width)
    tint = torch.tensor([clip.red, clip.green, clip.blue])
    frames = ground * (1 - alpha[..., None])
    frames += grey[..., None] * tint
    return frames.round_().clamp_(0, 255).to(torch.uint8).numpy()


def shape(height: int) -> tuple[int, int]:
    """Height and width of 4 : 3, both even, as H.264 halves its colours."""
    return height - height % 2, 2 * round(height * 2 / 3)


def placed(clip: Clip, item: torch.Tensor, height: int, width: int):
    """(grey times cover, cover) of the item on every frame: two (64, height, width).

    item: (2, 28, 28). What leaves at one edge comes in at the other.
    """
    states = [clip.at(frame, width / height) for frame in range(FRAMES)]
    x, y, level, angle = np.array(states, np.float32).T
    across = torch.arange(width) + 0.5 - torch.from_numpy(x)[:, None] * width
    along = torch.arange(height) + 0.5 - torch.from_numpy(y)[:, None] * height
    across = (across + width / 2) % width - width / 2  # pixels from the item's centre
    along = (along + height / 2) % height - height / 2
    half = torch.from_numpy(size(level))[:, None] * height / 2
    cos, sin = (
        torch.from_numpy(turn(2 * math.pi * angle))[:, None, None] for turn in (np.cos, np.sin)
    )
    across, along = (across / half)[:, None, :], (along / half)[:, :, None]
    grid = torch.stack([cos * across + sin * along, cos * along - sin * across], dim=-1)
    shown = grid_sample(item.expand(FRAMES, -1, -1, -1), grid, align_corners=False)
    return shown[:, 0], shown[:, 1]


def cut_out(part: str, position: int) -> torch.Tensor:
    """(grey times cover, cover) of an item, float (2, 28, 28); grey 0 to 255, holes are filled."""
    grey = embedded()[part].image(position)[0, 2:-2, 2:-2].float()
    cover = torch.from_numpy(binary_fill_holes(grey.numpy() > INK)).float()
    return torch.stack([grey * cover, cover])


@cache
def embedded():
    train, test, _ = images.embedded()
    return {"train": train, "test": test}


@cache
def photograph(name: str) -> Image.Image:
    file = paths.PHOTOS / f"{name}.jpg"
    content = file.read_bytes() if file.is_file() else b""
    if not hashlib.sha256(content).hexdigest().startswith(PHOTO_SHA256[name]):
        raise InputError(f"{file} is missing or damaged: restore it from git")
    with Image.open(io.BytesIO(content)) as photo:
        return photo.convert("RGB")


def background(clip: Clip, height: int, width: int) -> np.ndarray:
    """What is seen of a tile of a photograph: uint8 (height, width, 3)."""
    photo = photograph(clip.photo)
    tile_width, tile_height = photo.width / GRID, photo.height / GRID
    row, column = divmod(clip.tile, GRID)
    seen = clip.part * min(tile_width, tile_height * width / height)
    left = column * tile_width + clip.left * (tile_width - seen)
    top = row * tile_height + clip.top * (tile_height - seen * height / width)
    box = (left, top, left + seen, top + seen * height / width)
    # first cut, so that no pixel of a neighbouring tile is mixed in
    edges = (math.ceil(box[0]), math.ceil(box[1]), math.floor(box[2]), math.floor(box[3]))
    shown = photo.crop(edges).resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.asarray(shown)
    return pixels[:, ::-1].copy() if clip.mirrored else pixels.copy()


def write(clip: Clip, height: int, file: Path) -> None:
    """A clip as MP4 with H.264, at 25 frames a second."""
    import av
    from av.video.reformatter import VideoReformatter

    converter = VideoReformatter()
    frames = drawn(clip, height)
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options=ENCODER)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.codec_context.thread_count = 1
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            container.mux(stream.encode(converter.reformat(frame, format="yuv420p", threads=1)))
        container.mux(stream.encode())
