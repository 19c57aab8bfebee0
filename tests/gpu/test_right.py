"""Is what a GPU computes right? Against float64, Pillow-equal pixels, plain torch, and timm."""

import copy
import itertools
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import timm
import torch
from pictures import picture, seeded
from torch import nn
from waits import Waits

from rslib.__main__ import main
from rslib.config import evolve
from rslib.data import images
from rslib.data.augment import RandAugment, batched
from rslib.data.loaders import AugmentedThere
from rslib.models import load_timm, resnet_rs
from rslib.models.resnet import Bottleneck
from rslib.running import sweep
from rslib.tasks.classify import Classify
from rslib.training import checkpoint, compiling, engine, forward, optim
from rslib.training.ema import Ema

pytestmark = pytest.mark.gpu

# without chance, and with 256 values or more for every BN to average: over few it turns roundings
# into large differences
STILL = {
    "regularization.stochastic_depth": 0.0,
    "regularization.dropout": 0.0,
    "model.stem_stride": 1,
}
# Relative errors, ‖found − float64‖ / ‖float64‖. A bfloat16 has 8 bits, so each of some 30 layers
# rounds by at most 2⁻⁹ = 0.2 %, and independent roundings grow by √30 to 1 %. Those of a batch's
# logits average out in its loss. On the way back they meet those of the way there, and every BN
# subtracts means from its gradients, which leaves the roundings: 8 % on a CPU. Twice that passes.
# A missing factor or term would be off by half or more. float32 has 16 bits more than bfloat16.
LOSS = {torch.bfloat16: 2e-3, torch.float32: 1e-5}
GRADIENT = {torch.bfloat16: 0.2, torch.float32: 1e-3}


def task_of(recipe):
    return Classify(recipe, images.open_images(recipe.data, images.source(recipe.data.dataset)))


def batch_of(recipe):
    torch.manual_seed(1)
    side, count = recipe.data.resolution, recipe.optim.batch_size
    pixels = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)
    return [pixels, torch.randint(0, 10, (count,))]


def awake(network):
    """As it is after training: at first the last BN of every branch is 0, and hides the branch."""
    for module in network.modules():
        if isinstance(module, Bottleneck):
            nn.init.constant_(module.branch.norm3.weight, 0.5)
    return network.to(memory_format=torch.channels_last).train()


