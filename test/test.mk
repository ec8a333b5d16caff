# Tests.  The engine is built here a second time, without PostgreSQL, into build/$(VARIANT):
# release, asan (AddressSanitizer and UBSan), tsan (ThreadSanitizer) or fuzz (clang's libFuzzer).

VARIANT ?= release
FUZZ_TARGETS = $(patsubst test/fuzz/%.c,%,$(sort $(wildcard test/fuzz/fuzz_*.c)))
B = build/$(VARIANT)
ENGINE_CC_fuzz = $(shell command -v clang-14 || echo clang)
ENGINE_CC ?= $(or $(ENGINE_CC_$(VARIANT)),gcc)
KERNEL_CFLAGS = -O3
ENGINE_CFLAGS_release = -O2
ENGINE_CFLAGS_asan = -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
ENGINE_CFLAGS_tsan = -O1 -fsanitize=thread -fno-omit-frame-pointer
ENGINE_CFLAGS_fuzz = -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
	-Wno-unknown-pragmas
ENGINE_CFLAGS = -g -std=gnu11 -D_GNU_SOURCE -Isrc -Itest -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wno-missing-field-initializers -Werror -ffp-contract=off -pthread -MMD -MP \
	$(ENGINE_CFLAGS_$(VARIANT))

ENGINE_OBJS = $(ENGINE_SRCS:%.c=$(B)/%.o) $(foreach isa,$(ISAS),$(CPU_SRCS:%.c=$(B)/%.$(isa).o))
UNIT_TESTS = $(patsubst test/unit/%.c,%,$(sort $(wildcard test/unit/test_*.c)))
CONFORMANCE_SRCS = $(sort $(wildcard test/conformance/*.c))

$(B)/%.o: %.c src/sources.mk src/backend/isa.mk
	@mkdir -p $(dir $@)
	$(ENGINE_CC) $(ENGINE_CFLAGS) -c -o $@ $<

define ENGINE_ISA_RULE
$(B)/%.$(1).o: %.c src/sources.mk src/backend/isa.mk
	@mkdir -p $$(dir $$@)
	$(ENGINE_CC) $(ENGINE_CFLAGS) $(KERNEL_CFLAGS) $(ISA_FLAGS_$(1)) -DTQP_ISA=$(1) -c -o $$@ $$<
endef
$(foreach isa,$(ISAS),$(eval $(call ENGINE_ISA_RULE,$(isa))))

$(B)/libtqp.a: $(ENGINE_OBJS)
	@rm -f $@
	ar rcs $@ $^

$(B)/test_%: $(B)/test/unit/test_%.o $(B)/libtqp.a
	$(ENGINE_CC) $(ENGINE_CFLAGS) $(LINK) -o $@ $^ -lm

# What this test refuses to the engine.
$(B)/test_failures: LINK = $(foreach f,malloc calloc realloc aligned_alloc pthread_create,-Wl,--wrap=$(f))

$(B)/conformance: $(CONFORMANCE_SRCS:%.c=$(B)/%.o) $(B)/libtqp.a
	$(ENGINE_CC) $(ENGINE_CFLAGS) -o $@ $^ -lm

$(B)/tqp_run: $(patsubst %.c,$(B)/%.o,$(sort $(wildcard src/bin/*.c))) $(B)/libtqp.a
	$(ENGINE_CC) $(ENGINE_CFLAGS) -o $@ $^ -lm

# A fuzz target with libFuzzer's main, or with one that replays inputs.
ifeq ($(VARIANT),fuzz)
KERNEL_CFLAGS = -O1
FUZZ_MAIN = -fsanitize=fuzzer
else
FUZZ_MAIN = $(B)/test/fuzz/replay.o
$(FUZZ_TARGETS:%=$(B)/%): $(FUZZ_MAIN)
endif
$(B)/fuzz_%: $(B)/test/fuzz/fuzz_%.o $(B)/libtqp.a
	$(ENGINE_CC) $(ENGINE_CFLAGS) -o $@ $< $(FUZZ_MAIN) $(B)/libtqp.a -lm

-include $(shell find $(B) -name '*.d' 2>/dev/null)

.PRECIOUS: $(B)/%.o
.PHONY: unit conformance tqp_run style layers check isolation robust diff fuzz fuzz-replay fuzz-build
.PHONY: sanitize tsan-tests
tqp_run: $(B)/tqp_run

# Each test is a target, so that -j runs them side by side.
.PHONY: $(UNIT_TESTS:%=run-%) run-tqp_run
$(UNIT_TESTS:%=run-%): run-%: $(B)/%
	@$<
run-tqp_run: $(B)/tqp_run
	@test/unit/tqp_run.sh $<

unit: $(UNIT_TESTS:%=run-%) run-tqp_run

conformance: $(B)/conformance
	$(B)/conformance

sanitize:
	$(MAKE) VARIANT=asan unit conformance fuzz-replay
	$(MAKE) VARIANT=tsan tsan-tests
TSAN_TESTS = test_base test_exec test_exec_distinct test_exec_join test_exec_pairs test_exec_passes \
	test_sort test_store test_store_judge
tsan-tests: $(TSAN_TESTS:%=run-%)

# SECONDS of each target on its corpus and what it finds; TARGET=fuzz_ir for one.
fuzz:
	$(MAKE) VARIANT=fuzz fuzz-build
	LIMIT=$(or $(SECONDS),60) TARGET=$(TARGET) test/fuzz/run.sh
fuzz-build: $(FUZZ_TARGETS:%=$(B)/%)
fuzz-replay: $(FUZZ_TARGETS:%=$(B)/%)
	@set -e; for t in $(FUZZ_TARGETS); do $(B)/$$t test/fuzz/corpus/$$t; done

style:
	test/check_style.sh

layers:
	test/check_layers.sh

check:
	test/check.sh

isolation:
	test/isolation/run.sh

robust:
	test/robust/run.sh

diff:
	test/differential/run.sh

# PostgreSQL's own tests, fetched: plain, preloaded, forced; SUITE=regress, isolation or contrib for one.
.PHONY: check-core on-off
check-core:
	test/core.sh $(SUITE)

# Our own regression files with tqp off and forced.
on-off:
	test/on_off.sh
