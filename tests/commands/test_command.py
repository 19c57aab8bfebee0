"""The command line as a runner meets it: whole processes, kills, locks, exit codes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

from rslib import config, models
from rslib.data.images import open_images, source
from rslib.running import provenance
from rslib.tasks.classify import Classify
from rslib.training import engine
from rslib.weights import read

SMOKE = ["run", "table1", "--scale", "smoke"]


def command(*words):
    return [sys.executable, "-m", "rslib", *map(str, words)]


def rslib(*words, **kwargs):
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=300, **kwargs)


def result(done):
    (found,) = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def epochs_run(tmp_path_factory):
    """One smoke run of the long unregularized row, and its folder."""
    runs_dir = tmp_path_factory.mktemp("runs")
    done = rslib(*SMOKE, "--rows", "epochs,ema", "--runs-dir", runs_dir, "--json")
    assert done.returncode == 0, done.stderr
    return result(done), runs_dir


def test_two_rows_share_one_run_and_it_says_what_it_is(epochs_run):
    found, runs_dir = epochs_run
    assert found["row"] == "epochs" and found["run_id"].startswith("epochs-")
    assert found["status"] == "complete" and found["scale"] == "smoke"
    assert found["recipe"]["optim"]["epochs"] == found["protocol"]["epochs"] == 8
    assert found["data"]["train"] == 256 and found["data"]["test"] == 200
    assert {s: c["raw"]["n"] for s, c in found["metrics"].items()} == {
        "test": 200,
        "minival": 200,
        "train": 200,
    }
    assert found["protocol"]["weight_decay_exposure"] == pytest.approx(0.4, rel=0.1)
    assert found["environment"]["device"] == "cpu" and found["environment"]["threads"] == 1
    text = json.dumps(found)
    assert str(runs_dir) not in text and os.uname().nodename not in text
    assert len(list(runs_dir.glob("table1/*"))) == 1


def test_a_finished_run_is_exported_by_the_average_of_its_weights(epochs_run, tmp_path):
    """What was written scores again what the run's result says of its average."""
    found, runs_dir = epochs_run
    run_dir, file = runs_dir / "table1" / found["run_id"], tmp_path / "net.safetensors"
    assert rslib("export", run_dir, file).returncode == 0
    recipe = config.from_dict(found["recipe"])
    network = models.load(models.build(recipe, found["data"]["classes"]), read(file))
    task = Classify(recipe, open_images(recipe.data, source("fashion-mnist")))
    test = task.loaders(seed=1)[1]["test"]
    scored = engine.run_metrics(task, {"ema": network}, test, torch.device("cpu"))
    assert scored["ema"] == found["metrics"]["test"]["ema"]


def test_a_run_whose_last_checkpoint_is_damaged_is_not_exported(epochs_run, tmp_path):
    """The one before it holds other weights than those that were scored."""
    found, runs_dir = epochs_run
    copy = shutil.copytree(runs_dir / "table1" / found["run_id"], tmp_path / "copy")
    last = max(copy.glob("attempt-1/step-*.pt"))
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    done = rslib("export", copy, tmp_path / "net.safetensors")
    assert done.returncode == 1 and "holds no whole checkpoint of its last step" in done.stderr
    assert last.exists() and not (tmp_path / "net.safetensors").exists()


def test_a_diverged_attempt_is_not_exported(epochs_run, tmp_path):
    found, runs_dir = epochs_run
    run_dir = runs_dir / "table1" / found["run_id"]
    copy = tmp_path / "copy"
    shutil.copytree(run_dir / "attempt-1", copy / "attempt-2")
    (copy / "attempt-1").mkdir()
    bad = found | {"status": "diverged", "metrics": {}}
    (copy / "attempt-1/result.json").write_text(json.dumps(bad))
    file = tmp_path / "net.safetensors"
    assert rslib("export", copy, file).returncode == 0
    assert file.stat().st_size > 10_000


def test_a_finished_run_is_loaded_and_its_table_shown(epochs_run):
    found, runs_dir = epochs_run
    before = (runs_dir / "table1" / found["run_id"] / "attempt-1/result.json").stat().st_mtime_ns
    done = rslib(*SMOKE, "--rows", "epochs,ema", "--runs-dir", runs_dir)
    assert done.returncode == 0
    assert "2 rows, 1 runs, 0 of them to be trained" in done.stdout
    assert "+ EMA of weights" in done.stdout and "No result: " in done.stdout
    after = (runs_dir / "table1" / found["run_id"] / "attempt-1/result.json").stat().st_mtime_ns
    assert before == after


def test_training_anew_meets_the_stored_run_bit_for_bit(epochs_run):
    found, runs_dir = epochs_run
    done = rslib(*SMOKE, "--rows", "epochs", "--runs-dir", runs_dir, "--no-reuse")
    assert done.returncode == 0 and f"{found['run_id']}: met bit for bit" in done.stdout
    again = runs_dir / "table1" / found["run_id"] / "attempt-2/result.json"
    assert json.loads(again.read_text())["weights_sha256"] == found["weights_sha256"]


