# The door for people and for CI. Every target does what it needs first, installs included.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

JOBS ?= 2
PYTHON ?= $(firstword $(foreach name,python3.11 python3,$(shell command -v $(name))))
VENV := .venv
BUILD := build/dev
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# Nothing is fetched for a GPU: the package is built with what that machine's Python has (torch with
# CUDA, nanobind, scikit-build-core, pytest-xdist; cmake and ninja beside it), GoogleTest is not needed.
REMOTE := build/remote
REMOTE_ENV = FLASHLIGHT_CACHE_DIR=$(CURDIR)/$(REMOTE)/cache \
             PYTHONPATH=$(CURDIR)/$(REMOTE)/site:$(CURDIR)
REMOTE_PYTHON = $(REMOTE_ENV) $(GPU_PYTHON)
GPU_PYTHON ?= python3
GPU_JOBS ?= 12
BENCH ?=
COMPUTE_SANITIZER ?= $(firstword $(wildcard /usr/local/cuda/bin/compute-sanitizer) compute-sanitizer)

package_sources = $(shell find $(wildcard CMakeLists.txt pyproject.toml cmake include src python) \
                    -type f -not -path '*/__pycache__/*' -not -name '*.so')

.PHONY: help demo test unit bench lint format clean apt cxx gpu gputest gpusan gpubench

help:  ## List the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

demo: $(VENV)/.package  ## Attention variants and two models: eager, torch.compile and flashlight side by side
	python -m examples.demo

test: cxx  ## Everything that CI runs
	ctest --test-dir $(BUILD) --output-on-failure -j$(JOBS)
	python -m pytest -q -n $(JOBS) tests/python
	python -m tools.check_docs --run
	python -m tools.lint

unit: $(BUILD)/build.ninja  ## The fast C++ tests: no compiler and no GPU at run time
	cmake --build $(BUILD) -j$(JOBS) --target unit_tests
	ctest --test-dir $(BUILD) --output-on-failure -j$(JOBS) -L unit

bench: $(VENV)/.package  ## Measure against eager, torch.compile, SDPA and FlexAttention
	python -m bench.run

gpu: gputest gpusan gpubench  ## On a machine with an NVIDIA GPU: tests, compute-sanitizer, measurements

gputest: $(REMOTE)/.package
	TORCHINDUCTOR_COMPILE_THREADS=2 $(REMOTE_PYTHON) -m pytest -q -n $(GPU_JOBS) tests/gpu

# Only our kernels are watched; a tool that hangs is ended. racecheck sees shared memory alone, and
# takes long: one program.
gpusan: $(REMOTE)/.package
	status=0; for tool in memcheck synccheck racecheck; do \
	  names=; if [ $$tool = racecheck ]; then names=causal; fi; \
	  echo "$$tool $$names"; \
	  $(REMOTE_ENV) TORCHINDUCTOR_COMPILE_THREADS=1 timeout 170 $(COMPUTE_SANITIZER) --tool $$tool \
	    --error-exitcode 9 --kernel-name kns=kernel0 --kernel-name kns=kernel1 \
	    $(GPU_PYTHON) -m tests.gpu.sanitize $$names || status=$$?; \
	done; exit $$status

# In two parts of less than ten minutes: BENCH="--parts dense variants", BENCH="--parts own types calls".
gpubench: $(REMOTE)/.package
	$(REMOTE_PYTHON) -m bench.gpu $(BENCH)

lint: $(VENV)/.requirements  ## What pre-commit runs, on all files
	python -m tools.lint

format: $(VENV)/.requirements  ## Rewrite the sources as lint wants them
	python -m tools.lint --fix

clean:  ## Forget builds; keeps the virtual environment
	rm -rf build $(VENV)/.package

# The package is built in the same folder as the C++ tests, so that each source is compiled once.
cxx: $(VENV)/.package
	cmake --build $(BUILD) -j$(JOBS)

$(VENV)/.package: $(VENV)/.requirements $(package_sources) | apt
	CMAKE_BUILD_PARALLEL_LEVEL=$(JOBS) pip install -q --no-build-isolation --no-deps . \
	  --config-settings=build-dir=$(BUILD)
	touch $@

$(REMOTE)/.package: $(package_sources)
	mkdir -p $(REMOTE)
	CMAKE_BUILD_PARALLEL_LEVEL=$(shell nproc) $(GPU_PYTHON) -m pip install -q --no-index --no-deps \
	  --no-build-isolation --upgrade --target $(REMOTE)/site . --config-settings=build-dir=$(REMOTE)/cmake \
	  --config-settings=cmake.define.FLASHLIGHT_TESTS=OFF
	touch $@

$(BUILD)/build.ninja: | $(VENV)/.requirements apt
	cmake -S . -B $(BUILD) -G Ninja -DFLASHLIGHT_PYTHON=ON

$(VENV)/.requirements: requirements-dev.txt | apt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	pip install -q -r requirements-dev.txt
	touch $@

# Elsewhere than on Debian and its kin: install GoogleTest, a C++20 compiler and Python >= 3.11.
apt:
	@missing=(); \
	if command -v dpkg >/dev/null; then \
	  dpkg -s libgtest-dev >/dev/null 2>&1 || missing+=(libgtest-dev); \
	  command -v c++ >/dev/null || missing+=(g++); \
	  $(or $(PYTHON),python3) -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv); \
	fi; \
	if (( $${#missing[@]} )); then \
	  $(SUDO) apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq "$${missing[@]}"; \
	fi
