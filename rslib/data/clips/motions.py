"""The list of embedded clips: which item moves how over which photograph. Nothing is drawn here.

The class is the motion alone. At every frame of a clip of any class, place, size and angle of the
item have one and the same distribution: uniform in place (what leaves at one edge comes in at the
other), in angle and in the logarithm of size. So no single frame tells the class, and neither does
a recipe's flip: no class is left against right, or clockwise against its opposite.
"""

import base64
import hashlib
import math
import random
from dataclasses import asdict, astuple, dataclass

import numpy as np

from rslib.config import InputError, sha256
from rslib.data.randomness import seed_of

VERSION = 1  # of list, drawing and encoding; raised when clips become others
MOTIONS = ("bounce", "down", "sideways", "spin", "still", "up", "zoom_in", "zoom_out")  # labels
FRAMES = 64
SIZES = (0.3, 0.75)  # of an item's square, of the frame's height
# each photograph is of one part; of those to train on every block sees another ninth
PHOTOS = {
    "train": ("astronaut", "camera", "grass", "hubble", "retina"),
    "minival": ("chelsea",),
    "test": ("coffee", "rocket"),
}
GRID = 3  # tiles of a photograph, across and down
BLOCKS = GRID**2
ITEMS = {"train": 4_000, "test": 10_000}  # embedded images of Fashion-MNIST
BLOCK_ITEMS = 428  # 9 × 428 of the 4,000 are the blocks', the other 148 are minival's


@dataclass(frozen=True)
class Clip:
    """One clip, before it is drawn. Shares are of 1; an item's place is that of its centre."""

    motion: str
    item: int  # position among the embedded training images, of a test clip among the test images
    photo: str
    tile: int  # of the photograph, 0 to 8, row by row
    part: float  # of the tile's width that is seen
    left: float  # share of what is not seen that lies left of it, and
    top: float  # above it
    mirrored: bool
    x: float  # of the first frame, share of its width
    y: float  # share of its height
    level: float  # of the size, in logarithm: 0 the smallest, 1 the largest
    angle: float  # turns
    speed: float  # in 64 frames: heights, turns, or ways through all sizes
    phase: float  # of a bounce
    beat: float  # frames from bottom to bottom of a bounce
    sign: int  # to the right, or clockwise: 1; else -1
    red: float
    green: float
    blue: float

    def at(self, frame: int, aspect: float = 4 / 3) -> tuple[float, float, float, float]:
        """(x, y, level, angle) at a frame, each from 0 to 1. aspect: the frame's width / height."""
        way = frame * self.speed / FRAMES
        x, y, level, angle = self.x, self.y, self.level, self.angle
        if self.motion == "up":
            y -= way
        elif self.motion == "down":
            y += way
        elif self.motion == "sideways":
            x += self.sign * way / aspect
        elif self.motion == "zoom_in":
            level += way
        elif self.motion == "zoom_out":
            level -= way
        elif self.motion == "spin":
            angle += self.sign * way
        elif self.motion == "bounce":
            turns = frame / self.beat + self.phase
            y += self.speed * self.beat / FRAMES * (abs(turns % 1 - 0.5) - 0.5)
        return x % 1, y % 1, level % 1, angle % 1

    @property
    def name(self) -> str:
        """Eleven characters as YouTube's, which say nothing of the class."""
        digest = hashlib.sha256(repr(astuple(self)).encode()).digest()
        return base64.urlsafe_b64encode(digest).decode()[:11]


def clips(part: str, count: int, block: int = 0) -> list[Clip]:
    """The first clips of a part, as many of each motion.

    block: of the training part. Blocks share no item and no pixel of a photograph, but all have
    tiles of the same five photographs. Raises InputError for a block that does not exist.
    """
    if not 0 <= block < BLOCKS:
        raise InputError(
            f"subset {block} is not there: the embedded clips have subsets 0 to {BLOCKS - 1}, "
            "as items and photographs make no more that share nothing"
        )
    pool = items(part, block)
    return [clip(part, place, block, pool) for place in range(count)]


def clip(part: str, place: int, block: int, pool: list[int]) -> Clip:
    """Every draw is made for every motion, so that none differs by what else was drawn."""
    address = (tuple(PHOTOS).index(part), block if part == "train" else 0, place)
    chance = random.Random(seed_of(VERSION, *address))  # its random() is the same in all Pythons

    def uniform(low=0.0, high=1.0):
        return round(low + (high - low) * chance.random(), 6)

    def one_of(count):
        return int(count * chance.random())

    tile = one_of(BLOCKS)
    photo = PHOTOS[part][one_of(len(PHOTOS[part]))]
    tint = [uniform(0.35) for _ in range(3)]
    return Clip(
        MOTIONS[place % len(MOTIONS)],
        pool[place % len(pool)],
        photo,
        block if part == "train" else tile,
        uniform(0.6),
        uniform(),
        uniform(),
        chance.random() < 0.5,
        uniform(),
        uniform(),
        uniform(),
        uniform(),
        uniform(1, 2),
        uniform(),
        uniform(20, 32),
        1 if chance.random() < 0.5 else -1,
        *(round(colour / max(tint), 6) for colour in tint),
    )


def items(part: str, block: int) -> list[int]:
    """Positions of a part's items, in an order that any language repeats."""
    source = "test" if part == "test" else "train"

    def rank(position):
        return hashlib.sha256(f"clips/{source}/{position}".encode()).hexdigest()

    ordered = sorted(range(ITEMS[source]), key=rank)
    if part == "test":
        return ordered
    begin = (BLOCKS if part == "minival" else block) * BLOCK_ITEMS
    return ordered[begin : begin + BLOCK_ITEMS]


def identity(parts: dict[str, list[Clip]], height: int) -> str:
    """What tells a set of clips from others: list, builder's version and size, but no bytes."""
    listed = {part: [asdict(c) for c in chosen] for part, chosen in parts.items()}
    return sha256([VERSION, FRAMES, height, listed])


def size(level: float | np.ndarray) -> float | np.ndarray:
    """Side of an item's square, as a share of the frame's height."""
    return SIZES[0] * np.exp(level * math.log(SIZES[1] / SIZES[0]))
