# Each target prepares what it needs; a fresh machine needs Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILED := sidecar/lib/native/_native.c sidecar/sinks/mongodb/_bson.c
RUN := requirements/run.txt requirements/build.txt pyproject.toml $(COMPILED)
MORE := requirements/extras.txt requirements/dev.txt
INSTALLED := $(VENV)/.installed-$(shell cat $(RUN) | cksum | cut -d' ' -f1)
READY := $(VENV)/.ready-$(shell cat $(RUN) $(MORE) | cksum | cut -d' ' -f1)
ready_for = $(VENV)/.$(1)-ready-$(shell cksum < requirements/$(1).txt | cut -d' ' -f1)
SECONDS ?= 60
MINUTES ?= 60

.PHONY: help demo test test-servers test-cluster check format bench fuzz soak torture components image bench-check requirements linear soak-hostile docs man site wheels test-wheels \
	release-check publish

help:
	@echo "make demo    an application, a kill -9, and the balance, on the embedded database"
	@echo "make test    all tests, with the real Elasticsearch and a MongoDB-protocol server"
	@echo "make test-servers   the sinks against Elasticsearch 8 and 9, OpenSearch 2 and 3, FerretDB, Kafka; takes long"
	@echo "make test-cluster   the tests on a real Kubernetes node; needs root"
	@echo "make check   formatting, lint, types, import contracts, warnings of the C compiler"
	@echo "make docs    write the generated parts of docs/reference from the source"
	@echo "make site    build the documentation site into build/site; checks all links"
	@echo "make wheels  build the source distribution and the wheels of all platforms into dist; PLATFORMS=native is short"
	@echo "make test-wheels   install them with pip, pipx and uv, and in clean systems; needs root"
	@echo "make man     write the man pages of the commands and of sidecar.yaml into build/man"
	@echo "make bench   CPU, time and memory for 1,000,000 lines, compared with peers; BENCH=--quick is short"
	@echo "make bench-check   compare with recorded benchmark ratios (informational)"
	@echo "make fuzz    coverage-guided fuzzing, SECONDS=60 for each target; TARGETS=... selects targets"
	@echo "make requirements  pin the requirements with hashes; UPGRADE=--upgrade takes newer versions"
	@echo "make linear  check that the work for a line grows linearly with its length; takes an hour"
	@echo "make soak    run a sidecar for MINUTES=60 with rotation and outages; checks memory and every line"
	@echo "make soak-hostile  run a hostile application next to a well-behaved one for MINUTES=60"
	@echo "make torture every kind of rotation, with kills and outages; TORTURE=--help prints its options"

# What the commands need. The tests need more, which takes longer.
$(INSTALLED): $(RUN)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "log-sidecar needs Python 3.11 or newer; run make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt -r requirements/build.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/.installed-* && touch $@

$(READY): $(MORE) $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes $(addprefix -r ,$(MORE))
	@rm -f $(VENV)/.ready-* && touch $@

# What one target alone needs is installed on request.
define INSTALL
$(call ready_for,$(1)): requirements/$(1).txt | $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$(1).txt
	@rm -f $(VENV)/.$(1)-ready-* && touch $$@
endef
$(foreach target,fuzz site wheels,$(eval $(call INSTALL,$(target))))

demo: $(INSTALLED)
	$(BIN)/sidecar demo

# The whole matrix: the tests of every sink, then the journeys, the corpus and the torture with each search server, and
# the torture with FerretDB and Kafka. A missing server is a failure. `make test` runs the kit and one journey with each.
SEARCH_SERVERS := elasticsearch8 elasticsearch9 opensearch2 opensearch3
SHORT_TORTURE := --lines 20000 --per-second 4000 --kills 5

test-servers: export CI := true
test-servers: $(READY)
	$(MAKE) --no-print-directory components
	$(BIN)/python -m pytest tests/integration/sinks
	for server in $(SEARCH_SERVERS); do \
		LOG_SIDECAR_TEST_SERVER=$$server $(BIN)/python -m pytest -m elasticsearch tests/end_to_end tests/corpus || exit 1; \
		$(BIN)/python -m tests.chaos.torture $(SHORT_TORTURE) --sink elasticsearch --search-server $$server || exit 1; \
	done
	$(BIN)/python -m tests.chaos.torture $(SHORT_TORTURE) --sink mongodb --mongodb-server ferretdb
	$(BIN)/python -m tests.chaos.torture $(SHORT_TORTURE) --sink kafka

components: $(READY)
	@failed=0; for each in "java_servers --prepare" go_programs; do \
		$(BIN)/python -m tests.support.servers.$$each || failed=1; \
	done; exit $$failed

# The servers of tests run for a minute or a few: the optimizing compiler of Java (C2) costs more than it gains.
test test-cluster: export JDK_JAVA_OPTIONS := -XX:TieredStopAtLevel=1 -XX:+UseSerialGC

