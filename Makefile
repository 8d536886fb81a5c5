# What a contributor types. `make demo` and `make test` set up what they need by themselves;
# `make help` lists the rest. GNU make >= 4.3, a POSIX shell, git and Python >= 3.11 are enough.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
LOG := $(VENV)/set-up.log
PEERS := .venv-peers
MUTANTS := .venv-mutants
DEMO := .venv-demo
DIST := .venv-dist

# The interpreter to build on: `make PYTHON=/path/to/python` decides, else the first that fits.
# 3.11 stands first because it is what CI runs. A shim that cannot start is passed over.
PYTHON :=
FITS := import sys; sys.exit(sys.version_info < (3, 11))
PICK = python=; for name in $(or $(PYTHON),python3.11 python3.12 python3.13 python3); do \
	if $$name -c '$(FITS)' >/dev/null 2>&1; then python=$$(command -v $$name); break; fi; done; \
	if [ -z "$$python" ]; then \
	echo "No Python >= 3.11 found. Install one, or name it: make PYTHON=/path/to/python" >&2; \
	exit 1; fi

# What is compiled is kept, also where the environment says not to: tests start many processes.
export PYTHONDONTWRITEBYTECODE :=

PIP_INSTALL := install --disable-pip-version-check --no-deps --no-compile
# What Debian 12 has takes twice as long to find the packages of the demo, with this one to fetch.
PIP := pip==26.3