def test_a_run_that_is_not_met_says_by_how_much(epochs_run):
    found, _ = epochs_run
    counts = {"ema": {"correct": 100, "n": 200}}
    other = found | {"weights_sha256": "other", "metrics": {"test": counts}}
    near = other | {
        "weights_sha256": "near",
        "metrics": {"test": {"ema": {"correct": 110, "n": 200}}},
    }
    far = other | {
        "weights_sha256": "far",
        "metrics": {"test": {"ema": {"correct": 180, "n": 200}}},
    }
    assert "within ±9.78 points" in provenance.compare(other, near)
    assert "NOT within" in provenance.compare(other, far)
    assert "now diverged" in provenance.compare(found, found | {"status": "diverged"})


@pytest.mark.long
def test_kills_in_mid_epoch_change_no_bit(epochs_run, tmp_path):
    """kill -9 again and again, at various moments; the same command ends in the same weights."""
    found, _ = epochs_run
    words = command(*SMOKE, "--rows", "epochs", "--runs-dir", tmp_path, "--executor", "inline")
    resumed = 0
    for kill in range(4):
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
            wanted = f" {2 * kill + 1} "
            for line in process.stdout:
                resumed += "resumed at step" in line
                if line.startswith("epochs s1") and line[20:26].strip() == wanted.strip():
                    break
            time.sleep(0.07 * kill)
            process.kill()
    done = rslib(*SMOKE, "--rows", "epochs", "--runs-dir", tmp_path, "--json")
    assert done.returncode == 0 and result(done)["timing"]["restarts"] >= 3
    assert result(done)["weights_sha256"] == found["weights_sha256"]
    assert result(done)["history"] == found["history"]
    assert result(done)["metrics"] == found["metrics"]
    assert resumed >= 2


@pytest.mark.long
def test_a_told_or_orphaned_process_saves_and_leaves(epochs_run, tmp_path):
    found, _ = epochs_run
    options = ["--rows", "epochs", "--runs-dir", tmp_path]
    for executor, number in (
        ("inline", signal.SIGTERM),
        ("local", signal.SIGTERM),
        ("local", signal.SIGKILL),
    ):
        words = command(*SMOKE, *options, "--executor", executor)
        process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        next(line for line in process.stdout if line[20:26].strip().isdigit())
        process.send_signal(number)
        process.stdout.close()
        code = process.wait(timeout=60)
        assert code == (75 if number == signal.SIGTERM else -signal.SIGKILL)
    holder = tmp_path / "table1" / found["run_id"] / "lock.holder"
    deadline = time.monotonic() + 30
    while holder.exists() and time.monotonic() < deadline:  # the orphan notices within a step
        time.sleep(0.1)
    assert not holder.exists()
    assert rslib(*SMOKE, *options).returncode == 0


def test_one_epoch_leaves_no_row_without_its_run(tmp_path):
    """Short and long schedules are then the same recipe; each row still has its own run."""
    words = [*SMOKE, "--epochs", "1", "--rows", "cosine,epochs,ema", "--runs-dir", tmp_path]
    done = rslib(*words)
    assert done.returncode == 0 and "not yet run" not in done.stdout
    assert len(list(tmp_path.rglob("result.json"))) == 2


DYING = "print('\\x01ready', flush=True); import os; os.kill(os.getpid(), 9)"
BABBLING = (
    "import sys; print('\\x01ready', flush=True); sys.stdin.readline();"
    "sys.stdout.buffer.write(b'caf\\xe9\\n'); sys.exit(70)"
)


@pytest.mark.parametrize(("script", "message"), [(DYING, "SIGKILL"), (BABBLING, "code 70")])
def test_a_process_that_dies_hangs_nobody(script, message, monkeypatch):
    from types import SimpleNamespace

    from rslib.running import processes
    from rslib.running.params import Params

    def start(plan, params):
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        return subprocess.Popen(
            [sys.executable, "-c", script], text=True, errors="replace", bufsize=1, **pipes
        )

    monkeypatch.setattr(processes, "start", start)
    jobs = [SimpleNamespace(run_id=f"run-{n}") for n in range(3)]
    with pytest.raises(processes.Stopped, match=message) as caught:
        processes.share_out(SimpleNamespace(), jobs, Params(), 2, lambda line: None)
    assert caught.value.code == 70


def test_a_second_command_is_told_who_holds_the_run(epochs_run, tmp_path):
    _found, _ = epochs_run
    words = ["--rows", "epochs", "--runs-dir", tmp_path, "--executor", "inline"]
    with subprocess.Popen(
        command(*SMOKE, *words, "--epochs", 60), stdout=subprocess.PIPE, text=True, bufsize=1
    ) as first:
        next(line for line in first.stdout if "epoch " in line)
        second = rslib(*SMOKE, *words, "--epochs", 60)
        assert first.poll() is None
        first.kill()
    assert second.returncode == 75  # worth another try
    assert f"is being trained by process {first.pid} on" in second.stderr
    assert "Traceback" not in second.stderr


