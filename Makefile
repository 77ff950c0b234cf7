# Each target is complete on a fresh machine with Python >= 3.11, a C++ compiler and pip's registry.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml CMakeLists.txt $(wildcard kernels/*)

.PHONY: demo test test-everywhere sanitize soak slow lint docs site benchmark gpu wheel clean

demo: $(VENV)/installed
	mkdir -p out
	$(BIN)/magsearch run inputs/pdfeir111.toml -o out/demo.h5 --overwrite
	$(BIN)/magsearch plot out/demo.h5 -o out/demo.png

# Programs that the tests start find compiled files of Python, also where PYTHONDONTWRITEBYTECODE is set.
# By name: xdist would begin with the files of most tests, and end with those of the longest
test: $(VENV)/tested
	$(BIN)/python -m compileall -q -j 0 magsearch
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

test-everywhere: $(VENV)/tested
	$(BIN)/python tests/everywhere.py

sanitize: $(VENV)/tested
	$(BIN)/python tests/sanitized.py

soak: $(VENV)/tested
	$(BIN)/python tests/soak.py

slow: $(VENV)/tested
	$(BIN)/pytest -n auto -m slow

lint: $(VENV)/linters
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror kernels/*

# the pages that are made from the sources and committed
docs: $(VENV)/tested
	$(BIN)/python -m magsearch.config.document > docs/settings.new
	mv docs/settings.new docs/settings.md
	$(BIN)/python docs/architecture.py
	$(BIN)/python docs/datasets.py
	$(BIN)/python docs/lattices.py

# the documentation site in build/site/index.html; warnings are errors
site: $(VENV)/documented
	$(BIN)/python docs/site

benchmark: $(VENV)/tested
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/evaluation.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/heatbath.py

# everything that a machine with a GPU should be asked; writes out/gpu/gpu-report.md in less than nine minutes
gpu: $(VENV)/tested
	$(BIN)/python benchmarks/gpu

# source archive and wheel for this machine in dist/, tested in an environment without a compiler
wheel:
	$(PYTHON) packaging/wheel.py

# run-time dependencies only; Python compiles what it imports
$(VENV)/installed: $(SOURCES)
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-compile --editable .
	touch $@

# magsearch is installed already: pip adds the packages of an extra without another build. Those of the tests are compiled on all
# cores; some have files for other versions of Python.
$(VENV)/tested: $(VENV)/installed
	$(BIN)/pip install --quiet --no-compile 'magsearch[test]'
	$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
	touch $@

$(VENV)/linters: EXTRA = dev
$(VENV)/documented: EXTRA = docs
$(VENV)/linters: $(VENV)/tested
$(VENV)/linters $(VENV)/documented: $(VENV)/installed
	$(BIN)/pip install --quiet 'magsearch[$(EXTRA)]'
	touch $@

clean:
	rm -rf $(VENV) build dist out
