"""Which frames and which part of them: one crop and one flip for a clip, views for evaluation.

As the authors' TF code has it (`preprocess_ops_3d.py` of the TF Model Garden), with two deviations:
resizing is bilinear with antialias, which their op lacks, and a crop that is not found in ten
attempts is the centre square of §5, not the whole frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import interpolate

from rslib.config import Data
from rslib.data.augment import random_window

Window = tuple[int, int, int, int]  # top, left, height, width; pixels


@dataclass(frozen=True, kw_only=True)
class Show:
    """How clips are shown to the network. The defaults are the paper's last row of Table 6."""

    side: int = 224  # of the square input, pixels
    test_side: int = 0  # of the square that evaluation sees; 0: as 256 is to 224
    frames: int = 32
    stride: int = 2  # from one of these frames to the next, in frames of the video
    area: float = 0.08  # smallest crop, as a share of the frame: "scale jittering"; 0.49 without
    aspect: tuple[float, float] = (0.5, 2.0)  # width / height of a crop
    clips: int = 10  # of evaluation, evenly spread over the video; 1: the middle
    crops: int = 3  # of evaluation, along the longer side; 1: the centre

    def __post_init__(self):
        if min(self.side, self.frames, self.stride, self.clips) < 1 or self.crops not in (1, 3):
            raise ValueError(f"{self} has a number below 1, or crops other than 1 and 3")

    @property
    def short_side(self) -> int:
        """Of the frames that evaluation crops; its squares are as high."""
        return self.test_side or round(self.side * 256 / 224)

    @staticmethod
    def of(data: Data) -> "Show":
        """As a recipe asks for."""
        return Show(
            side=data.resolution,
            test_side=data.test_resolution or data.resolution,
            frames=data.frames,
            stride=data.frame_stride,
            area=data.crop_area,
            clips=data.test_clips,
            crops=data.test_crops,
        )


def numbers(start: int, length: int, show: Show) -> list[int]:
    """The frames of a clip that begins at `start`; a video of `length` frames is repeated."""
    return [(start + show.stride * k) % length for k in range(show.frames)]


def random_start(length: int, show: Show, generator: torch.Generator) -> int:
    """Any frame from which a clip fits into the video; any at all where none fits."""
    starts = length - show.stride * (show.frames - 1)
    return int(torch.randint(starts if starts > 0 else length, (), generator=generator))


def random_clip(length: int, show: Show, generator: torch.Generator) -> list[int]:
    return numbers(random_start(length, show, generator), length, show)


def even_clips(length: int, show: Show) -> list[int]:
    """The frames of all clips that evaluation sees, one clip behind the other."""
    return [k for start in even_starts(length, show) for k in numbers(start, length, show)]


def even_starts(length: int, show: Show) -> list[int]:
    """First frames of the clips that evaluation sees: evenly spread, rounded down."""
    last = max(0, length - show.stride * show.frames)
    if show.clips == 1:
        return [last // 2]
    return [last * k // (show.clips - 1) for k in range(show.clips)]


def trained(frames: torch.Tensor, show: Show, generator: torch.Generator) -> torch.Tensor:
    """A training view: uint8 (T, 3, H, W) -> (3, T, side, side), one crop, one flip for all T."""
    window = random_window(frames.shape[2:], generator, (show.area, 1.0), show.aspect)
    shown = resized(frames, window, (show.side, show.side))
    if torch.rand((), generator=generator).item() < 0.5:
        shown = shown.flip(-1)
    return shown.transpose(0, 1).contiguous()


def evaluated(frames: torch.Tensor, show: Show) -> torch.Tensor:
    """The crops of a clip: uint8 (T, 3, H, W) -> (crops, 3, T, S, S), S the short side."""
    side = show.short_side
    frames = shortened(frames, side)
    size = frames.shape[2:]
    crops = [
        frames[:, :, top : top + side, left : left + side] for top, left in corners(size, show)
    ]
    return torch.stack(crops).transpose(1, 2).contiguous()


def shortened(frames: torch.Tensor, side: int) -> torch.Tensor:
    """Frames (T, 3, H, W) with a shorter side of `side` pixels; the longer is rounded down."""
    height, width = frames.shape[2:]
    size = max(side, height * side // width), max(side, width * side // height)
    return resized(frames, (0, 0, height, width), size)


def corners(size: Sequence[int], show: Show) -> list[tuple[int, int]]:
    """(top, left) of the squares along the longer side: begin, middle and end, or the middle."""
    spare = [length - show.short_side for length in size]
    middle = (spare[0] // 2, spare[1] // 2)
    if show.crops == 1:
        return [middle]
    longer = 0 if size[0] >= size[1] else 1
    found = []
    for along in (0, round(size[longer] / 2 - show.short_side // 2), spare[longer]):
        found.append((along, middle[1]) if longer == 0 else (middle[0], along))
    return found


def resized(frames: torch.Tensor, window: Window, size: tuple[int, int]) -> torch.Tensor:
    """A window of uint8 frames (T, 3, H, W), resized to (T, 3, *size)."""
    top, left, height, width = window
    crop = frames[:, :, top : top + height, left : left + width]
    if (height, width) == size:
        return crop
    # three values of a pixel side by side are read much faster
    crop = crop.contiguous(memory_format=torch.channels_last)
    return interpolate(crop, size, mode="bilinear", antialias=True)
