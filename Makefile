# Telltale. `make` lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
SOURCES := workflows dashboard config examples
AT_ONCE = $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)# tests; half of their time they wait for processes
SPREAD = -n $(AT_ONCE) --maxprocesses 4 --dist loadfile

# Each process of ours would compile the whole project anew: two thirds of the CPU time that a start costs.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run test test-brokers test-without-hints chaos continuity hosts check format lint types layers sizes migrations docs palette js js-types bench bench-live soak big-data big-data-check big-data-remove screenshots clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Telltale needs Python 3.11 or newer; say make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMP): requirements.txt | $(BIN)/python
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(DEV_STAMP): requirements-dev.txt | $(BIN)/python
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(STAMP)

setup: $(STAMP) ## make the virtual environment with everything that runs

# The library that draws the console's charts (docs/decisions/0027). Nothing needs it: without npm they are plain pictures.
node_modules/uplot: package-lock.json
	@if command -v npm >/dev/null; then npm ci --loglevel=error --ignore-scripts --omit=dev && touch $@ \
	|| echo "npm could not fetch the library that draws charts; they stay plain pictures"; fi

run: $(STAMP) node_modules/uplot ## start everything: database, web, worker, beat; Ctrl-C stops it
	@exec $(BIN)/python manage.py up

test: $(DEV_STAMP) node_modules/uplot ## the whole suite, on a throw-away database
	$(BIN)/pytest $(SPREAD)

test-without-hints: $(DEV_STAMP) ## the acceptance suite with hints off: slower, never wrong
	TELLTALE_HINTS=0 $(BIN)/pytest $(SPREAD) tests/acceptance

chaos: $(DEV_STAMP) ## faults at random for MINUTES=30 (SEED=… repeats the plan), then a verdict
	$(BIN)/python -m tests.chaos --minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED)) $(CHAOS)

continuity: $(DEV_STAMP) ## pages watch for MINUTES=5 (SEED=… repeats the plan) while everything is killed, then a verdict
	$(BIN)/python -m tests.continuity --minutes $(or $(MINUTES),5) $(if $(SEED),--seed $(SEED)) $(CONTINUITY)

hosts: $(DEV_STAMP) ## several hosts (network namespaces, as root on Linux) and links that fail without a word: what hangs, and how long
	$(BIN)/python -m tests.hosts || [ $$? = 3 ]

test-brokers: $(DEV_STAMP) ## the acceptance suite on Redis and on RabbitMQ; needs Debian's redis-server and rabbitmq-server
	for broker in redis rabbitmq; do \
		$(BIN)/python -m scripts.with_broker $$broker -m pytest $(SPREAD) \
			tests/acceptance tests/config/test_broker.py || exit 1; done

check: format-check lint types layers sizes migrations docs palette js js-types ## everything CI checks besides the tests

format: $(DEV_STAMP) ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

format-check: $(DEV_STAMP)
	$(BIN)/ruff format --check .

lint: $(DEV_STAMP)
	$(BIN)/ruff check .

types: $(DEV_STAMP)
	$(BIN)/mypy

layers: $(DEV_STAMP)
	$(BIN)/lint-imports

sizes: $(DEV_STAMP)
	$(BIN)/python scripts/structure_check.py $(SOURCES)

migrations: $(DEV_STAMP)
	$(BIN)/python -m scripts.with_database manage.py makemigrations --check --dry-run

docs: $(DEV_STAMP)
	$(BIN)/python -m scripts.generate_docs --check

palette: $(DEV_STAMP)
	$(BIN)/python scripts/palette_check.py static/css/tokens.css

js:
	@if command -v node >/dev/null; then node --test --test-reporter=dot tests/js/; else echo "JS TESTS SKIPPED: node is not installed"; fi

node_modules/.installed: package.json package-lock.json
	@npm ci --loglevel=error --ignore-scripts && node_modules/.bin/tsc --version >/dev/null && touch node_modules/uplot $@

js-types:
	@if ! command -v npm >/dev/null; then echo "JS TYPES SKIPPED: node and npm are not installed"; \
	elif ! $(MAKE) --silent node_modules/.installed; then echo "JS TYPES SKIPPED: npm could not install TypeScript"; \
	else node_modules/.bin/tsc --project jsconfig.json && node_modules/.bin/tsc --project tests/js/jsconfig.json; fi

.venv-bench/.installed: requirements-bench.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch $@

bench: $(DEV_STAMP) .venv-bench/.installed ## measure beside bare psycopg, bare Celery and DBOS
	$(BIN)/python -m benchmarks $(BENCH)

bench-live: .venv-bench/.installed ## measure live delivery beside Channels and a bare consumer
	.venv-bench/bin/python -m benchmarks.live $(BENCH)

soak: .venv-bench/.installed ## MINUTES=30 of 2,000 sockets, slow readers among them, then a verdict
	.venv-bench/bin/python -m benchmarks.soak --minutes $(or $(MINUTES),30) $(SOAK)

big-data: $(DEV_STAMP) ## a database of WORKFLOWS=1000000 and EVENTS=10000000 with a past (SEED=1 repeats it)
	$(BIN)/python -m benchmarks.bigdata fill --workflows $(or $(WORKFLOWS),1000000) --events $(or $(EVENTS),10000000) \
		--seed $(or $(SEED),1) $(FILL)

big-data-check: $(DEV_STAMP) ## every page, filter and admin list on it: times, and whether anything scans or counts
	$(BIN)/python -m benchmarks.bigdata check $(CHECK)

big-data-remove: $(DEV_STAMP) ## delete the embedded database of big-data
	$(BIN)/python -m benchmarks.bigdata remove

lock: $(BIN)/python ## pin the requirements anew from requirements*.in
	$(BIN)/pip install -q --disable-pip-version-check uv
	for name in requirements requirements-extras requirements-dev requirements-bench; do \
		$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 $$name.in -o $$name.txt; done

screenshots: $(DEV_STAMP) node_modules/uplot ## pictures of every page, light and dark, wide and narrow
	$(BIN)/python -m scripts.screenshots
