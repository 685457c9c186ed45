# Two commands do all the set-up on a fresh machine with only Python and pip: make demo, make test.
PYTHON ?= python3
BIN := .venv/bin
DATA ?= ../shared/data
# Most modules that are installed are never imported: Python compiles the others as they are, and keeps what it compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo test check types marked bench bench-index growth results shortcuts trust audit docs site clean

install: .venv/installed

# What the demo needs and nothing else, so that it begins soon; the rest is installed on top of it.
.venv/demo: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt "torch==2.13.0"
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable ".[demo]"
	touch $@

.venv/installed: .venv/demo
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable ".[encoders,tensorboard,hub,onnx,search,scale,serve,docs,dev]"
	touch $@

demo: .venv/demo  ## draw a wardrobe, train on it, complete looks, write demo/report.html
	$(BIN)/goeswith demo --out demo

test: install  ## the default tests: offline, under three minutes
	$(BIN)/pytest

check: install  ## linters, types, and the tests that make test leaves out: slow, in a browser, on real data
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --jobs 2 types marked  # side by side: the type checker has one process, and these tests wait now and then

types: install
	$(BIN)/mypy

marked: install
	$(BIN)/pytest -m "slow or browser or real" -n 3 --dist loadfile  # a file prepares once; browsers and servers wait

bench: install  ## speed, as ratios measured in one run
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/add_gnn.py
	$(BIN)/python benchmarks/models.py
	$(BIN)/python benchmarks/peers.py
	$(BIN)/python benchmarks/encoders.py
	$(BIN)/python benchmarks/run.py

bench-index: install  ## an index over a million items: build, memory, how long an answer takes
	$(BIN)/python benchmarks/index.py
	$(BIN)/python benchmarks/approximate.py

growth: install  ## how work grows, and what large shops need of machines: docs/scale.md
	$(BIN)/python benchmarks/growth.py --measure --write docs/scale.md

results: install  ## docs/results.md from the data in $(DATA); goes on where it stopped; RESULTS="--only ccp" for less
	$(BIN)/python benchmarks/results.py --data $(DATA) $(RESULTS)

shortcuts: install  ## docs/shortcuts.md: what counts alone score on public question files
	$(BIN)/python benchmarks/shortcuts.py --data $(DATA) --work runs/shortcuts

trust: install  ## kills, damaged inputs, odd requests, a soak: docs/reliability.md; TRUST_SECONDS=600
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/trust

audit: install  ## known holes of the dependencies, where the advisories can be reached
	$(PYTHON) -m venv .venv/audit && .venv/audit/bin/pip install --quiet pip-audit
	.venv/audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

docs: install  ## the generated parts of the documentation: command line help, tables of settings
	$(BIN)/python docs/generate.py

site: install  ## the documentation as a site, offline: open site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf .venv demo site build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
