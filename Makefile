# Needs python3 (3.11 or newer), pip and make; uses uv when it is on PATH. Everything lands in .venv.
#   make PYTHON=python3.13 test    picks the interpreter of a new .venv

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# An activated environment of somebody else must not leak into ours.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

BIN := .venv/bin
PY := $(BIN)/python
COVERAGE := $(PY) -m coverage
# A file's tests stay together, as they share servers; WORKERS=0 runs all in one process.
WORKERS := auto
PYTEST = pytest --numprocesses=$(WORKERS) --dist=loadfile
FULLY_COVERED := reconciler/core/* reconciler/app/* reconciler/manifest/*
comma := ,
empty :=
space := $(empty) $(empty)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.stamp-demo: requirements/demo.txt pyproject.toml .ci/install
	@.ci/install demo
	@touch $@

.venv/.stamp-dev: requirements/dev.txt pyproject.toml .ci/install
	@.ci/install dev
	@touch $@

.PHONY: demo
demo: .venv/.stamp-demo ## the whole story against the sandbox, in a scratch directory
	@$(BIN)/reconciler demo

.PHONY: test
test: .venv/.stamp-dev ## run the tests; ARGS="-k name" narrows them
	@$(PY) -m $(PYTEST) $(ARGS)

.PHONY: check
check: lint types imports workflows cover simulate ## everything that CI runs

.PHONY: lint
lint: .venv/.stamp-dev ## ruff: rules and format
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

.PHONY: fmt
fmt: .venv/.stamp-dev ## ruff: repair and format
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

.PHONY: types
types: .venv/.stamp-dev ## mypy, strict, tests included
	@$(PY) -m mypy

.PHONY: imports
imports: .venv/.stamp-dev ## the import contracts of pyproject.toml
	@$(BIN)/lint-imports

.PHONY: cover
cover: .venv/.stamp-dev ## the tests with the coverage gates
	@$(COVERAGE) erase
	@$(COVERAGE) run -m $(PYTEST) $(ARGS)
	@$(COVERAGE) combine --quiet
	@$(COVERAGE) report
	@$(COVERAGE) report --fail-under=100 --include='$(subst $(space),$(comma),$(FULLY_COVERED))'

# `npm ci` takes what the lock file names, by hash; no script of a package is run.
.PHONY: interop
interop: .venv/.stamp-dev ## open age and sops files with npm's readers (needs node and npm)
	@cd tests/interop && npm ci --ignore-scripts --no-audit --no-fund
	@RECONCILER_TEST_NPM_READERS=required $(PY) -m pytest tests/unit/sinks/test_age_file.py tests/unit/sinks/test_sops_file.py

# One seed for every run of CI, so that it says the same of the same code; SEED=7 takes other histories.
SEED := 1

.PHONY: simulate
simulate: .venv/.stamp-dev ## every single fault, pairs of them, and 100,000 random histories
	@$(PY) -m tests.simulation check --seed $(SEED) $(ARGS)

.PHONY: simulate-long
simulate-long: .venv/.stamp-dev ## the same with larger plans and 10 million random histories
	@$(PY) -m tests.simulation long $(ARGS)

.PHONY: simulate-mutants
simulate-mutants: .venv/.stamp-dev ## switch every safeguard off in turn, and see that it is missed
	@$(PY) -m tests.simulation mutants

# A few hundred are spread over all vendors and changes; 10000 hold every moment, killed and interrupted.
N := 300

.PHONY: kills
kills: .venv/.stamp-dev ## SIGKILL of the real program at every moment a vendor sees; N=10000 for the long run
	@$(PY) -m tests.e2e.kills --count $(N) --seed $(SEED) $(ARGS)

# One process and one target at a time; what it finds is kept in tests/fuzz/corpus.
.PHONY: fuzz
fuzz: .venv/.stamp-dev ## look for inputs that crash a reader; ARGS="--target keys --seconds 600 --seed 7"
	@$(PY) -m tests.fuzz $(ARGS)

WORKFLOWS = $(wildcard .github/workflows/*.yml)
# A component has two documents, of which the checker takes one at a time.
GITLAB_CI = $(BIN)/check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci --default-filetype yaml

.PHONY: workflows
workflows: .venv/.stamp-dev ## zizmor, actionlint, schemas, shellcheck; all offline
	@$(BIN)/zizmor --offline --persona=pedantic --no-progress --quiet .github
	@PATH="$(BIN):$$PATH" $(BIN)/actionlint $(WORKFLOWS)
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	@$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout $(WORKFLOWS)
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-actions $(wildcard .github/actions/*/action.yml)
	@$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	@sed '1,/^---$$/d' templates/reconcile.yml | $(GITLAB_CI) -
	@sed '/^---$$/,$$d' templates/reconcile.yml | $(GITLAB_CI) -
	@$(BIN)/shellcheck .ci/run .ci/install $(wildcard .github/actions/*/*.sh examples/*/*.sh)

.PHONY: bench
bench: .venv/.stamp-dev ## the benchmark; every figure is a ratio within one run
	@$(PY) -m tests.bench $(ARGS)

SCHEMAS := settings keys plan observed report

.PHONY: schemas
schemas: .venv/.stamp-dev ## write schemas/*.v1.json from the models
	@mkdir -p schemas
	@set -e; for name in $(SCHEMAS); do \
	    $(BIN)/reconciler schema $$name > schemas/$$name.tmp; mv schemas/$$name.tmp schemas/$$name.v1.json; done

# What the action of .github/actions installs: every sink, and no server.
SINK_EXTRAS := age aws gcp github sops
EXPORT := uv export --quiet --frozen --no-emit-project --no-header --no-annotate

.PHONY: lock
lock: ## refresh uv.lock and requirements/ (needs uv); ARGS=--upgrade takes newer versions
	@uv lock $(ARGS)
	@$(EXPORT) --extra sandbox --group build -o requirements/demo.txt
	@$(EXPORT) $(patsubst %,--extra %,$(SINK_EXTRAS)) --group build -o requirements/action.txt
	@$(EXPORT) --all-extras --all-groups -o requirements/dev.txt

.PHONY: clean
clean: ## remove everything that can be made again
	@rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*
	@find reconciler tests -name __pycache__ -type d -prune -exec rm -rf {} +
