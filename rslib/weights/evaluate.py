"""Weights that others trained, on validation images: top-1, top-5, and each class by itself.

The protocol matters: the authors' crops the original image first and then resizes, timm's resizes
first and then crops, from a larger part of it. The two differ by up to a point.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from rslib import machine, models
from rslib.config import InputError, sha256, suggest
from rslib.data import images
from rslib.data.augment import eval_crop
from rslib.data.formats import imagenet
from rslib.data.images import Images
from rslib.models import loading
from rslib.recipes import pareto
from rslib.tasks.classify import normalise
from rslib.weights import files

FIVE = 5  # guesses; of so few classes they are always right
TIMM_CROP = {50: 0.91, 101: 0.94}  # of resnetrs50 and 101; of the deeper ones 1


def timm_crop(image, side, share):
    """uint8 (3, H, W) -> (3, side, side): shorter side to side / share, then the centre."""
    image = functional.resize(
        image, [int(side / share)], interpolation=InterpolationMode.BICUBIC, antialias=True
    )
    return functional.center_crop(image, [side, side])


@dataclass(frozen=True)
class View(Dataset):
    images: Images
    shown: Callable  # image -> (3, side, side)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.shown(self.images.image(index)), self.images.labels[index]


def preprocessing(name, model, side):
    """The function that shows an image to the network: "official", or "timm" (for ResNet-RS)."""
    if name == "official":
        return lambda image: eval_crop(image, side)
    if name == "timm":
        share = TIMM_CROP.get(int(model.rpartition("_")[2]), 1.0)
        return lambda image: timm_crop(image, side, share)
    raise InputError(f"no preprocessing {name!r}{suggest(name, ('official', 'timm'))}")


def validation(root, cache_dir=None, report=print):
    """(images, class names) of val/<class>/, of ImageNet's flat val/, or of its TFRecord shards."""
    if imagenet.sharded(root) or imagenet.flat(root):
        _, found, classes = images.imagenet_at(root, cache_dir, report)
        return found, classes
    return images.labelled(root, "val", report)


def evaluate(
    model,
    weights,
    data_dir,
    *,
    resolution=None,
    shown="official",
    device="cpu",
    cache_dir=None,
    report=print,
):
    """A ResNet-RS's weights on validation images: {"top1": {"correct", "n"}, "classes": …, …}.

    data_dir: as for `validation`; cache_dir: where what shards hold is remembered. "classes" has
    {name: [correct, n]}; "balanced" is the mean of the shares of those classes that have images;
    "top5" is left out where five guesses are all of the classes. "images_sha256" tells the images,
    as the network saw them, and their labels from others; their order does not matter.

    Classes are in the order of their folders' names, as ImageNet's are; the network computes in
    float32. Raises InputError for what does not exist or does not belong together.
    """
    rs = [name for name in models.NAMES if name.startswith("resnet_rs")]
    if model not in rs:
        raise InputError(f"no model {model!r}{suggest(model, rs)}")
    resolution = resolution or pareto.only_resolution(model)
    models.refuse_side(resolution)
    held = files.read(weights, report)
    view = preprocessing(shown, model, resolution)
    found, classes = validation(data_dir, cache_dir, report)
    known = loading.classes(held)
    if known != len(classes):
        raise InputError(f"{weights} knows {known} classes, {data_dir}/val has {len(classes)}")
    network = loading.load(models.named(model, num_classes=known), held)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    batches = DataLoader(View(found, view), batch_size=50)
    counts, seen = counted(network.eval().to(device), batches, torch.device(device), known)
    return {
        "model": model,
        "resolution": resolution,
        "preprocessing": shown,
        "weights": weights.name,
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "classes_sha256": sha256(classes),
        "images_sha256": seen,
        **shares(counts, classes),
        "environment": machine.session(device) | {"precision": "fp32"},
    }


def shares(counts, classes):
    """What `counted` counted, as plain data. counts: int (classes, 3)."""
    n, first, five = counts.T.tolist()
    alone = {name: [first[k], n[k]] for k, name in enumerate(classes)}
    recalls = [right / of for right, of in alone.values() if of]
    found = {"top1": {"correct": sum(first), "n": sum(n)}}
    if len(classes) > FIVE:
        found["top5"] = {"correct": sum(five), "n": sum(n)}
    return found | {"balanced": sum(recalls) / len(recalls), "classes": alone}


@torch.no_grad()
def counted(network, batches, device, classes):
    """Counts (classes, 3): images, right ones, right within five guesses; and the images' digest.

    Computed in float32. Raises InputError where the network puts out NaN or Inf.
    """
    counts, seen = torch.zeros(classes, 3, dtype=torch.int64), []
    for pixels, labels in batches:
        logits = network(normalise(pixels.to(device))).cpu()
        if not logits.isfinite().all():
            raise InputError("the network puts out NaN or Inf for these images; take other weights")
        best = logits.topk(min(FIVE, classes)).indices == labels[:, None]
        each = torch.stack([torch.ones_like(labels), best[:, 0], best.any(1)], 1)
        counts.index_add_(0, labels, each)
        # order is left out: the same images lie in other orders in shards and in folders
        shown = zip(pixels, labels.tolist(), strict=True)
        seen += [f"{hashlib.sha256(p.numpy().tobytes()).hexdigest()} {label}" for p, label in shown]
    return counts, sha256(sorted(seen))
