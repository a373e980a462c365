# `make demo` and `make test` do all of their own set-up; a second run is quick.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
INDEX := $(VENV)/demo.index
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.PHONY: help install demo test bench lint format clean

help:
	@echo "make demo     annotate a few sentences, and answer questions about a few documents, with shipped pipelines"
	@echo "make test     run the fast tests"
	@echo "make bench    run the slow tests on the real data that CASCADE_DATA names"
	@echo "make lint     ruff and mypy"
	@echo "make format   let ruff mend what it can"
	@echo "make install  only the virtual environment (VENV=$(VENV))"
	@echo "make clean    remove the virtual environment, builds and caches"

install: $(STAMP)

# The constraints pin the whole tested set.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)
	$(BIN)/cascade annotate \
		"She has not yet decided. The committee will vote on Monday." \
		"The old ferry crosses the harbour twice a day. Most visitors take the first boat home."
	@rm -rf $(INDEX)
	$(BIN)/cascade index build $(INDEX) examples/documents
	$(BIN)/cascade ask $(INDEX) \
		"When was the garden laid out?" \
		"What does the watermark of the mill show?" \
		"How long does the crossing to the island take?" \
		"Which orchestra plays in the concert hall?"

test: $(STAMP)
	$(PYTEST) -n 2 --durations 20

bench: $(STAMP)
	$(BIN)/python -m pytest -m bench -s

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find cascade tests examples pipelines -name __pycache__ -type d -prune -exec rm -rf {} +
