# Shortcuts; each line can be typed by hand as well. `make` alone runs the fast checks.
SHELL := /bin/bash
export PYTHONPATH := $(CURDIR)
export PYTHONDONTWRITEBYTECODE := 1
environment := tools/python.sh --dev && . tools/environment.sh

.PHONY: check test test-full bench start stop status

check: ## format, lint, types, unit tests: no daemon needed
	$(environment) && ruff format --check . && ruff check . && mypy . && python -m pytest tests/unit -q

test: ## every check, integration included, on the real engine
	./scripts/test.sh

test-full: ## the long forms of the integration tests
	$(environment) && python -m pytest tests/integration -m full -q

bench: ## side-by-side figures, printed as ratios
	tools/prepare --dev && . tools/environment.sh && python -m bench

start stop status:
	./scripts/$@.sh
