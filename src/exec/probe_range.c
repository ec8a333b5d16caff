/*
 * Bounds of a probe in a ranged map.  A bound becomes the least distance that is not below it, and
 * its place is found by bisection within a bucket or within the rows of a key.
 */
#include "exec/probe.h"
#include "exec/range.h"

/* The first place of [begin, end) whose distance is not below x, else end. */
static uint32_t bisect(const uint64_t *keys, uint64_t x, uint32_t begin, uint32_t end) {
    uint32_t n = end - begin;
    while (n > 0) { /* all before `begin` are below x, all from begin + n on are not */
        uint32_t half = n / 2;
        bool below = keys[begin + half] < x;
        begin += below ? half + 1 : 0;
        n = below ? n - half - 1 : half;
    }
    return begin;
}

/* x: signed distance from the least value. */
static uint32_t place(const TqpBuildRange *range, TqpInt128 x, uint32_t begin, uint32_t end) {
    const uint64_t *keys = range->keys.data;
    const uint32_t *buckets = range->buckets.data;
    if (x <= 0)
        return begin;
    if (x > (TqpInt128)range->span)
        return end;
    if (buckets != NULL) {
        uint64_t bucket = (uint64_t)x >> range->shift;
        begin = buckets[bucket];
        end = buckets[bucket + 1];
    }
    return bisect(keys, (uint64_t)x, begin, end);
}

/* ends: the bound is an upper one. */
static void apply(const TqpTile *tile, TqpProbeState *state, uint32_t b) {
    const TqpBuildRange *range = &state->build->ranges[b < state->build->map->nranges ? b : 0];
    const TqpSlot *slot = &state->probe->keys[state->probe->nkeys + b];
    const void *values = tile->regs[slot->reg];
    TqpBoundOp op = state->probe->bounds[b];
    bool lower = op == TQP_BOUND_GT || op == TQP_BOUND_GE;
    bool beyond = op == TQP_BOUND_GT || op == TQP_BOUND_LE; /* what equals the bound is before it */
    uint32_t *out = lower ? state->begin : state->end;
    TqpInt128 add = (TqpInt128)slot->bias + beyond - range->min;
    for (uint32_t k = 0; k < state->nrows; k++) {
        TqpInt128 v = tqp_range_image(slot->lane, values, state->rows[k]), x;
        if (__builtin_add_overflow(v, add, &x))
            x = v < 0 ? TQP_INT128_MIN : TQP_INT128_MAX;
        out[k] = place(range, x, state->begin[k], state->end[k]);
    }
}

void tqp_probe_range(TqpTile *tile, TqpProbeState *state) {
    uint32_t kept = 0;
    for (uint32_t b = 0; b < state->probe->nbounds; b++)
        apply(tile, state, b);
    for (uint32_t k = 0; k < state->nrows; k++) {
        state->rows[kept] = state->rows[k];
        state->begin[kept] = state->begin[k];
        state->end[kept] = state->end[k];
        kept += state->begin[k] < state->end[k];
    }
    tqp_probe_keep(tile, state, kept);
}
