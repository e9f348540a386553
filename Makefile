# make report: the four reports of the sample workbook.   make test: everything that is tested.
# Both set up what they need; a second run installs nothing. PYTHON chooses the interpreter (3.11 to 3.14).
PYTHON ?= python3
DATA ?= data
VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check install --quiet

.PHONY: report test lint lock screenshots gallery clean

report: $(VENV)/.installed
	$(VENV)/bin/incidents report --data $(DATA) --reports reports

test: $(VENV)/.installed-for-tests
	$(VENV)/bin/ruff check
	$(VENV)/bin/python -m pytest -n 2 $(PYTEST)

# Pictures of every report at three widths, in the dark, without scripts and on paper, into reports/screenshots.
screenshots: report $(VENV)/.installed-for-tests
	$(VENV)/bin/python tests/screenshots.py reports reports/screenshots

# docs/gallery.md, the figures of the sample with their lines, and its pictures.
gallery: $(VENV)/.installed-for-tests
	$(VENV)/bin/python tools/gallery.py --pictures

lint: $(VENV)/.installed-for-tests
	$(VENV)/bin/ruff check

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.installed-for-tests: $(VENV)/.installed requirements-test.lock tests/setup-system
	$(PIP) --require-hashes -r requirements-test.lock
	tests/setup-system
	touch $@

# The locks hold exact versions and hashes, and name no index. Needs uv.
lock:
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --quiet --upgrade -o requirements.lock
	uv pip compile pyproject.toml --group build --group test -c requirements.lock --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --quiet --upgrade -o requirements-test.lock

clean:
	rm -rf $(VENV) .pytest_cache .hypothesis .ruff_cache
