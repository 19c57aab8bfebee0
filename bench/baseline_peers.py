"""Whom `bench/baselines.py` compares with: three libraries, each by its own published recipe.

Each contestant is a function (folder, epochs, seed, batch). It trains on train/ of the folder, and
returns a call that counts the right images of test/: by the weights, and by their average where one
is kept. batch: what `rslib train` takes for as many images; fastai keeps its own. All networks have
bottleneck blocks 2-2-2-2 of quarter width, a stem of stride 2 and no max-pool, so that of 32 pixels
some reach the last stage: 25 to 27 million FLOPs, 0.9 to 1.2 million parameters. What a recipe
leaves open, such as the rate at another batch, follows the library's own rule.
"""

import random
import shutil
from functools import partial

import numpy as np
import torch
from fine_tuning import SMALL
from torch import nn

import rslib
from rslib.costs.counts import count_network, count_recipe

SIDE, BLOCKS, TESTED = SMALL["resolution"], (2, 2, 2, 2), 250  # pixels; of each stage; at once


def ours(folder, epochs, seed, batch):
    """`rslib.train` with its own rules. Without resuming: all that it takes is counted."""
    runs = folder / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    run = rslib.train(
        folder, epochs=epochs, seed=seed, batch=batch, runs_dir=str(runs), report=[].append, **SMALL
    )

    def judge():
        right, n = run.evaluate().top1
        counts = count_recipe(run.recipe, len(run.classes))
        return {"average": right, "n": n} | costs(counts)

    return judge


def by_timm(folder, epochs, seed, batch):
    """A3 of "ResNet strikes back" (arXiv 2110.00476) with timm's parts, and timm's ResNet-RS.

    LAMB, binary cross-entropy, mixup 0.1 or cutmix 1, RandAugment 6, weight decay 0.02, five epochs
    of warm-up, cosine. The rate 0.008 at batch 2,048 goes with the root of the batch, as timm's
    train.py has it for LAMB. A3 has no average; ModelEmaV3 is timm's, with its warm-up.
    """
    from timm.data import ImageDataset, Mixup, create_loader
    from timm.layers import get_attn
    from timm.loss import BinaryCrossEntropy
    from timm.models.resnet import Bottleneck, ResNet
    from timm.optim import create_optimizer_v2
    from timm.scheduler import CosineLRScheduler
    from timm.utils import ModelEmaV3

    seeded(seed)
    train, test = (ImageDataset(str(folder / part)) for part in ("train", "test"))
    classes = len(train.reader.class_to_idx)
    opened = partial(
        create_loader,
        input_size=(3, SIDE, SIDE),
        num_workers=0,
        persistent_workers=False,
        use_prefetcher=False,
        device=torch.device("cpu"),
    )
    batches = opened(
        train,
        batch_size=batch,
        is_training=True,
        auto_augment="rand-m6-mstd0.5-inc1",
        interpolation="random",
    )
    tests = opened(test, batch_size=TESTED, interpolation="bicubic", crop_pct=1.0)
    model = ResNet(
        Bottleneck,
        BLOCKS,
        num_classes=classes,
        channels=(16, 32, 64, 128),
        stem_width=8,
        stem_type="deep",
        replace_stem_pool=True,
        avg_down=True,
        block_args={"attn_layer": partial(get_attn("se"), rd_ratio=0.25)},
    )
    model.maxpool[0].stride = (1, 1)
    mixed = Mixup(mixup_alpha=0.1, cutmix_alpha=1.0, label_smoothing=0.0, num_classes=classes)
    loss = BinaryCrossEntropy(smoothing=0.0, target_threshold=0.2)
    rate = 0.008 * (batch / 2048) ** 0.5
    optimizer = create_optimizer_v2(model, opt="lamb", lr=rate, weight_decay=0.02)
    steps, average = len(batches), ModelEmaV3(model, decay=0.9998, use_warmup=True)
    schedule = CosineLRScheduler(
        optimizer,
        t_initial=epochs * steps,
        lr_min=1e-6,
        warmup_t=5 * steps,
        warmup_lr_init=1e-4,
        t_in_epochs=False,
    )
    model.train()
    for epoch in range(epochs):
        for step, (images, labels) in enumerate(batches, epoch * steps + 1):
            descend(optimizer, loss, model, *mixed(images, labels))
            average.update(model, step)
            schedule.step_update(step)
    return partial(judged, {"raw": model, "average": average.module}, tests)


