"""What a study will cost: closed forms, by hand."""

from types import SimpleNamespace

import pytest
import torch
from commandline import SMOKE

from rslib.__main__ import main
from rslib.config import Data, InputError, Model, Optim, Recipe
from rslib.evidence import prices
from rslib.recipes.studies import TRAINED
from rslib.report import estimate as shown
from rslib.running import estimate, needs, timing
from rslib.running.estimate import Run, Step
from rslib.training import memory

RUN = Run("resnet", images=1000.0, flops=200, parameters=10, micro_batches=32)
STEPS = [
    Step("resnet", "far", flops=2000, seconds=128.0),
    Step("resnet", "near", flops=100, seconds=64.0),
    Step("efficientnet", "same", flops=200, seconds=1280.0),
]


def test_seconds_are_of_the_nearest_network_of_the_family_by_flops():
    assert estimate.seconds_of(RUN, STEPS) == 1000 * 64 / 128 * 2
    assert estimate.seconds_of(RUN, STEPS[2:]) is None


@pytest.mark.parametrize(("gpus", "share"), [(1, 1), (24, 16), (64, 32)])
def test_as_many_gpus_train_a_run_as_its_batch_allows(gpus, share):
    assert RUN.together(gpus) == share


def test_a_study_takes_no_less_than_its_longest_run():
    runs = [(RUN, 320.0), (RUN, 3200.0)]
    assert [estimate.on_gpus(runs, n) for n in (1, 8, 64)] == [3520.0, 440.0, 100.0]


def test_gradients_go_round_the_ring_nearly_twice():
    assert estimate.all_reduce(250_000_000, 8, 1e9) == pytest.approx(1.75)
    assert estimate.all_reduce(250_000_000, 1, 1e9) == 0


def test_rows_that_share_a_run_are_trained_once_and_pass_over_imagenet():
    (one,), two = (needs.at_paper_scale(TRAINED["table1"], ["baseline"], n) for n in (1, 2))
    assert len(two) == 2
    _, run = one
    assert run.images == pytest.approx(90 * 1_256_145 * 1.1, rel=0.002)
    assert run.parameters == 64_673_832 and run.micro_batches == 32
    both = needs.at_paper_scale(TRAINED["table1"], ["epochs", "ema"])
    assert len(both) == 1 and both[0][0].optim.epochs == 350
    with pytest.raises(InputError, match="clips are counted on disk"):
        needs.at_paper_scale(TRAINED["table6"])


def test_a_gpu_that_is_too_small_gets_the_micro_batch_that_may_fit():
    optim = Optim(batch_size=256, micro_batch=64)
    recipe = Recipe(model=Model(depth=26, width=0.25), data=Data(resolution=64), optim=optim)
    state, image = memory.least_bytes(recipe, 10, 0), memory.saved_bytes(recipe, 10)
    assert state == 16 * memory.parameters(recipe.model, 0, 10)
    said = memory.too_small(recipe, 10, state + 20 * image)
    assert said.startswith("64 images of ResNet-26, width 0.25") and "at most 16 fit" in said
    assert "16 times accumulated for a batch of 256" in said
    assert memory.too_small(recipe, 10, state).endswith("take a larger GPU")
    half = memory.too_small(recipe, 10, state + 20 * image, bf16=True)
    assert "at most 32 fit" in half


def test_memory_that_runs_out_while_steps_are_timed_is_one_line(monkeypatch):
    def full(job, device):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(timing, "_timed", full)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (0, 2**30))
    optim = Optim(batch_size=4096, micro_batch=128)
    recipe = Recipe(model=Model(depth=26, width=0.25), data=Data(resolution=160), optim=optim)
    job = SimpleNamespace(row=SimpleNamespace(recipe=recipe), data=SimpleNamespace())
    job.data.manifest = {"classes": 10}
    with pytest.raises(InputError, match=r"^128 images of .* do not fit into the GPU's 1.0 GiB"):
        timing.image_seconds(job, "cpu")


def test_prices_may_have_spot_ones(tmp_path):
    file = tmp_path / "prices.csv"
    heads = "device,per_hour,spot_per_hour,currency,date\n"
    file.write_text(heads + "A,2,0.5,EUR,2026-01-31\nB,3,,EUR,2026-01-31\n")
    found = prices.read(file)
    assert (found["A"]["spot"], found["B"]["spot"]) == (0.5, None)
    assert prices.read(tmp_path / "none.csv") == {}
    told = prices.in_words(found["A"], [80.0, 0.01234])
    assert told == "160, 0.0247 on demand or 40, 0.00617 spot (EUR, 2026-01-31)"
    assert prices.in_words(found["B"], [1_016_719.0]) == "3,050,000 on demand (EUR, 2026-01-31)"
    assert prices.in_words(None, [10.0]) == "no price"


def test_a_limit_is_judged_by_this_machine_and_refused_where_nothing_is_known():
    known = [("H, fp32", None, [9.0, 2.0, 1.0]), ("H, bf16", None, [5.0, 1.0, 1.0])]
    assert shown.here("H", known, 5.0) == "this machine: about 5 hours on one GPU"
    assert "profile table7" in shown.here("J", known, None)
    for name in ("H", "J"):
        with pytest.raises(InputError, match="max_hours is 4"):
            shown.here(name, known, 4.0)


def test_an_estimate_of_timed_steps_trains_nothing(tmp_path, capsys):
    words = [*SMOKE, "--rows", "cosine", "--executor", "inline", "--runs-dir", str(tmp_path)]
    assert main([*words, "--estimate"]) == 0
    told = capsys.readouterr().out
    assert "(h:mm:ss) of training" in told and "GB of disk for checkpoints" in told
    assert not [*tmp_path.glob("table1*")]


@pytest.mark.long
def test_an_estimate_at_paper_scale_needs_no_data(monkeypatch, capsys):
    monkeypatch.delenv("RSLIB_DATA", raising=False)
    assert main(["run", "table1", "--scale", "paper", "--estimate", "--rows", "epochs,ema"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("table1 at paper scale: 1 runs; nothing is trained\nV100 (paper), fp32")
    assert "hours; no price" in told and "memory: at least" in told