# Most long tests wait, so there is one process more than processors of CI. Files run in the order of their names, because
# in that of their number of tests the longest ones would be last, and the other processes would wait for one.
test: $(READY)
	-@$(MAKE) --no-print-directory components
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# LIFECYCLE_TABLE=FILE keeps the table of what was measured.
test-cluster: $(READY)
	-@$(MAKE) --no-print-directory components
	$(BIN)/python -m pytest -m cluster tests/kubernetes/cluster

# pip never stops at a warning, since other compilers have others: here each is an error. GCC also follows every path
# (-fanalyzer), which clang does not know.
C_WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wcast-qual -Wundef -Wstrict-prototypes \
	-Wvla -Wformat=2 -Werror

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	analyzer=$$($(CC) -fanalyzer -E -x c /dev/null >/dev/null 2>&1 && echo -fanalyzer); \
	include=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))'); \
	for source in $(COMPILED) deploy/launcher.c; do \
		$(CC) -std=c11 -O2 -fPIC $(C_WARNINGS) $$analyzer -isystem $$include -c -o /dev/null $$source || exit 1; \
	done

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY)
	$(BIN)/python -m tests.support.settings_reference
	$(BIN)/python -m tests.support.supported_logs
	$(BIN)/python -m tests.support.commands_reference
	$(BIN)/python -m tests.support.metrics_reference

man: $(READY)
	$(BIN)/python -m tests.support.man_pages build/man

# A broken link is a warning, and --quiet would hide it from --strict.
site: $(call ready_for,site)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

wheels: $(call ready_for,wheels)
	$(BIN)/python deploy/wheels.py dist $(PLATFORMS)

test-wheels: $(call ready_for,wheels)
	bash tests/kubernetes/deploy/install-tools.sh qemu-user-static musl binutils
	$(BIN)/python -m pytest -m packages tests/packages $(TESTS)

# What a release does besides: .github/workflows/release.yml
release-check:
	@grep -qx '__version__ = "$(TAG:v%=%)"' sidecar/__init__.py || { echo "sidecar/__init__.py has another version than the tag $(TAG)"; exit 1; }
	@grep -q '^## \[$(TAG:v%=%)\]' CHANGELOG.md || { echo "CHANGELOG.md has no section for $(TAG)"; exit 1; }

publish: $(call ready_for,wheels)
	$(BIN)/uv publish --trusted-publishing always dist/*

image:
	bash deploy/release-image.sh $(IMAGE) $(TAG)

bench: $(READY)
	mkdir -p build
	bash tests/benchmarks/peers/install-rsyslog.sh
	$(BIN)/python -m tests.benchmarks $(BENCH) --markdown build/bench.md --plots build/bench
	$(BIN)/python -m tests.benchmarks.measures $(BENCH) --markdown build/measures.md --plots build/bench

bench-check: $(READY)
	$(BIN)/python -m tests.benchmarks --quick --competitors yardstick,sidecar --check

torture: $(READY)
	-@$(MAKE) --no-print-directory components
	$(BIN)/python -m tests.chaos.torture $(TORTURE)

fuzz: $(call ready_for,fuzz)
	$(BIN)/python -m tests.chaos.fuzz --seconds $(SECONDS) $(TARGETS)

# Pins all requirements with the hashes of their files, for every platform: those of the image as pyproject.toml asks for
# them, the others as they are pinned already. UPGRADE=--upgrade takes newer versions, UPGRADE="--upgrade-package NAME" one.
LOCK := build/uv/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url \
	--python-version 3.11

requirements:
	$(PYTHON) -m venv build/uv
	build/uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
	$(LOCK) $(UPGRADE) pyproject.toml -o requirements/run.txt
	for file in extras build dev fuzz site wheels; do \
		sed -n 's/^\([^ #]*==[^ ;]*\).*/\1/p' requirements/$$file.txt | $(LOCK) --no-deps - -o requirements/$$file.txt || exit 1; \
	done

soak: $(READY)
	$(BIN)/python -m tests.chaos.soak $(MINUTES)

soak-hostile: $(READY)
	$(BIN)/python -m tests.chaos.soak.hostile $(MINUTES)

# Every parser, preset, transform and detector over every hostile shape; `make test` takes one case in sixteen.
linear: $(READY)
	mkdir -p build/linear
	$(CC) -O1 -shared -fPIC -o build/linear/counter.so tests/benchmarks/linear/counter.c
	PYTHONHASHSEED=0 valgrind -q --tool=massif --time-unit=i --depth=1 --detailed-freq=1000000 --massif-out-file=/dev/null \
		$(BIN)/python -m tests.benchmarks.linear build/linear/counter.so build/linear --full --enough 20000000