def by_torchvision(folder, epochs, seed, batch):
    """The recipe of torchvision's new weights (its references/classification), and its ResNet.

    SGD with rate 0.5 at batch 1,024, weight decay 2e-5 but on norms, label smoothing, mixup 0.2 or
    cutmix 1, TrivialAugment, random erasing, warm-up, cosine, an average every 32 steps. Only the
    sampler that repeats images is left out: the package does not have it.
    """
    from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
    from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn
    from torchvision.datasets import ImageFolder
    from torchvision.models.resnet import Bottleneck, ResNet
    from torchvision.transforms import v2

    class Narrow(ResNet):
        def _make_layer(self, block, planes, *args, **kwargs):
            return super()._make_layer(block, planes // 4, *args, **kwargs)

    seeded(seed)
    scaled = [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)]
    scaled += [v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
    seen = [v2.RandomResizedCrop(SIDE), v2.RandomHorizontalFlip(), v2.TrivialAugmentWide()]
    seen += [*scaled, v2.RandomErasing(0.1)]
    train = ImageFolder(folder / "train", v2.Compose(seen))
    test = ImageFolder(folder / "test", v2.Compose([v2.Resize((SIDE, SIDE)), *scaled]))
    classes = len(train.classes)
    loader = torch.utils.data.DataLoader
    batches = loader(train, batch, shuffle=True, drop_last=True)
    mixed = v2.RandomChoice(
        [v2.MixUp(alpha=0.2, num_classes=classes), v2.CutMix(alpha=1.0, num_classes=classes)]
    )
    model = Narrow(Bottleneck, BLOCKS)
    model.maxpool, model.fc = nn.Identity(), nn.Linear(512, classes)
    norms = [p for m in model.modules() if isinstance(m, nn.BatchNorm2d) for p in m.parameters()]
    others = [p for p in model.parameters() if all(p is not norm for norm in norms)]
    groups = [{"params": norms, "weight_decay": 0.0}, {"params": others, "weight_decay": 2e-5}]
    optimizer = torch.optim.SGD(groups, lr=0.5 * batch / 1024, momentum=0.9)
    phases = [LinearLR(optimizer, 0.01, total_iters=5), CosineAnnealingLR(optimizer, epochs - 5)]
    schedule = SequentialLR(optimizer, phases, milestones=[5])
    decay = max(0.0, 1 - (1 - 0.99998) * batch * 32 / epochs)
    average = AveragedModel(model, avg_fn=get_ema_avg_fn(decay), use_buffers=True)
    loss, step = nn.CrossEntropyLoss(label_smoothing=0.1), 0
    model.train()
    for epoch in range(epochs):
        for images, labels in batches:
            descend(optimizer, loss, model, *mixed(images, labels))
            if step % 32 == 0:
                average.update_parameters(model)
                if epoch < 5:
                    average.n_averaged.fill_(0)  # until the warm-up ends it is a copy
            step += 1
        schedule.step()
    return partial(judged, {"raw": model, "average": average.module}, loader(test, TESTED))


def by_fastai(folder, epochs, seed, batch):
    """fastai's defaults and xresnet: `aug_transforms`, batch 64, Adam, one cycle up to 0.001."""
    from fastai.vision import all as vision

    vision.set_seed(seed)
    images = vision.get_image_files(folder / "train")
    loaders = vision.ImageDataLoaders.from_folder(
        folder,
        train="train",
        valid="valid",
        bs=min(64, len(images)),
        item_tfms=vision.Resize(SIDE),
        batch_tfms=[*vision.aug_transforms(), vision.Normalize.from_stats(*vision.imagenet_stats)],
        num_workers=0,
        device="cpu",
    )
    model = vision.XResNet(
        vision.ResBlock, 4, BLOCKS, n_out=len(loaders.vocab), widen=0.25, stem_szs=(8, 8, 64)
    )
    model[3] = nn.Identity()  # the max-pool
    learner = vision.Learner(loaders, model)
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(epochs)
    files = vision.get_image_files(folder / "test")
    return partial(judged, {"raw": model}, loaders.test_dl(files, with_labels=True, bs=TESTED))


CONTESTANTS = {
    "rslib": ours,
    "timm": by_timm,
    "torchvision": by_torchvision,
    "fastai": by_fastai,
}


def seeded(seed):
    for seed_it in (random.seed, np.random.seed, torch.manual_seed):
        seed_it(seed)


def descend(optimizer, loss, model, images, targets):
    optimizer.zero_grad()
    loss(model(images), targets).backward()
    optimizer.step()


@torch.no_grad()
def judged(networks, tests):
    """{"raw" and "average": test images that are right, "n": of how many, and what it costs}."""
    found = {"n": 0, **dict.fromkeys(networks, 0)}
    for images, labels in tests:
        found["n"] += len(labels)
        for name, network in networks.items():
            found[name] += int((network.eval()(images).argmax(1) == labels).sum())
    return found | costs(count_network(networks["raw"], torch.zeros(1, 3, SIDE, SIDE)))


def costs(counts):
    return {"parameters": counts.parameters, "flops": counts.flops}
