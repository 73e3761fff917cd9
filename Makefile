# Commands of this project; `make` lists them. Each does its own set-up and may be repeated.

VENV ?= .venv
PYTHON ?=
BIN := $(VENV)/bin
INSTALL := -m pip install -qq --disable-pip-version-check --root-user-action ignore
PIP := $(BIN)/python $(INSTALL)
LOWEST := $(VENV)-lowest
# Installed first, so that all targets share one version of the largest package.
TORCH ?= torch==2.13.0

.DEFAULT_GOAL := help
# Two targets must not install into one environment at the same time.
.NOTPARALLEL:
.PHONY: help demo app serve test test-lowest check docs docs-site try-page dist clean

help: ## list the commands
	@echo "hearfelt: speech emotion recognition"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '%-18s %s\n' "$$name" "$$text"; done

demo: $(VENV)/demo.stamp ## recognize the bundled clips and plot one
	@$(BIN)/hearfelt demo

app: $(VENV)/page.stamp ## open the page in the browser; Ctrl-C ends it
	@$(BIN)/hearfelt app

serve: $(VENV)/page.stamp ## start the HTTP and WebSocket service; Ctrl-C ends it
	@$(BIN)/hearfelt serve

# The tests of a file run in one process, so that fixtures are shared.
test: check ## run all checks and tests
	@$(MAKE) --no-print-directory try-page/node_modules || echo "The tests of the page in try-page/ will skip" >&2
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0 -q

test-lowest: $(LOWEST)/stamp ## a short test with the lowest versions that pyproject.toml allows
	@OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -q -o filterwarnings=default --confcutdir=tests/journey tests/journey/test_ways_in.py

check: $(VENV)/test.stamp ## style, types and import rules
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

docs: $(VENV)/test.stamp ## regenerate pages and pictures
	@$(BIN)/python tools/make_cli_page.py
	@$(BIN)/python tools/make_reference_pages.py
	@$(BIN)/python tools/results.py
	@$(BIN)/python tools/make_readme_demo.py
	@$(BIN)/python tools/readme_pictures.py
	@$(BIN)/python tools/network_picture.py

docs-site: $(VENV)/docs.stamp ## build the documentation site in build/site, and check its links
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict --site-dir build/site
	@$(MAKE) --no-print-directory try-page
	@$(BIN)/python tools/check_site.py build/site

try-page: $(VENV)/demo.stamp try-page/node_modules ## build the page that recognizes in the browser, in build/site/try
	@$(BIN)/python tools/make_try_page.py build/site/try

dist: $(VENV)/dist.stamp ## build the wheel and the source archive in dist, and try the wheel
	@rm -rf dist
	@$(BIN)/python -m build --outdir dist
	@$(BIN)/python -m twine check --strict dist/*
	@$(BIN)/python tools/check_dist.py dist

clean: ## remove temporary files; keeps environments and results
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
	@$(PIP) --editable '.[page,plots]'
	@touch $@

$(VENV)/test.stamp: pyproject.toml scripts/make_environment.sh scripts/install_system_packages.sh
	@scripts/make_environment.sh $(VENV) $(PYTHON)
	@scripts/install_system_packages.sh
	@echo "Installing everything the tests need into $(VENV); this takes a few minutes"
	@$(PIP) $(TORCH)
	@$(PIP) --editable '.[test]'
	@touch $(VENV)/demo.stamp $(VENV)/page.stamp $@

$(VENV)/docs.stamp: pyproject.toml scripts/make_environment.sh
	@scripts/make_environment.sh $(VENV) $(PYTHON)
	@echo "Installing what the site is built with into $(VENV)"
	@$(PIP) --editable '.[docs,plots]'
	@touch $(VENV)/demo.stamp $@

$(VENV)/dist.stamp: pyproject.toml scripts/make_environment.sh
	@scripts/make_environment.sh $(VENV) $(PYTHON)
	@$(PIP) build twine
	@touch $@

# Versions and hashes are those of the lock file; no script of a package runs.
try-page/node_modules: try-page/package-lock.json
	@command -v npm >/dev/null || { echo "Missing: npm, for the page in try-page/ (on Debian: apt-get install npm)" >&2; exit 1; }
	@echo "Installing the packages of try-page/"
	@cd try-page && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# The lowest versions have wheels for older Pythons only.
$(LOWEST)/stamp: pyproject.toml scripts/lowest_versions.py scripts/make_environment.sh
	@scripts/make_environment.sh $(LOWEST) "$(or $(PYTHON),python3.11 python3.12)"
	@echo "Installing hearfelt, its page, plots and tables at their lowest versions into $(LOWEST)"
	@$(LOWEST)/bin/python scripts/lowest_versions.py > $(LOWEST)/lowest.txt
	@$(LOWEST)/bin/python $(INSTALL) --constraint $(LOWEST)/lowest.txt --editable '.[page,plots,pandas]' httpx pytest pytest-timeout
	@touch $@
