"""The files in cloud/, as far as they can be tried without a cloud."""

import json
import os
import re
import subprocess

import pytest
import yaml

from rslib.__main__ import parser
from rslib.paths import ROOT

FOLDER = ROOT / "cloud"
TASKS = {file.name: yaml.safe_load(file.read_text()) for file in sorted(FOLDER.glob("*.yaml"))}
PYTHON = ROOT / ".venv-cloud/bin/python"
NODES = {"SKYPILOT_NUM_NODES": "2", "SKYPILOT_NODE_RANK": "1", "SKYPILOT_NUM_GPUS_PER_NODE": "8"}
NODES["SKYPILOT_NODE_IPS"] = "10.0.0.1\n10.0.0.2"
GIVEN = {"BUCKET": "my-runs", "IMAGENET": "s3://my-imagenet"}
LOAD = """
import json, sys, sky, yaml
for file in sys.argv[2:]:
    with open(file) as lines:
        config = yaml.safe_load(lines)
    given = [pair for pair in json.loads(sys.argv[1]).items() if pair[0] in config["envs"]]
    task = sky.Task.from_yaml_config(config, env_overrides=given)
    (machine,) = task.resources
    (bucket,) = task.storage_mounts.values()
    found = [task.name, task.num_nodes, machine.use_spot, machine.accelerators]
    print(json.dumps([*found, bucket.name, task.run]))
"""


@pytest.mark.long
@pytest.mark.skipif(not PYTHON.exists(), reason="needs SkyPilot; run `make cloud-test`")
def test_skypilot_reads_its_files(tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    environment["SKYPILOT_DISABLE_USAGE_COLLECTION"] = "1"
    command = [PYTHON, "-c", LOAD, json.dumps(GIVEN), *(FOLDER / name for name in TASKS)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    one, many = [line for line in found if isinstance(line, list)]
    assert one[:5] == ["rslib", 1, True, {"L4": 1}, "my-runs"]
    assert many[:5] == ["rslib-torchrun", 1, True, {"A100": 8}, "my-runs"]


def words_of(task):
    """What the command of a task starts, word by word, as the shell has it."""
    shown = re.sub(r"^(\.venv/bin/\w+)", r"printf '%s\\n' \1", task["run"])
    environment = {**os.environ, **NODES, **{k: v for k, v in task["envs"].items() if v}}
    done = subprocess.run(["bash", "-euc", shown], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", TASKS)
def test_its_command_is_one_of_rslib(name):
    words = words_of(TASKS[name])
    options = parser().parse_args(words[words.index("rslib") + 1 :])
    assert options.study == "table1" and options.runs_dir == "/runs" in TASKS[name]["file_mounts"]


def test_two_machines_meet_at_the_first():
    words = words_of(TASKS["torchrun.yaml"])
    before = words[: words.index("-m")]
    assert " ".join(before[1:]) == (
        "--nnodes 2 --node-rank 1 --master-addr 10.0.0.1 --master-port 29500 --nproc-per-node 8"
    )


def test_what_the_image_takes_is_there():
    lines = (FOLDER / "Dockerfile").read_text().splitlines()
    (copied,) = [line.split()[1] for line in lines if re.match(r"COPY \w", line)]
    assert (ROOT / copied).is_file()
    assert subprocess.run(["bash", "-n", FOLDER / "slurm.sbatch"]).returncode == 0
