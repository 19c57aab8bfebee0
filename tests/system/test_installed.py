"""A copy of the package by pip, away from the project: what works, what says why it does not."""

import os
import shutil
import subprocess
import sys

import pytest

from rslib import paths

INPUTS = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "rslib", "data/paper")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """rslib(*words), of a copy in a folder of its own."""
    if not (paths.ROOT / "setup.py").exists():
        pytest.skip("no checkout")
    source, site = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for name in INPUTS:
        from_, to = paths.ROOT / name, source / name
        to.parent.mkdir(exist_ok=True)
        if from_.is_dir():
            shutil.copytree(from_, to, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(from_, to)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", site, source], check=True, capture_output=True)

    def rslib(*words):
        return subprocess.run(
            [sys.executable, "-m", "rslib", *words],
            capture_output=True,
            text=True,
            cwd=site.parent,
            env={**os.environ, "PYTHONPATH": str(site)},
        )

    return rslib


@pytest.mark.long
@pytest.mark.parametrize(
    "words", ["--help", "run --help", "profile resnet_rs_50 --resolution 160 --no-latency"]
)
def test_what_needs_no_repository_works(words, installed):
    done = installed(*words.split())
    assert done.returncode == 0, done.stderr


@pytest.mark.long
@pytest.mark.parametrize("words", ["data check fashion-mnist", "run table1 --scale smoke"])
def test_what_needs_it_says_so_in_one_line(words, installed, tmp_path):
    more = ["--runs-dir", str(tmp_path)] if words.startswith("run") else []
    done = installed(*words.split(), *more)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "install rslib in place" in done.stderr
