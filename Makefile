# Everything starts here: `make` builds .venv, `make test` runs the suite, `make demo` plays the main job, `make check`
# is the whole gate. Needed: git and Python 3.11 or newer. The rest comes from requirements/dev.lock.

VENV ?= .venv
UV ?= uv
export VENV

.PHONY: all venv test test-all test-costs test-lowest test-newest test-gits test-agents demo check format lock system-packages clean help codex-session worktree-ensure worktree-reconcile \
	worktree-cleanup worktree-maintain worktree-maintainer-install worktree-maintainer-status worktree-maintainer-uninstall

all: venv

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 40

venv: ## build or renew the virtual environment (quick when up to date)
	@scripts/bootstrap

test: ## run the test suite, of crash points, random examples and dear tests a sample; ARGS="-k claims" for a part of it
	@scripts/system-packages
	@scripts/bootstrap
	@$(VENV)/bin/python -m pytest -n auto $(ARGS)

test-all: ## run the test suite with every crash point and all examples
	@$(MAKE) --no-print-directory test ARGS="--all $(ARGS)"

test-costs: ## run the test suite with all dear tests, and keep what each costs; ARGS="tests/jobs" for a part of it
	@$(MAKE) --no-print-directory test ARGS="-p tests.costs --record-costs --budget=inf $(ARGS)"

test-lowest: ## run what touches other people's libraries with the lowest versions that pyproject.toml admits; ARGS="tests" for all
	@scripts/test-versions lowest $(ARGS)

test-newest: ## the same with the newest versions
	@scripts/test-versions newest $(ARGS)

test-gits: ## run the part of the suite that is near to git under each newer git that Debian offers; ARGS="tests/git"
	@scripts/test-gits $(ARGS)

test-agents: venv ## run the real coding agents, from npm, against scripted models; ARGS="codex.held" for some
	@$(VENV)/bin/python -m tests.agents $(ARGS)

demo: venv ## play the main job on a scratch hub with two clones, and leave them to play in; ARGS=DIR to say where
	@$(VENV)/bin/gitfleet demo $(ARGS)

check: venv ## format, lint, types, layers, generated pages, tests; ARGS=--fast without the tests
	@scripts/check $(ARGS)

format: venv ## format the code and repair what the linter can
	@scripts/check --repair

lock: ## renew requirements/dev.lock from pyproject.toml (needs uv); ARGS=--upgrade for newer versions
	@command -v $(UV) >/dev/null || { echo "make lock needs uv (https://docs.astral.sh/uv/), or UV=/path/to/uv" >&2; exit 1; }
	@$(UV) pip compile --quiet --no-config --universal --generate-hashes --group dev \
		--default-index https://pypi.org/simple --no-emit-index-url --custom-compile-command "make lock" \
		--output-file requirements/dev.lock $(ARGS) pyproject.toml

system-packages: ## install the programs that some tests need, with sudo
	@scripts/system-packages --sudo

codex-session: venv ## start an agent in a managed worktree; ARGS="--agent codex-ci" and other options, or a command
	@GITFLEET="$(abspath $(VENV))/bin/gitfleet" scripts/gitfleet_session.sh $(ARGS)

worktree-ensure: venv ## a managed worktree for an agent; ARGS="--agent codex --base main --reconcile"
	@$(VENV)/bin/gitfleet worktree ensure $(ARGS)

worktree-reconcile: venv ## bring the base into all managed worktrees; ARGS="--base main"
	@$(VENV)/bin/gitfleet worktree reconcile --all $(ARGS)

worktree-cleanup: venv ## remove managed worktrees that are idle and safe to remove; ARGS="--ttl-hours 24"
	@$(VENV)/bin/gitfleet worktree cleanup --all $(ARGS)

worktree-maintain: venv ## one round of upkeep; ARGS="--base main --strategy merge --ttl-hours 24"
	@$(VENV)/bin/gitfleet worktree maintain $(ARGS)

worktree-maintainer-install: venv ## have the system run upkeep every 5 minutes; ARGS="--every 10m"
	@$(VENV)/bin/gitfleet maintainer install $(ARGS)

worktree-maintainer-status: venv ## how the last run of the maintainer went, and when the next one comes
	@$(VENV)/bin/gitfleet maintainer status $(ARGS)

worktree-maintainer-uninstall: venv ## take the maintainer away
	@$(VENV)/bin/gitfleet maintainer uninstall $(ARGS)

clean: ## remove what the targets above made
	rm -rf .venv .venv-lowest .venv-newest dist .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find gitfleet tests -name __pycache__ -type d -prune -exec rm -rf {} +
