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
# All of them work in one environment.
.NOTPARALLEL:
# What is compiled once need not be compiled again: pytest does so with tests, for each worker anew.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: compiled demo test test-fast test-real test-vscode check format bench bench-peers editors vscode lock clean

# A lock holds all that is needed, so pip need not look for what depends on what.  What it brings is
# compiled on all cores, which pip would do on one.
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile
COMPILE = $(BIN)/python -m compileall -q -j 0

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("kibitz needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/made-run: requirements/run.txt pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements/run.txt
	$(INSTALL) --no-build-isolation --editable .
	$(COMPILE) $(VENV)/lib
	touch $@

# test.txt holds what run.txt holds, too: one call of pip installs both.
$(VENV)/made-test: requirements/test.txt pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements/test.txt
	$(INSTALL) --no-build-isolation --editable .
	$(COMPILE) $(VENV)/lib
	touch $(VENV)/made-run $@

$(VENV)/made-real: $(VENV)/made-test requirements/real.txt
	$(INSTALL) --require-hashes -r requirements/real.txt
	$(COMPILE) $(VENV)/lib
	touch $@

demo: compiled
	$(BIN)/kibitz demo

check: $(VENV)/made-test
	$(BIN)/ruff format --check server context tests bench requirements
	$(BIN)/ruff check server context tests bench requirements
	$(BIN)/mypy --num-workers 2

# Else several processes that begin at once would each compile our own modules.
compiled: $(VENV)/made-run
	$(COMPILE) server context

# Three on two cores: a good part of a test is waiting for a process.  A worker begins with a row of
# neighbours, so that what a file's tests share is made once, and takes from others at the end.
test: check compiled
	$(BIN)/pytest -n 3 --dist worksteal -m "not real"

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
