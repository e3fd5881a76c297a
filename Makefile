# Huitang: `make run` runs it, `make test` tests it; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEVELOP := $(VENV)/.develop
MODULES := web/node_modules/.installed
DIST := web/dist/.built
WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print 2>/dev/null)

.PHONY: help run test check bench bench-peers bench-report soak lint types imports protocol unit web-check integration browser screenshots lock clean needs-python needs-node test-system

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1|/' | column -t -s '|'

run: $(RUNTIME) $(DIST) ## run everything on this machine (PORT, HOST, DATA_DIR, MEDIA_WORKERS, DEMO)
	@exec $(BIN)/python -m server.supervisor

test: test-system check integration browser ## everything: checks, integration tests, real browsers

check: lint types imports protocol unit web-check ## the fast part: lint, types, contracts, unit tests (under 2 min)
	@if docker compose version >/dev/null 2>&1; then $(MAKE) compose-config; else echo "docker compose is not on this machine: docker-compose.yml was not checked with it"; fi

compose-config: ## docker-compose.yml is well-formed
	@POSTGRES_PASSWORD=x REDIS_PASSWORD=x S3_ACCESS_KEY=x S3_SECRET_KEY=x WORKER_TOKEN=x TURN_SECRET=x PUBLIC_HOST=example.invalid PUBLIC_IP=192.0.2.1 docker compose -f docker-compose.yml config --quiet && echo "docker-compose.yml is well-formed"

lint: $(DEVELOP) ## ruff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(DEVELOP) ## mypy --strict
	@$(BIN)/mypy

imports: $(DEVELOP) ## imports go one way
	@$(BIN)/lint-imports --no-cache

protocol: $(DEVELOP) ## the TypeScript of the protocol is what the models say
	@$(BIN)/python -m server.protocol.export --check

unit: $(DEVELOP) ## unit and contract tests of Python
	@$(BIN)/pytest -q -m "not integration and not browser"

web-check: $(MODULES) ## vue-tsc, eslint, vitest
	@cd web && npm run --silent typecheck && npm run --silent lint && npm run --silent test

integration: $(DEVELOP) ## real servers, real processes, SIGKILL
	@$(BIN)/pytest -q -n 3 --dist loadfile -m "integration and not browser"

browser: $(DEVELOP) $(DIST) ## Chromium and Firefox with fake devices; screenshots in tests/.output/screenshots
	@$(BIN)/pytest -q -n 2 --dist loadfile -m browser

bench: $(DEVELOP) ## the forwarding plane under load; the last line is JSON
	@$(BIN)/python -m tests.bench

bench-peers: $(DEVELOP) ## the same load on Janus and on ours, in turn (Debian, root); the last line is JSON
	@$(BIN)/python -m tests.peers

bench-report: $(DEVELOP) ## the standard set on a quiet machine; writes the tables of docs/performance.md
	@$(BIN)/python -m tests.bench.page

soak: $(DEVELOP) $(DIST) ## hours: weak networks in full, 100 switches, joins and leaves, growth, hostile datagrams, fuzzing
	@mkdir -p tests/.output && $(BIN)/python -m tests.soak --minutes 3 --switches 100 | tee tests/.output/soak.jsonl
	@$(BIN)/python -m tests.bench --leavers 1000 --minutes 30
	@HOSTILE_DATAGRAMS=1000000 $(BIN)/pytest -q -s tests/integration/media/test_hostile.py
	@$(BIN)/python -m tests.fuzz

lock: ## resolve requirements*.in into the hash-locked lists (needs uv)
	@uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-annotate --no-header requirements-dev.in -o requirements-dev.txt
	@uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-annotate --no-header -c requirements-dev.txt requirements.in -o requirements.txt

clean: ## remove what was built (never the data folder)
	@rm -rf $(VENV) web/node_modules web/dist tests/.output .mypy_cache .ruff_cache .pytest_cache

needs-python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is missing: apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing: apt install python3-venv"; exit 1; }

needs-node:
	@command -v npm >/dev/null && node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' || { echo "Node.js 20 or newer with npm is missing: https://nodejs.org or your distribution's package"; exit 1; }

$(RUNTIME): requirements.txt
	@$(MAKE) needs-python
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the Python packages"; $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements.txt
	@touch $@

$(DEVELOP): requirements-dev.txt
	@$(MAKE) needs-python
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the Python packages for development"; $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	@touch $@ $(RUNTIME)

$(MODULES): web/package-lock.json
	@$(MAKE) needs-node
	@echo "installing the web packages"; cd web && npm ci --silent --no-audit --no-fund
	@touch $@

$(DIST): $(MODULES) $(WEB_SOURCES)
	@echo "building the web app"; cd web && npm run --silent build -- --logLevel warn
	@touch $@

test-system: ## install what only the tests need: browsers, PostgreSQL, Redis, fonts, iproute2 (Debian, root)
	@.ci/test-system
