# A Debian 12 with python3.11, its venv module and make is enough; nothing is installed outside this folder.
# `make` alone lists the targets.

.DEFAULT_GOAL := help
.PHONY: help setup demo up down test latency formats goldens docs determinism fuzz fuzz-quick fuzz-bridge faults faults-quick platform-kills resume recovery neighbours invariants rehearsals soak test-staging canaries bench bench-quick burst load lanes cost bench-queue bench-catalogue bench-athena bench-memory lint format types imports check hooks lock clean
.DELETE_ON_ERROR:

# The python outside of our own virtualenv, which may be the active one: set-up cannot delete what it runs on.
OUTSIDE := $(shell printf '%s' "$$PATH" | tr ':' '\n' | grep -vxF '$(CURDIR)/.venv/bin' | paste -sd: -)
PYTHON ?= $(shell PATH='$(OUTSIDE)'; command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements-bootstrap.lock requirements-dev.lock
# Set-up is done when a stamp with this name exists. The name changes with the locks, with what pyproject.toml declares, with the
# interpreter, and with the folder: a virtualenv holds absolute paths, so one that was moved must be made again.
STAMP := $(VENV)/set-up-$(shell { cat $(LOCKS) pyproject.toml; echo "$(PYTHON) $(CURDIR)"; } | sha256sum | cut -c1-16)
# The usual rows in C. Without a compiler it never exists, and each set-up says so again.
NATIVE := assets/steps/native/_rows.abi3.so resources/mongo/_places.abi3.so
# More arguments for one target: `make test ARGS="-k waitlist -x"`, `make lock ARGS=--upgrade`.
ARGS ?=
# Extras are kept (`gql[requests]==...`): without them pip, which is the fall-back, takes them for packages without a pin.
# The lock files are for Linux with glibc 2.28 (Debian 10) or newer, and are made for the oldest Python we support.
COMPILE := $(BIN)/uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
    --generate-hashes --no-annotate --no-strip-extras --no-emit-index-url --custom-compile-command "make lock" $(ARGS)

# The machine's own certificates, which pip uses too: behind a company's proxy uv's built-in list is not enough.
export UV_SYSTEM_CERTS ?= true

help: ## List the targets (default)
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) $(NATIVE) ## Make .venv from the lock files (seconds when nothing changed)

