.PHONY: install dev demo test elasticsearch splash lint format lock manual
PYTHON ?= python3
BIN := .venv/bin

# The program with the demo, the page and chat services.
install: .venv/installed

# Everything, with Chromium's driver, Parquet and the tools of the tests.
dev: .venv/installed-dev

.venv/installed: requirements.lock pyproject.toml
	$(call install_from,requirements.lock)

.venv/installed-dev: requirements-dev.lock pyproject.toml
	$(call install_from,requirements-dev.lock)
	touch .venv/installed

# The locks name every package; without looking for more, pip does not warn of an extra that lxml no longer has.
define install_from
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.version_info >= (3, 11) or \
	  sys.exit("Python 3.11 or newer is needed, and this is " + v + ": name another, as in make install PYTHON=python3.12")'
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(1)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	$(BIN)/python -m monitor.query.prepare_dictionaries
	touch $@
endef

# The tour, then the page on its stories, until Ctrl-C.
demo: install
	$(BIN)/python -m monitor.demo
	@echo
	$(BIN)/media-monitor serve --config demo-out/monitor.yaml

# Two processes share the tests by file: more would need an Elasticsearch, a Splash and their memory each.  In the order
# of the folders, the slow acceptance tests come first, so that both end at the same time.
test: dev
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# A real Elasticsearch for development, in the foreground; needs Java 21 or newer and Maven.
elasticsearch: dev
	$(BIN)/python tests/servers/elasticsearch_node.py

# A real Splash at http://127.0.0.1:8050, without Docker; name it in crawl.splash or SPLASH_URL.
splash: .cache/splash/installed
	.cache/splash/bin/python deploy/splash/serve.py

.cache/splash/installed:
	deploy/splash/install.sh .cache/splash

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# After a change of a command's help; a test compares the page with it.
manual: install
	$(BIN)/python -m monitor.cli.manual > docs/media-monitor.1

# The locks name no index, so that they work with any mirror.
COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --no-header \
  --generate-hashes --no-emit-index-url --quiet

lock:
	$(COMPILE) --all-extras --output-file requirements-dev.lock
	$(COMPILE) --constraints requirements-dev.lock --extra demo --extra web --extra chat --output-file requirements.lock
	$(COMPILE) --constraints requirements-dev.lock --extra playwright --extra web --extra chat \
	  --output-file requirements-image.lock
