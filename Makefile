# `make demo` and `make test` need only Python 3.11 to 3.13 with venv; each sets itself up first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test bench bench-quick faults install lint types clean

demo: install
	$(BIN)/python cli.py pipeline --models mlp,lenet5,resnet18 --dataset digits --provider cpu

# Files of tests are spread over the CPUs; each process has PyTorch loaded, so at most four.
test: lint types
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

# Beside what people use instead, on a quiet machine: an hour, into benchmarks/RESULTS.md.
# DATA names a folder with MNIST/raw and svhn-gray/svhn_gray.npz; else $ONNXPROOF_DATA.
bench: install
	$(BIN)/python -m benchmarks $(if $(DATA),--data-dir '$(DATA)')

# The same in minutes, on embedded digits, to see that it works: no figure of it proves anything.
bench-quick: install
	$(BIN)/python -m benchmarks --quick

# The long runs behind docs/robustness.md, on a quiet machine: more than an hour.
faults: install
	$(BIN)/python -m benchmarks.faults raw
	$(BIN)/python -m benchmarks.faults damages
	$(BIN)/python -m benchmarks.faults kills
	$(BIN)/python -m benchmarks.faults page

lint: install
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] <= (3, 13) else f"error: Python {v[0]}.{v[1]}: onnxproof needs 3.11 to 3.13; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	@echo 'installing into $(VENV): PyTorch with CUDA takes a few minutes and 6 GB'
	$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
