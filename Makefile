# Every target sets up what it needs. `make help` lists them.
PYTHON ?= python3
VENV   ?= .venv
# Processes that share out the test files; `make test JOBS=0` runs them in one.
JOBS   ?= 2
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
export TOKENIZERS_PARALLELISM ?= false
test quick bench bench-quality: export HF_HUB_OFFLINE = 1

.DEFAULT_GOAL := help
.PHONY: help setup run worker test quick lint format types imports bench bench-quality screenshots clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  %-12s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

setup: $(STAMP) ## Make the virtual environment and install everything

run: $(STAMP) ## Open the app on the sample project (http://127.0.0.1:8501)
	$(BIN)/pairsmith init --sample
	$(BIN)/streamlit run app.py

worker: $(STAMP) ## Run a worker of its own (the app starts one by itself)
	$(BIN)/pairsmith worker

test: $(STAMP) lint types imports ## Run every check and every test
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

quick: $(STAMP) ## Run the tests that neither train nor open a browser
	$(BIN)/python -m pytest -m 'not slow' --ignore=tests/e2e --ignore=tests/ml

lint: $(STAMP) ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP) ## Check types, strictly, in core
	$(BIN)/mypy

imports: $(STAMP) ## Check that arrows between packages only point down
	$(BIN)/lint-imports

bench: $(STAMP) ## Measure against the plain libraries; writes build/bench.json
	$(BIN)/python -m tests.bench

bench-quality: $(STAMP) ## Base, the articles' recipe and ours on three collections, three seeds (hours; goes on where it stopped)
	$(BIN)/python -m tests.bench.quality

screenshots: $(STAMP) ## Take the pictures of the pages for the docs
	$(BIN)/python scripts/take_screenshots.py --out docs/images

clean: ## Remove what the targets made (never your data)
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .hypothesis .import_linter_cache
