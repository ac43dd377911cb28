# fa-run: `make run` and `make test` do everything on a fresh machine with Python 3.11 and make.

PYTHON ?= python3
VENV   ?= .venv
FA      = $(VENV)/bin/fa-run
STAMP   = $(VENV)/installed
REFERENCE = outputs/paper

.DEFAULT_GOAL := help
.PHONY: help run test lint figures paper-fig3 search-fig3 wheel clean

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
	$(VENV)/bin/python -m pytest -q

lint: $(STAMP) ## style of code
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

figures: $(STAMP) ## every figure whose results exist: the reference results', then your own
	$(FA) plot results=$(REFERENCE)
	@if ls outputs/fig*/*/done >/dev/null 2>&1; then $(FA) plot; fi

paper-fig3: $(STAMP) ## train Fig. 3a,b and Supp. Fig. 5 on MNIST (about 20 minutes on 2 cores); resumable
	$(FA) data mnist
	$(FA) +sweep=fig3
	$(FA) experiment=fig3_sparse rule=fa
	$(FA) plot

search-fig3: $(STAMP) ## the search on a validation split that chose Fig. 3's scales
	$(FA) +sweep=fig3_search_bp
	$(FA) +sweep=fig3_search_fa

wheel: $(STAMP) ## build dist/*.whl
	$(VENV)/bin/python -m build --wheel

clean: ## remove the environment and build products, keep results
	rm -rf $(VENV) dist build
