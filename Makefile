# Everything runs in .venv, which each target makes from a lock file with nothing but python3 and its venv module.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
ARGS ?=
# One more than there are cores, since most tests wait for a server; more than four gain nothing.
PROCESSES ?= $(shell $(PYTHON) -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')

.PHONY: demo up test test-infrastructure test-dashboard test-acceptance test-faults check migrate bench clean

# --with-parent: the stack ends even when make itself is killed; exec leaves no shell between the two.
demo: $(VENV)/.runtime
	@exec $(RUN) -m local --with-parent demo $(ARGS)

up: $(VENV)/.runtime
	@exec $(RUN) -m local --with-parent up $(ARGS)

migrate: $(VENV)/.runtime
	@$(RUN) -m local migrate

# Each process has a Postgres and a Temporal of its own; a file's tests stay together.
test: $(VENV)/.development
	$(RUN) -m pytest -n $(PROCESSES) --dist loadfile $(ARGS)

# The two suites that the user named: flags, statistics, monitoring, rollback, validation; dashboard and orchestrator.
test-infrastructure: $(VENV)/.development
	$(RUN) -m pytest tests/suites/test_migration_infrastructure.py $(ARGS)

test-dashboard: $(VENV)/.development
	$(RUN) -m pytest tests/suites/test_dashboard_orchestrator.py $(ARGS)

test-acceptance: $(VENV)/.development
	$(RUN) -m pytest -m acceptance -o faulthandler_timeout=1200 $(ARGS)

test-faults: $(VENV)/.development
	$(RUN) -m pytest -m faults -s -o faulthandler_timeout=1200 $(ARGS)

check: $(VENV)/.development
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy .
	$(VENV)/bin/lint-imports
	$(RUN) -m deptry .

bench: $(VENV)/.development
	@for file in benchmarks/[a-z]*.py; do \
		test -e "$$file" || { echo "There is no benchmark yet."; break; }; \
		$(RUN) -m benchmarks.$$(basename $$file .py) $(ARGS) || exit 1; \
	done

clean:
	@if [ -x $(RUN) ] && [ -d .crossfade ]; then $(RUN) -m local clean; fi
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The development lock holds the runtime lock, so an environment that satisfies it satisfies both.
$(VENV)/.runtime: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Crossfade needs Python 3.11 or newer; say PYTHON=...")'
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@echo "Installing from $< ..."
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/.development: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing from $< ..."
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
