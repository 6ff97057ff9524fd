# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: environment test lint demo clean

environment: .venv/ready

.venv/ready: requirements.txt setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -r requirements.txt
	$(BIN)/pip install --quiet --no-deps -e .
	touch .venv/ready

# a file's tests share what they compile, so a file stays in one process, those that take long first (tests/conftest.py);
# PyTorch's threads would crowd the processes
test: environment
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGUMENTS)

lint: environment
	$(BIN)/ruff check .
	$(BIN)/mypy

demo: environment
	$(BIN)/python scripts/demo.py -o demo_output

clean:
	rm -rf .venv .cache demo_output build *.egg-info
