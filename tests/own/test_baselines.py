"""`bench/baselines.py`: equal minutes, where it resumes, and each contestant on a few images."""

import importlib.util
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from rslib import paths

sys.path.append(str(paths.ROOT / "bench"))
import baseline_peers
import baselines

EACH = {"train": 70, "test": 2}  # of each of two classes; more than seeds 1 to 3 need
NAMES = ("a", "b")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two classes, dark and bright noise."""
    root, noise = tmp_path_factory.mktemp("baselines") / "noise", np.random.default_rng(0)
    for part, each in EACH.items():
        for level, name in enumerate(NAMES):
            (root / part / name).mkdir(parents=True)
            for k in range(each):
                pixels = noise.integers(128 * level, 128 * (level + 1), (32, 32, 3), "uint8")
                Image.fromarray(pixels).save(root / part / name / f"{k}.png")
    return root


@pytest.fixture
def raced(monkeypatch):
    """Two contestants and a clock: a second to begin, then 0.1 s or 0.2 s for each step."""
    clock, calls = [0.0], []

    def contestant(name, step):
        def train(folder, epochs, seed, batch):
            calls.append((name, folder.name, epochs))
            trained_on = len(list(folder.glob("train/*/*")))
            clock[0] += 1 + trained_on // batch * epochs * step
            return lambda: {"raw": 1, "average": 2, "n": 4}

        return train

    monkeypatch.setattr(baselines, "EACH", 20)
    monkeypatch.setattr(baselines, "time", SimpleNamespace(process_time=lambda: clock[0]))
    racing = {"rslib": contestant("rslib", 0.1), "torchvision": contestant("torchvision", 0.2)}
    monkeypatch.setattr(baselines, "CONTESTANTS", racing)
    return calls


def test_all_have_the_same_seconds_and_seeds_take_turns(images, raced, tmp_path):
    file = tmp_path / "found.json"
    baselines.main(images, file, 1.0)
    found = json.loads(file.read_text())
    # 40 images, 5 batches of 8: (60 s − 1 s) / (5 · 0.1 s) epochs, and half as many
    assert found["epochs"] == {"rslib": 118, "torchvision": 59}
    assert [row["cpu_seconds"] for row in found["rows"]] == [pytest.approx(60)] * 6
    order = [(row["variant"], row["seed"]) for row in found["rows"]]
    assert order == [(name, seed) for seed in (1, 2, 3) for name in ("rslib", "torchvision")]
    assert {row["correct"] for row in found["rows"]} == {2}  # the better of both


def test_the_same_command_resumes_and_other_minutes_are_refused(images, raced, tmp_path):
    file = tmp_path / "found.json"
    baselines.main(images, file, 1.0)
    whole = json.loads(file.read_text())
    file.write_text(json.dumps(whole | {"rows": whole["rows"][:4]}))
    raced.clear()
    baselines.main(images, file, 1.0)
    assert raced == [("rslib", "images-3", 118), ("torchvision", "images-3", 59)]
    with pytest.raises(SystemExit, match="--minutes 1"):
        baselines.main(images, file, 2.0)


def test_seeds_share_no_training_image(images, tmp_path, monkeypatch):
    monkeypatch.setattr(baselines, "EACH", 20)
    chosen = [baselines.linked(tmp_path / f"{seed}", images, seed, 20) for seed in (1, 2, 3)]
    trained = [{f.resolve() for f in folder.glob("train/*/*")} for folder in chosen]
    assert [len(one) for one in trained] == [40, 40, 40] and len(set.union(*trained)) == 120
    held = {f.resolve() for f in chosen[0].glob("valid/*/*")}
    assert len(held) == 20 and not held & set.union(*trained)


@pytest.mark.long
@pytest.mark.parametrize("name", baseline_peers.CONTESTANTS)
def test_each_contestant_trains(name, images, tmp_path):
    if not importlib.util.find_spec(name):
        pytest.skip(f"{name} is not installed")
    folder = baselines.linked(tmp_path / "few", images, 1, 8)
    judged = baseline_peers.CONTESTANTS[name](folder, baselines.PROBED, 1, 8)()
    assert judged["n"] == 4
    assert all(0 <= judged[weights] <= 4 for weights in {"raw", "average"} & judged.keys())
    assert 25e6 < judged["flops"] < 28e6 and 0.8e6 < judged["parameters"] < 1.3e6
