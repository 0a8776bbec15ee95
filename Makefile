# What a person types: make run, make demo, make test. Everything is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST := $(BIN)/python -m pytest
TORCH := $(shell sed -n 's/^torch==//p' constraints.txt)
TEXTS ?= ../shared/data
TESTS ?= tests

.PHONY: run demo test lint oracles bench models clean

run: $(VENV)/ready
	$(BIN)/python app.py

demo: $(VENV)/ready
	$(BIN)/python -m explorer run beam_search --prompt "Once upon a time there was a miller"

# What failed is looked at a second time, alone: a browser on a busy machine can lose a paint, and
# what fails twice has a cause in the code. Both looks are printed.
test: $(VENV)/ready-dev
	@$(PYTEST) --numprocesses 2 --dist loadfile $(TESTS); found=$$?; \
	if [ $$found -eq 1 ]; then \
		echo "A second look at what failed, one test after the other:"; \
		$(PYTEST) --last-failed --last-failed-no-failures none $(TESTS); \
	else \
		exit $$found; \
	fi

lint: $(VENV)/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

oracles: $(VENV)/ready-dev
	$(BIN)/python tests/record_oracles.py $(METHODS)

bench: $(VENV)/ready-dev
	$(BIN)/python -m benchmarks.engine

models: $(VENV)/ready-dev
	$(BIN)/python -m training --texts $(TEXTS) all

clean:
	rm -rf $(VENV)

# Where there is no GPU, the CPU build of torch is asked for first: it is ten times smaller. Where
# pip is told of no place that has it, the usual build is taken.
$(VENV)/ready: requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say which with: make PYTHON=python3.12 …"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV): a few minutes the first time."
	@if command -v nvidia-smi >/dev/null; then \
		$(PIP) install "torch==$(TORCH)"; \
	else \
		$(PIP) install "torch==$(TORCH)+cpu" 2>/dev/null || $(PIP) install "torch==$(TORCH)"; \
	fi
	$(PIP) install -c constraints.txt -r requirements.txt
	touch $@

$(VENV)/ready-dev: $(VENV)/ready
	$(PIP) install -c constraints.txt -e '.[dev]'
	touch $@
