"""The store and the tables: what may be written, recorded, and stand beside the paper."""

import copy
import json
import subprocess

import pytest

from rslib import machine, paths
from rslib.config import InputError
from rslib.evidence import results
from rslib.recipes.additive import TABLE_1
from rslib.report import numerals, protocols, tables

NB = "\u00a0"
OURS = ["Δ paper", "Δ here", "95 %", "p", "raw", "average", "on training images", "n"]
SESSION = {
    "commit": "abc",
    "code": "def",
    "dirty": False,
    "device_name": "a CPU",
    "precision": "fp32",
}


def result(row="cosine", seed=1, raw=500, ema=600, train=1000, status="complete", **protocol):
    counts = {
        "test": {n: {"correct": c, "n": 1000, "bits": ""} for n, c in (("raw", raw), ("ema", ema))},
        "train": {n: {"correct": train, "n": 1000, "bits": ""} for n in ("raw", "ema")},
    }
    about = {"id": "p1", "own_epochs": 350, "long_epochs": 350, "train_images": 1000}
    about |= {"model": "ResNet-26", "resolution": 32, "images": "fashion-mnist", **protocol}
    return {
        "schema": 1,
        "study": "table1",
        "row": row,
        "run_id": f"{row}-0123456789-s{seed}",
        "attempt": 1,
        "status": status,
        "scale": "laptop",
        "recipe": {},
        "recipe_sha256": row,
        "seed": seed,
        "metrics": counts if status == "complete" else {},
        "history": [],
        "protocol": about,
        "data": {"name": "fashion-mnist", "test": 1000, "classes": 10},
        "environment": SESSION,
        "sessions": [SESSION],
        "timing": {},
        "weights_sha256": "",
        "started": "2026-01-01T00:00:00+00:00",
        "ended": "2026-01-01T00:01:00+00:00",
    }


