"""What a study will cost: closed forms, by hand."""

from types import SimpleNamespace

import pytest
import torch
from commandline import SMOKE

from rslib.__main__ import main
from rslib.config import Data, InputError, Model, Optim, Recipe
from rslib.evidence import prices
from rslib.recipes.studies import STUDIES, TRAINED
from rslib.report import estimate as shown
from rslib.running import estimate, needs, runs, sweep, timing
from rslib.running.estimate import Run, Step
from rslib.running.params import Params
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


def test_a_run_on_clips_is_counted_by_hand():
    """200 epochs of 246,245 clips; two networks evaluate 40,000 videos by 30 larger views."""
    ((recipe, run),) = needs.at_paper_scale(TRAINED["table6"], ["baseline"])
    passes = 1.1 * 200 * 246_245 + 2 * 40_000 / 3 * 30 * (256 / 224) ** 2
    assert run.images == pytest.approx(passes)
    assert run.parameters == 31_672_128 + 2049 * 400 and run.micro_batches == 64
    assert run.training_flops == 3 * run.flops * run.images
    # 16 frames of a ResNet-50 take 131e9, and kernels over time the rest
    assert 150e9 < run.flops < 250e9
    assert "246,245 training clips, 20,000 test clips" in needs.data_in_words(recipe)
    assert memory.in_words(recipe, 400).count("16 clips of 32 frames of 3D ResNet-50") == 1


def test_without_a_measured_network_of_the_family_flops_are_told_and_no_limit_is_judged():
    run = Run("resnet3d", images=1e9, flops=10**11, parameters=10**6, micro_batches=8)
    told = "\n".join(shown.in_words("table6", [run], []))
    assert "included: 3e20 on 1, 3.8e19 on 8, 3.8e19 on 64 (" in told  # 8 share its batch
    assert "hours: unknown until a GPU has run" in told and "disk: 0.0 GB" in told
    assert "seconds an image" not in told
    shown.refuse_limit(None)
    with pytest.raises(InputError, match="leave out --max-hours"):
        shown.refuse_limit(5.0)


def test_a_gpu_that_is_too_small_gets_the_micro_batch_that_may_fit():
    optim = Optim(batch_size=256, micro_batch=64)
    recipe = Recipe(model=Model(depth=26, width=0.25), data=Data(resolution=64), optim=optim)
    state, image = memory.least_bytes(recipe, 10, 0), memory.saved_bytes(recipe, 10)
    assert state == 16 * memory.parameters(recipe.model, 0, 10)
    said = memory.too_small(recipe, 10, state + 20 * image)
    assert said.startswith("64 images of ResNet-26, width 0.25") and "at most 16 fit" in said
    assert "16 times accumulated for a batch of 256" in said
    assert memory.too_small(recipe, 10, state).endswith("take a larger GPU")
    shared = memory.too_small(recipe, 10, 2**30, 2**34)
    assert " do not fit into the 1.0 GiB that others leave of the GPU's 16.0 at once; " in shared
    half = memory.too_small(recipe, 10, state + 20 * image, bf16=True)
    assert "at most 32 fit" in half


def test_memory_that_runs_out_while_steps_are_timed_is_one_line(monkeypatch):
    def full(job, device):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(timing, "_timed", full)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**30, 2**30))
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
    assert shown.here("H", known, 5.0, 4) == "this machine: about 5 hours on 4 GPUs"
    for name in ("H", "J"):
        with pytest.raises(InputError, match="max_hours is 4"):
            shown.here(name, known, 4.0)


POINT = {"label": "A", "parameters": 25_000_000, "flops": 100}
EXPLORED = {
    "points": dict.fromkeys(shown.PREDICTED, POINT),
    "devices": [
        {
            "device": shown.PAPERS_GPU,
            "variant": "fp32",
            "price": None,
            "networks": {name: {"seconds": 0.4} for name in shown.PREDICTED},
        }
    ],
}


def test_hours_are_of_as_many_gpus_as_train():
    run = Run("resnet", images=128 * 3600.0, flops=100, parameters=1, micro_batches=2)
    (one,) = shown.on_devices([run] * 4, EXPLORED, [shown.PAPERS_GPU], [1, 2, 8])
    assert one[2] == [pytest.approx(hours) for hours in (1.6, 0.8, 0.2)]


