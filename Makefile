# edgeq: float network in, verified integer-only C library for one board out.
# Everything runs from a fresh clone; what is missing is installed into .venv (and, as root or
# with sudo, through apt-get).

VENV ?= .venv
PYTHON := $(VENV)/bin/python
EDGEQ := $(VENV)/bin/edgeq
DEMO_DIR ?= out/digits-cortex-m55
JOBS ?= 2
PYTEST_FLAGS ?=
ONLY ?=
CMSIS_NN ?=
BENCH_FLAGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup tools demo test test-all lint bench bench-update clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(VENV)/.ready ## create .venv and install edgeq with its test tools

$(VENV)/.ready: pyproject.toml
	./.ci/packages.sh python
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@

tools: ## install missing compilers and emulators (Debian, needs root or sudo)
	./.ci/packages.sh tools

demo: setup ## build the example for a Cortex-M55, compare it with float, run it under QEMU
	-./.ci/packages.sh tools
	$(EDGEQ) build --board cortex-m55 -o $(DEMO_DIR)
	$(EDGEQ) eval $(DEMO_DIR) --data examples/digits/digits_eval.npz
	@if command -v arm-none-eabi-gcc qemu-system-arm >/dev/null; then \
	  $(EDGEQ) run $(DEMO_DIR) --qemu --data examples/digits/digits_eval.npz && \
	  $(EDGEQ) profile $(DEMO_DIR); \
	else echo "arm-none-eabi-gcc or qemu-system-arm is missing: not run on the board"; fi
	@echo "open $(DEMO_DIR)/report.html"

test: setup tools ## every test but the long ones, then lint and types
	$(PYTHON) -m pytest -n $(JOBS) -m "not slow" $(PYTEST_FLAGS)
	@$(MAKE) --no-print-directory lint

test-all: setup tools ## the long tests as well
	$(PYTHON) -m pytest -n $(JOBS) $(PYTEST_FLAGS)
	@$(MAKE) --no-print-directory lint

lint: setup ## ruff and mypy --strict
	$(PYTHON) -m ruff check edgeq tests examples
	$(PYTHON) -m mypy

bench: setup tools ## instructions and sizes of the real models, ONLY=kws:cortex-m55 for one case
	PYTHONPATH=tests $(PYTHON) -m bench -j $(JOBS) $(if $(ONLY),--only '$(ONLY)') $(if $(CMSIS_NN),--cmsis-nn '$(CMSIS_NN)') $(BENCH_FLAGS)

bench-update: setup tools ## measure and rewrite the recorded tables
	PYTHONPATH=tests $(PYTHON) -m bench -j $(JOBS) $(if $(ONLY),--only '$(ONLY)') --update $(BENCH_FLAGS)

clean: ## remove what was made here, .venv included
	rm -rf $(VENV) out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	$(MAKE) --no-print-directory -C examples/firmware clean
