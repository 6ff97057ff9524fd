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

test: environment
	$(BIN)/pytest

lint: environment
	$(BIN)/ruff check .
	$(BIN)/mypy

demo: environment
	$(BIN)/python scripts/demo.py -o demo_output

clean:
	rm -rf .venv .cache demo_output build *.egg-info
