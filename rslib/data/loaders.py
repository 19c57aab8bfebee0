"""From an image set to batches. A batch is (uint8 images (N, 3, S, S), int64 labels (N,))."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from rslib.config import Data, InputError
from rslib.data.augment import RandAugment, batched, eval_crop, random_flip, random_resized_crop
from rslib.data.images import STORED, Images
from rslib.data.randomness import generator
from rslib.system import signals


@dataclass(frozen=True)
class Share:
    """Which part of all work is done here: the rank-th of `of` processes, counted from 0."""

    rank: int = 0
    of: int = 1

    def part(self, count: int) -> range:
        """Its positions among `count` things, one after the other. Raises InputError."""
        if count < self.of:
            raise InputError(f"{self.of} processes cannot share {count}; start at most {count}")
        return range(self.rank * count // self.of, (self.rank + 1) * count // self.of)


ALL = Share()


@dataclass(frozen=True)
class TrainView(Dataset):
    """Training images as the network sees them, by address: the run's seed first, an index last."""

    images: Images
    data: Data
    randaugment: RandAugment | None
    later: bool = False  # give RandAugment's draws, for whoever applies it, instead of applying it

    def __len__(self):
        return len(self.images)

    def __getitem__(self, address):
        random = generator(*address)
        index = address[-1]
        image = self.images.image(index)
        image = random_resized_crop(image, random, self.data.resolution, (self.data.crop_area, 1.0))
        image = random_flip(image, random)
        label = self.images.labels[index]
        if self.randaugment and self.later:
            return image, self.randaugment.draw(random), label
        if self.randaugment:
            image = self.randaugment(image, random)
        return image, label


@dataclass(frozen=True)
class EvalView(Dataset):
    """Images as evaluation shows them. stored: as in `eval_crop`."""

    images: Images
    side: int
    stored: bool = False

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        shown = eval_crop(self.images.image(index), self.side, self.stored)
        return shown, self.images.labels[index]


@dataclass(frozen=True)
class Schedule:
    """The addresses of a whole training run, one list a micro-batch, from any step on.

    One stream over all epochs: workers never restart, and a resumed run reads on where it stopped.
    The images that do not fill an epoch's last batch are left out, as in the TF code. Processes
    that share a run have the same order of all images, and take whole micro-batches of each step.
    """

    images: int
    batch_size: int
    micro_batch: int
    epochs: int
    seed: int
    start_step: int = 0
    share: Share = ALL

    @property
    def steps_per_epoch(self):
        return self.images // self.batch_size

    @property
    def offsets(self):
        """Where in each batch the micro-batches of this process begin."""
        here = self.share.part(self.batch_size // self.micro_batch)
        return [number * self.micro_batch for number in here]

    def __len__(self):
        steps = self.steps_per_epoch * self.epochs - self.start_step
        return steps * len(self.offsets)

    def __iter__(self):
        for epoch in range(self.start_step // self.steps_per_epoch, self.epochs):
            # index −1 is no image: the address of the epoch's own shuffle
            order = self.order(generator(self.seed, epoch, -1)).tolist()
            first = max(0, self.start_step - epoch * self.steps_per_epoch)
            for step in range(first, self.steps_per_epoch):
                for i in (step * self.batch_size + offset for offset in self.offsets):
                    yield [
                        self.address(epoch, place, order[place])
                        for place in range(i, i + self.micro_batch)
                    ]

    def order(self, random):
        """Which images an epoch shows, one after the other: int64 (images,)."""
        return torch.randperm(self.images, generator=random)

    def address(self, epoch, place, index):
        return self.seed, epoch, index


@dataclass(frozen=True, kw_only=True)
class Balanced(Schedule):
    """Every class is equally likely at every place of an epoch; images are drawn with replacement.

    labels: int64 (images,). The place is part of the address, so that an image which comes twice is
    augmented twice.
    """

    labels: np.ndarray

    def order(self, random):
        sizes = np.bincount(self.labels)
        chances = torch.from_numpy(1 / sizes[self.labels])
        return torch.multinomial(chances, self.images, replacement=True, generator=random)

    def address(self, epoch, place, index):
        return self.seed, epoch, place, index


@dataclass(frozen=True)
class AugmentedThere:
    """The batches of a loader, copied to a device and augmented by it."""

    loader: DataLoader
    randaugment: RandAugment
    device: torch.device

    @property
    def batch_sampler(self):
        return self.loader.batch_sampler

    def __iter__(self):
        for images, draws, labels in self.loader:
            there = [t.to(self.device, non_blocking=True) for t in (images, labels)]
            yield batched.randaugment(self.randaugment, there[0], draws), there[1]


def train_batches(image_set, recipe, *, seed, start_step=0, share=ALL, workers=0, device=None):
    """The micro-batches from ``start_step`` to the end of training; as `Schedule`.

    device: where batches are augmented; if None image by image, where they are decoded. The pixels
    are the same.
    """
    data, r, o = recipe.data, recipe.regularization, recipe.optim
    micro_batch = o.micro_batch or o.batch_size
    if o.batch_size % micro_batch:
        raise InputError(f"batch_size {o.batch_size} is no multiple of micro_batch {micro_batch}")
    if len(image_set.train) < o.batch_size:
        raise InputError(
            f"{len(image_set.train)} training images do not fill one batch of {o.batch_size}"
        )
    randaugment = None
    if r.randaugment:
        randaugment = RandAugment(
            r.randaugment,
            reference_side=data.pixel_reference or None,
            solarize_wrap=r.solarize_wrap,
            contrast_count=r.contrast_count,
        )
    shape = len(image_set.train), o.batch_size, micro_batch, o.epochs, seed, start_step, share
    if data.balance == "sampling":
        schedule = Balanced(*shape, labels=image_set.train.labels)
    else:
        schedule = Schedule(*shape)
    there = device is not None and randaugment is not None
    view = TrainView(image_set.train, data, randaugment, later=there)
    loader = DataLoader(
        view,
        batch_sampler=schedule,
        num_workers=workers,
        pin_memory=is_gpu(device),
        worker_init_fn=signals.ignore,
    )
    return AugmentedThere(loader, randaugment, device) if there else loader


def is_gpu(device):
    return device is not None and device.type == "cuda"


def eval_batches(images, data, *, share=ALL, workers=0, device=None):
    """A DataLoader over a split in its own order, nothing left out; of a share, its part alone."""
    if share != ALL:
        images = images.take(share.part(len(images)))
    view = EvalView(images, data.resolution, stored=data.dataset in STORED)
    workers = 0 if images.in_memory else workers  # there is nothing to decode
    return DataLoader(
        view,
        batch_size=250,
        num_workers=workers,
        pin_memory=is_gpu(device),
        worker_init_fn=signals.ignore,
    )
