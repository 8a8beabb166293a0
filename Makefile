# make demo   install the base into .venv, draw cells, slides and endoscopies, run the models over them, write result pages,
#             refuse a certificate and issue one on drawn scores, and time this machine on a small slide
# make test   install the development tools into .venv; lint, type check, tests
# make lint   only lint and type check
# make clean  remove what this file made
#
# PYTHON=/path/to/python chooses the Python for a new .venv (3.11 or newer).

SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --progress-bar off -c constraints.txt
ROOMS := datasets models training inference testing benchmarks cli configs
DEMO := demo
TEST_WORKERS ?= 2
# Costs about a third of the time before Python 3.14; `make test COVERAGE=` goes without.
COVERAGE ?= --cov --cov-report=html

# Settings of the caller that would change where and what pip installs; mirrors and proxies (PIP_INDEX_URL ...) stay.
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_HOME PIP_PYTHON PIP_CONSTRAINT PIP_BUILD_CONSTRAINT \
  PIP_REQUIREMENT PIP_EDITABLE PIP_REQUIRE_HASHES PIP_REQUIRE_VIRTUALENV PIP_NO_DEPS PIP_DEPS PIP_DRY_RUN PIP_NO_BINARY \
  PIP_ONLY_BINARY PIP_NO_BUILD_ISOLATION PIP_IGNORE_INSTALLED PIP_FORCE_REINSTALL PIP_UPGRADE PIP_PROGRESS_BAR \
  PIP_CONFIG_SETTINGS PIP_PLATFORM PIP_PYTHON_VERSION PIP_IMPLEMENTATION PIP_ABI PIP_REPORT PIP_SRC PIP_LOG \
  PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# An environment whose Python is gone, or that was moved with its folder, does not work and is recreated.
ifneq "$(shell cat .venv/.place 2>/dev/null && $(BIN)/python -c 0 2>/dev/null && printf ' works')" "$(CURDIR) works"
.PHONY: .venv/.place
endif

.PHONY: help demo test lint clean

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

demo: .venv/.base
	@$(BIN)/unmissed demo -o $(DEMO)
	@printf '\nHow fast is this machine? (unmissed bench measures more)\n'
	@$(BIN)/unmissed bench slide --rounds 1 --no-cold --folder $(DEMO)/bench -o $(DEMO)/bench
	@printf '\nThe result pages (open them in a browser):\n'
	@printf '  %s\n' "$(CURDIR)/$(DEMO)/index.html" "$(CURDIR)/$(DEMO)/triage/index.html" \
	  "$(CURDIR)/$(DEMO)/endoscopy/colonoscopy/report.html" "$(CURDIR)/$(DEMO)/endoscopy/gastroscopy/report.html" \
	  "$(CURDIR)/$(DEMO)/certificate/later/index.html" "$(CURDIR)/$(DEMO)/certificate/study/report.html"
	@printf '\nThe review desk over these slides (once: %s):\n' "$(BIN)/pip install -e '.[app]' -c constraints.txt"
	@printf '  %s\n' "$(BIN)/unmissed review $(DEMO)/triage"

# The type checker cannot see that rooms are packages: links under build/types show it what the installation maps.
lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p build/types/unmissed && touch build/types/unmissed/__init__.py
	@for room in $(ROOMS); do ln -sfn "../../../$$room" "build/types/unmissed/$$room"; done
	MYPYPATH=build/types $(BIN)/mypy --cache-dir build/mypy -p unmissed

# `pytest`, not `python -m pytest`: the latter puts this folder on sys.path, where our `datasets` would be found first.
test: lint
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n $(TEST_WORKERS) $(COVERAGE)

clean:
	rm -rf .venv build demo .pytest_cache .mypy_cache .ruff_cache .hypothesis unmissed.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A working environment that is already in .venv is used as it is.
.venv/.place:
	@if [ ! -e .venv/.place ] && $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  echo "Using the environment that is in .venv"; \
	else \
	  for python in "$(PYTHON)" python3.11 python3.12 python3.13 python3 python; do \
	    [ -n "$$python" ] || continue; \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	    python=; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "error: no Python 3.11 or newer found ($$(python3 --version 2>&1))" >&2; \
	    echo "  to do: install Python 3.11, or name one: make demo PYTHON=/path/to/python3.11" >&2; exit 1; \
	  fi; \
	  echo "Making .venv with $$("$$python" --version)"; \
	  "$$python" -m venv --clear .venv || { \
	    rm -rf .venv; \
	    echo "error: $$python cannot make a virtual environment" >&2; \
	    echo "  to do: install its venv module (Debian, Ubuntu: apt-get install python3.11-venv)" >&2; exit 1; }; \
	fi
	@printf '%s' "$(CURDIR)" > .venv/.place

.venv/.base: .venv/.place pyproject.toml constraints.txt
	@echo "Installing Unmissed into .venv; the first time this takes a minute or two ..."
	@$(PIP) -e '.[bench]'
	@touch .venv/.base

.venv/.dev: .venv/.base
	@echo "Installing the development tools (with torch) into .venv; the first time this takes several minutes ..."
	@$(PIP) -e '.[dev]'
	@touch .venv/.dev