# No prerequisites: the name says it all, and a checkout gives old files new times.
$(STAMP):
	@test -n "$(PYTHON)" || { echo "No python3 found. Debian: apt-get install python3.11 python3.11-venv"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON) is too old: Python 3.11 or newer is needed. Debian: apt-get install python3.11 python3.11-venv"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "$(PYTHON) cannot make a virtualenv. Debian: apt-get install python3.11-venv"; exit 2; }
	@echo "Setting up $(VENV) with $(PYTHON) (first time: a minute or two; later: seconds)"
	@$(PYTHON) -m venv --clear $(VENV)
	@if $(BIN)/python -m pip install -qq --require-hashes -r requirements-bootstrap.lock \
	    && $(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes $(LOCKS); then :; \
	else \
	    echo "uv could not install the packages here; pip takes minutes instead of seconds"; \
	    $(BIN)/python -m pip install --require-hashes -r requirements-dev.lock; \
	fi
	@if [ -x $(BIN)/uv ]; then \
	    $(BIN)/uv pip install --quiet --python $(BIN)/python --offline --no-deps --no-build-isolation --editable .; \
	else \
	    $(BIN)/python -m pip install --quiet --no-index --no-deps --no-build-isolation --editable .; \
	fi
	@touch $@

$(NATIVE) &: $(patsubst %.abi3.so,%.c,$(NATIVE)) $(wildcard assets/steps/native/*.h) hatch_build.py $(STAMP)
	@$(BIN)/python hatch_build.py

demo: setup ## Start everything, request every kind of export, verify the files, stop
	$(BIN)/export-platform demo $(ARGS)

up: setup ## The same, and stay up
	$(BIN)/export-platform demo --keep $(ARGS)

down: setup ## Stop what `make up` left running
	$(BIN)/export-platform down $(ARGS)

# Two workers more than cores, at most four: each starts real processes of its own, and waits for them for a quarter of its time.
# ARGS="-n 0" runs in one process, for a debugger.
WORKERS := $(shell cores=$$(nproc 2>/dev/null || echo 2); echo $$((cores < 3 ? cores + 2 : 4)))
test: setup ## Run the tests (ARGS="-k waitlist -x" for some of them)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(ARGS)

formats: setup ## Compare a Parquet and a CSV of a million rows, cell by cell (about 10 minutes)
	@$(BIN)/python -m pytest -q -o faulthandler_timeout=3600 --format-rows 1000000 tests/assets/steps/encode/test_one_truth.py $(ARGS)

goldens: setup ## Write what each export should be; read the diff before you commit it
	@$(BIN)/python -m pytest -q --write-goldens -k golden $(ARGS) \
	    tests/export_platform/test_definitions.py tests/assets/exports/test_goldens.py
	@git status --short tests/goldens

docs: setup ## Write docs/data-dictionary from the catalogue; a test says when it is out of date
	@$(BIN)/python -m pytest -q --write-goldens tests/export_platform/test_dictionary.py
	@git status --short docs/data-dictionary

determinism: setup ## Fifty exports with delays, batches and workers by chance, one sha256; fifty beside a writer
	@$(BIN)/python -m pytest -q -n 0 --runs 50 tests/assets/test_one_sha256.py $(ARGS)

fuzz: setup ## Ten million damaged documents through the kernel, under the sanitizers (about 15 minutes)
	@$(BIN)/python -m tests.assets.steps.native.fuzz $(ARGS)

fuzz-quick: setup ## Attack the bridge with 40,000 bad requests, tokens and queries (below 5 minutes)
	@$(BIN)/python -m tests.fuzz $(ARGS)

fuzz-bridge: setup ## The same and Schemathesis, 40,000 cases each (half an hour; ARGS="--seed 7" replays)
	@$(BIN)/python -m tests.fuzz --cases 42000 --mutants 20000 --schemathesis 17000 $(ARGS)

recovery: setup ## From the death of a worker to the next attempt, 24 times (about 6 minutes)
	@$(BIN)/python -m benchmarks.recovery $(ARGS)

neighbours: setup ## Kill the code server, or the workers' parent, alone; run two daemons; each without its guard, too (about 10 minutes)
	@$(BIN)/python -m tests.faults.neighbours --controls $(ARGS)

invariants: setup ## Hold the invariants of DOMAIN.md 11 on whole packs (`make test` does it on a part of them)
	@$(BIN)/python -m pytest -o faulthandler_timeout=3600 -m whole_packs tests/invariants $(ARGS)

faults-quick: setup ## Kill and freeze processes, break connections, fail calls, damage files (below 8 minutes)
	@$(BIN)/python -m tests.faults --breaks 32 --exports 60 --corruptions 100 $(ARGS)

faults: setup ## The same for hours: 4,800 kills, 500 zombies, 400 breaks, 1,000 exports and corruptions (ARGS="--seed 7" replays)
	@$(BIN)/python -m tests.faults --kills 200 --zombies 500 --breaks 400 --exports 1000 --corruptions 1000 $(ARGS)

platform-kills: setup ## Kill the whole platform's processes 25 times at each of the 24 points, then without its guards (hours)
	@$(BIN)/python -m tests.faults --kills 0 --zombies 0 --slots 12 --full-stack-kills 25 --full-stack-control $(ARGS)

resume: setup ## Kill the worker of a large export 50 times: one sha256, at most one chunk again (about 15 minutes)
	@$(BIN)/python -m tests.faults.resume $(ARGS)

rehearsals: setup ## Lose Dagster's PostgreSQL, credentials and MongoDB's primary while exports are live (about 13 minutes)
	@$(BIN)/python -m tests.rehearsals $(ARGS)

canaries: setup ## Force 340 failures with canaries in 120 places, search all that is kept, and once without the guards (about 13 minutes)
	@$(BIN)/python -m tests.canaries $(ARGS)

soak: setup ## Mixed load and a kill a minute for an hour: nothing is lost, nothing grows (ARGS="--minutes 360")
	@$(BIN)/python -m tests.soak $(ARGS)

# The suites of doors whose services have a sandbox. One process: real services are shared.
STAGING := $(foreach suite,export_store entry_store claim_store operations small_stores webhooks object_store scoring_files athena,\
    tests/contracts/test_$(suite).py) tests/staging
test-staging: setup ## The suites of the doors on real services that variables name (docs/staging.md)
	@$(BIN)/python -m pytest -n 0 -rs --staging -k "not TestFake" $(STAGING) $(ARGS)

bench-quick: setup ## Rows a second beside pymongo + csv.writer, 200,000 entries (below 3 minutes)
	@$(BIN)/python -m benchmarks.quick $(ARGS)

bench: setup ## The same beside everybody, 10,000 to 5,000,000 entries, into benchmarks/RESULTS.md (hours)
	@$(BIN)/python -m benchmarks.full $(ARGS)

latency: setup ## From a request to a file, 50 small exports one after another (about 7 minutes)
	@$(BIN)/python -m benchmarks.latency $(ARGS)

burst: setup ## 200 small exports at once, beside a process for each (about 4 minutes)
	@$(BIN)/python -m benchmarks.burst $(ARGS)

lanes: setup ## 100 small exports beside three large ones of two million entries (about 10 minutes, 5 GB of TMPDIR)
	@$(BIN)/python -m benchmarks.lanes $(ARGS)

cost: setup ## What a small export takes of the processor, by process (about 2 minutes)
	@$(BIN)/python -m benchmarks.cost $(ARGS)

bench-queue: setup ## A tick of the sensor with 100 and with 10,000 exports in the queue (about 5 minutes)
	@$(BIN)/python -m benchmarks.queue $(ARGS)

load: setup ## POST and GET a second of a bridge on one core, then beside 500 slow sockets (10 to 17 minutes)
	@$(BIN)/python -m benchmarks.bridge_load $(ARGS)

bench-catalogue: setup ## CPU of each of the 22 exports on 20,000 entries, and the slowest one's profile (4 minutes)
	@$(BIN)/python -m benchmarks.catalogue $(ARGS)

bench-athena: setup ## A million rows of a query as CSV, beside PyAthena's cursor (about 10 minutes)
	@$(BIN)/python -m benchmarks.athena $(ARGS)

bench-memory: setup ## Peak memory of a worker at 20,000 and 200,000 entries (about 4 minutes)
	@$(BIN)/python -m benchmarks.memory $(ARGS)

lint: setup ## Ruff: rules, then format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: setup ## Let ruff put right what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: setup ## Mypy: strict on assets/model and assets/steps
	@$(BIN)/mypy

imports: setup ## Import-linter: which folder may import which
	@$(BIN)/lint-imports

check: lint types imports test ## All of the above, tests last

hooks: setup ## Run the checks of .pre-commit-config.yaml before every commit
	@$(BIN)/pre-commit install

lock: setup ## Write the lock files again (ARGS=--upgrade for newer versions)
	@$(COMPILE) --group bootstrap --output-file requirements-bootstrap.lock
	@$(COMPILE) --extra local --extra dev --output-file requirements-dev.lock pyproject.toml
	@$(COMPILE) --constraints requirements-dev.lock --output-file requirements.lock pyproject.toml

clean: ## Remove .venv, caches and build output (.local keeps its data)
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -not -path './.git/*' -exec rm -rf {} +
