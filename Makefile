# Every target works from a fresh clone: what it needs is installed into .venv first.
#   make demo ARGS="--help"        make test ARGS="-k wigner -n 2"
PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
DEV := $(VENV)/.installed-dev
DOCS := $(VENV)/.installed-docs

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-slow lint docs bench bench-peers bases proof proof-peers clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1@\2/p' $(MAKEFILE_LIST) | while IFS=@ read -r target text; do printf '%-18s %s\n' "$$target" "$$text"; done

demo: $(DEV) ## train a small equivariant network, measure its equivariance and draw the picture
	$(BIN)/steer demo $(ARGS)

test: $(DEV) ## the tests, without the slow ones
	$(BIN)/python -m pytest -n auto $(ARGS)

test-slow: $(DEV) ## the slow tests alone
	$(BIN)/python -m pytest -n auto -m slow $(ARGS)

lint: $(DEV) ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(DEV) ## all tables of the page of speed; `make bench ARGS='training --batch 1'` for one, with its options
	$(BIN)/python -m benchmarks $(or $(ARGS),all)

bench-peers: ## the same beside escnn, in an environment of its own; needs a Fortran compiler (gfortran) and Python <= 3.12
	test -x benchmarks/.venv/bin/python || $(PYTHON) -m venv benchmarks/.venv
	benchmarks/.venv/bin/python -m pip --disable-pip-version-check -q install -r benchmarks/requirements.txt
	benchmarks/.venv/bin/python -m benchmarks $(or $(ARGS),all)

docs: $(DOCS) ## the site, in docs/_build/html; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html $(ARGS)

# Another processor rounds otherwise, up to 7e-12 where irreps are searched (full_icosahedral); `verify` allows the same 1e-10.
# A pack that is there is kept, so that its bits never change by themselves: to change one on purpose, remove it first.
bases: $(DEV) ## the packs of bases/packs, built anew and compared with those that are there; only missing ones are written
	rm -rf bases/new
	$(BIN)/steer bases build bases/recipes/*.toml --out bases/new $(ARGS)
	for new in bases/new/*.safetensors; do \
	    old=bases/packs/$$(basename $$new); \
	    if test -e $$old; then $(BIN)/steer bases diff --rounding 1e-10 $$old $$new; else mv $$new $$old; fi || exit 1; \
	done
	rm -rf bases/new
	$(BIN)/steer bases verify bases/packs

proof: ## the packs against the tables of lie_learn, in an environment of its own; needs Python 3.10 - 3.12
	@test -x bases/.venv/bin/python || $(PYTHON) -c "import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))" || \
	    { echo "lie_learn has packages for Python 3.10 - 3.12: make proof PYTHON=python3.12"; exit 1; }
	test -x bases/.venv/bin/python || $(PYTHON) -m venv bases/.venv
	bases/.venv/bin/python -m pip --disable-pip-version-check -q install -r bases/requirements.txt
	bases/.venv/bin/python bases/proof.py bases/packs/spatial.safetensors

proof-peers: ## the same tables against e3nn and escnn, in the environment of bench-peers
	test -x benchmarks/.venv/bin/python || $(PYTHON) -m venv benchmarks/.venv
	benchmarks/.venv/bin/python -m pip --disable-pip-version-check -q install -r benchmarks/requirements.txt
	PYTHONPATH=. benchmarks/.venv/bin/python bases/peers.py

clean: ## what the other targets wrote, the environment excepted
	rm -rf build dist *.egg-info docs/_build docs/tutorials .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# An environment that is already there is kept and completed. A stamp is older than these files after they change.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

$(DOCS): pyproject.toml constraints.txt | $(DEV)
	$(PIP) install -c constraints.txt -e '.[docs]'
	@touch $@
