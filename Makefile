# tqp: `make && make install && make installcheck` need PostgreSQL and its headers only (PGXS;
# PG_CONFIG is respected). `make demo` and `make check` set up everything else. `make help` lists all.

ifeq ($(PART),extension)
# PGXS has a `check` of its own, so it gets a make of its own.
include src/extension.mk
else

EXTENSION_TARGETS = all install uninstall installcheck clean
.PHONY: $(EXTENSION_TARGETS) help demo demo-stop bench suites

$(EXTENSION_TARGETS):
	@$(MAKE) --no-print-directory PART=extension $@

include src/sources.mk
include test/test.mk

help:
	@echo 'make              build the extension (PGXS)'
	@echo 'make install      install it; make installcheck: regression tests on a running server'
	@echo 'make demo         install packages, start a private server, load data, compare and time'
	@echo 'make demo-stop    remove what make demo made'
	@echo 'make check        install packages, then every test, on a private server'
	@echo 'make check-core   tests of PostgreSQL itself, fetched, with tqp preloaded and forced'
	@echo 'make diff         differential test: N=1000 SEED=1 MODE=relational SHARE=0.5'
	@echo 'make fuzz         libFuzzer on the IR, LIKE and the cache files: SECONDS=60 TARGET=fuzz_ir'
	@echo 'make bench        benchmark against PostgreSQL and DuckDB: SF=1 THREADS=...'
	@echo 'make suites       TPC-H, SSB and ClickBench, tqp off and on: SUITE=all SF=0.1 ROWS=1000000'
	@echo 'make unit, conformance, tqp_run, style, layers, isolation, on-off, robust, sanitize;'
	@echo '                  VARIANT=asan|tsan for the tests of the engine'

demo:
	@bench/demo.sh

demo-stop:
	@bench/demo-stop.sh

bench:
	@bench/run.sh

suites:
	@bench/suites/run.sh

endif
