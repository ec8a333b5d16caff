/*
 * The filter of a HASH map: a bitmap over the values of one of its keys, the integer key of which
 * the build has the least share of the values between its least and its greatest.
 */
#include "base/bitmap.h"
#include "exec/map.h"
#include "exec/memory.h"
#include "exec/run.h"

/* Bits per row of the build, and at least: beyond, the bitmap leaves the caches. */
#define BITS_PER_ROW 64
#define BITS_MIN     (UINT64_C(1) << 20)
#define BITS_MAX     (UINT64_C(1) << 28)

static bool has_filter_lane(const TqpSlot *slot) {
    return (slot->lane == TQP_LANE_U8 || slot->lane == TQP_LANE_U16 || slot->lane == TQP_LANE_U32 ||
            slot->lane == TQP_LANE_I64) &&
           tqp_type_class(slot->type.kind) != TQP_CLASS_FLOAT;
}

static int64_t value_at(const TqpColumn *key, uint64_t row) {
    return (int64_t)tqp_lane_get(key->slot.lane, key->values.data, row);
}

/* The least value, and how many there are up to the greatest; 0 when they are too many. */
static TqpStatus find_span(const TqpBuild *build, const TqpStop *stop, const TqpColumn *key,
                           TqpBuildFilter *out) {
    int64_t min = value_at(key, 0), max = min;
    uint64_t limit = (uint64_t)build->nrows * BITS_PER_ROW;
    limit = limit < BITS_MIN ? BITS_MIN : limit > BITS_MAX ? BITS_MAX : limit;
    for (uint64_t i = 1; i < build->nrows; i++) {
        int64_t v = value_at(key, i);
        if (tqp_stop_at(stop, i))
            return TQP_CANCELLED;
        min = v < min ? v : min;
        max = v > max ? v : max;
    }
    uint64_t last = (uint64_t)max - (uint64_t)min;
    *out = (TqpBuildFilter){.lo = min, .span = last < limit ? (uint32_t)last + 1 : 0};
    return TQP_OK;
}

/* Values of rows that are in no map are in the filter too: it may only let too many pass. */
static TqpStatus set_bits(const TqpBuild *build, TqpRun *run, const TqpColumn *key,
                          TqpBuildFilter *filter, uint64_t *nset) {
    size_t bytes = ((size_t)filter->span / 64 + 1) * sizeof(uint64_t);
    TQP_TRY(tqp_buffer_alloc(&filter->bits, run->query->broker, bytes));
    TqpStatus status = tqp_memory_clear(filter->bits.data, bytes, &run->leader);
    uint64_t *bits = filter->bits.data;
    for (uint64_t i = 0; i < build->nrows && status == TQP_OK; i++) {
        uint64_t at = (uint64_t)value_at(key, i) - (uint64_t)filter->lo;
        if (tqp_stop_at(&run->leader, i))
            status = TQP_CANCELLED;
        *nset += (bits[at / 64] >> (at % 64) & 1) == 0;
        bits[at / 64] |= UINT64_C(1) << (at % 64);
    }
    return status;
}

/* A filter that lets half of the values pass costs more than it saves. */
TqpStatus tqp_build_filter(TqpBuild *build, TqpRun *run) {
    double best = 0.5;
    for (uint32_t k = 0; k < build->map->nkeys && build->nrows > 0; k++) {
        const TqpColumn *key = &build->columns[build->map->columns[k]];
        TqpBuildFilter filter;
        uint64_t nset = 0;
        if (build->map->null_safe[k] || !has_filter_lane(&key->slot))
            continue;
        TQP_TRY(find_span(build, &run->leader, key, &filter));
        filter.key = k;
        if (filter.span == 0)
            continue;
        TqpStatus status = set_bits(build, run, key, &filter, &nset);
        if (status != TQP_OK || (double)nset / filter.span >= best) {
            tqp_buffer_free(&filter.bits);
            TQP_TRY(status);
            continue;
        }
        tqp_buffer_free(&build->filter.bits);
        build->filter = filter;
        best = (double)nset / filter.span;
    }
    return TQP_OK;
}
