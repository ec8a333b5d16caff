/* Unit tests of src/base and src/tensor: arenas, brokers, buffers, integers, checksums, threads. */
#include "unit/check.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/bitmap.h"
#include "base/checksum.h"
#include "base/cpu.h"
#include "base/hash.h"
#include "base/int128.h"
#include "base/thread.h"
#include "tensor/tensor.h"

static void test_arena(void) {
    TqpBroker broker;
    TqpArena arena;
    tqp_broker_init(&broker, 1 << 20);
    tqp_arena_init(&arena, &broker);
    for (size_t i = 1; i < 3000; i += 7) {
        char *p = tqp_arena_alloc(&arena, i);
        CHECK(p != NULL);
        if (p == NULL)
            break;
        memset(p, 0xab, i);
        CHECK(((uintptr_t)p & (i >= 64 ? 63 : 15)) == 0);
    }
    CHECK(atomic_load(&broker.used) > 0);
    CHECK(tqp_arena_alloc(&arena, 2 << 20) == NULL);
    CHECK_INT(arena.failed, TQP_MEMORY_LIMIT);
    CHECK_STR(tqp_arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    CHECK_STR(tqp_arena_strndup(&arena, "abcdef", 3), "abc");
    tqp_arena_free(&arena);
    CHECK_INT(atomic_load(&broker.used), 0);
}

static void test_buffer(void) {
    TqpBroker broker;
    TqpBuffer buf = {0};
    tqp_broker_init(&broker, 8 << 20);
    CHECK_INT(tqp_buffer_grow(&buf, &broker, 0, 100), TQP_OK);
    memset(buf.data, 'x', 100);
    CHECK_INT(tqp_buffer_grow(&buf, &broker, 100, 3 << 20), TQP_OK);
    CHECK(((uintptr_t)buf.data & 63) == 0);
    CHECK(((char *)buf.data)[99] == 'x');
    memset(buf.data, 1, buf.bytes);
    CHECK_INT(tqp_buffer_grow(&buf, &broker, 0, 9 << 20), TQP_MEMORY_LIMIT);
    CHECK(buf.data != NULL);
    tqp_buffer_free(&buf);
    CHECK_INT(atomic_load(&broker.used), 0);
}

/* A freed buffer is the next one of about its size, until the limit says otherwise. */
static void test_spares(void) {
    TqpBroker broker;
    TqpSpares spares;
    TqpBuffer a, b, c;
    tqp_spares_init(&spares, 3 << 20);
    tqp_broker_init(&broker, 0);
    broker.spares = &spares;
    CHECK_INT(tqp_buffer_alloc(&a, &broker, 2 << 20), TQP_OK);
    CHECK_INT(tqp_buffer_alloc(&b, &broker, 2 << 20), TQP_OK);
    void *base = a.base;
    tqp_buffer_free(&a);
    tqp_buffer_free(&b); /* beyond the limit */
    CHECK(spares.total >= 2 << 20 && spares.total <= 3 << 20);
    CHECK_INT(tqp_buffer_alloc(&a, &broker, 1 << 20), TQP_OK); /* half of it would lie idle */
    CHECK(a.base != base);
    CHECK_INT(tqp_buffer_alloc(&b, &broker, (2 << 20) - 4096), TQP_OK);
    CHECK(b.base == base);
    CHECK_INT(b.bytes, (2 << 20) - 4096);
    memset(b.data, 1, b.bytes);
    CHECK_INT(tqp_buffer_alloc(&c, &broker, 100), TQP_OK);
    tqp_buffer_free(&a);
    tqp_buffer_free(&b);
    tqp_buffer_free(&c);
    CHECK_INT(broker.used, 0);
    CHECK(spares.total > 0);
    tqp_spares_limit(&spares, 0);
    tqp_spares_limit(&spares, 3 << 20);
    TqpArena arenas[16]; /* an arena's memory, too */
    for (int i = 0; i < 16; i++) {
        tqp_arena_init(&arenas[i], &broker);
        CHECK(tqp_arena_alloc(&arenas[i], 20016 + 16 * (size_t)i) != NULL);
    }
    for (int i = 0; i < 16; i++)
        tqp_arena_free(&arenas[i]);
    for (int i = 0; i < 16; i++) {
        CHECK_INT(tqp_buffer_alloc(&a, &broker, 17000), TQP_OK);
        CHECK(((uintptr_t)a.data & 63) == 0);
        free(a.base);
        tqp_broker_release(&broker, 17000);
    }
    tqp_spares_limit(&spares, 0);
    CHECK_INT(spares.total, 0);
    CHECK_INT(tqp_buffer_alloc(&a, &broker, 1 << 20), TQP_OK);
    tqp_buffer_free(&a);
    CHECK_INT(spares.total, 0);
    pthread_mutex_destroy(&spares.lock);
}

static void test_int128(void) {
    char buf[TQP_INT128_DIGITS + 1];
    TqpInt128 v;
    const TqpInt128 samples[] = {0, 1, -1, INT64_MIN, TQP_INT128_MAX, TQP_INT128_MIN};
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        int len = tqp_int128_print(samples[i], buf);
        CHECK(tqp_int128_parse(buf, (size_t)len, &v) && v == samples[i]);
    }
    CHECK_STR((tqp_int128_print(TQP_INT128_MIN, buf), buf),
              "-170141183460469231731687303715884105728");
    CHECK(!tqp_int128_parse("170141183460469231731687303715884105728", 39, &v));
    CHECK(!tqp_int128_parse("", 0, &v) && !tqp_int128_parse("-", 1, &v));
    CHECK(!tqp_int128_parse("12x", 3, &v));
    CHECK(tqp_int128_pow10(38) / tqp_int128_pow10(37) == 10);
}