def test_code_that_git_does_not_track_is_dirty(tmp_path, monkeypatch):
    """As a copy in site-packages is, even where a checkout lies around it."""
    monkeypatch.setattr(machine, "code_version", machine.code_version.__wrapped__)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    assert machine.code_version() == {"commit": None, "code": None, "dirty": True}
    (tmp_path / "rslib").mkdir()
    (tmp_path / "rslib/__init__.py").write_text("")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "empty"], check=True)
    assert machine.code_version()["dirty"]
    subprocess.run([*git, "add", "rslib"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "code"], check=True)
    clean = machine.code_version()
    assert not clean["dirty"] and len(clean["code"]) == 40
    (tmp_path / "notes.txt").write_text("")
    subprocess.run([*git, "add", "notes.txt"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "other"], check=True)
    later = machine.code_version()
    assert later["commit"] != clean["commit"] and later["code"] == clean["code"]
    (tmp_path / "rslib/__init__.py").write_text("x = 1")
    assert machine.code_version()["dirty"]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """runs/ and data/results of a project of its own."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "data" / "results")
    return tmp_path / "runs"


def write(store, found):
    path = store / "table1" / found["run_id"] / "attempt-1" / "result.json"
    results.write(path, found)
    return path


def test_a_result_is_read_back_and_never_replaced(store):
    path = write(store, result())
    assert results.read(path) == result()
    with pytest.raises(InputError, match="immutable"):
        write(store, result(raw=501))
    assert results.read(path) == result()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: r.pop("seed"), "'seed' is missing"),
        (lambda r: r.update(seed="0"), "'seed' is missing or no int"),
        (lambda r: r.update(status="preempted"), "preempted"),
        (lambda r: r.update(status="diverged"), "if, and only if, it is complete"),
        (lambda r: r["metrics"]["test"]["raw"].update(correct=1001), "1001 correct of 1000"),
        (lambda r: r.update(run_id="../cosine"), "run_id"),
        (lambda r: r.update(sessions=[{"code": "def"}]), "session lacks .*device_name"),
    ],
)
def test_a_result_that_cannot_be_is_refused(store, spoil, message):
    found = copy.deepcopy(result())
    spoil(found)
    with pytest.raises(InputError, match=message):
        write(store, found)
    path = store / "broken.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(found))
    with pytest.raises(InputError, match=message):
        results.read(path)


def test_json_is_strict(store):
    found = result()
    found["history"] = [{"loss": float("nan")}]
    with pytest.raises(ValueError, match="JSON"):
        write(store, found)
    store.mkdir(parents=True, exist_ok=True)
    (store / "nan.json").write_text('{"a": NaN}')
    with pytest.raises(InputError, match="NaN"):
        results.read(store / "nan.json")
    (store / "list.json").write_text("[]")
    with pytest.raises(InputError, match=r"list\.json is no result"):
        results.read(store / "list.json")
    (store / "half.json").write_text('{"a": 1')
    with pytest.raises(InputError, match=r"half\.json is no JSON"):
        results.read(store / "half.json")


def test_only_evidence_is_recorded(store):
    write(store, result())
    write(store, result(seed=0))
    write(store, result(seed=6, long_epochs=30))
    write(store, result(seed=2) | {"scale": "smoke"})
    write(store, result(seed=3) | {"sessions": [SESSION, SESSION | {"dirty": True}]})
    write(store, result(seed=4) | {"sessions": [SESSION, SESSION | {"code": "other"}]})
    write(store, result(seed=5) | {"sessions": [SESSION | {"commit": "later"}, SESSION]})
    lines = []
    assert results.record("table1", store, lines.append) == 2
    assert [r["seed"] for r in results.recorded("table1")] == [1, 5]
    assert len(lines) == 7
    assert "a pilot's" in lines[0] and "smoke" in lines[2] and "not committed" in lines[3]
    assert "code or device changed" in lines[4] and "30 epochs" in lines[6]
    assert results.record("table1", store, lambda line: None) == 0  # nothing twice


def test_the_first_fit_attempt_counts_and_no_later_one(store):
    dirty = result(raw=400) | {"sessions": [SESSION | {"dirty": True}]}
    folder = store / "table1" / dirty["run_id"]
    results.write(folder / "attempt-1" / "result.json", dirty)
    assert results.find("table1", dirty["run_id"], store) == dirty
    for number, raw in ((2, 500), (3, 600)):
        again = result(raw=raw) | {"attempt": number}
        results.write(folder / f"attempt-{number}" / "result.json", again)
    (folder / "attempt-old").mkdir()
    assert results.find("table1", dirty["run_id"], store)["attempt"] == 2
    assert results.ended("table1", dirty["run_id"], store) == 3
    assert results.record("table1", store, lambda line: None) == 1
    assert results.recorded("table1")[0]["attempt"] == 2


def test_there_must_be_runs_to_record(store):
    with pytest.raises(InputError, match="no runs of 'table1'"):
        results.record("table1", store)


def test_a_recorded_result_is_found_before_an_attempt(store):
    found = result()
    assert results.find("table1", found["run_id"], store) is None
    write(store, found)
    assert results.find("table1", found["run_id"], store) == found
    results.record("table1", store, lambda line: None)
    for path in store.rglob("result.json"):
        path.unlink()
    assert results.find("table1", found["run_id"], store) == found


def test_a_table_has_means_changes_and_counts_over_seeds():
    found = [
        result("cosine", 1, raw=500),
        result("cosine", 2, raw=520),
        result("epochs", 1, raw=490, ema=510),
        result("epochs", 2, raw=500, ema=530),
        result("label-smoothing", 1, ema=600),
        result("label-smoothing", 2, status="diverged"),
    ]
    table = tables.frame(TABLE_1, found)
    raw, average, change = table["raw"], table["average"], table["Δ here"]
    assert raw["+ Cosine LR Decay"] == f"51.00{NB}±{NB}1.41"
    assert raw["+ Increase training epochs"] == f"49.50{NB}±{NB}0.71"
    assert change["+ Increase training epochs"] == "−1.50"
    assert (
        table["95 %"]["+ Increase training epochs"] == f"−8.42{NB}… +5.42"
    )  # t of 1.47 degrees (Welch), by hand
    assert table["p"]["+ EMA of weights"] != ""
    assert (
        average["+ EMA of weights"] == f"52.00{NB}±{NB}1.41"
    )  # the other reading of the same runs
    assert change["+ EMA of weights"] == "+2.50"
    assert change["+ Label Smoothing"] == "+8.00"
    assert table["95 %"]["+ Label Smoothing"] == ""  # one run says nothing of the spread
    assert table["n"]["+ Label Smoothing"] == "1 (1 diverged)"
    assert raw["+ ResNet-D"] == numerals.NOT_RUN and change["+ ResNet-D"] == ""
    assert table["Δ paper"]["+ EMA of weights"] == "+0.3"


@pytest.mark.parametrize(
    ("raw", "train", "verdict"), [(800, 995, "reached"), (800, 980, "NOT"), (920, 1000, "NOT")]
)
def test_the_regime_gate_is_told_at_reduced_scale(raw, train, verdict):
    found = [result("epochs", raw=raw, train=train), result("cosine")]
    line = protocols.headline(TABLE_1, found)
    assert f"Regime gate {verdict}" in line and f"{train / 10:.1f} %" in line
    assert "Regime" not in protocols.headline(TABLE_1, [result("cosine")])
    assert "Regime" not in protocols.headline(TABLE_1, [found[0] | {"scale": "paper"}])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"name": "imagenet", "train": 1_256_145, "minival": 25_022, "test": 50_000}, ""),
        (
            {"name": "imagenet", "train": 1_256_045, "minival": 25_022, "test": 49_999},
            " (1,281,067 + 49,999 images, where 1,281,167 + 50,000 were published)",
        ),
        (
            {"name": "mine", "test": 9, "built": {"side": 256, "quality": 90}},
            " (re-encoded at 256 px, JPEG quality 90)",
        ),
    ],
)
def test_images_that_are_not_the_published_ones_are_told(data, told):
    found = result(images=data["name"]) | {"scale": "paper"}
    found["data"] = data | {"classes": 1000}
    assert protocols.aside(found) == told
    assert f"{told}, 350 epochs" in protocols.headline(TABLE_1, [found])


def test_rows_of_different_machines_are_told():
    elsewhere = SESSION | {"device_name": "a GPU", "precision": "bf16"}
    line = protocols.headline(TABLE_1, [result(), result("epochs") | {"sessions": [elsewhere]}])
    assert line.endswith("Mixed machines: a CPU, fp32; a GPU, bf16.")


def test_what_may_stand_beside_the_paper():
    reduced = tables.frame(TABLE_1, [result()])
    assert list(reduced.columns) == OURS
    at_paper = tables.frame(TABLE_1, [result() | {"scale": "paper"}])
    assert list(at_paper.columns) == [*("paper", *OURS)]
    dirty = result() | {"scale": "paper", "sessions": [SESSION | {"dirty": True}]}
    for short in (result() | {"scale": "smoke"}, result(long_epochs=30), dirty):
        table = tables.frame(TABLE_1, [short])
        assert list(table.columns) == ["top-1 here", "n"]
        assert "No result: " in protocols.headline(TABLE_1, [short])
        assert "10 %" in protocols.headline(TABLE_1, [short])


def test_a_table_calls_its_images_what_they_are():
    folder = {"recipe": {"data": {"dataset": "folder"}}}
    found = [result(images="imagenet") | folder, result("epochs", images="pets") | folder]
    assert protocols.images([result()]) == "Fashion-MNIST"
    assert protocols.images([result(images="imagenet")]) == "ImageNet"
    assert protocols.images(found[:1]) == "imagenet"  # a folder of that name
    assert "test images of imagenet, also named pets, 350" in protocols.headline(TABLE_1, found)


def test_protocols_are_never_mixed():
    groups = protocols.by_protocol(
        [result(), result("epochs"), result(id="p2", train_images=10_000)]
    )
    assert [[r["row"] for r in g] for g in groups] == [["cosine"], ["cosine", "epochs"]]
    other = result(seed=2) | {"recipe_sha256": "other"}
    with pytest.raises(InputError, match="different recipes"):
        tables.frame(TABLE_1, [result(), other])


def test_rows_can_be_chosen():
    table = tables.frame(TABLE_1, [result(), result("epochs")], ["epochs", "+ EMA of weights"])
    assert list(table.index) == ["+ Increase training epochs", "+ EMA of weights"]
    assert table["Δ here"].tolist() == ["", "+10.00"]  # not against a row that is not shown
