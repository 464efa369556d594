# `make` alone explains the targets. Everything runs in .venv, made from requirements.lock on first use.
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/ready
# dvc starts `python` from PATH: the environment's own must come first, activated or not.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
unexport PYTHONPATH PYTHONHOME
# Two workers, each file's tests in one of them, in the order that tests/conftest.py gives.
PYTEST := python -m pytest -q -n 2 --dist loadgroup --no-loadscope-reorder
.DEFAULT_GOAL := help
.PHONY: help setup repro report test test-long test-scale team-demo check bench bench-check ui site screenshots lock clean

help:  ## Explain the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: $(READY)  ## Create .venv from requirements.lock

$(READY): requirements.lock pyproject.toml Makefile
	@python=$$(for p in python3.11 python3.12 python3.13 python3 python; do \
	  $$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	    && command -v $$p && break; done); \
	if [ -z "$$python" ]; then echo 'digits: no Python 3.11, 3.12 or 3.13 with venv on PATH: install one (Debian: python3 and python3-venv)' >&2; exit 1; fi; \
	$(PY) -c '' 2>/dev/null || { echo "Creating $(VENV) with $$($$python --version) ($$python)"; $$python -m venv --clear $(VENV); }
	@echo 'Installing the locked packages (about 2.8 GB on disk; half a minute once downloaded)'
	@$(PY) -m pip install -q --disable-pip-version-check "$$(grep -o '^uv==[^ ]*' requirements.lock)"
	@uv pip sync -q --require-hashes --compile-bytecode requirements.lock
	@uv pip install -q --no-deps --no-build-isolation -e .
	@python -m digits.report.dvc_page
	@touch $@

repro: $(READY)  ## Run the whole pipeline, from the data to a registered model
	@digits repro

report: $(READY)  ## Open the run on one page, reports/index.html, in the browser
	@test -f reports/index.html || { echo 'digits: there is no reports/index.html yet: make repro makes it' >&2; exit 1; }
	@echo '$(CURDIR)/reports/index.html'
	@[ -z "$$DISPLAY$$WAYLAND_DISPLAY" ] && [ "$$(uname)" != Darwin ] \
	  || python -m webbrowser -t 'file://$(CURDIR)/reports/index.html' >/dev/null 2>&1 || true

check: $(READY)  ## Lint, types, the rule of layers, unit and property tests
	ruff check . && ruff format --check .
	mypy
	lint-imports --no-logo
	$(PYTEST) -m 'not slow and not scale'

test: $(READY) check  ## All tests: check, the real pipeline, servers and a browser
	@command -v chromium >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
	  || { echo 'Installing Chromium for the browser tests'; apt-get update -qq && apt-get install -y -qq chromium >/dev/null; }
	$(PYTEST) -m 'slow and not long and not scale' --durations=15

test-long: $(READY)  ## The longest tests: more repositories, data, benchmarks
	$(PYTEST) -m 'long and not scale' --durations=15

SCALE := .venv-scale
$(SCALE)/ready: $(READY) deploy/server.lock deploy/cluster.lock
	@echo 'Installing the locked packages once more, with those of a tracking server and of a cluster, into $(SCALE)'
	@$(PY) -m venv --clear $(SCALE)
	@VIRTUAL_ENV=$(CURDIR)/$(SCALE) uv pip sync -q --require-hashes --compile-bytecode requirements.lock deploy/server.lock deploy/cluster.lock
	@VIRTUAL_ENV=$(CURDIR)/$(SCALE) uv pip install -q --no-deps --no-build-isolation -e .
	@touch $@

test-scale: $(SCALE)/ready  ## A cluster, a team's server (Debian: postgresql caddy)
	$(SCALE)/bin/python -m pytest -q -m scale --durations=15

team-demo: $(SCALE)/ready  ## A team at work, on 127.0.0.1 alone: PostgreSQL, users, TLS
	@$(SCALE)/bin/python -m deploy.demo

bench: $(READY)  ## Measure docs/performance.md anew: hours, on a quiet machine
	python -m benchmarks all
	python -m benchmarks tables

bench-check: $(READY)  ## Fail if the code became slower: ratios alone, in a minute
	python -m benchmarks check

ui: $(READY)  ## Open the MLflow UI on http://127.0.0.1:5000
	@digits ui

site: $(READY)  ## Build the documentation into site/, for a server or the disk
	@python docs/build_site.py
	@echo '$(CURDIR)/site/index.html'

screenshots: $(READY)  ## Take the pictures in docs/images anew, after make repro
	@python docs/screenshots.py

lock: $(READY)  ## Resolve requirements.lock and the smaller locks anew
	uv pip compile -q --upgrade --universal --generate-hashes --extra dev -o requirements.lock pyproject.toml
	uv pip compile -q --universal --generate-hashes --constraints requirements.lock -o docker/serve.lock docker/serve.in
	uv pip compile -q --universal --generate-hashes --constraints requirements.lock -o deploy/server.lock deploy/server.in
	uv pip compile -q --universal --generate-hashes --constraints requirements.lock --constraints deploy/server.lock -o deploy/cluster.lock deploy/cluster.in

clean:  ## Remove .venv and caches; data, models and runs stay
	rm -rf $(VENV) $(SCALE) site .pytest_cache .mypy_cache .ruff_cache .hypothesis
