# What a person does with a fresh checkout; `make` alone lists it.

PYTHON ?= python3
VENV ?= .venv
TORCH ?=
TORCH_PIP_ARGS ?=
PYTEST_ARGS ?=
FAULTS_ARGS ?=

python := $(CURDIR)/$(VENV)/bin/python
set_up = $(PYTHON) tools/set_up.py --venv "$(VENV)" --torch "$(TORCH)" --torch-pip-args="$(TORCH_PIP_ARGS)" \
	$(if $(findstring command,$(origin PYTHON)),--python-named)

# A Python with the ROS wheels leaves this mark in the environment; inherited, it would keep another from its libraries.
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE

# With a sourced ROS 2 distribution, the message packages built here join those that are sourced.
ifneq ($(and $(ROS_DISTRO),$(AMENT_PREFIX_PATH)),)
export AMENT_PREFIX_PATH := $(CURDIR)/$(VENV):$(AMENT_PREFIX_PATH)
export LD_LIBRARY_PATH := $(CURDIR)/$(VENV)/lib:$(LD_LIBRARY_PATH)
endif

.PHONY: help setup demo docs test faults lint format clean distclean

help:
	@echo "make demo       segments a simulated drive on a running node and shows the result"
	@echo "make docs       the documentation as a site, in site/index.html"
	@echo "make test       style and tests"
	@echo "make setup      only what both need: the environment in $(VENV), done once"
	@echo "make faults     about fifteen minutes of faults, seeded and counted: what is lost is told"
	@echo "make lint       style only"
	@echo "make format     rewrites the code to the style"
	@echo "make clean      removes what was built and the output of the demo"
	@echo "make distclean  removes the environment as well"
	@echo
	@echo "PYTHON=python3.12    the Python for the environment (3.10 to 3.13; with a sourced ROS 2: that one's)"
	@echo "TORCH=REQUIREMENT    which torch to install, a requirement or a wheel; none: the one the system has; kept for later calls"
	@echo "TORCH_PIP_ARGS=...   further arguments of pip for torch, for example --extra-index-url ADDRESS"
	@echo "PYTEST_ARGS=...      further arguments of pytest, for example 'test/ros -k labels'; -n 0: one after another"
	@echo "FAULTS_ARGS=...      which faults, for example '--seed 2 --count 50 store_kills'"

setup:
	@$(set_up)

demo: setup
	@"$(python)" -m madm_ros.tools.demo

docs: export NO_MKDOCS_2_WARNING = 1
docs:
	@$(set_up) --docs
	@"$(python)" -m mkdocs build --strict
	@echo "the documentation is in site/index.html"

# Two files of tests at a time, in the order of their names (the longest come early), with one thread each: half of the
# time goes into waiting for messages and processes.
two_workers := -p xdist -n 2 --dist loadfile --no-loadscope-reorder
# Plugins of pytest that come with a ROS distribution are made for its version of pytest, not for this one.
test: export OMP_NUM_THREADS ?= 1
test: export PYTEST_DISABLE_PLUGIN_AUTOLOAD = 1
test: lint
	@"$(python)" -m pytest $(if $(findstring no:xdist,$(PYTEST_ARGS)),,$(two_workers)) $(PYTEST_ARGS)

faults: export OMP_NUM_THREADS ?= 2
faults: setup
	@"$(python)" test/faults/run.py $(FAULTS_ARGS)

lint: setup
	@"$(python)" -m ruff check .
	@"$(python)" -m ruff format --check .

format: setup
	@"$(python)" -m ruff check --fix .
	@"$(python)" -m ruff format .

clean:
	rm -rf build install log interfaces demo_output site .pytest_cache .ruff_cache .mypy_cache *.egg-info
	find madm_model madm_ros test tools launch -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf "$(VENV)"
