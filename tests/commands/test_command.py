"""Commands as a runner types them: bad input in one line, exit codes, help."""

import os
import subprocess
import sys

import pytest
import torch
from commandline import SMOKE, command

from rslib.__main__ import main


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
    monkeypatch.delenv("RSLIB_DATA", raising=False)
    try:
        code = main([*words, "--runs-dir", str(tmp_path)])
    except SystemExit as left:
        code = left.code
    told = capsys.readouterr().err.strip()
    assert code == 1 and message in told and "\n" not in told, told


def test_a_folder_that_cannot_be_written_is_told(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    for words in ([*SMOKE, "--runs-dir"], ["record", "table1", "--runs-dir"]):
        assert main([*words, str(tmp_path / "file" / "runs")]) == 1
        told = capsys.readouterr().err
        assert "runs" in told and told.count("\n") == 1
    assert main(["render", "table99"]) == 1
    assert "no notebook 'table99'" in capsys.readouterr().err


def test_cuda_without_cuda(capsys, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    assert main([*SMOKE, "--device", "cuda", "--runs-dir", str(tmp_path)]) == 1
    assert "torch finds no CUDA GPU" in capsys.readouterr().err


def test_help_is_a_table_of_contents_also_by_the_script():
    script = os.path.join(os.path.dirname(sys.executable), "rslib")
    for words, name in (([script], "rslib"), (command(), "python -m rslib")):
        done = subprocess.run([*words, "--help"], capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.startswith(f"usage: {name} COMMAND ...")
        for line in (
            "Your own images\n  train ",
            "The paper's tables\n  run ",
            "Measure\n  profile ",
            "  export ",
            "75 stopped, or held",
        ):
            assert line in done.stdout