static void test_checksum(void) {
    unsigned char *data = malloc(100000);
    for (int i = 0; i < 100000; i++)
        data[i] = (unsigned char)(i * 131 + i / 7);
    CHECK(tqp_checksum_crc32c(0, "123456789", 9) == 0xe3069283u);
    uint32_t whole = tqp_checksum_crc32c(0, data, 100000);
    uint32_t parts = 0;
    for (size_t at = 0, step = 1; at < 100000; at += step, step = step * 2 + 1)
        parts = tqp_checksum_crc32c(parts, data + at, at + step > 100000 ? 100000 - at : step);
    CHECK(whole == parts);
    data[50000] ^= 4;
    CHECK(tqp_checksum_crc32c(0, data, 100000) != whole);
    free(data);
    CHECK(tqp_hash_bytes("abc", 3, 0) != tqp_hash_bytes("abd", 3, 0));
    CHECK(tqp_hash_bytes("abc", 3, 0) != tqp_hash_bytes("abc\0", 4, 0));
}

static void test_types(void) {
    char buf[32];
    TqpType t, back;
    for (int kind = 0; kind < TQP_TYPE_COUNT; kind++) {
        t = (TqpType){.kind = (TqpTypeKind)kind, .scale = kind == TQP_TYPE_NUM ? 7 : 0};
        if (tqp_type_class(t.kind) == TQP_CLASS_TEXT)
            t.collation = 12345;
        tqp_type_print(t, buf);
        CHECK(tqp_type_parse(buf, (uint32_t)strlen(buf), &back) && tqp_type_equal(t, back));
    }
    CHECK(!tqp_type_parse("num", 3, &back) && !tqp_type_parse("num(99)", 7, &back));
    CHECK(!tqp_type_parse("i32(1)", 6, &back) && !tqp_type_parse("", 0, &back));
    CHECK_INT(tqp_lane_for_range(0, 255, 0), TQP_LANE_U8);
    CHECK_INT(tqp_lane_for_range(-1, 255, 0), TQP_LANE_I64);
    CHECK_INT(tqp_lane_for_range(-1, 255, -1), TQP_LANE_U16);
    CHECK_INT(tqp_lane_for_range(0, (TqpInt128)INT64_MAX + 1, 0), TQP_LANE_I128);
    CHECK_INT(tqp_lane_for_range(0, UINT32_MAX, 0), TQP_LANE_U32);
    uint64_t bits[3] = {~UINT64_C(0), ~UINT64_C(0), 0};
    tqp_bitmap_fill(bits, 65);
    CHECK_INT(tqp_bitmap_count(bits, 65), 65);
    CHECK(bits[1] == 1);
}

typedef struct Work {
    _Atomic int next, done;
    int total, fail_at;
    int polls, interrupt_after;
} Work;

static TqpStatus worker(TqpTeam *team, int index, void *arg) {
    Work *w = arg;
    while (!tqp_team_should_stop(team, index)) {
        int i = atomic_fetch_add(&w->next, 1);
        if (i >= w->total)
            return TQP_OK;
        if (i == w->fail_at)
            return TQP_OVERFLOW;
        atomic_fetch_add(&w->done, 1);
    }
    return TQP_OK;
}

static bool interrupted(void *host) {
    Work *w = host;
    return ++w->polls > w->interrupt_after;
}

static void test_threads(void) {
    for (int n = 1; n <= 7; n += 2) {
        Work w = {.total = 1000, .fail_at = -1, .interrupt_after = 1 << 30};
        TqpHostPoll poll = {interrupted, &w};
        CHECK_INT(tqp_team_run(n, &poll, worker, &w), TQP_OK);
        CHECK_INT(w.done, 1000);
        w = (Work){.total = 1000, .fail_at = 500, .interrupt_after = 1 << 30};
        CHECK_INT(tqp_team_run(n, &poll, worker, &w), TQP_OVERFLOW);
        w = (Work){.total = 3, .fail_at = -1, .interrupt_after = 1 << 30}; /* the leader alone */
        CHECK_INT(tqp_team_run_late(n, &poll, worker, &w), TQP_OK);
        CHECK_INT(w.done, 3);
        w = (Work){.total = 3000000, .fail_at = -1, .interrupt_after = 1 << 30};
        CHECK_INT(tqp_team_run_late(n, &poll, worker, &w), TQP_OK);
        CHECK_INT(w.done, 3000000);
        w = (Work){.total = 3000000, .fail_at = 2999999, .interrupt_after = 1 << 30};
        CHECK_INT(tqp_team_run_late(n, &poll, worker, &w), TQP_OVERFLOW);
    }
    Work w = {.total = 1 << 30, .fail_at = -1, .interrupt_after = 1000};
    TqpHostPoll poll = {interrupted, &w};
    CHECK_INT(tqp_team_run(3, &poll, worker, &w), TQP_CANCELLED);
    CHECK(w.done < w.total);
}

int main(void) {
    TqpIsa isa;
    test_arena();
    test_buffer();
    test_spares();
    test_int128();
    test_checksum();
    test_types();
    test_threads();
    CHECK(tqp_cpu_parse_isa("auto", &isa) && isa == tqp_cpu_best_isa());
    CHECK(tqp_cpu_parse_isa("scalar", &isa) && isa == TQP_ISA_SCALAR);
    CHECK(!tqp_cpu_parse_isa("mmx", &isa));
    CHECK(tqp_cpu_count() >= 1);
    return check_report("base");
}
