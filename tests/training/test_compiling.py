"""The fast step gives what the plain one gives, and is only kept where it is faster."""

import os

import pytest
import torch
from torch import nn
from waits import Waits

from rslib.config import InputError, Recipe, evolve
from rslib.data import images
from rslib.models.resnet import IMAGE, Bottleneck
from rslib.tasks.classify import Classify
from rslib.training import compiling, engine, forward

CPU = torch.device("cpu")


@pytest.fixture
def task(tiny):
    return Classify(tiny, images.open_images(tiny.data, images.source(tiny.data.dataset)))


def batch(images=8):
    torch.manual_seed(1)
    pixels = torch.randint(0, 256, (images, 3, 32, 32), dtype=torch.uint8)
    return [pixels, torch.randint(0, 10, (images,))]


def fit(task, run_dir, **kwargs):
    quiet = {"report": lambda line: None, "session": {}}
    return engine.fit(task, task.recipe, run_dir, seed=3, **quiet, **kwargs)


@pytest.mark.long
@pytest.mark.filterwarnings("error", "ignore:`torch.jit:DeprecationWarning")  # of older torch
def test_the_compiled_step_is_the_plain_one():
    """Loss, every gradient and every batch statistic, to float32's rounding, twice over.

    With the same dropout and stochastic depth.
    """
    found = []
    for kind in (lambda loss: loss, compiling.compiled):
        torch.manual_seed(0)
        block = Bottleneck(IMAGE, 3, 8, 2, first=True, resnet_d=True, se_ratio=0.25, drop_rate=0.5)
        head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(32, 10)
        model = nn.Sequential(block, *head)
        model = model.to(memory_format=torch.channels_last).train()
        nn.init.constant_(block.branch.norm3.weight, 0.5)  # at 0 the branch would have no part
        task = Classify(evolve(Recipe(), {"regularization.label_smoothing": 0.1}), None)
        loss = kind(forward.plain_loss(task, model, CPU))
        for step in range(2):
            shown = batch()
            torch.manual_seed(step)  # as the engine does: dropout's address
            value = loss(shown)
            value.backward()
        gradients = [p.grad.clone() for p in model.parameters()]
        found.append([value.detach(), *gradients, *(b.clone() for b in model.buffers())])
    assert all(t.abs().sum() > 0 for t in found[0]) and len(found[0]) > 25
    for plain, compiled in zip(*found, strict=True):
        torch.testing.assert_close(compiled, plain, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("eager", "ours", "kept"), [(2.0, 1.0, True), (1.0, 1.01, False)])
def test_the_faster_one_is_kept_and_the_model_is_left_alone(eager, ours, kept, task, monkeypatch):
    model = task.build().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    plain = forward.plain_loss(task, model, CPU)
    monkeypatch.setattr(compiling, "compiled", lambda loss: lambda batch: loss(batch))
    step = compiling.step_seconds

    def pretended(loss, batch):
        step(loss, batch)
        return eager if loss is plain else ours

    monkeypatch.setattr(compiling, "step_seconds", pretended)
    faster, why = compiling.compiled_is_faster(plain, compiling.compiled(plain), model, batch())
    assert faster is kept
    assert why.startswith("compiled step: 2000 ms eager, 1000" if kept else "eager step: 1000 ms")
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None for p in model.parameters())


def test_timing_leaves_no_trace_in_a_run(task, tmp_path, monkeypatch):
    """Where eager is kept, a run ends in the bits of one that never asked."""
    step = compiling.step_seconds

    def pretended(loss, batch):
        return step(loss, batch) * 0 + 1

    monkeypatch.setattr(compiling, "compiled", lambda loss: loss)
    monkeypatch.setattr(compiling, "step_seconds", pretended)
    asked = fit(task, tmp_path / "a", may_compile=True)
    assert asked.sessions[-1]["step"].startswith("eager step: ")
    assert asked.weights_sha256 == fit(task, tmp_path / "b").weights_sha256


