.PHONY: install demo test elasticsearch splash lint format lock
PYTHON ?= python3
BIN := .venv/bin

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	$(BIN)/python -m monitor.query.prepare_dictionaries
	touch $@

demo: install
	$(BIN)/python -m monitor.demo

# Two processes share the tests by file: more would need an Elasticsearch, a Splash and their memory each.
test: install
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

# A real Elasticsearch for development, in the foreground; needs Java 21 or newer and Maven.
elasticsearch: install
	$(BIN)/python tests/servers/elasticsearch_node.py

# A real Splash at http://127.0.0.1:8050, without Docker; name it in crawl.splash or SPLASH_URL.
splash: .cache/splash/installed
	.cache/splash/bin/python deploy/splash/serve.py

.cache/splash/installed:
	deploy/splash/install.sh .cache/splash

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The lock names no index, so that it works with any mirror.
lock:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-header \
	  --generate-hashes --no-emit-index-url --quiet --output-file requirements.lock
