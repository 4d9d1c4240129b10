# Two commands are all a newcomer needs: make run, make test. What they build lies in .venv and .run, nowhere else.

.DEFAULT_GOAL := help
.PHONY: help run test lint format bench docs clean ready

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.installed ## start modemd with 4 simulated modems and show how to send a first message (state in .run)
	@exec $(BIN)/modemd start --simulate 4 --state-dir .run --first-message

test: ready ## run every test; ARGS="-k queue -x" goes to pytest
	@exec $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: ready ## what ruff and mypy have to say
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --no-error-summary modemd hw-sim/hw_sim bench docs
	@for folder in $$(find tests -name '*.py' -exec dirname {} + | sort -u); do \
	    $(BIN)/mypy --no-error-summary "$$folder"/*.py || failed=1; done; exit $${failed:-0}

format: ready ## let ruff put the code in order
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: ready ## measure modemd against the limit and its peers
	@exec $(BIN)/python -m bench $(ARGS)

docs: ready ## write docs/reference.md again from the commands and the settings
	@exec $(BIN)/python docs/reference.py

clean: ## throw away what make run and make test have made
	@rm -rf .run .run.keys .run.sim $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

ready: $(VENV)/.tested

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "installing modemd in $(VENV) (once; half a minute) …" >&2
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.tested: pyproject.toml $(VENV)/.installed
	@echo "installing what the tests need in $(VENV) (once; half a minute) …" >&2
	@$(PIP) install --editable . --group test --group lint
	@touch $@

# A virtual environment of the first Python that is new enough and can make one; dependency groups need pip 25.1.
$(BIN)/python:
	@for python in $(PYTHON) python3.13 python3.12 python3.11 python3 /usr/bin/python3; do \
	    $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	    python=; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "modemd needs Python 3.11 or newer with its venv module; on Debian: apt install python3-venv" >&2; \
	    exit 1; \
	fi; \
	$$python -m venv $(VENV)
	@$(PIP) install --upgrade 'pip>=25.1'
