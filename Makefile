.PHONY: setup demo test lint node prove bench serve clean lock
SHELL := /bin/bash
PYTHON ?= python3.11
BIN := .venv/bin
DEMO ?= serve
# Where the caller's environment keeps Python from keeping what it compiled, each of a thousand processes compiles
# everything again: two seconds of a core.
export PYTHONDONTWRITEBYTECODE :=

# Everything lives in .venv; its bin/muniment is the command.
setup: .venv/.ready

.venv/.ready: requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "muniment needs Python 3.11 ($(PYTHON) was not found)"; exit 1; }
	$(PYTHON) -m venv .venv
	@# The lock names all there is; pip by itself would ask for `pydantic[email]`, which no lock can pin.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The sample company, from nothing. DEMO=once exits at the end instead of serving the web page. MODEL=local has a small
# language model on this machine answer: its runtime goes into .venv, its weights (0.5 GB) into the cache.
demo: setup $(if $(filter local,$(MODEL)),.venv/.local)
	@$(BIN)/muniment demo $(if $(filter once,$(DEMO)),--once) $(if $(MODEL),--model $(MODEL))

.venv/.local: .venv/.ready requirements/local.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements/local.txt
	@touch $@

# Lint and the whole suite.
test: lint node
	$(BIN)/python -m pytest -n 3 --dist loadfile

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

# What some tests take from npm, as the locks pin it, where Node is there: the OpenID Connect provider that they sign in
# through, and axe-core, which looks for what keeps people from using a page. Without Node, or where npm cannot fetch it,
# those tests are skipped and say so.
PROVIDER := tests/simulators/oidc_provider
AXE := tests/simulators/axe
node:
	@if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
	  echo "Node is not installed: tests with oidc-provider and axe-core are skipped"; \
	else \
	  fetched() { \
	    if ! cmp -s $$1/package-lock.json $$2/installed; then \
	      rm -rf $$2 && mkdir -p $$2 && cp $$1/package.json $$1/package-lock.json $$2/ && \
	      if (cd $$2 && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-timeout=20000); \
	      then cp $$2/package-lock.json $$2/installed; \
	      else rm -rf $$2; echo "npm cannot fetch $$3: tests with it are skipped"; fi; \
	    fi; \
	  }; \
	  fetched $(PROVIDER) .node oidc-provider; fetched $(AXE) .node/axe axe-core; \
	fi

# The promises at full size: thousands of worlds, races, mutations and kills. Hours, not minutes.
prove: setup
	$(BIN)/python -m pytest -m prove

# Every figure that a bar names, other engines beside us, and charts. The engines are 800 MB in .venv: PEERS=no leaves
# them and the charts out. BENCH takes options, such as BENCH="--rows 1000000 --keep FOLDER".
bench: setup $(if $(filter no,$(PEERS)),,.venv/.peers)
	$(BIN)/muniment bench all $(if $(filter no,$(PEERS)),--peers none,--svg bench.svg) $(BENCH)

.venv/.peers: .venv/.ready requirements/bench.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements/bench.txt
	@touch $@

serve: setup
	$(BIN)/muniment serve

# Pins every package with its digest; nothing younger than a week. spaCy asks for setuptools, which it never imports, and
# which would have every Python of the environment run a file of its own at each start.
lock:
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --only-binary :all: --exclude-newer "$$(date -d '7 days ago' +%F)" requirements/base.in -o requirements/base.txt
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --only-binary :all: --exclude-newer "$$(date -d '7 days ago' +%F)" --no-emit-package setuptools requirements/dev.in -o requirements/dev.txt
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --only-binary :all: --exclude-newer "$$(date -d '7 days ago' +%F)" --constraints requirements/base.txt requirements/bench.in -o requirements/bench.txt
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --only-binary :all: --exclude-newer "$$(date -d '7 days ago' +%F)" --constraints requirements/base.txt requirements/local.in -o requirements/local.txt
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --only-binary :all: --exclude-newer "$$(date -d '7 days ago' +%F)" --constraints requirements/base.txt requirements/workflows.in -o requirements/workflows.txt
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --only-binary :all: --exclude-newer "$$(date -d '7 days ago' +%F)" --constraints requirements/base.txt requirements/smb.in -o requirements/smb.txt
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --only-binary :all: --exclude-newer "$$(date -d '7 days ago' +%F)" --constraints requirements/base.txt requirements/telemetry.in -o requirements/telemetry.txt
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --only-binary :all: --exclude-newer "$$(date -d '7 days ago' +%F)" --constraints requirements/base.txt requirements/eval.in -o requirements/eval.txt
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --only-binary :all: --exclude-newer "$$(date -d '7 days ago' +%F)" --constraints requirements/base.txt requirements/agentdojo.in -o requirements/agentdojo.txt
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --only-binary :all: --exclude-newer "$$(date -d '7 days ago' +%F)" --constraints requirements/base.txt --no-emit-package setuptools requirements/labels.in -o requirements/labels.txt
	cd $(PROVIDER) && npm install --package-lock-only --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved
	cd $(AXE) && npm install --package-lock-only --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved

clean:
	rm -rf .venv .node .demo .muniment .pytest_cache .ruff_cache .import_linter_cache
