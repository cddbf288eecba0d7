# Everything below happens in .venv, which the first target that needs it makes.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := data/wordnet826.h5

.PHONY: demo test test-all check bench slurm latex clean

demo: $(VENV)/installed  ## environment, install, prepare, train, report on the demo data
	$(BIN)/topkbench prepare topkbench/demo/wordnet826.npz
	$(BIN)/topkbench train --data $(DEMO) --method softmax_cross_entropy --seed 1
	$(BIN)/topkbench train --data $(DEMO) --method softmax_cross_entropy --seed 2
	$(BIN)/topkbench train --data $(DEMO) --method splitter_selection --p-k .2 .2 .2 .2 .2 --seed 1
	$(BIN)/topkbench train --data $(DEMO) --method splitter_selection --p-k .2 .2 .2 .2 .2 --seed 2
	$(BIN)/topkbench report

test: check  ## every check and every test but the long ones; needs no GPU
	$(BIN)/pytest -m "not long"

test-all: check  ## the long tests too: every kill, every size, the statistical floors
	$(BIN)/pytest

check: $(VENV)/installed  ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/installed  ## a training step against its floor, a conversion against cp
	$(BIN)/python benchmarks/step.py
	$(BIN)/python benchmarks/convert.py --gigabytes 0.5

slurm: $(VENV)/installed  ## a sweep's workers on a real SLURM of this machine; needs root, slurm-wlm and munge
	$(BIN)/python tests/slurm/check.py

latex: $(VENV)/installed  ## every table of the tests compiled by pdflatex, which this machine has to have
	PYTHON=$(abspath $(BIN)/python) tests/latex/check.sh

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,plot]'
	touch $@