def test_what_diverged_is_a_result_and_says_so(tmp_path):
    """A learning rate of 10²⁰ at the first step after warm-up: no number is ever shown for it."""
    script = (
        "from dataclasses import replace; import rslib.recipes.scales as s, sys;"
        "s.SCALES['smoke'] = replace(s.SCALES['smoke'], peak_rate=1e20);"
        "from rslib.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    words = [*SMOKE, "--rows", "epochs", "--executor", "inline", "--runs-dir", str(tmp_path)]
    for _ in range(2):  # the second time it is known, and not tried again
        done = subprocess.run(
            [sys.executable, "-c", script, *words], capture_output=True, text=True
        )
        assert done.returncode == 65, done.stderr
        assert "diverged" in done.stdout
    assert "0 of them to be trained" in done.stdout
    (path,) = tmp_path.rglob("result.json")
    assert json.loads(path.read_text())["metrics"] == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "table99"], "no study 'table99'"),
        (["run", "table1", "--scale", "labtop"], "did you mean 'laptop'"),
        (["run", "table1", "--epochs", "1.5"], "epochs is 1.5"),
        (["run", "table1", "--epochs", "many"], "epochs is 'many'"),
        (["run", "table1", "--threads", "100000"], "threads is 100000"),
        (["run", "table1", "--max-hours", "nan"], "max_hours is nan"),
        (["profile", "resnet_rs_50", "--threads", "100000"], "threads is 100000"),
        (["profile", "resnet_rs_50", "--resolution", "1000000"], "resolution is 1000000"),
        (["run", "table1", "--epoch", "3"], "--epoch"),
        (["run", "table1", "--scale", "smoke", "--rows", "cosin"], "did you mean 'cosine'"),
        (["run", "table1", "--scale", "smoke", "--dataset", "mnist"], "no dataset 'mnist'"),
        (["run", "table1", "--scale", "smoke", "--data-dir", "/no/such"], "does not exist"),
        (["run", "table1", "--scale", "smoke", "--max-hours", "0.00001"], "more than max_hours"),
        (["run", "table1", "--scale", "paper"], "needs ImageNet"),
        (["record", "table99"], "no study 'table99'"),
    ],
    ids=lambda v: "-".join(v[1:]).replace("/", "") if isinstance(v, list) else "",
)
def test_bad_input_ends_in_one_line_and_exit_code_1(words, message, capsys, monkeypatch, tmp_path):
    from rslib.__main__ import main

    monkeypatch.delenv("RSLIB_DATA", raising=False)
    try:
        code = main([*words, "--runs-dir", str(tmp_path)])
    except SystemExit as left:
        code = left.code
    told = capsys.readouterr().err.strip()
    assert code == 1 and message in told and "\n" not in told, told


def test_timing_in_another_process_is_the_timing_of_this_one(tmp_path):
    """What a GPU's parent does, to leave its memory free; here on CPU."""
    from rslib.running import processes, runs, timing
    from rslib.running.params import Params

    params = Params(scale="smoke", rows=["epochs"], runs_dir=str(tmp_path))
    plan = runs.plan("table1", params, lambda line: None)
    (elsewhere,) = processes.timed_elsewhere(plan, plan.jobs, params)
    here = timing.image_seconds(plan.jobs[0], "cpu")
    assert here / 10 < elsewhere < here * 10


def test_a_folder_that_cannot_be_written_is_told(capsys, tmp_path):
    from rslib.__main__ import main

    (tmp_path / "file").write_text("")
    for words in ([*SMOKE, "--runs-dir"], ["record", "table1", "--runs-dir"]):
        assert main([*words, str(tmp_path / "file" / "runs")]) == 1
        told = capsys.readouterr().err
        assert "runs" in told and told.count("\n") == 1
    assert main(["render", "table99"]) == 1
    assert "no notebook 'table99'" in capsys.readouterr().err


def test_cuda_without_cuda(capsys, tmp_path):
    import torch

    from rslib.__main__ import main

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    assert main([*SMOKE, "--device", "cuda", "--runs-dir", str(tmp_path)]) == 1
    assert "torch finds no CUDA GPU" in capsys.readouterr().err


def test_help_is_a_table_of_contents_also_by_the_script():
    script = os.path.join(os.path.dirname(sys.executable), "rslib")
    for words, name in (([script], "rslib"), (command(), "python -m rslib")):
        done = subprocess.run([*words, "--help"], capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.startswith(f"usage: {name} COMMAND ...")
        for line in ("Train\n  run ", "Measure\n  profile ", "  export ", "75 stopped, or held"):
            assert line in done.stdout
