# Every target does its own set-up: it needs Python >= 3.11 and make, nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: setup demo docs test test-full soak lint format schemas units currencies bench advisories dependencies sbom wheel browser constraints clean help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

setup: $(READY) ## the virtual environment with pinned versions

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "m5tools needs Python 3.11 or later; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(READY) ## the main job end to end on a simulated crawl
	$(BIN)/m5 demo --out demo --fresh

docs: $(READY) ## the documentation site, in site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

test: $(READY) ## the tests (15 minutes at most)
	$(BIN)/pytest -n 2 --dist worksteal -m 'not slow'

# What is measured beside a peer is measured alone; tests of Ray kill nodes and look for what is left of them.
ALONE = tests/benchmarks tests/engine/test_ray.py
test-full: $(READY) wheel browser ## the slow tests: whole runs, killed runs, the wheel in a fresh environment
	$(BIN)/pytest -n 2 --dist loadfile -m slow --durations=20 $(addprefix --ignore ,$(ALONE))
	$(BIN)/pytest -m slow $(ALONE)

soak: $(READY) ## 150 kills over every stage and 100,000 damaged files, by seed, and what came of each (an hour on two quiet cores)
	$(BIN)/python -m tests.faults.soak --kills 150 --seed 1
	$(BIN)/python -m tests.faults.poison_soak --inputs 100000 --seed 1

lint: $(READY) ## formatting, lint, types, floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: $(READY) ## write the JSON Schemas that editors complete YAML files with
	$(BIN)/python -m m5tools.cli.json_schemas

units: $(READY) ## write the table of units from pint
	$(BIN)/python benchmarks/unit_table.py

currencies: $(READY) ## write the table of currencies from price-parser
	$(BIN)/python -m benchmarks.currency_table

# Where it cannot be had, the tests of reports are skipped, saying so (in CI they fail).
BROWSER = chromium chromium-driver
APT_GET = DEBIAN_FRONTEND=noninteractive apt-get -qq -y
browser: ## Chromium and its driver, in which reports are tested
	@if command -v chromedriver >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then as=env; elif sudo -n true 2>/dev/null; then as="sudo env"; else as=; fi; \
	if [ -n "$$as" ] && command -v apt-get >/dev/null; then \
	  $$as $(APT_GET) update >/dev/null; $$as $(APT_GET) install --no-install-recommends $(BROWSER) >/dev/null; \
	fi; \
	command -v chromedriver >/dev/null || echo "$(BROWSER) cannot be installed here: the tests of reports are skipped"

bench: $(READY) ## every peer beside us, into docs/evidence/peers.md (45 minutes on two quiet cores, after installs)
	$(BIN)/python -m benchmarks.peers

advisories: ## known vulnerabilities of the pinned packages, where PyPI's advisories can be reached
	PYTHON=$(PYTHON) .ci/advisories

dependencies: $(READY) ## write the page of dependencies and their licences
	$(BIN)/python -m benchmarks.dependency_table

# In an environment of its own, so that what makes the list is not in it.
sbom: $(READY) ## all that is installed as a CycloneDX bill of materials, dist/sbom.json
	mkdir -p dist
	[ -x $(VENV)-sbom/bin/cyclonedx-py ] || { $(PYTHON) -m venv $(VENV)-sbom && $(VENV)-sbom/bin/pip install --quiet cyclonedx-bom==7.5.0; }
	$(VENV)-sbom/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --mc-type library --output-reproducible --of JSON -o dist/sbom.json

wheel: $(READY) ## the wheel, in dist/
	rm -f dist/*.whl
	SOURCE_DATE_EPOCH=1750000000 $(BIN)/python -m build --quiet --wheel --no-isolation

constraints: ## pin what a fresh environment resolves to
	rm -rf $(VENV)-pins && $(PYTHON) -m venv $(VENV)-pins
	$(VENV)-pins/bin/python -m pip install --quiet torch==2.13.0 && $(VENV)-pins/bin/python -m pip install --quiet '.[dev]'
	(echo "# Every package that development and CI install, pinned. Regenerate with: make constraints"; \
	 $(VENV)-pins/bin/python -m pip freeze | grep -v ^m5tools | sed 's/^torch==\([0-9.]*\).*/torch==\1/') > constraints.txt
	rm -rf $(VENV)-pins

clean: ## remove what was built
	rm -rf $(VENV) $(VENV)-peers $(VENV)-sbom $(VENV)-advisories dist demo site .mypy_cache .ruff_cache .pytest_cache
