"""What a stranger's folders and disks do: each ends in one line, soon, and leaves nothing half."""

import resource
import subprocess
import sys

import pytest
from PIL import Image
from tiny import TINY

from rslib.__main__ import main
from rslib.config import InputError
from rslib.data import own


def images(folder, **counts):
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for k in range(count):
            Image.new("RGB", (40, 40), (k, 100, 200)).save(folder / name / f"{k}.png")
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["train", "no/such"],
        ["train", ".", "--weights", "no/such"],
        ["predict", "no/such", "a.png"],
        ["predict", ".", "no/such"],
        ["evaluate", "no/such"],
        ["evaluate", ".", "--data-dir", "no/such"],
        ["export", "no/such", "a.onnx"],
    ],
    ids=" ".join,
)
def test_a_wrong_path_is_named_before_torch_is_imported(words):
    code = "import sys; from rslib.__main__ import main; code = main(sys.argv[1:]); "
    code += "assert 'torch' not in sys.modules; sys.exit(code)"
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "no/such" in line


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({"a": 3}, "has one class, 'a'"),
        ({"a": 3, "b": 1}, "(b) has one image; it needs two"),
        ({"a": 3, "b": 0}, "b holds no image"),
    ],
    ids=["one class", "one image", "empty class"],
)
def test_folders_that_are_too_small(counts, says, tmp_path, capsys):
    folder = images(tmp_path / "images", **counts)
    assert main(["train", str(folder), *TINY, "--runs-dir", str(tmp_path / "runs")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


def test_nothing_but_broken_files(tmp_path, capsys):
    folder = images(tmp_path / "images", a=3, b=3)
    for file in folder.rglob("*.png"):
        file.write_bytes(b"<html>")
    assert main(["train", str(folder), *TINY, "--runs-dir", str(tmp_path / "runs")]) == 1
    assert "6 of 6 images cannot be read" in capsys.readouterr().err


def test_runs_in_the_folder_of_the_images_are_no_class(tmp_path):
    folder, lines = images(tmp_path / "images", a=3, b=3), []
    (folder / "runs").mkdir()  # as `--runs-dir runs` makes it
    images(folder / "old" / "train", one=1)  # of an earlier command
    (folder / "old/train/one/split.csv").touch()
    assert own.listed(folder, lines.append, folder / "runs").classes == ["a", "b"]
    assert [line.rpartition(" is for runs")[0] for line in lines] == [
        str(folder / "old"),
        str(folder / "runs"),
    ]


def test_the_folder_above_names_the_one_that_is_meant(tmp_path):
    folder = images(tmp_path / "images", a=3, b=3)
    with pytest.raises(InputError, match=f"one class, 'images'.* or {folder}, which has folders"):
        own.listed(tmp_path)


def test_weights_of_another_depth(folder, run, tmp_path, capsys):
    words = ["train", str(folder), *TINY, "--model", "resnet_rs_50", "--weights", str(run)]
    assert main([*words, "--runs-dir", str(tmp_path)]) == 1
    assert "does not fit ResNet-RS-50 of width 0.0625; give the --model" in capsys.readouterr().err


def test_a_disk_that_is_full_in_the_middle_of_a_csv(run, folder, tmp_path, capsys):
    """A limit on the size of files ends a write in its middle too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    to = tmp_path / "predictions.csv"
    to.write_text("earlier\n")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
        code = main(["predict", str(run), str(folder / "test"), "--to", str(to), "--device", "cpu"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert code == 1 and "predictions.csv cannot be written" in capsys.readouterr().err
    assert to.read_text() == "earlier\n" and [*tmp_path.iterdir()] == [to]
