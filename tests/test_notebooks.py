"""Notebooks: pairs in step, outputs that belong to the code, parameters safe to misspell."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest
from click.testing import CliRunner
from jupytext.compare import compare_notebooks
from papermill import cli
from papermill.engines import Engine, papermill_engines

from rslib import paths
from rslib.config import InputError
from rslib.own.asked import Asked
from rslib.report import render
from rslib.running.params import Looking, Params, Profiling

NOTEBOOKS = sorted((paths.ROOT / "notebooks").glob("*.ipynb"))
TABLE1 = paths.ROOT / "notebooks" / "table1.ipynb"
TABLE6 = paths.ROOT / "notebooks" / "table6.ipynb"
FIGURE5 = paths.ROOT / "notebooks" / "figure5.ipynb"
GENERATED = paths.ROOT / "book" / "generated"
TABLE7 = paths.ROOT / "notebooks" / "table7.ipynb"
OWN = paths.ROOT / "notebooks" / "your_images.ipynb"
by_name = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


def papermill(*words, cwd=None):
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", *map(str, words)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    environment.pop("RSLIB_DATA", None)
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)


class ParametersOnly(Engine):
    """Runs, in this process, only the cells of a notebook that read and check its parameters."""

    READING = ("params.from_namespace(", "collect.collect(", "collect.profiled(")

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, **kwargs):
        namespace = {"In": []}
        for cell in (c for c in nb_man.nb.cells if c.cell_type == "code"):
            tagged = {"parameters", "injected-parameters"} & set(cell.metadata.get("tags", []))
            if tagged or any(call in cell.source for call in cls.READING):
                namespace["In"].append(cell.source)
                exec(cell.source, namespace)


papermill_engines.register("parameters only", ParametersOnly)


def papermill_here(*words):
    """papermill's command, in this process: much sooner than in one of its own with a kernel."""
    words = ["--engine", "parameters only", "--no-progress-bar", *map(str, words)]
    return CliRunner(env={"RSLIB_DATA": None}).invoke(cli.papermill, words)


def code_cells(path):
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]


def stdout(cell):
    return "".join(o["text"] for o in cell.outputs if o.output_type == "stream")


@by_name
def test_the_pair_is_in_step(path):
    text = jupytext.read(path.with_suffix(".py"))
    compare_notebooks(text, jupytext.read(path), fmt="py:percent", allow_expected_differences=True)


@by_name
def test_outputs_are_those_of_one_whole_run_without_complaint(path):
    cells = code_cells(path)
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert all(o.output_type != "error" for o in cell.outputs)
        assert all(o.get("name") != "stderr" for o in cell.outputs)
    text = path.read_text()
    assert str(Path.home()) not in text and str(paths.ROOT) not in text
    assert '"papermill"' not in text and len(text) < 1.5e6


@by_name
def test_outputs_belong_to_this_code_and_these_results(path):
    """Figures too, which no comparison of outputs looks at."""
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata["rendered_from"] == render.made_of(notebook), "make render"


def test_other_code_or_results_are_told(tmp_path, monkeypatch):
    notebook = nbformat.read(TABLE1, as_version=4)
    first = render.made_of(notebook)
    next(c for c in notebook.cells if c.cell_type == "markdown").source += "a word"
    assert render.made_of(notebook) == first
    next(c for c in notebook.cells if c.cell_type == "code").source += "\n1"
    second = render.made_of(notebook)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    (tmp_path / "data/results/table1").mkdir(parents=True)
    empty = render.made_of(notebook)
    (tmp_path / "data/results/table1/a.json").write_text("{}")
    assert len({first, second, empty, render.made_of(notebook)}) == 4


def test_generated_pages_are_those_of_what_is_recorded():
    pages = render.generated()
    assert {file.name for file in pages} == {file.name for file in GENERATED.iterdir()}
    for file, text in pages.items():
        assert file.read_text() == text, f"{file.name}: make render"


@by_name
def test_no_output_is_an_empty_sentence(path):
    """Jupyter shows it as `<IPython.core.display.Markdown object>`."""
    shown = [o["data"] for cell in code_cells(path) for o in cell.outputs if "data" in o]
    assert all(data.get("text/markdown", "some").strip() for data in shown)


@by_name
def test_figures_say_in_words_what_is_seen(path):
    for cell in code_cells(path):
        kinds = {kind for o in cell.outputs for kind in o.get("data", {})}
        if kinds & {"image/png", "image/jpeg"}:
            assert len(cell.metadata["mystnb"]["image"]["alt"]) > 40


