"""What `bench/gpu.py` decides without a device: order, shares, what goes into the archive."""

import io
import sys
import tarfile
import time
from types import SimpleNamespace

import pytest
import torch

from rslib import paths
from rslib.recipes import pareto

sys.path.append(str(paths.ROOT / "bench"))

import gpu
import gpu_evidence
import gpu_peers
import gpu_steps


def test_pairs_come_in_their_order_and_each_network_once():
    table = pareto.table_7()
    found = [(row.name.split("_", 1)[1], row.resolution) for row in gpu_steps.paired(table)]
    assert found[:4] == [("rs_350", 256), ("b6", 528), ("rs_420", 320), ("b7", 600)]
    assert found[4:8] == [("rs_152", 224), ("b5", 456), ("b4", 380), ("rs_270", 256)]
    assert found[8:] == [("rs_101", 160), ("b2", 260)]


def test_the_second_process_waits_for_the_first_round(monkeypatch):
    rows, held, order = gpu_steps.paired(pareto.table_7())[:2], {}, []

    def measure(asked, kept, row, variant, seconds):
        order.append(row.name)
        one = {"fits": row.name != "efficientnet_b6", "block_seconds": [1.0]}
        one["by_process"] = [[1.0]] * order.count(row.name)
        held[row.name, row.resolution, variant] = one
        assert 0.5 <= seconds <= 10

    monkeypatch.setattr(gpu_steps, "kept", lambda asked: dict(held))
    monkeypatch.setattr(gpu_steps, "measure", measure)
    asked = SimpleNamespace(miniature=False, until=time.monotonic() + 100)
    assert gpu_steps.measured(asked, [(row, "fp32") for row in rows]) == gpu_steps.DONE
    # what does not fit is not tried again
    assert order == ["resnet_rs_350", "efficientnet_b6", "resnet_rs_350"]


@pytest.mark.parametrize(
    ("found", "count"),
    [
        ({1: 10.0, 4: 30.0, 8: 40.0, 12: 40.5}, 8),  # 12 are not worth it
        ({1: 30.0, 4: 20.0}, 1),
        ({1: 10.0, 4: 9.0, 8: 20.0}, 8),
    ],
)
def test_as_many_processes_train_as_do_most(found, count):
    assert gpu_evidence.best(found) == count


def test_the_archive_stays_small(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "MOST", 10_000)
    files = [tmp_path / name for name in ("a.json", "b.json", "c.log")]
    for file, size in zip(files, (5_000, 9_000, 2_000), strict=True):
        file.write_bytes(b"x" * size)
    with tarfile.open(fileobj=io.BytesIO(gpu.archive(files, tmp_path))) as held:
        assert held.getnames() == ["a.json", "c.log"]


def test_shares_are_those_of_nine_minutes():
    five = [gpu.SHARES[name] for name in ("right", "works", "headline", "peers", "evidence")]
    assert five == [45, 20, 150, 60, 240] and sum(five) + 540 * gpu.RESERVE < 540


@pytest.mark.long
def test_steps_of_clips_are_timed_in_both_precisions():
    found = gpu_peers.clip_step(torch.device("cpu"), gpu_peers.Sizes(miniature=True))
    assert [row["what"].split(", ")[:2] for row in found] == [
        [f"training step of {name}", precision]
        for name in ("3D ResNet-50", "3D ResNet-50 with SE and -D")
        for precision in ("fp32", "bf16")
    ]
    assert all(row["what"].endswith("2 clips of 4 frames, 32 px") for row in found)
    assert all(min(row["wall"]["seconds"]) > 0 for row in found)


def test_no_machine_is_too_fast_to_be_paced():
    """Seconds of training that ask for more steps than a whole run of this scale has."""
    task, recipe = gpu_evidence.made_up("cpu")
    assert len(task.image_set.train) / recipe.optim.batch_size * recipe.optim.epochs > 100_000


@pytest.mark.parametrize(("device", "warns"), [("cuda", True), ("cpu", False)])
def test_code_that_no_commit_names_is_told_before_a_gpu_works(
    device, warns, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", device, "--out", str(tmp_path)])
    monkeypatch.setattr(gpu.commit, "code_version", lambda: {"dirty": True})
    monkeypatch.setattr(gpu.Call, "__init__", lambda self, asked, out: None)
    monkeypatch.setattr(gpu.Call, "run", lambda self: 0)
    monkeypatch.setattr(gpu.signal, "signal", lambda number, handler: None)
    assert gpu.main() == 0
    assert ("cannot be recorded" in capsys.readouterr().out) == warns
