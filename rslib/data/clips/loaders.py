"""From a clip set to batches: uint8 clips and int64 labels (N,)."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from rslib.config import InputError
from rslib.data.clips.crops import Show, evaluated, even_clips, random_clip, trained
from rslib.data.clips.keep import Say
from rslib.data.clips.reading import UnreadableClip
from rslib.data.clips.sets import Clips, ClipSet, refuse_many
from rslib.data.loaders import ALL, Schedule, Share, is_gpu
from rslib.data.randomness import generator
from rslib.data.unreadable import shown
from rslib.system import signals

ATTEMPTS = 20  # clips that are tried in one's place; with 1 % unreadable all fail in one of 10⁴⁰

# no motion, or motion out of order: (frames of a clip, generator) -> their numbers as shown
ORDERS: dict[str, Callable[[int, torch.Generator], torch.Tensor]] = {
    "one-frame": lambda length, random: torch.full((length,), length // 2),
    "shuffled": lambda length, random: torch.randperm(length, generator=random),
}
Lost = list[tuple[int, str, str]]  # position, file, and why it cannot be read


@dataclass(frozen=True)
class TrainView(Dataset):
    """Training clips as the network sees them, addressed by (run seed, epoch, index).

    A clip that cannot be read is replaced by another, which its own address names: whatever reads
    it, and whenever, takes the same one.
    """

    clips: Clips
    show: Show

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, address: tuple[int, int, int]) -> tuple[torch.Tensor, int, Lost]:
        index, lost = address[-1], []
        for attempt in range(ATTEMPTS):
            random = generator(*address, attempt) if attempt else generator(*address)
            if attempt:
                index = int(torch.randint(len(self.clips), (), generator=random))
            try:
                choose = partial(random_clip, show=self.show, generator=random)
                frames = self.clips.frames(index, choose)
            except UnreadableClip as error:
                lost.append((index, str(self.clips.files[index]), error.reason))
                continue
            return trained(frames, self.show, random), self.clips.labels[index], lost
        raise InputError(f"{ATTEMPTS} clips one after the other cannot be read, as {lost[0][1:]}")


@dataclass(frozen=True)
class EvalView(Dataset):
    """Videos as evaluation shows them: (views, 3, T, S, S), the crops of each clip in turn.

    None stands for the views of a video that cannot be read. order: of a clip's frames, one of
    `ORDERS`; "" is their own.
    """

    clips: Clips
    show: Show
    order: str = ""

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, index: int) -> tuple[torch.Tensor | None, int, Lost]:
        label = self.clips.labels[index]
        try:
            frames = self.clips.frames(index, partial(even_clips, show=self.show))
        except UnreadableClip as error:
            return None, label, [(index, str(self.clips.files[index]), error.reason)]
        chosen = frames.split(self.show.frames)
        if self.order:
            # the same in every run and every share
            random = generator(zlib.crc32(self.clips.names[index].encode()))
            chosen = [clip[ORDERS[self.order](len(clip), random)] for clip in chosen]
        return torch.cat([evaluated(clip, self.show) for clip in chosen]), label, []


def collate(items: list) -> tuple[torch.Tensor | None, torch.Tensor | None, Lost]:
    """A batch of what can be read, and what cannot."""
    good = [item[:2] for item in items if item[0] is not None]
    clips, labels = default_collate(good) if good else (None, None)
    return clips, labels, [one for item in items for one in item[2]]


@dataclass(frozen=True)
class Batches:
    """Batches of a DataLoader, with what could not be read counted, told once, and refused above
    the budget. unreadable: {position: (file, why)}, as far as was looked."""

    loader: DataLoader
    videos: int
    part: str
    report: Say = print
    unreadable: dict[int, tuple[str, str]] = field(default_factory=dict)

    @property
    def batch_sampler(self):
        return self.loader.batch_sampler

    @property
    def dataset(self):  # whose length the engine asks
        return self.loader.dataset

    def __len__(self):
        return len(self.loader)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for clips, labels, lost in self.loader:
            for position, file, why in lost:
                if position not in self.unreadable:
                    self.unreadable[position] = file, why
                    self.report(shown(f"{self.part}: {file} cannot be read ({why})"))
            refuse_many(dict(self.unreadable.values()), self.videos, self.part)
            if clips is not None:
                yield clips, labels


def train_batches(
    clip_set: ClipSet,
    show: Show,
    *,
    batch_size: int,
    epochs: int,
    seed: int,
    micro_batch: int = 0,
    start_step: int = 0,
    share: Share = ALL,
    workers: int = 0,
    device: torch.device | None = None,
    report: Say = print,
) -> Batches:
    """(uint8 clips (N, 3, T, S, S), int64 labels (N,)) from `start_step` to the end of training.

    N: the micro-batch, by default the batch; their order and addresses are those of `Schedule`.
    """
    micro_batch = micro_batch or batch_size
    if batch_size % micro_batch:
        raise InputError(f"batch_size {batch_size} is no multiple of micro_batch {micro_batch}")
    count = len(clip_set.train)
    if count < batch_size:
        raise InputError(f"{count} training clips do not fill one batch of {batch_size}")
    schedule = Schedule(count, batch_size, micro_batch, epochs, seed, start_step, share)
    view = TrainView(clip_set.train, show)
    loader = DataLoader(
        view,
        batch_sampler=schedule,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=is_gpu(device),
        worker_init_fn=signals.ignore,
    )
    return Batches(loader, count, "train", report)


def eval_batches(
    clips: Clips,
    show: Show,
    *,
    part: str = "test",
    order: str = "",
    batch_size: int = 8,
    share: Share = ALL,
    workers: int = 0,
    device: torch.device | None = None,
    report: Say = print,
) -> Batches:
    """(uint8 views (N, V, 3, T, S, S), int64 labels (N,)) of a split, in its own order.

    V: clips times crops, whose probabilities are to be averaged; S: the short side. A video that
    cannot be read is left out: what is counted is what was shown. Of a share, its part alone.
    order: as `EvalView` has it.
    """
    count = len(clips)
    if share != ALL:
        clips = clips.take(share.part(count))
    view = EvalView(clips, show, order)
    loader = DataLoader(
        view,
        batch_size,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=is_gpu(device),
        worker_init_fn=signals.ignore,
    )
    return Batches(loader, count, part, report)