@by_name
def test_the_first_code_cell_holds_the_parameters_their_defaults_and_their_help(path):
    tagged = [c for c in code_cells(path) if "parameters" in c.metadata.get("tags", [])]
    assert tagged == code_cells(path)[:1]
    given = {
        line.target.id: ast.literal_eval(line.value) for line in ast.parse(tagged[0].source).body
    }
    kinds = (Params(), Profiling(), Looking(), Asked())
    kind = next(kind for kind in kinds if given.keys() <= vars(kind).keys())
    defaults = {name: value for name, value in vars(kind).items() if name in given}
    assert given == defaults
    assert set(vars(kind)) == set(given)
    told = papermill_here("--help-notebook", path)
    assert told.exit_code == 0
    for line in tagged[0].source.splitlines():
        name, help_text = line.split(":")[0], line.split("# ")[1]
        assert name in told.stdout and help_text in told.stdout


def test_smoke_trains_every_row_from_any_folder(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    done = papermill(
        TABLE1,
        "out.ipynb",
        *("-p", "scale", "smoke", "-p", "runs_dir", tmp_path / "runs"),
        cwd=tmp_path / "elsewhere",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    cells = code_cells(tmp_path / "elsewhere" / "out.ipynb")
    assert len(list((tmp_path / "runs").rglob("result.json"))) == 10
    shown = next(c for c in cells if "tables.frame(" in c.source)
    table = shown.outputs[1]["data"]["text/plain"]
    assert "ResNet-D" in table and "not yet run" not in table
    assert "No result: " in shown.outputs[0]["data"]["text/markdown"]
    assert "paper" not in table  # no smoke number stands beside one of the paper's
    training = next(c for c in cells if "collect.collect(" in c.source)
    assert all(o.get("name") != "stderr" for c in cells for o in c.outputs)
    assert "10 of them to be trained" in stdout(training)


@pytest.mark.long
def test_smoke_trains_figure_5(tmp_path):
    words = ["-p", "scale", "smoke", "-p", "rows", "b0-slow", "-p", "runs_dir", tmp_path / "runs"]
    done = papermill(FIGURE5, tmp_path / "out.ipynb", *words)
    assert done.returncode == 0, done.stderr[-2000:]
    (run,) = (tmp_path / "runs").rglob("result.json")
    assert json.loads(run.read_text())["protocol"]["model"].startswith("EfficientNet-B0")
    cells = code_cells(tmp_path / "out.ipynb")
    shown = next(c for c in cells if "rescaled.trained(" in c.source)
    assert "EfficientNet-RS-B0 @192" in shown.outputs[1]["data"]["text/plain"]
    assert "No result: " in shown.outputs[0]["data"]["text/markdown"]


@pytest.mark.long
def test_smoke_trains_two_rows_of_table_6(tmp_path):
    """Its clips are built on the way; nothing is said of runs that are no evidence."""
    words = ["-p", "scale", "smoke", "-p", "rows", "baseline,resnet-d"]
    done = papermill(TABLE6, tmp_path / "out.ipynb", *words, "-p", "runs_dir", tmp_path / "runs")
    assert done.returncode == 0, done.stderr[-2000:]
    cells = code_cells(tmp_path / "out.ipynb")
    shown = next(c for c in cells if "in_blocks.frame(" in c.source)
    assert "paper" not in shown.outputs[-1]["data"]["text/plain"]
    answer = next(c for c in cells if "in_blocks.answer(" in c.source)
    assert "Not run yet" in answer.outputs[0]["data"]["text/markdown"]
    text = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "an unknown share" not in text.partition("in_blocks.reached")[0]
    assert not [c for c in cells if "in_blocks.reached(" in c.source and c.outputs]


@pytest.mark.parametrize(
    ("path", "words", "message"),
    [
        (TABLE1, ["epoch", "3"], "InputError: unknown parameter 'epoch'; did you mean 'epochs'?"),
        (TABLE7, ["device", "tpu"], "InputError: device is 'tpu'"),
    ],
    ids=["table1", "table7"],
)
def test_bad_input_is_the_last_line_and_exit_code_1(path, words, message, tmp_path):
    done = papermill(path, tmp_path / "out.ipynb", "-p", *words)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(message)


@pytest.mark.parametrize(
    ("path", "words", "message"),
    [
        (TABLE1, ["epochs", "0"], "epochs is 0; give a whole number from 1 on"),
        (TABLE1, ["data_dir", "/no/such"], "data_dir is for training; ask for that with"),
        (TABLE1, ["rows", '["+ Cosin"]'], "no row '+ Cosin' in table1; did you mean"),
        (TABLE1, ["device", "cuda", "-p", "scale", "smoke"], "device is 'cuda'"),
        (TABLE7, ["devise", "cpu"], "unknown parameter 'devise'; did you mean 'device'?"),
        (OWN, ["model", "resnet_50"], "no model 'resnet_50' to train"),
        (OWN, ["folder", "/no/such"], "/no/such does not exist; give a folder of images"),
    ],
    ids=lambda v: v[0] if isinstance(v, list) else "",
)
def test_other_bad_input_is_an_error_before_anything_runs(path, words, message, tmp_path):
    """Such an error ends a notebook as the test before this one says."""
    done = papermill_here(path, tmp_path / "out.ipynb", "-p", *words)
    assert isinstance(done.exception, InputError), done.output
    assert str(done.exception).startswith(message)
