# `make demo` runs the whole workflow at laptop size; `make test` runs the tests.
# Both make their environment first (.venv, from the pinned lock) and are quick when repeated.

PYTHON ?=
# nproc obeys OMP_NUM_THREADS, which must not decide how many jobs run.
CORES ?= $(shell env -u OMP_NUM_THREADS nproc)
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1
# Some images forbid bytecode files; then every job would compile its imports again (1 to 3 s).
export PYTHONDONTWRITEBYTECODE :=
export PYTHONWARNINGS ?= ignore::FutureWarning

.PHONY: help env demo test test-slow mutants lint format lock schema docs clean

help:
	@echo "make demo       run the workflow on config/config.yaml -> results/report/index.html"
	@echo "make test       lint, types and all tests but the slow ones"
	@echo "make test-slow  the slow verification tests"
	@echo "make mutants    plant known bugs one at a time: which does no test see?"
	@echo "make env        only the environment, in .venv/"
	@echo "make docs       the documentation site -> results/site/index.html"
	@echo "make lock       resolve envs/requirements.in into envs/requirements.lock again"

env:
	@PYTHON=$(PYTHON) python3 tools/setup_env.py

demo: env
	@$(BIN)/einthoven plan --cores $(CORES)
	$(BIN)/snakemake --cores $(CORES) --profile local \
		--prioritize results/report/first.png -- all results/report/first.png
	$(BIN)/snakemake --cores 1 --profile local --report results/report/snakemake.html
	@echo "open results/report/index.html"

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy

# Three workers on two cores: those that have a SLURM at work mostly wait.
test: lint
	$(BIN)/python -m pytest -m "not slow" -n 3 --dist loadfile --no-loadscope-reorder --durations 15

test-slow: env
	$(BIN)/python -m pytest -m slow --durations 15

# Half an hour at most on two cores; `tools/mutants.py --only NAME` runs some.
mutants: env
	$(BIN)/python tools/mutants.py

format: env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

lock: env
	$(BIN)/python -m uv pip compile --python-version 3.12 --override envs/overrides.txt \
		--no-emit-index-url --generate-hashes --no-header envs/requirements.in -o envs/requirements.lock

schema: env
	$(BIN)/einthoven schema > config/schema.json

docs: env
	$(BIN)/mkdocs build --quiet
	@echo "open results/site/index.html"

clean:
	rm -rf results/* .snakemake
