# Shortcuts; each line can be typed by hand as well. `make` alone runs the fast checks.
SHELL := /bin/bash
export PYTHONPATH := $(CURDIR)
export PYTHONDONTWRITEBYTECODE := 1
environment := tools/python.sh --dev && . tools/environment.sh

COVERAGE := COVERAGE_FILE=$(CURDIR)/.coverage python -m coverage

.PHONY: check test test-full coverage pictures bench start stop status

check: ## format, lint, types, unit tests: no daemon needed
	$(environment) && ruff format --check . && python -P -m tools.lint && mypy . && python -m pytest tests/unit -q

test: ## every check, integration included, on the real engine
	./scripts/test.sh

test-full: ## every check with the long forms of the tests, more than an hour
	./scripts/test.sh --full

coverage: ## lines and branches that all tests together run; fails under 95 %
	tools/prepare --dev && . tools/environment.sh && $(COVERAGE) erase && $(COVERAGE) run -m pytest tests/unit -q && \
	$(COVERAGE) run -m pytest tests/integration tests/faults -q -n 4 --dist loadscope && \
	$(COVERAGE) combine -q && $(COVERAGE) report

pictures: ## docs/pictures, drawn from a stack made for it
	tools/prepare --dev && . tools/environment.sh && python -m tools.pictures

bench: ## side-by-side figures, printed as ratios
	tools/prepare --dev && . tools/environment.sh && python -m bench

start stop status:
	./scripts/$@.sh
