# Two commands on a fresh machine with Python 3.11 or newer: `make table1` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
RUNS ?= runs
MINUTES ?= 9
DEVICE ?= cuda
OUT ?= runs/gpu
DATA ?=
NOTEBOOKS ?= notebooks

.PHONY: help table1 test test-long gpu commit-file render book book-test cloud-test cluster-test lock

help:
	@echo "make table1   train all rows of Table 1 for 30 epochs on the embedded images (minutes)"
	@echo "make test     every check that CI runs; with NOTEBOOKS=notebooks/table1.ipynb of one notebook"
	@echo "make test-long  the checks that take minutes, and \`make gpu\` in miniature on the CPU"
	@echo "make gpu      what a GPU has to show, in MINUTES=9; with PYTHON=python3 needs no .venv"
	@echo "make commit-file   name the commit for a copy of the working tree without .git"
	@echo "make render   bring notebooks and generated pages up to what is recorded"
	@echo "make book     build the book, in an environment of its own without torch"
	@echo "make book-test  after make book: open every page in Chromium and look for faults"
	@echo "make cloud-test  SkyPilot reads the files in cloud/, from an environment of its own"
	@echo "make cluster-test  runs on a Ray cluster of two nodes on this machine, one of them killed"
	@echo "make lock     pin the newest versions that work together"

# The environment is remade when what it is made of changes, and not otherwise.
.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

table1: .venv/.installed
	@mkdir -p $(RUNS)
	$(BIN)/papermill --no-progress-bar --log-output notebooks/table1.ipynb $(RUNS)/table1.ipynb \
	  -p scale laptop -p epochs 30 -p runs_dir "$(abspath $(RUNS))"
	@$(BIN)/python -m rslib run table1 --scale laptop --epochs 30 --runs-dir "$(RUNS)"
	@echo "the executed notebook: $(RUNS)/table1.ipynb"

NBVAL = CUDA_VISIBLE_DEVICES= $(BIN)/python -m pytest -n 2 --dist loadfile --nbval-current-env \
  --nbval-sanitize-with tests/nbval_sanitize.cfg --nbval-cell-timeout 300 -p no:cacheprovider --nbval

test: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyrefly check
	CUDA_VISIBLE_DEVICES= $(BIN)/python -m pytest tests -n 2 -m "not long"
	$(if $(strip $(NOTEBOOKS)),$(NBVAL) $(NOTEBOOKS))

# GPU tests are skipped above; here they run on the CPU, in the first step of `make gpu`. What
# compiles has a process of its own: autograd in it gets threads, and cannot be forked any more.
test-long: .venv/.installed
	CUDA_VISIBLE_DEVICES= $(BIN)/python -m pytest tests -n 2 -m long --ignore tests/gpu \
	  --ignore tests/training/test_compiling.py
	CUDA_VISIBLE_DEVICES= $(BIN)/python -m pytest tests/training/test_compiling.py -m long
	CUDA_VISIBLE_DEVICES= $(BIN)/python -m pytest tests/gpu -m long
	rm -rf "$(RUNS)/miniature"
	CUDA_VISIBLE_DEVICES= $(BIN)/python bench/gpu.py --device cpu --minutes 20 --out "$(RUNS)/miniature"

# `make gpu` takes the environment of this project, `make gpu PYTHON=python3` the one that is there.
GPU_PYTHON := $(if $(filter command,$(firstword $(origin PYTHON))),$(PYTHON))

gpu: $(if $(GPU_PYTHON),,.venv/.installed)
	$(or $(GPU_PYTHON),$(BIN)/python) bench/gpu.py --minutes $(MINUTES) --out "$(OUT)" \
	  --device $(DEVICE) --data-dir "$(DATA)"

# What the commit holds, for a copy of the working tree that travels without .git.
commit-file:
	$(PYTHON) -m rslib.system.commit

render: .venv/.installed
	$(BIN)/python -m rslib render

.venv-book/.installed: requirements-book.lock
	$(PYTHON) -m venv .venv-book
	.venv-book/bin/python -m pip install --quiet --upgrade pip
	.venv-book/bin/python -m pip install --quiet -r requirements-book.lock
	@touch $@

book: .venv-book/.installed
	.venv-book/bin/jupyter-book build . -W -n --keep-going
	.venv-book/bin/python book/check_html.py

# Debian's Chromium is driven; Playwright's own browsers are not needed.
book-test: .venv-book/.installed
	.venv-book/bin/python book/check_browser.py

# SkyPilot needs an older click than requirements.lock has.
.venv-cloud/.installed: requirements-cloud.lock
	$(PYTHON) -m venv .venv-cloud
	.venv-cloud/bin/python -m pip install --quiet --upgrade pip
	.venv-cloud/bin/python -m pip install --quiet -r requirements-cloud.lock
	@touch $@

cloud-test: .venv/.installed .venv-cloud/.installed
	$(BIN)/python -m pytest tests/test_cloud.py

# Ray beside the packages of .venv, which the .pth file names.
PURELIB = -c "import sysconfig; print(sysconfig.get_path('purelib'))"

.venv-cluster/.installed: requirements-cluster.lock .venv/.installed
	$(BIN)/python -m venv .venv-cluster
	.venv-cluster/bin/python -m pip install --quiet -r requirements-cluster.lock
	$(BIN)/python $(PURELIB) > "$$(.venv-cluster/bin/python $(PURELIB))/project.pth"
	@touch $@

cluster-test: .venv-cluster/.installed
	CUDA_VISIBLE_DEVICES= PYTHONPATH="$(CURDIR)" .venv-cluster/bin/python -m pytest tests/cluster -m cluster

lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --upgrade pip
	.venv-lock/bin/python -m pip install --quiet --upgrade "setuptools>=77" ".[test]"
	.venv-lock/bin/python -m pip freeze --all --exclude rslib --exclude pip > requirements.lock
	rm -rf .venv-lock build
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --upgrade pip
	.venv-lock/bin/python -m pip install --quiet -c requirements.lock "ray>=2.50"
	.venv-lock/bin/python -m pip freeze > requirements-cluster.lock
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --upgrade pip
	.venv-lock/bin/python -m pip install --quiet "jupyter-book>=1.0.4.post1,<2" "sphinx-autodoc2>=0.5" \
	  "axe-playwright-python>=0.1.8" "playwright>=1.65"
	.venv-lock/bin/python -m pip freeze > requirements-book.lock
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --upgrade pip
	.venv-lock/bin/python -m pip install --quiet "skypilot>=0.14"
	.venv-lock/bin/python -m pip freeze > requirements-cloud.lock
	rm -rf .venv-lock
