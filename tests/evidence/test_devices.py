"""Files of measurements: processes added, recorded ones never replaced, damage named."""

import pytest
from measurements import MEASUREMENT

from rslib import paths
from rslib.config import InputError
from rslib.evidence import devices


def test_latency_is_the_median_for_128_images_and_memory_the_slope():
    assert devices.latency(MEASUREMENT) == (64.0, 32.0, 96.0)
    assert devices.image_bytes(MEASUREMENT) == 300
    assert devices.image_bytes(MEASUREMENT | {"memory": {"full": 1600}}) is None


def test_measurements_are_recorded_once_and_only_from_committed_code(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    file = tmp_path / "runs" / "profile" / "a-cpu.json"
    devices.add(file, MEASUREMENT)
    devices.add(file, MEASUREMENT | {"resolution": 192, "environment": {"dirty": True}})
    said = []
    assert devices.record(tmp_path / "runs", said.append) == 1
    assert "left out resnet_rs_50 192 fp32" in said[0]
    devices.add(file, MEASUREMENT | {"images": 8})  # measured again
    assert [one["images"] for one in devices.read(file) if one["resolution"] == 160] == [8]
    assert devices.record(tmp_path / "runs", said.append) == 0
    assert devices.recorded() == {"A CPU, 2 threads": [MEASUREMENT]}
    with pytest.raises(InputError, match="nothing is measured"):
        devices.record(tmp_path / "elsewhere")


def test_processes_are_added_and_count_as_one_measurement(tmp_path):
    file = tmp_path / "a-cpu.json"
    second = MEASUREMENT | {"block_seconds": [4.0, 5.0], "step_seconds": [4.0, 5.0]}
    devices.add_process(file, MEASUREMENT)
    assert devices.read(file) == [MEASUREMENT] and devices.by_process(MEASUREMENT) == [[1, 3, 2]]
    devices.add_process(file, second)
    (both,) = devices.read(file)
    assert devices.by_process(both) == [[1, 3, 2], [4, 5]]
    assert devices.latency(both) == (96.0, 32.0, 160.0)  # 3 s, from 1 to 5, of 4 images
    assert both["step_seconds"] == both["block_seconds"] == [1, 3, 2, 4, 5]
    other = second | {"environment": second["environment"] | {"code": "another"}}
    for one in (second | {"images": 8}, other, second | {"fits": False}, second):
        devices.add_process(file, one)
        assert devices.read(file) == [one]  # not of the same thing, so in its place


def test_recorded_processes_give_way_only_to_enough_for_a_verdict(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    file = tmp_path / "runs" / "profile" / "a-cpu.json"

    def record(one):
        devices.write(file, [one])
        return devices.record(tmp_path / "runs", lambda line: None)

    another = MEASUREMENT | {"block_seconds": [9.0]}
    assert record(MEASUREMENT | {"miniature": True}) == 0 and devices.recorded() == {}
    assert record(MEASUREMENT) == 1
    assert record(another) == 0  # one process says no more than another
    both = devices.merged(MEASUREMENT, another)
    assert record(both) == 1 and record(both) == record(MEASUREMENT) == 0
    assert devices.recorded() == {"A CPU, 2 threads": [both]}


def test_files_of_before_read_as_they_did():
    """Every recorded measurement is of one process, with blocks of its own."""
    for held in devices.recorded().values():
        for one in held:
            if one["fits"] and "by_process" not in one:
                assert devices.by_process(one) == [one["block_seconds"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[]", "holds no measurements"),
        ('{"schema": 1, "measurements": [{"model": "a"}]}', "lacks resolution"),
    ],
)
def test_a_damaged_file_is_named(text, message, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=message):
        devices.read(tmp_path / "a.json")
