# sharebus: `make help` lists every target.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := build/bench/peers
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: help setup demo picture bench revocations test test-unit faults fuzz check format lock clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{ printf "  make %-11s %s\n", $$1, $$2 }'

setup: $(READY) ## Make .venv with the locked libraries and Kafka's jars; nothing to do when it is there

$(READY): requirements.lock pyproject.toml infra/kafka/jars.lock
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 to 3.13 was found; name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version); this takes a few minutes once" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m infra.kafka.jars
	@touch $(READY)

demo: setup ## Run the main job on real input: publish, enforce, subscribe, kill, revoke, count
	@$(BIN)/python examples/demo.py

picture: setup ## Play the demo and draw it for the README, docs/demo.svg
	@$(BIN)/python examples/picture.py

bench: setup $(PEERS)/.ready ## Measure enforcement beside its peers, and draw it (about 40 minutes, 2 cores; a JDK and Maven for Kafka Streams)
	@$(BIN)/python benchmarks/enforcement.py --plot docs/enforcement-speed.svg

$(PEERS)/.ready: benchmarks/peers.txt | $(READY)
	@test -x $(PEERS)/bin/python || $(BIN)/python -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -r benchmarks/peers.txt
	@touch $@

test: setup ## Run all tests, on the real broker (40 minutes on 2 cores)
	@$(BIN)/python -m pytest

test-unit: setup ## Run the unit tests only (a few minutes, no broker)
	@$(BIN)/python -m pytest tests/unit

fuzz: setup ## Compare kernel and reference on hostile records, a million of them (minutes; FUZZ="--seed 1")
	@$(BIN)/python -m tests.fuzz $(FUZZ)

faults: setup ## Harm a loaded bus of three brokers 60 times and check every record (half an hour; FAULTS="--seed 1")
	@$(BIN)/python -m tests.faults $(FAULTS)

revocations: setup ## Measure 200 revocations under load, and what is read behind them (ten minutes)
	@$(BIN)/python benchmarks/revocations.py

check: setup ## Lint, format, types, import direction, docstrings: what CI runs before the tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: setup ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## Write requirements.lock anew (maintainers; needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --all-extras pyproject.toml -o requirements.lock

clean: ## Remove everything that make made, the environment included
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis
