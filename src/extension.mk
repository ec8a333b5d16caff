# The extension by PGXS, included by the top Makefile (make PART=extension TARGET).

include src/sources.mk

MODULE_big = tqp
EXTENSION = tqp
DATA = tqp--1.0.sql
PGFILEDESC = "tqp - analytical queries on a tensor engine"

CPU_OBJS = $(foreach isa,$(ISAS),$(CPU_SRCS:.c=.$(isa).o))
OBJS = $(ENGINE_SRCS:.c=.o) $(CPU_OBJS) $(PG_SRCS:.c=.o)
EXTRA_CLEAN = build results log $(OBJS:.o=.d)

REGRESS = $(notdir $(basename $(sort $(wildcard sql/*.sql))))
REGRESS_OPTS = --encoding=UTF8

# JIT bitcode of the extension would be compiled by clang without the kernels' flags, and no
# function here is worth inlining into a PostgreSQL expression.
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PostgreSQL's own flags forbid declarations after statements; this is C11.
override CPPFLAGS := -Isrc -D_GNU_SOURCE $(CPPFLAGS)
override CFLAGS += -std=gnu11 -Wall -Wextra -Wno-declaration-after-statement \
	-Wno-unused-parameter -Wno-missing-field-initializers -Wno-sign-compare -ffp-contract=off -MMD -MP
$(ENGINE_SRCS:.c=.o) $(CPU_OBJS): override CFLAGS += -O3
SHLIB_LINK += -lm

$(OBJS): src/sources.mk src/backend/isa.mk src/extension.mk
-include $(OBJS:.o=.d)

define ISA_RULE
%.$(1).o: %.c
	$$(CC) $$(CFLAGS) $$(CFLAGS_SL) $$(ISA_FLAGS_$(1)) -DTQP_ISA=$(1) $$(CPPFLAGS) -c -o $$@ $$<
endef
$(foreach isa,$(ISAS),$(eval $(call ISA_RULE,$(isa))))
