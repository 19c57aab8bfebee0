"""README's three commands, and the page of one's own images on a folder."""

import csv
import os
import re
import shlex
import subprocess
import sys

import nbformat
import pytest

from rslib import paths
from rslib.__main__ import main

pytestmark = pytest.mark.long


def test_the_three_commands_of_the_readme(folder, tmp_path, monkeypatch):
    """From a folder to predictions; only names and the device are put in place of README's."""
    readme = (paths.ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^rslib ((?:train|evaluate|predict) [^#\n]*)", readme, re.MULTILINE)[:3]
    assert [words.split()[0] for words in commands] == ["train", "evaluate", "predict"]
    assert all(f"--{name}" in commands[0] for name in ("model", "width", "resolution", "epochs"))
    monkeypatch.chdir(tmp_path)
    os.symlink(folder, "flowers")
    os.symlink(folder / "test" / "bag", "new")
    for words in commands:
        found = [*tmp_path.glob("runs/train/*-s1")]
        words = shlex.split(words)
        if found:
            words = [str(found[0]) if word.startswith("runs/train/") else word for word in words]
        assert main([*words, "--device", "cpu"]) == 0
    rows = list(csv.DictReader((tmp_path / "predictions.csv").open(encoding="utf-8")))
    assert len(rows) == 6 and {row["class"] for row in rows} <= {"bag", "sneaker", "trouser"}


def test_the_page_takes_a_folder(folder, tmp_path):
    """Uneven classes in four formats, a network as small as no person would train."""
    asked = {"folder": folder, "runs_dir": tmp_path / "runs", "model": "resnet_rs_26"}
    asked |= {"width": 0.0625, "resolution": 32, "epochs": 3, "batch": 8, "threads": 1}
    words = [str(word) for pair in asked.items() for word in ("-p", *pair)]
    page, out = paths.ROOT / "notebooks" / "your_images.ipynb", tmp_path / "out.ipynb"
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", str(page), str(out), *words]
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=hidden)
    assert done.returncode == 0, done.stderr[-2000:]
    cells = [c for c in nbformat.read(out, as_version=4).cells if c.cell_type == "code"]
    said = [o for c in cells for o in c.outputs if o.output_type == "stream"]
    assert all(o["name"] == "stdout" for o in said)
    assert any("11 test images: top-1" in o["text"] for o in said)
