/*
 * The filter of a HASH map: a bitmap over the values of one of its keys, the integer key of which
 * the build has the least share of the values between its least and its greatest.
 */
#include "base/bitmap.h"
#include "exec/map.h"
#include "exec/memory.h"
#include "exec/slices.h"

/* Bits per row of the build, and at least: beyond, the bitmap leaves the caches. */
#define BITS_PER_ROW 64
#define BITS_MIN     (UINT64_C(1) << 20)
#define BITS_MAX     (UINT64_C(1) << 28)

#define SLICE_ROWS      UINT64_C(65536)
#define ROWS_PER_WORKER UINT64_C(262144)

static bool has_filter_lane(const TqpSlot *slot) {
    return (slot->lane == TQP_LANE_U8 || slot->lane == TQP_LANE_U16 || slot->lane == TQP_LANE_U32 ||
            slot->lane == TQP_LANE_I64) &&
           tqp_type_class(slot->type.kind) != TQP_CLASS_FLOAT;
}

static int64_t value_at(const TqpColumn *key, uint64_t row) {
    return (int64_t)tqp_lane_get(key->slot.lane, key->values.data, row);
}

typedef struct Filtering {
    const TqpBuild *build;
    const TqpColumn *key;
    int64_t *least, *greatest; /* per slice */
    TqpBuildFilter filter;
    _Atomic uint64_t nset;
} Filtering;

static TqpStatus span_slice(void *arg, const TqpStop *stop, uint64_t from, uint64_t to) {
    (void)stop;
    Filtering *job = arg;
    int64_t min = value_at(job->key, from), max = min;
    for (uint64_t i = from + 1; i < to; i++) {
        int64_t v = value_at(job->key, i);
        min = v < min ? v : min;
        max = v > max ? v : max;
    }
    job->least[from / SLICE_ROWS] = min;
    job->greatest[from / SLICE_ROWS] = max;
    return TQP_OK;
}

/* The least value, and how many there are up to the greatest; 0 when they are too many. */
static TqpStatus find_span(Filtering *job, TqpRun *run, int workers) {
    uint64_t nrows = job->build->nrows, nslices = (nrows + SLICE_ROWS - 1) / SLICE_ROWS;
    job->least = tqp_arena_alloc(&run->arena, nslices * sizeof(int64_t));
    job->greatest = tqp_arena_alloc(&run->arena, nslices * sizeof(int64_t));
    if (job->least == NULL || job->greatest == NULL)
        return tqp_exec_arena_status(&run->arena);
    TQP_TRY(tqp_slices_run(run, workers, nrows, SLICE_ROWS, span_slice, job));
    int64_t min = job->least[0], max = job->greatest[0];
    for (uint64_t s = 1; s < nslices; s++) {
        min = job->least[s] < min ? job->least[s] : min;
        max = job->greatest[s] > max ? job->greatest[s] : max;
    }
    uint64_t limit = nrows * BITS_PER_ROW, last = (uint64_t)max - (uint64_t)min;
    limit = limit < BITS_MIN ? BITS_MIN : limit > BITS_MAX ? BITS_MAX : limit;
    job->filter.lo = min;
    job->filter.span = last < limit ? (uint32_t)last + 1 : 0;
    return TQP_OK;
}

/* Values of rows that are in no map are in the filter too: it may only let too many pass. */
static TqpStatus set_slice(void *arg, const TqpStop *stop, uint64_t from, uint64_t to) {
    (void)stop;
    Filtering *job = arg;
    _Atomic uint64_t *bits = job->filter.bits.data;
    uint64_t nset = 0;
    for (uint64_t i = from; i < to; i++) {
        uint64_t at = (uint64_t)value_at(job->key, i) - (uint64_t)job->filter.lo;
        uint64_t bit = UINT64_C(1) << (at % 64);
        if ((atomic_load_explicit(&bits[at / 64], memory_order_relaxed) & bit) != 0)
            continue;
        nset += (atomic_fetch_or_explicit(&bits[at / 64], bit, memory_order_relaxed) & bit) == 0;
    }
    atomic_fetch_add(&job->nset, nset);
    return TQP_OK;
}

static TqpStatus set_bits(Filtering *job, TqpRun *run, int workers) {
    TqpBuffer *bits = &job->filter.bits;
    size_t bytes = ((size_t)job->filter.span / 64 + 1) * sizeof(uint64_t);
    TQP_TRY(tqp_buffer_alloc(bits, run->query->broker, bytes));
    TQP_TRY(tqp_memory_clear(bits->data, bytes, &run->leader));
    return tqp_slices_run(run, workers, job->build->nrows, SLICE_ROWS, set_slice, job);
}

/* A filter that lets half of the values pass costs more than it saves. */
TqpStatus tqp_build_filter(TqpBuild *build, TqpRun *run) {
    int workers = tqp_slices_workers(run, build->nrows, ROWS_PER_WORKER);
    double best = 0.5;
    for (uint32_t k = 0; k < build->map->nkeys && build->nrows > 0; k++) {
        const TqpColumn *key = &build->columns[build->map->columns[k]];
        if (build->map->null_safe[k] || !has_filter_lane(&key->slot))
            continue;
        Filtering job = {.build = build, .key = key, .filter.key = k};
        TQP_TRY(find_span(&job, run, workers));
        if (job.filter.span == 0)
            continue;
        TqpStatus status = set_bits(&job, run, workers);
        double share = (double)atomic_load(&job.nset) / job.filter.span;
        if (status != TQP_OK || share >= best) {
            tqp_buffer_free(&job.filter.bits);
            TQP_TRY(status);
            continue;
        }
        tqp_buffer_free(&build->filter.bits);
        build->filter = job.filter;
        best = share;
    }
    return TQP_OK;
}
