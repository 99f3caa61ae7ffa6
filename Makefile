.PHONY: help env demo box trust doors test check lint slow postgresql coverage versions dist deb arm64 docs conformance attacks bench scale soak format constraints clean
BIN := .venv/bin
PARALLEL := -n auto
unexport PYTHONDONTWRITEBYTECODE # every process would compile every module again

help:           ## this list
	@grep -E '^[a-z0-9]+: .*##' Makefile | sed 's/:[^#]*##/ —/'

env:            ## make the virtual environment; PYTHON=… for another interpreter
	@scripts/environment

demo: env       ## the main job on loopback, told as a story; KEEP=1 leaves it running
	@$(BIN)/python demo/run.py $(if $(KEEP),--keep)

box: env        ## a phone behind its box, from power-on to a call and a revoked box, told as a story (root)
	@$(BIN)/python demo/box.py

trust: env      ## phones' own keys, from factory-fresh to encrypted files and a stolen edge, told as a story (root)
	@$(BIN)/python demo/trust.py

doors: env      ## phones by HTTPS, a phone's own VPN and a portable bundle, told as three stories
	@$(BIN)/python demo/doors.py

test: env       ## every test that this machine can run
	@$(BIN)/python -m pytest $(PARALLEL) $(PYTEST)

check: lint     ## what lint checks, and the fast tests
	@$(BIN)/python -m pytest -q $(PARALLEL) --hypothesis-profile quick -m "not slow" $(PYTEST)

lint: env       ## format, lint, types, import contracts
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make format'"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > .venv/imports.log || { cat .venv/imports.log; exit 1; }

slow: env       ## every test, and the forty that take longest
	@$(BIN)/python -m pytest -q $(PARALLEL) --durations 40 --durations-min 0.5 $(PYTEST)

postgresql: env ## the hub's tests, with every hub's database in PostgreSQL; STORE=1 for those of storing and publishing alone
	@RINGFENCE_TEST_DATABASE=postgresql $(BIN)/python -m pytest -q $(PARALLEL) \
		$(if $(STORE),$(shell cat tests/hub/both_databases/on_both.txt),tests/hub) $(PYTEST)

coverage: env   ## every test, and which lines of which process ran; COVERAGE=report.html's folder for pages
	@scripts/coverage $(PARALLEL) $(PYTEST)

versions: env   ## the fast tests on every Python that is here
	@scripts/versions

dist: env       ## sdist and wheel, the same bytes each time, tried in an empty environment
	@$(BIN)/python scripts/dist.py dist
	@$(BIN)/python scripts/try_dist.py dist

deb: env        ## Debian packages for this machine's Debian and architecture, the same bytes each time, in build/deb
	@$(BIN)/python scripts/deb.py build/deb $(DEB)

arm64:          ## environment, tests and packages in an emulated Debian of arm64; needs root and qemu-user-static
	@scripts/arm64

docs: env       ## the documentation as a site, in build/docs
	@cd scripts && ../$(BIN)/python -m docs_site.build ../build/docs

conformance: env ## the conformance list, clause by clause, as a table
	@$(BIN)/python tests/conformance/table.py $(CONFORMANCE)

attacks: env    ## attack an edge at home, a gateway, a box and a hub, in namespaces (root); ATTACKS=--json
	@$(BIN)/python tests/attacks/table.py $(ATTACKS)

bench: env      ## speed and memory, as a table
	@$(BIN)/python bench/figures.py $(BENCH)
	@$(BIN)/python bench/tftp_peers.py
	@$(BIN)/python bench/power_cut.py $(POWER_CUT)
	@$(BIN)/python bench/idle_edge.py $(IDLE_EDGE)
	@$(BIN)/python bench/large_fleet.py
	@$(BIN)/python bench/pages.py $(PAGES)
	@$(BIN)/python bench/phone_box.py $(BOX)
	@$(BIN)/python bench/signing.py $(SIGNING)
	@$(BIN)/python bench/year.py $(YEAR)
	@$(BIN)/python bench/portable.py
	@$(BIN)/python bench/phone_listener.py $(PHONES)
	@$(BIN)/python bench/hub_processes.py
	@$(BIN)/python bench/handshakes.py $(HANDSHAKES)

soak: env       ## half an hour of kills, stops, wrong clocks and full disks (root); SOAK="--minutes 120"
	@$(BIN)/python bench/soak.py $(SOAK)

scale: env      ## what publishing costs in a fleet of SCALE sites (10,000), as a table
	@$(BIN)/python bench/publishing.py --sites $(or $(SCALE),10000)

format: env     ## format the code and mend what ruff can mend
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

constraints: env ## pin the newest versions that fit constraints.in
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-annotate --no-header --upgrade constraints.in -o constraints.txt

clean:          ## remove the environment and what the tools left
	rm -rf .venv .venv-* build dist .coverage .mypy_cache .ruff_cache .hypothesis demo/.run
