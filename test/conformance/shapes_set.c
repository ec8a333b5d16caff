/* Values for steps that look something up: tables, sets, places. */
#include <stdlib.h>
#include <string.h>

#include "conformance/conformance.h"

/* About as many rows inside as outside: the array begins at one of the values. */
void prepare_index(Case *c) {
    static const int64_t limits[] = {0, 1, 100, 70000, UINT32_MAX - 2};
    c->args.imm[0] = scalar_random(c, c->lane);
    if (c->lane == TQP_LANE_I128)
        c->args.imm[0].w = (TqpInt128)(0 - (TqpUint128)c->args.imm[0].w);
    else
        c->args.imm[0].i = (int64_t)(0 - (uint64_t)c->args.imm[0].i);
    c->args.imm[1].i = limits[random_below(&c->random, 5)];
}

/* ---- tables and sets ---- */

void prepare_table(Case *c) {
    static const uint32_t counts[] = {1, 2, 7, 16, 17, 33, 64, 65, 100, 128, 200, 256, 300, 5000};
    uint32_t last = c->lane == TQP_LANE_U8 ? 12 : 14;
    TqpLane lane = (TqpLane)shape_of(c->op)->out;
    uint32_t count = counts[random_below(&c->random, last)];
    char *table = case_own(c, malloc(value_bytes(lane, count)));
    for (uint32_t k = 0; lane != TQP_LANE_MASK && k < count; k++)
        value_random(c, lane, table + value_bytes(lane, k));
    for (uint32_t w = 0; lane == TQP_LANE_MASK && w < tqp_bitmap_words(count); w++)
        ((uint64_t *)table)[w] = random_u64(&c->random);
    c->args.aux = table;
    c->args.aux_count = count;
}

static int order_i64(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int order_i128(const void *a, const void *b) {
    TqpInt128 x = *(const TqpInt128 *)a, y = *(const TqpInt128 *)b;
    return (x > y) - (x < y);
}

static int order_view(const void *a, const void *b) {
    const TqpView *x = a, *y = b;
    uint32_t common = x->len < y->len ? x->len : y->len;
    int order = common > 0 ? memcmp(x->data, y->data, common) : 0;
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

void prepare_set(Case *c) {
    int (*order)(const void *, const void *) = c->lane == TQP_LANE_I64    ? order_i64
                                               : c->lane == TQP_LANE_I128 ? order_i128
                                                                          : order_view;
    uint32_t count = random_below(&c->random, 2) ? random_below(&c->random, 9)
                                                 : random_below(&c->random, 60),
             kept = 0;
    size_t bytes = tqp_lane_bytes(c->lane);
    char *set = case_own(c, aligned_alloc(64, (count * bytes + 64) & ~(size_t)63));
    for (uint32_t k = 0; k < count; k++)
        value_random(c, c->lane, set + k * bytes);
    qsort(set, count, bytes, order);
    for (uint32_t k = 0; k < count; k++)
        if (kept == 0 || order(set + (kept - 1) * bytes, set + k * bytes) != 0)
            memmove(set + kept++ * bytes, set + k * bytes, bytes);
    c->args.aux = set;
    c->args.aux_count = kept;
}

/* Half of the values are members. */
void restrict_to_set(Case *c, int k, TqpLane lane, void *values) {
    (void)k;
    size_t bytes = tqp_lane_bytes(lane);
    for (uint32_t i = 0; i < c->n && c->args.aux_count > 0; i++)
        if (random_below(&c->random, 2))
            memcpy((char *)values + i * bytes,
                   (const char *)c->args.aux + random_below(&c->random, c->args.aux_count) * bytes,
                   bytes);
}

/* A set of places that begins as prepare_index has it. */
static uint64_t *random_set(Case *c) {
    static const uint32_t limits[] = {1, 64, 100, 70000};
    uint32_t limit = limits[random_below(&c->random, 4)];
    uint64_t *bits = case_own(c, malloc((tqp_bitmap_words(limit) + 1) * sizeof(uint64_t)));
    for (uint32_t w = 0; w <= tqp_bitmap_words(limit); w++)
        bits[w] = random_u64(&c->random) & random_u64(&c->random);
    prepare_index(c);
    c->args.imm[1].i = limit;
    return bits;
}

/* Every other case: values that rise slowly from the first place, as keys of clustered rows do. */
void restrict_near(Case *c, int k, TqpLane lane, void *values) {
    (void)k;
    if (c->n % 2 == 0 || lane == TQP_LANE_I128)
        return;
    int64_t first = (int64_t)(0 - (uint64_t)c->args.imm[0].i), step = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        int64_t value =
            (int64_t)((uint64_t)first + (uint64_t)(step += random_below(&c->random, 5)));
        memcpy((char *)values + value_bytes(lane, i), &value, tqp_lane_bytes(lane));
    }
}

void prepare_member(Case *c) {
    c->args.aux = random_set(c);
}

void prepare_rank(Case *c) {
    const uint64_t *bits = random_set(c);
    uint32_t words = tqp_bitmap_words((uint32_t)c->args.imm[1].i), sum = 0;
    uint32_t *before = case_own(c, malloc(words * sizeof(uint32_t)));
    for (uint32_t w = 0; w < words; sum += (uint32_t)__builtin_popcountll(bits[w++]))
        before[w] = sum;
    TqpRanks *ranks = case_own(c, malloc(sizeof(*ranks)));
    *ranks = (TqpRanks){bits, before};
    c->args.aux = ranks;
    c->args.imm[2].i = sum;
}
