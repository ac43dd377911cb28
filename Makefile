# fa-run: `make run` and `make test` do everything on a fresh machine with Python 3.11 and make.

PYTHON ?= python3
VENV   ?= .venv
FA      = $(VENV)/bin/fa-run
STAMP   = $(VENV)/installed
OUTPUTS   ?= outputs
BASE      ?= HEAD
REFERENCE = outputs/paper
TORCH     = https://download.pytorch.org/whl/cpu

.DEFAULT_GOAL := help
.PHONY: help run test quick same lint paper-small paper search-fig3 figures report bench faults docs wheel clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

run: $(STAMP) ## Fig. 2 of the paper: 20 seeds of four algorithms, then the figure
	$(FA) +sweep=fig2
	$(FA) plot figure=fig2

test: $(STAMP) ## all tests
	$(VENV)/bin/python -m pytest -q --numprocesses auto --dist loadfile --no-loadscope-reorder

quick: $(STAMP) ## the numeric tests, in process, in half a minute
	$(VENV)/bin/python -m pytest -q -m "quick and not slow and not gpu"

same: $(STAMP) ## tiny runs of BASE=COMMIT and of the work tree, compared byte for byte
	$(VENV)/bin/python tests/same.py $(BASE)

lint: $(STAMP) ## style and types of code
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

paper-small: $(STAMP) ## all of the paper that needs no image data (about 25 minutes on 2 cores); resumable
	$(FA) paper images=false outputs=$(OUTPUTS)
	$(FA) plot results=$(OUTPUTS)

paper: $(STAMP) ## all that there are data for, then figures and report; says how long it takes; resumable
	$(FA) paper outputs=$(OUTPUTS)
	$(FA) plot results=$(OUTPUTS)
	$(FA) report results=$(OUTPUTS)

search-fig3: $(STAMP) ## Fig. 3's rates and scales, on a validation split (about an hour on 2 cores)
	$(FA) hydra/launcher=cores +sweep=fig3_search_bp outputs=$(OUTPUTS)/search
	$(FA) hydra/launcher=cores +sweep=fig3_search_fa outputs=$(OUTPUTS)/search

figures: $(STAMP) ## every figure whose results exist: of the reference results, then of your own
	$(FA) plot results=$(REFERENCE)
	@if ls outputs/fig*/*/done >/dev/null 2>&1; then $(FA) plot; fi

report: $(STAMP) ## judge the paper's claims: outputs/report.html
	$(FA) report results=$(OUTPUTS)

bench: $(STAMP) ## speed against PyTorch, JAX and bare BLAS: outputs/bench/ (about 10 minutes; installs both)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --extra-index-url $(TORCH) --editable '.[bench]'
	$(FA) bench outputs=$(OUTPUTS)

faults: $(STAMP) ## 100 kills of a run, 100 damaged files, killed plots, full disks, few threads (12 minutes)
	FAULTS=100 $(VENV)/bin/python -m pytest -q --numprocesses 2 --dist worksteal tests/faults

docs: $(STAMP) ## the site: outputs/site/index.html
	$(VENV)/bin/python tests/test_docs.py
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --quiet --strict --config-file .mkdocs.yml

wheel: $(STAMP) ## build dist/*.whl
	$(VENV)/bin/python -m build --wheel

clean: ## remove the environment and build products, keep results
	rm -rf $(VENV) dist build
