# Every command of this project; `make` alone lists them. Each does its own set-up and may be repeated.

VENV ?= .venv
PYTHON ?=
BIN := $(VENV)/bin
INSTALL := -m pip install -qq --disable-pip-version-check --root-user-action ignore
PIP := $(BIN)/python $(INSTALL)
LOWEST := $(VENV)-lowest
# Before the rest, so that one version of the one large package serves every target.
TORCH ?= torch==2.13.0

.DEFAULT_GOAL := help
# Two targets must not install into one environment at the same time.
.NOTPARALLEL:
.PHONY: help demo app serve test test-lowest check docs clean

help: ## list the commands
	@echo "hearfelt: which emotion is heard in a voice"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '%-18s %s\n' "$$name" "$$text"; done

demo: $(VENV)/demo.stamp ## set up, then recognize the bundled clips and draw one
	@$(BIN)/hearfelt demo

app: $(VENV)/page.stamp ## show the page in the browser; Ctrl-C ends it
	@$(BIN)/hearfelt app

serve: $(VENV)/page.stamp ## answer over HTTP and WebSocket; Ctrl-C ends it
	@$(BIN)/hearfelt serve

# A file's tests stay in one process, so that what they share is made once.
test: check ## set up everything, run every check and every test
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0 -q

test-lowest: $(LOWEST)/stamp ## a short journey with the lowest versions that pyproject.toml allows
	@OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -q -o filterwarnings=default --confcutdir=tests/journey tests/journey/test_ways_in.py

check: $(VENV)/test.stamp ## style, types and import rules
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

docs: $(VENV)/test.stamp ## write the generated pages anew
	@$(BIN)/python tools/make_cli_page.py
	@$(BIN)/python tools/results.py
	@$(BIN)/python tools/make_readme_demo.py
	@$(BIN)/python tools/readme_pictures.py

clean: ## remove what tools leave behind; environments and results stay
	@rm -rf build dist demo.png .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find src tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/demo.stamp: pyproject.toml scripts/make_environment.sh
	@scripts/make_environment.sh $(VENV) $(PYTHON)
	@echo "Installing hearfelt into $(VENV)"
	@$(PIP) --editable '.[plots]'
	@touch $@

$(VENV)/page.stamp: pyproject.toml scripts/make_environment.sh
	@scripts/make_environment.sh $(VENV) $(PYTHON)
	@echo "Installing hearfelt, its page and its service into $(VENV)"
	@$(PIP) --editable '.[page]'
	@touch $@

$(VENV)/test.stamp: pyproject.toml scripts/make_environment.sh scripts/install_system_packages.sh
	@scripts/make_environment.sh $(VENV) $(PYTHON)
	@scripts/install_system_packages.sh
	@echo "Installing everything the tests need into $(VENV); this takes a few minutes"
	@$(PIP) $(TORCH)
	@$(PIP) --editable '.[test]'
	@touch $(VENV)/demo.stamp $(VENV)/page.stamp $@

# Releases as old as the lowest have wheels for the Pythons of their time.
$(LOWEST)/stamp: pyproject.toml scripts/lowest_versions.py scripts/make_environment.sh
	@scripts/make_environment.sh $(LOWEST) "$(or $(PYTHON),python3.11 python3.12)"
	@echo "Installing hearfelt, its page, plots and tables at their lowest versions into $(LOWEST)"
	@$(LOWEST)/bin/python scripts/lowest_versions.py > $(LOWEST)/lowest.txt
	@$(LOWEST)/bin/python $(INSTALL) --constraint $(LOWEST)/lowest.txt --editable '.[page,plots,pandas]' httpx pytest pytest-timeout
	@touch $@
