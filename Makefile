# tqp: `make && make install && make installcheck` need PostgreSQL and its headers only (PGXS;
# PG_CONFIG respected). `make demo` and `make check` set up everything else. `make help` lists all.

MODULE_big = tqp
EXTENSION = tqp
DATA = tqp--1.0.sql
PGFILEDESC = "tqp - analytical queries on a tensor engine"

# Rooms, from the bottom up: an arrow never points the other way (test/check_layers.sh).
ENGINE_ROOMS = base tensor ir opt program backend store comm exec
ENGINE_SRCS = $(sort $(foreach room,$(ENGINE_ROOMS),$(wildcard src/$(room)/*.c)))
CPU_SRCS = $(sort $(wildcard src/backend/cpu/*.c))
PG_SRCS = $(sort $(wildcard src/pg/*.c))

# One kernel source becomes one object per instruction set (src/backend/README.md).
include src/backend/isa.mk
CPU_OBJS = $(foreach isa,$(ISAS),$(CPU_SRCS:.c=.$(isa).o))
OBJS = $(ENGINE_SRCS:.c=.o) $(CPU_OBJS) $(PG_SRCS:.c=.o)
EXTRA_CLEAN = build results log output_iso

REGRESS = $(notdir $(basename $(sort $(wildcard sql/*.sql))))
# Where the cluster is our own, the regression database must be in a known locale.
REGRESS_OPTS = --encoding=UTF8

# JIT bitcode of the extension would be compiled by clang without the kernels' flags, and no
# function here is ever inlined into a PostgreSQL expression.
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(PGXS),)
include $(PGXS)
endif

# PostgreSQL's own flags forbid declarations after statements; this is C11.
override CPPFLAGS := -Isrc -D_GNU_SOURCE $(CPPFLAGS)
override CFLAGS += -std=gnu11 -Wall -Wextra -Wno-declaration-after-statement \
	-Wno-unused-parameter -Wno-missing-field-initializers -Wno-sign-compare -ffp-contract=off
$(ENGINE_SRCS:.c=.o) $(CPU_OBJS): override CFLAGS += -O3
SHLIB_LINK += -lm

HEADERS = $(wildcard src/*/*.h src/*/*.def src/*/*/*.h src/*/*/*.def src/*/*/*.inc)
$(OBJS): $(HEADERS) src/backend/isa.mk Makefile

define ISA_RULE
%.$(1).o: %.c
	$$(CC) $$(CFLAGS) $$(CFLAGS_SL) $$(ISA_FLAGS_$(1)) -DTQP_ISA=$(1) $$(CPPFLAGS) -c -o $$@ $$<
endef
$(foreach isa,$(ISAS),$(eval $(call ISA_RULE,$(isa))))

include test/test.mk

.PHONY: help demo demo-stop bench
help:
	@echo 'make              build the extension (PGXS)'
	@echo 'make install      install it; make installcheck: regression tests on a running server'
	@echo 'make demo         install packages, start a private server, load data, compare and time'
	@echo 'make demo-stop    remove what make demo made'
	@echo 'make check        install packages, then every test, on a private server'
	@echo 'make diff N=1000 SEED=1    differential test; make bench SF=1: benchmark'
	@echo 'make unit, conformance, tqp_run, style, layers, isolation; VARIANT=asan|tsan for engine tests'

demo:
	bench/demo.sh

demo-stop:
	bench/demo-stop.sh

bench:
	bench/run.sh