# Runs a command quietly: its output is shown only if it fails.
QUIETLY = quietly() { "$$@" >>$(LOG) 2>&1 || { cat $(LOG) >&2; \
	echo "toolrun: failed: $$*" >&2; exit 1; }; }; took() { echo $$(( $$(date +%s) - began )); }

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1|/p' Makefile | awk -F'|' '{printf "  make %-11s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(STAMP) ## Make .venv with toolrun and its pinned tools

$(STAMP): pyproject.toml requirements-dev.txt
	@$(PICK); $(QUIETLY); began=$$(date +%s); \
	if ! $(BIN)/python -c '$(FITS)' >/dev/null 2>&1; then \
	    rm -rf $(VENV); \
	    echo "toolrun: set-up 1/3: an environment in $(VENV), with $$($$python --version) ($$python)"; \
	    if command -v uv >/dev/null 2>&1; then \
	        uv venv --quiet --python "$$python" $(VENV) || exit 1; \
	    elif ! "$$python" -m venv $(VENV) >/dev/null 2>&1; then \
	        rm -rf $(VENV); \
	        echo "$$python cannot make a venv. On Debian: apt-get install python3-venv" >&2; \
	        exit 1; \
	    fi; \
	fi; \
	: >$(LOG); \
	packages=$$(grep -c == requirements-dev.txt); \
	echo "toolrun: set-up 2/3: $$packages pinned packages (about 40 s; $$(took) s so far)"; \
	if command -v uv >/dev/null 2>&1; then \
	    install() { quietly uv pip install --python $(BIN)/python "$$@"; }; \
	else \
	    install() { quietly $(BIN)/python -m pip install --disable-pip-version-check "$$@"; }; \
	fi; \
	install -r requirements-dev.txt; \
	echo "toolrun: set-up 3/3: toolrun itself, editable ($$(took) s so far)"; \
	install --no-deps --no-build-isolation -e .; \
	touch $(STAMP); \
	echo "toolrun: set up in $$(took) s"

.PHONY: demo
demo: $(DEMO)/.set-up ## A session on the embedded model, before your eyes: no server, no GPU
	@$(DEMO)/bin/python -m toolrun demo

# Not $(VENV): that takes longer to make than the demo to watch. Two pips at once: each of them
# mostly reads lists of files, on one core. What is used gets compiled then; most is not used.
$(DEMO)/.set-up: LOG := $(DEMO)/set-up.log
$(DEMO)/.set-up: pyproject.toml requirements-demo.txt
	@$(PICK); $(QUIETLY); began=$$(date +%s); \
	rm -rf $(DEMO); mkdir $(DEMO); \
	echo "toolrun: demo, set-up 1/2: an environment in $(DEMO), with $$($$python --version) ($$python)"; \
	pip="$(DEMO)/bin/python -m pip"; \
	if command -v uv >/dev/null 2>&1; then \
	    uv venv --quiet --allow-existing --python "$$python" $(DEMO) || exit 1; \
	    pip="uv pip"; \
	elif "$$python" -m pip --python "$$python" --version >/dev/null 2>&1 && \
	    "$$python" -m venv --without-pip $(DEMO) >/dev/null 2>&1; then \
	    quietly "$$python" -m pip --python $(DEMO)/bin/python $(PIP_INSTALL) $(PIP); \
	elif "$$python" -m venv $(DEMO) >/dev/null 2>&1; then \
	    quietly $$pip $(PIP_INSTALL) $(PIP); \
	else \
	    rm -rf $(DEMO); \
	    echo "$$python cannot make a venv. On Debian: apt-get install python3-venv" >&2; \
	    exit 1; \
	fi; \
	packages=$$(grep -c == requirements-demo.txt); \
	echo "toolrun: demo, set-up 2/2: $$packages pinned packages (about 10 s; $$(took) s so far)"; \
	if [ "$$pip" = "uv pip" ]; then \
	    quietly uv pip install --no-deps --python $(DEMO)/bin/python -r requirements-demo.txt; \
	else \
	    awk '/==/ { print > "$(DEMO)/part-" NR % 2 ".txt" }' requirements-demo.txt; \
	    $$pip $(PIP_INSTALL) -r $(DEMO)/part-1.txt >$(DEMO)/part-1.log 2>&1 & beside=$$!; \
	    trap "kill $$beside; exit 130" INT TERM; \
	    (quietly $$pip $(PIP_INSTALL) -r $(DEMO)/part-0.txt) || { wait; exit 1; }; \
	    wait $$beside || { cat $(DEMO)/part-1.log >&2; \
	        echo "toolrun: failed: $$pip $(PIP_INSTALL) -r $(DEMO)/part-1.txt" >&2; exit 1; }; \
	fi; \
	pwd >"$$($(DEMO)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/toolrun.pth"; \
	touch $@; \
	echo "toolrun: set up in $$(took) s"

.PHONY: demo-vllm
demo-vllm: ## A real turn on a real vLLM (CPU, tiny scripted model): fetches 2.5 GB at first
	@$(MAKE) --no-print-directory -j2 $(STAMP) rig
	@$(BIN)/python -m tests.rig demo

# The server's own environment needs only the standard library, so that it can be made
# while pip still works on ours.
.PHONY: rig
rig:
	@$(PICK); "$$python" -m tests.rig install --version 0.32.0

.PHONY: test
test: $(STAMP) ## Lint, types, import contract and every test that needs no large server
	@$(MAKE) --no-print-directory lint >$(VENV)/lint.log 2>&1 & lint=$$!; \
	trap 'kill $$lint 2>/dev/null' INT TERM; \
	$(MAKE) --no-print-directory compiled && \
	    $(BIN)/python -m pytest -n 3 -m 'not vllm and not load'; tests=$$?; \
	wait $$lint; lint=$$?; cat $(VENV)/lint.log; exit $$((tests ? tests : lint))

# Each process of the tests would compile all of them anew, where several begin at once; the
# processes that tests start compile what is missing, and do not keep it.
.PHONY: compiled
compiled: LOG := $(VENV)/compiled.log
compiled: $(STAMP)
	@$(QUIETLY); : >$(LOG); \
	quietly $(BIN)/python -m compileall -q toolrun; \
	quietly $(BIN)/python -m pytest --collect-only -qq -m 'not vllm and not load'

.PHONY: coverage
coverage: $(STAMP) ## The same tests, and which branches they reach: 95% of each room, or it fails
	@$(BIN)/python -m pytest -n 2 -m 'not vllm and not load' --cov \
	    --cov-report=term --cov-report=json:.coverage.json
	@$(BIN)/python -m tests.rig.reached .coverage.json

# Tests of properties take a quarter of their examples in `make test` (tests/rig/examples.py).
.PHONY: test-all
test-all: export TOOLRUN_EXAMPLES := all
test-all: $(STAMP) ## Long loads, and the tests against real vLLM servers (2.5 GB at the first time)
	@$(BIN)/python -m tests.rig install --version all --clients
	@$(BIN)/python -m pytest -m alone
	@$(BIN)/python -m pytest -n 3 --timeout 300 -m '(load or hypothesis) and not vllm and not alone'
	@$(BIN)/python -m pytest -n 2 --timeout 300 --dist loadscope -m vllm

.PHONY: lint
lint: $(STAMP) ## ruff, mypy and the import contract
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

.PHONY: docs
docs: $(STAMP) ## Run every snippet and check every link of README.md and docs/
	@$(BIN)/python -m pytest -m 'not vllm' tests/unit/test_docs.py

.PHONY: site
site: $(STAMP) ## Build the site of docs/ into site/; a page or link that is missing is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

.PHONY: site-serve
site-serve: $(STAMP) ## Show it at http://127.0.0.1:8001, built again as pages change
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs serve --dev-addr 127.0.0.1:8001 --watch toolrun

.PHONY: bench
bench: $(STAMP) ## Overhead a step, beside the loop people write by hand
	@$(BIN)/python -m tests.benchmarks

.PHONY: bench-peers
bench-peers: $(PEERS)/.set-up ## The same beside pydantic-ai, openai-agents and langchain
	@$(PEERS)/bin/python -m tests.benchmarks --peers

$(PEERS)/.set-up: LOG := $(PEERS)/set-up.log
$(PEERS)/.set-up: requirements-dev.txt tests/benchmarks/peers.txt
	@$(PICK); $(QUIETLY); \
	echo "toolrun: an environment for the peers in $(PEERS) (about a minute)"; \
	rm -rf $(PEERS); "$$python" -m venv $(PEERS) || exit 1; \
	install() { quietly $(PEERS)/bin/python -m pip install --disable-pip-version-check "$$@"; }; \
	install -r requirements-dev.txt -r tests/benchmarks/peers.txt; \
	install --no-deps --no-build-isolation -e .; \
	touch $@

.PHONY: mutants
mutants: $(MUTANTS)/.set-up ## Would the tests notice? 60 mutants of each module where a bug costs most; an hour
	@$(MUTANTS)/bin/python -m tests.mutants --count 60

$(MUTANTS)/.set-up: LOG := $(MUTANTS)/set-up.log
$(MUTANTS)/.set-up: requirements-dev.txt tests/mutants.txt
	@$(PICK); $(QUIETLY); \
	echo "toolrun: an environment for mutmut in $(MUTANTS) (about a minute)"; \
	rm -rf $(MUTANTS); "$$python" -m venv $(MUTANTS) || exit 1; \
	install() { quietly $(MUTANTS)/bin/python -m pip install --disable-pip-version-check "$$@"; }; \
	install -r requirements-dev.txt -r tests/mutants.txt; \
	install --no-deps --no-build-isolation -e .; \
	touch $@

.PHONY: dist
dist: $(DIST)/.set-up ## The wheel, the sdist and the bill of materials of the last commit, checked
	@$(DIST)/bin/python -m tests.release build

.PHONY: dist-check
dist-check: $(DIST)/.set-up ## Use the wheel of dist/ with the lowest and with the newest dependencies
	@$(DIST)/bin/python -m tests.release try

$(DIST)/.set-up: LOG := $(DIST)/set-up.log
$(DIST)/.set-up: requirements-dist.txt
	@$(PICK); $(QUIETLY); \
	echo "toolrun: an environment for releases in $(DIST) (about a minute)"; \
	rm -rf $(DIST); "$$python" -m venv $(DIST) || exit 1; \
	quietly $(DIST)/bin/python -m pip $(PIP_INSTALL) $(PIP); \
	quietly $(DIST)/bin/python -m pip $(PIP_INSTALL) -r requirements-dist.txt; \
	touch $@

.PHONY: soak
soak: $(STAMP) ## 200,000 steps, 20,000 calls in boxes, kills and races, streams: nothing grows or is lost
	@$(BIN)/python -m tests.benchmarks.soak
	@$(BIN)/python -m tests.benchmarks.soak_sandbox
	@$(BIN)/python -m tests.chaos
	@$(BIN)/python -m tests.integration.service_load --sessions 1000 --seconds 600
	@$(BIN)/python -m tests.chaos

.PHONY: vllm
vllm: $(STAMP) ## Start the scripted vLLM and print its URL; Ctrl-C stops it
	@$(BIN)/python -m tests.rig serve

# zizmor reads the workflows: `$(DIST)/bin/zizmor --offline .github`.
DIST_TOOLS := 'hatchling>=1.27' 'twine>=6' 'cyclonedx-bom>=7' 'zizmor>=1.20'

.PHONY: pins
pins: ## Renew requirements-*.txt from pyproject.toml (needs uv)
	@{ echo "# Every package of the development environment, pinned, for any Python >= 3.11."; \
	echo "# Made from pyproject.toml by \`make pins\`; the ranges that users get stand there."; \
	uv pip compile pyproject.toml --quiet --upgrade --extra all --group dev --universal \
	    --python-version 3.11 --no-annotate --no-header \
	    --no-emit-index-url --no-emit-find-links; } >requirements-dev.new
	@{ echo "# What the demo needs, pinned: toolrun with its extra embedded. Made by \`make pins\`; the same"; \
	echo "# versions as in requirements-dev.txt, in an environment of its own: nobody waits for the rest."; \
	uv pip compile pyproject.toml --quiet --extra embedded -c requirements-dev.new --universal \
	    --python-version 3.11 --no-annotate --no-header \
	    --no-emit-index-url --no-emit-find-links; } >requirements-demo.new
	@{ echo "# The lowest versions that pyproject.toml allows, of the demo's packages; what those need is the"; \
	echo "# newest. Made by \`make pins\`: a test uses the wheel with them."; \
	uv pip compile pyproject.toml --quiet --extra embedded --resolution lowest-direct --universal \
	    --python-version 3.11 --no-annotate --no-header \
	    --no-emit-index-url --no-emit-find-links; } >requirements-lowest.new
	@{ echo "# What builds and checks a release, pinned; made by \`make pins\`. It has an environment of its own,"; \
	echo "# .venv-dist (\`make dist\`)."; \
	printf '%s\n' $(DIST_TOOLS) | uv pip compile - --quiet --universal \
	    --python-version 3.11 --no-annotate --no-header \
	    --no-emit-index-url --no-emit-find-links; } >requirements-dist.new
	@mv requirements-lowest.new requirements-lowest.txt
	@mv requirements-dist.new requirements-dist.txt
	@mv requirements-dev.new requirements-dev.txt
	@mv requirements-demo.new requirements-demo.txt

.PHONY: clean
clean: ## Remove the environment, caches and builds of this folder
	@rm -rf $(VENV) $(PEERS) $(DEMO) $(DIST) $(MUTANTS) .mutants build dist site .coverage* .mypy_cache .ruff_cache .pytest_cache \
	    .hypothesis .import_linter_cache requirements-*.new
	@find toolrun tests -name __pycache__ -prune -exec rm -rf {} +