def distance(found, expected):
    """‖found − expected‖ / ‖expected‖ over lists of tensors, in float64 on the CPU."""
    found, expected = (
        torch.cat([t.cpu().double().flatten() for t in s]) for s in (found, expected)
    )
    return ((found - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize("kind", LOSS, ids=str)
def test_a_step_is_that_of_float64(kind, device, tiny):
    task = task_of(evolve(tiny, STILL))
    torch.manual_seed(0)
    network, batch = awake(task.build()), batch_of(tiny)
    exact = copy.deepcopy(network).double()
    # the task gives float32 pixels, and takes the loss of float32 logits
    expected = task.loss(lambda pixels: exact(pixels.double()), batch)
    expected.backward()
    network.to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=kind is torch.bfloat16):
        found = task.loss(network, [tensor.to(device) for tensor in batch])
    found.backward()
    assert distance([found.detach()], [expected.detach()]) < LOSS[kind]
    gradients = ([p.grad for p in n.parameters()] for n in (network, exact))
    assert distance(*gradients) < GRADIENT[kind]
    buffers = ([b for b in n.buffers() if b.is_floating_point()] for n in (network, exact))
    assert distance(*buffers) < LOSS[kind]


@pytest.mark.parametrize("size", [(32, 32), (47, 33), (160, 160)])
@pytest.mark.parametrize("settings", [{}, {"solarize_wrap": True, "contrast_count": True}])
def test_randaugment_gives_a_batch_the_pixels_of_its_images_one_by_one(size, settings, device):
    augment = RandAugment(15, **settings)
    shown = torch.stack([torch.from_numpy(picture(*size, seed)) for seed in range(4)])
    shown = shown.repeat(16, 1, 1, 1)  # 64 images draw every one of the 16 operations
    draws = torch.stack([augment.draw(seeded(s)) for s in range(len(shown))])
    found = batched.randaugment(augment, shown.to(device), draws)
    assert found.device.type == device.type
    for seed, (image, one) in enumerate(zip(shown, found.cpu(), strict=True)):
        assert torch.equal(augment(image, seeded(seed)), one), seed


@contextmanager
def no_waiting(device):
    """Raises where the host waits for the GPU; on a CPU where a number is read back."""
    if device.type == "cuda":
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return
    with Waits() as waits:
        yield
    assert waits.seen == []


def test_a_step_never_waits_for_the_device(device, tiny, tmp_path):
    """From the loader's batch on the host, pinned on a GPU: augmentation, loss, SGD, average."""
    run = engine.Run(task_of(tiny), tiny, tmp_path, 0, device, print, lambda: False)
    augment = RandAugment(10)
    shown, labels = batch_of(tiny)
    rows = (
        torch.stack([augment.draw(seeded(s)) for s in range(len(shown))]).transpose(0, 1).tolist()
    )
    draws = SimpleNamespace(
        unbind=lambda axis: [SimpleNamespace(tolist=lambda r=r: r) for r in rows]
    )
    if device.type == "cuda":
        shown, labels = shown.pin_memory(), labels.pin_memory()
    ignite = SimpleNamespace(state=SimpleNamespace(iteration=1))

    def step():
        run.step(ignite, AugmentedThere([(shown, draws, labels)], augment, device))

    step()  # what is made once: constants, workspaces, the optimizer's state
    with no_waiting(device):
        for ignite.state.iteration in (2, 3):
            step()
    run.refuse_non_finite(3)


def test_sgd_and_average_are_those_that_are_written_out(device, tiny):
    """Fused SGD against plain torch, the average against its definition, for five steps."""
    torch.manual_seed(0)
    ours = task_of(tiny).build().to(device)
    theirs, average = copy.deepcopy(ours), copy.deepcopy(ours)
    fused, ema = optim.optimizer(ours, tiny.optim), Ema(ours)
    groups = optim.optimizer(theirs, tiny.optim).param_groups
    settings = {"momentum": 0.9, "nesterov": True, "foreach": False, "fused": False}
    groups = [{name: g[name] for name in ("params", "weight_decay")} for g in groups]
    plain = torch.optim.SGD(groups, lr=tiny.optim.peak_rate, **settings)
    for step in range(1, 6):
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            p.grad = torch.randn_like(p)
            q.grad = p.grad.clone()
        fused.step()
        ema.update(step)
        plain.step()
        decay = min(0.9999, (1 + step) / (10 + step))
        with torch.no_grad():
            for a, w in zip(average.parameters(), theirs.parameters(), strict=True):
                a.copy_(decay * a + (1 - decay) * w)
    for mine, other in ((ours, theirs), (ema.module, average)):
        assert distance(list(mine.parameters()), list(other.parameters())) < 1e-6


def quiet(task, run_dir, device, **kwargs):
    recipe = task.recipe
    return engine.fit(
        task, recipe, run_dir, seed=3, device=device, report=lambda line: None, **kwargs
    )


def test_a_run_that_was_stopped_in_mid_epoch_ends_as_one_that_was_not(
    device, tiny, tmp_path, monkeypatch
):
    """To the same bits on a CPU. A GPU adds in any order: close, measured by the way travelled."""
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    task = Classify(tiny, task_of(tiny).image_set, device=device if device.type == "cuda" else None)
    ends, calls = {}, itertools.count(1)
    monkeypatch.setattr(
        checkpoint, "weights_sha256", lambda *networks: ends.update(new=networks) or ""
    )
    quiet(task, tmp_path / "whole", device)
    whole = [t.clone() for t in ends.pop("new")[0].parameters()]
    with pytest.raises(engine.Preempted, match="stopped at step 6;"):
        # asked at steps 1, 2, 3 and, after the epoch, 4, 5, 6
        quiet(task, tmp_path / "cut", device, stop=lambda: next(calls) == 6)
    outcome = quiet(task, tmp_path / "cut", device)
    found = [t.clone() for t in ends["new"][0].parameters()]
    assert outcome.restarts == 1 and outcome.history[-1]["epoch"] == 3
    assert all(counts["raw"]["n"] == 20 for counts in outcome.metrics.values())
    assert all(t.isfinite().all() for t in found)
    if device.type == "cpu":
        assert all(map(torch.equal, found, whole))
    torch.manual_seed(engine.seed_of(3))
    began = list(task.build().parameters())
    travelled = distance(began, whole)
    assert distance(found, whole) <= 0.3 * travelled  # another seed ends 1 away


def test_the_compiled_step_is_the_eager_one(device):
    if device.type == "cpu":
        pytest.skip("tests/training/test_compiling.py compares them on a CPU")
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(7200, 10)
    network = nn.Sequential(*layers).to(device, memory_format=torch.channels_last).train()
    pixels, labels = (t.to(device) for t in (torch.randn(16, 3, 32, 32), torch.arange(16) % 10))
    found = []

    def loss(batch):
        with forward.autocast(device):
            logits = network(batch[0])
        return nn.functional.cross_entropy(logits.float(), batch[1])

    for kind in (loss, compiling.compiled(loss)):
        network.zero_grad()
        value = kind([pixels, labels])
        value.backward()
        found.append([value.detach(), *(p.grad.clone() for p in network.parameters())])
    assert distance(found[1], found[0]) < 0.02


def test_a_full_memory_is_told_in_one_line(device, tmp_path, capsys, monkeypatch):
    """A real one on a GPU, which here may take no more than a millionth of its memory."""

    def full(*args):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 TiB")

    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(1e-6)
    else:
        monkeypatch.setattr(sweep, "image_seconds", full)
    words = ["run", "table1", "--rows", "cosine", "--scale", "smoke", "--epochs", "1"]
    words += ["--executor", "inline", "--device", device.type, "--runs-dir", str(tmp_path)]
    try:
        assert main(words) == 1
    finally:
        if device.type == "cuda":
            torch.cuda.set_per_process_memory_fraction(1.0)
    told = capsys.readouterr().err.strip().splitlines()
    says = " do not fit into the " if device.type == "cuda" else "rslib: the GPU's memory is full; "
    assert says in told[-1] and len(told) == 1


def test_timms_weights_give_timms_logits(device):
    torch.manual_seed(0)
    theirs = timm.create_model("resnetrs50", num_classes=10, zero_init_last=False)
    ours = load_timm(resnet_rs(50, num_classes=10), theirs.state_dict())
    shown = torch.randn(4, 3, 64, 64, device=device)
    with torch.no_grad():
        found, expected = (n.to(device).eval()(shown) for n in (ours, theirs))
    assert expected.isfinite().all() and expected.std() > 0
    assert distance([found], [expected]) < 1e-4
