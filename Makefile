# Convenience only: README.md shows the same with `python -m venv` and pip.
PYTHON ?= python3
BIN := .venv/bin
JOBS ?= 2
export OPENBLAS_NUM_THREADS ?= 1
export OMP_NUM_THREADS ?= 1

.PHONY: demo test soak lint types lab bench lock clean

# what is signed is never rewritten: a demonstration begins anew
demo: .venv/installed
	rm -rf reports/demo
	$(BIN)/workbench run data/demo --out reports/demo --jobs $(JOBS) || [ $$? -eq 3 ]

test: .venv/installed
	$(BIN)/python -m pytest -m "not soak" -n $(JOBS) --dist loadfile --no-loadscope-reorder

# the long lists, whole; what they print is kept, with its date and the commit it was made from
soak: .venv/installed
	mkdir -p docs/measured
	{ echo "make soak, $$(date -u +%Y-%m-%d), commit $$(git rev-parse --short HEAD)"; \
	  $(BIN)/python -m pytest -m soak -n $(JOBS) --timeout 7200 -v -rP --show-capture=stdout \
	    --durations=0 --durations-min=1; \
	} > .venv/soak.txt 2>&1; status=$$?; \
	grep -v '^\[gw[0-9]*\] linux' .venv/soak.txt | \
	  sed -e 's#$(CURDIR)#.#g' -e 's#/[^ ]*/popen-gw[0-9]*/#…/#g' > docs/measured/soak.txt; \
	cat docs/measured/soak.txt; exit $$status

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed
	$(BIN)/mypy

lab: .venv/installed
	$(BIN)/jupyter lab notebooks

bench: .venv/installed
	$(BIN)/python -m benchmarks

# Needs uv; asks the index that uv is set up with. No address is written into the lock.
lock:
	uv pip compile --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	  --no-header --no-annotate --no-strip-extras pyproject.toml --extra dev -o requirements.lock
	sed -n 's/^\([a-zA-Z0-9._-]*==[^ ;]*\).*/\1/p' requirements.lock > .venv/pins.txt
	uv pip compile --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	  --no-header --no-annotate --no-strip-extras requirements-ci.in -c .venv/pins.txt -o requirements-ci.lock

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

clean:
	rm -rf .venv reports/demo
