# Each target is complete on a fresh machine with Python >= 3.11, a C++ compiler and pip's registry.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml CMakeLists.txt $(wildcard kernels/*)

.PHONY: demo test test-everywhere sanitize soak slow lint docs benchmark gpu clean

demo: $(VENV)/installed
	mkdir -p out
	$(BIN)/magsearch run inputs/pdfeir111.toml -o out/demo.h5 --overwrite
	$(BIN)/magsearch plot out/demo.h5 -o out/demo.png

test: $(VENV)/installed
	$(BIN)/pytest -n auto --dist loadfile

test-everywhere: $(VENV)/installed
	$(BIN)/python tests/everywhere.py

sanitize: $(VENV)/installed
	$(BIN)/python tests/sanitized.py

soak: $(VENV)/installed
	$(BIN)/python tests/soak.py

slow: $(VENV)/installed
	$(BIN)/pytest -n auto -m slow

lint: $(VENV)/linters
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror kernels/*

docs: $(VENV)/installed
	$(BIN)/python -m magsearch.config.document > docs/settings.new
	mv docs/settings.new docs/settings.md
	$(BIN)/python docs/architecture.py

benchmark: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/evaluation.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/heatbath.py

# everything that a machine with a GPU should be asked; writes out/gpu/gpu-report.md in less than nine minutes
gpu: $(VENV)/installed
	$(BIN)/python benchmarks/gpu

$(VENV)/installed: $(SOURCES)
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

$(VENV)/linters: $(VENV)/installed
	$(BIN)/pip install --quiet ruff mypy clang-format
	touch $@

clean:
	rm -rf $(VENV) build out