def test_the_share_of_gradients_in_a_step_is_predicted():
    """100 MB of gradients, by hand: 8 GPUs send 175 MB, which 1.25 GB/s take in 140 ms."""
    lines = shown.prediction(EXPLORED).splitlines()
    assert lines[2] == (
        "| A | 100 | V100 (paper), fp32 | 400 | 8 | 140 ms, 25.9 % | 14 ms, 3.4 % | 4 ms, 0.9 % |"
    )  # 140 of 540
    assert "| 64 | 158 ms, 28.3 % |" in lines[3]  # 126 / 64 · 100 MB
    assert len(lines) == 2 + 3 * len(shown.PREDICTED)


def test_money_of_recorded_runs_is_by_their_share_of_a_priced_machine():
    def result(name, hours, **about):
        session = {"device": "cpu", "device_name": name, "threads": 1} | about
        data = {"name": "flowers"}
        found = {"scale": "laptop", "timing": {"seconds": 3600 * hours}, "data": data, "recipe": {}}
        protocol = {"id": "p", "train_images": 1, "images": "flowers"}
        return found | {"environment": session, "sessions": [session], "protocol": protocol}

    price = {"per_hour": 2.0, "spot": None, "currency": "EUR", "date": "2026-01-31"}
    priced = {"X, 4 threads": price, "X, 8 threads": price | {"per_hour": 4.0}, "G": price}
    cpu = [result("X", 6.0), result("X", 4.0)]  # a quarter of the smaller one
    gpu = [result("G", 1.0, device="cuda", world_size=8)]
    lines = shown.measured({"a": cpu, "b": gpu, "c": [result("Y", 1.0)]}, priced).splitlines()
    assert lines[0].endswith("| hours of one process | minutes a run | money |")
    ends = [line.split(" | ", 4)[4] for line in lines[2:]]
    assert ends == [
        "10.0 | 240.0 to 360.0 | 5 on demand (EUR, 2026-01-31) |",
        "1.0 | 60.0 | 16 on demand (EUR, 2026-01-31) |",
        "1.0 | 60.0 | no price |",
    ]
    assert "money" not in shown.measured({"a": cpu}, {})
    page = shown.of_page(STUDIES["table2"], [cpu])
    assert "| table2 | " in page and "What the runs of Table 2 " in page
    assert "No run is recorded" in shown.of_page(STUDIES["table2"], [])


def test_disk_is_told_wherever_runs_are_trained(tmp_path):
    """Also on a cluster, whose memory and prices are not known here."""
    params = Params(scale="smoke", rows=["cosine"], runs_dir=str(tmp_path))
    plan, lines = runs.plan("table1", params, lambda line: None), []
    timed = {"timed": lambda jobs: [0.01 for _ in jobs]}
    sweep.announce(plan, plan.jobs, 2, params, lines.append, **timed, kept=False)
    assert any("GB of disk for checkpoints" in line for line in lines)
    assert lines[-1].startswith("hours: images × the timed seconds")


def test_an_estimate_of_timed_steps_trains_nothing(tmp_path, capsys):
    words = [*SMOKE, "--rows", "cosine", "--executor", "inline", "--runs-dir", str(tmp_path)]
    assert main([*words, "--estimate"]) == 0
    told = capsys.readouterr().out
    assert "(h:mm:ss) of training" in told and "GB of disk for checkpoints" in told
    assert "hours: images × the timed seconds an image" in told
    assert not [*tmp_path.glob("table1*")]


@pytest.mark.long
def test_an_estimate_at_paper_scale_needs_no_data(monkeypatch, capsys):
    monkeypatch.delenv("RSLIB_DATA", raising=False)
    assert main(["run", "table1", "--scale", "paper", "--estimate", "--rows", "epochs,ema"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("table1 at paper scale: 1 runs; nothing is trained\nV100 (paper), fp32")
    assert "hours; no price" in told and "memory: at least" in told
    assert main(["run", "table6", "--scale", "paper", "--estimate", "--rows", "baseline"]) == 0
    told = capsys.readouterr().out
    for words in ("3e19 on 1", "246,245 training clips", "hours: unknown", "memory: at least 21"):
        assert words in told
    assert "profile table7" not in told  # which measures no network for clips
