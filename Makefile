# One command each; all of them set up what they need inside the checkout.
#   make demo        the main job in the terminal, no key and no editor needed
#   make test        format, lint, types, layers and tests (under five minutes)
#   make test-real   real editors and a real model behind /v1/messages (slower)
#   make test-vscode  the extension in a real VS Code (installs one into .cache)
#   make vscode      the extension for VS Code, packaged as clients/vscode/kibitz.vsix
#   make bench       every figure that this repository states
#   make bench-peers  install what some figures are measured beside, into .cache
#   make editors     play the scenes in every editor, and write docs/editors.md from the results
#   make lock        write the lock files anew

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements/run.txt requirements/test.txt requirements/real.txt

.DEFAULT_GOAL := test
.PHONY: compiled demo test test-fast test-real test-vscode check format bench bench-peers editors vscode lock clean

$(VENV)/made-run: requirements/run.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("kibitz needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/made-test: $(VENV)/made-run requirements/test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	touch $@

$(VENV)/made-real: $(VENV)/made-test requirements/real.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/real.txt
	touch $@

demo: compiled
	$(BIN)/kibitz demo

check: $(VENV)/made-test
	$(BIN)/ruff format --check server context tests bench requirements
	$(BIN)/ruff check server context tests bench requirements
	$(BIN)/mypy

# Where the environment forbids writing bytecode, our own modules would be compiled at each start.
compiled: $(VENV)/made-run
	$(BIN)/python -m compileall -q server context

# Three on two cores: a good part of a test is waiting for a process.
test: check compiled
	$(BIN)/pytest -n 3 --dist loadgroup -m "not real"

test-fast: $(VENV)/made-test compiled
	$(BIN)/pytest -n 2 -m "not real" -x -q

test-real: $(VENV)/made-real .cache/faults/bin/llmock .cache/lua-tools/node_modules compiled
	$(BIN)/pytest -m real --reruns 2 --ignore tests/clients/vscode

# Without code-server there is nothing to run the extension in: its tests skip and say so then.
test-vscode: $(VENV)/made-real .cache/vscode/made compiled
	if test -e .cache/vscode/made; then $(MAKE) vscode; fi
	$(BIN)/pytest -m real -rs --reruns 1 tests/clients/vscode

editors: $(VENV)/made-real compiled
	-$(BIN)/pytest tests/clients/plain -m real --junitxml .cache/editors.xml
	$(BIN)/python tests/support/editor_table.py .cache/editors.xml

format: $(VENV)/made-test
	$(BIN)/ruff format server context tests bench requirements
	$(BIN)/ruff check --fix server context tests bench requirements

bench: $(VENV)/made-test compiled
	$(BIN)/python -m bench

# Large (aider alone has 660 MB), so only for who wants to see the comparisons.  What cannot be
# had is left out, and its rows say so.
bench-peers: .cache/peers/bin/python
	-.cache/peers/bin/python -m pip install --quiet --disable-pip-version-check aider-chat==0.86.2
	-.cache/peers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps code2prompt==0.8.1 colorlog==6.12.0
	-.cache/peers/bin/python -m pip install --quiet --disable-pip-version-check gitingest==0.3.1
	-npm install --silent --no-fund --no-audit --prefix .cache/peers-node repomix@1.14.0

# A fault server that nobody here wrote.  In an environment of its own: it brings a plugin for pytest.
.cache/faults/bin/llmock:
	$(PYTHON) -m venv .cache/faults
	.cache/faults/bin/pip install --quiet --disable-pip-version-check llmock==0.2.2

# A formatter of Lua, for clients/neovim; where npm is missing its test is left out.
.cache/lua-tools/node_modules:
	-npm install --silent --no-fund --no-audit --prefix .cache/lua-tools @johnnymorganz/stylua@2.5.2

# The extension for VS Code, checked and packaged, and a VS Code to test it in.  Where code-server
# cannot be built, its tests skip and say why.
VSCODE := clients/vscode
VSCODE_SOURCES := $(wildcard $(VSCODE)/src/* $(VSCODE)/test/* $(VSCODE)/media/* $(VSCODE)/l10n/*) \
	$(addprefix $(VSCODE)/,package.json package-lock.json package.nls.json esbuild.mjs tsconfig.json)

vscode: $(VSCODE)/kibitz.vsix

.cache/vscode/made: tests/clients/vscode/rig/install.sh tests/clients/vscode/rig/package-lock.json | $(VENV)/made-run
	rm -f $@
	-sh tests/clients/vscode/rig/install.sh $(BIN)/pip .cache/vscode && touch $@

$(VSCODE)/kibitz.vsix: $(VSCODE_SOURCES) .cache/vscode/made
	cd $(VSCODE) && export PATH="$(CURDIR)/.cache/vscode/bin:$$PATH" && \
		npm ci --no-fund --no-audit --loglevel=error && npm run check && npm test && npm run package

.cache/peers/bin/python:
	$(PYTHON) -m venv .cache/peers

lock:
	$(PYTHON) -m venv .cache/lock && .cache/lock/bin/pip install --quiet uv
	.cache/lock/bin/python requirements/lock.py

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
