# Everything here works on a fresh clone: the first target that needs it makes .venv and installs into it.
# CI and a laptop run the same targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
MINUTES := 60

.DEFAULT_GOAL := help

help:  ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

install: $(VENV)/installed  ## make .venv with exact versions

demo: $(VENV)/installed  ## search packaged reviews, export the best model, score rows it never saw, predict (minutes)
	rm -rf $(DEMO)
	mkdir $(DEMO)
	$(BIN)/sentiment-search run studies/demo.toml --storage sqlite:///$(DEMO)/demo.db --artifacts $(DEMO)/artifacts
	$(BIN)/sentiment-search export demo --to $(DEMO)/model --storage sqlite:///$(DEMO)/demo.db --artifacts $(DEMO)/artifacts
	$(BIN)/sentiment-search evaluate $(DEMO)/model --sealed demo --storage sqlite:///$(DEMO)/demo.db --artifacts $(DEMO)/artifacts
	$(BIN)/sentiment-search predict $(DEMO)/model "a warm, funny and quietly moving film" "not bad at all" \
	    "a dull, lifeless film that wastes its cast" "two hours i will never get back"

test: $(VENV)/installed  ## every check: ruff, mypy, the floors, pytest
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

browser:  ## install Debian's chromium and tmux, for the tests that look as a person does (needs root)
	(command -v chromium && command -v tmux) >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium tmux fonts-nanum)

test-slow: $(VENV)/installed  ## the checks that take minutes
	$(BIN)/python -m pytest -m slow

test-gpu: $(VENV)/installed  ## the checks that need CUDA
	$(BIN)/python -m pytest -m gpu

bench: $(VENV)/installed  ## seconds per epoch against the loops people write; BENCH="--data FILE --text COL ..." for yours
	$(BIN)/python -m tests.benchmarks.training_loop $(BENCH)

fuzz: $(VENV)/installed  ## hunt for inputs that nobody thought of, for an hour; MINUTES=5 FUZZ="--only readers" for less
	$(BIN)/python -m tests.benchmarks.fuzz --minutes $(MINUTES) $(FUZZ)

clean:  ## remove what the targets made, but no study
	rm -rf $(VENV) $(DEMO) .mypy_cache .ruff_cache .pytest_cache *.egg-info

.PHONY: help install demo test browser test-slow test-gpu bench fuzz clean