def test_a_run_goes_on_with_what_it_chose(task, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(
        compiling, "compiled_is_faster", lambda *args: (True, "compiled step: said")
    )
    monkeypatch.setattr(compiling, "compiled", lambda loss: calls.append(loss) or loss)
    steps = iter([False, True])
    with pytest.raises(engine.Preempted):
        fit(task, tmp_path, may_compile=True, stop=lambda: next(steps))
    assert len(calls) == 1
    monkeypatch.setattr(compiling, "compiled_is_faster", None)  # measured once in a run's life
    outcome = fit(task, tmp_path)
    assert len(calls) == 2 and [s.get("step") for s in outcome.sessions] == [
        "compiled step: said",
        "compiled step, as before",
    ]


def own_caches(monkeypatch, folder):
    """What is set in place of these is put back."""
    for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
        monkeypatch.setenv(name, str(folder / "damaged"))


def test_a_machine_without_a_compiler_is_told_so(monkeypatch, tmp_path):
    """The real thing: torch.compile on a machine whose compiler is not there."""
    from torch._inductor import config as inductor

    own_caches(monkeypatch, tmp_path)
    torch._dynamo.reset()
    layer = torch.nn.Linear(3, 1)

    def loss(batch):
        return (layer(batch[0]) * torch.rand(1)).square().mean()

    # not by monkeypatch, which would delete the setting in the end
    without = inductor.patch("cpp.cxx", ("/no/such/compiler",))
    with without, pytest.raises(InputError, match=r"nothing can be compiled here "):
        compiling.compiled_is_faster(loss, compiling.compiled(loss), layer, [torch.ones(2, 3)])


def test_no_step_waits_for_a_number(task, tmp_path):
    run = engine.Run(task, task.recipe, tmp_path, 0, CPU, print, lambda: False)
    state = type("Engine", (), {"state": type("State", (), {"iteration": 1})})
    with Waits() as waits:
        run.step(state, [batch(task.recipe.optim.batch_size)])
        assert waits.seen == []
        run.loss_sum.item()  # it does see them
        assert waits.seen == ["aten._local_scalar_dense.default"]


def failing(monkeypatch, folder, error, times):
    """torch.compile, whose first calls fail."""
    left = [error] * times
    own_caches(monkeypatch, folder)

    def step(batch):
        if left:
            raise left.pop()
        return "compiled"

    monkeypatch.setattr(torch, "compile", lambda *words, **options: step)
    return compiling.compiled(None)


CACHE = [
    PermissionError(13, "Permission denied", "/x"),
    EOFError("Ran out of input"),
    ImportError("/x/a.so: file too short"),
    AttributeError("module 'a' has no attribute 'call'"),
]


@pytest.mark.parametrize("error", CACHE)
def test_a_cache_that_cannot_be_used_is_left_aside_and_said_once(
    error, monkeypatch, tmp_path, capsys
):
    from torch._inductor.exc import InductorError

    run = failing(monkeypatch, tmp_path, InductorError(error, None), times=1)
    assert run([]) == run([]) == "compiled"
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "the compiler's cache cannot be used" in told
    assert f"({type(error).__name__}: {error})" in told
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] in told and "damaged" not in told


def test_what_another_folder_does_not_mend_is_told(monkeypatch, tmp_path, capsys):
    from torch._inductor.exc import InductorError

    run = failing(monkeypatch, tmp_path, InductorError(OSError(28, "No space left"), None), times=2)
    with pytest.raises(InputError, match="nothing can be compiled here"):
        run([])
    assert capsys.readouterr().err == ""


@pytest.mark.long
def test_damaged_code_is_found_before_backward_and_compiled_anew(monkeypatch, tmp_path, capsys):
    """The real thing: nothing is left to compile, and so to fail, in the caller's backward()."""
    from torch._inductor.utils import clear_caches

    own_caches(monkeypatch, tmp_path)
    layer, gradients = torch.nn.Linear(3, 1), []
    for told in (0, 1):
        torch._dynamo.reset()
        clear_caches()
        loss = compiling.compiled(lambda batch: layer(batch[0]).square().mean())
        value = loss([torch.ones(2, 3)])
        code = set(tmp_path.rglob("*.py"))
        value.backward()
        assert code and set(tmp_path.rglob("*.py")) == code
        gradients.append(layer.weight.grad.clone())
        layer.zero_grad()
        for file in code:
            file.write_text("no code(")
        assert capsys.readouterr().err.count("the compiler's cache cannot be used") == told
    assert torch.equal(*gradients)
