/*
 * Runs of clustered keys.  A table is often written in the order of a key, and a join keeps the
 * order of its left side: the group numbers of a tile rise then, and each group is one run of rows.
 * A run's accumulators are appended to those before it, so that memory is written once and in
 * sequence, however many groups there could be.
 */
#include <string.h>

#include "exec/agg.h"
#include "exec/memory.h"

#define FIRST_RUNS 65536u
#define CHUNKS_MAX 4096u /* of a state; more are no order */

static TqpStatus open_runs(TqpRun *run, const TqpDense *agg, TqpRuns *runs) {
    size_t rows = run->query->backend->tile_rows;
    runs->open = true;
    tqp_arena_init(&runs->arena, run->query->broker);
    TQP_TRY(tqp_accs_init(&runs->accs, &agg->plan, &runs->arena));
    runs->mask = tqp_arena_alloc(&runs->arena, rows / 8);
    runs->packed = tqp_arena_alloc(&runs->arena, rows * sizeof(uint32_t));
    runs->ends = tqp_arena_alloc(&runs->arena, rows * sizeof(uint32_t));
    runs->rows = tqp_arena_alloc(&runs->arena, rows * sizeof(uint32_t));
    runs->numbers = tqp_arena_alloc(&runs->arena, rows * sizeof(uint32_t));
    bool ok = runs->mask && runs->packed && runs->ends && runs->rows && runs->numbers;
    return ok ? TQP_OK : tqp_exec_arena_status(&runs->arena);
}

void tqp_runs_free(TqpRuns *runs, const TqpAccPlan *plan) {
    if (!runs->open)
        return;
    tqp_accs_free(&runs->accs, plan);
    tqp_buffer_free(&runs->groups);
    tqp_buffer_free(&runs->chunks);
    tqp_arena_free(&runs->arena);
    memset(runs, 0, sizeof(*runs));
}

/*
 * Ends of the runs among n > 0 group numbers, and a bit in `mask` for each row but the last of all
 * that ends one.  Returns the number of runs, 0 when the numbers fall somewhere.
 */
static uint32_t find_runs(TqpRuns *runs, TqpTile *tile, const uint32_t *groups, uint32_t n) {
    const TqpScalar one = {.i = 1};
    uint32_t count = 0;
    if (n > 1) {
        tqp_tile_kernel(tile, TQP_STEP_LT_RR, TQP_LANE_U32, n - 1, runs->mask, groups + 1, groups,
                        NULL, one, NULL);
        tqp_tile_kernel(tile, TQP_STEP_MASK_COUNT, TQP_LANE_MASK, n - 1, NULL, runs->mask, NULL,
                        NULL, one, &count);
        if (count > 0)
            return 0;
        tqp_tile_kernel(tile, TQP_STEP_NE_RR, TQP_LANE_U32, n - 1, runs->mask, groups + 1, groups,
                        NULL, one, NULL);
        tqp_tile_kernel(tile, TQP_STEP_MASK_TO_INDEX, TQP_LANE_MASK, n - 1, runs->ends, runs->mask,
                        NULL, NULL, one, &count);
    }
    runs->ends[count] = n;
    return count + 1;
}

/*
 * Room for n runs.  How many there will be is guessed from the morsels so far: copying all of them
 * on growth costs as much as making them.
 */
static TqpStatus reserve(TqpRun *run, const TqpDense *agg, TqpRuns *runs, uint64_t n,
                         const TqpStop *stop) {
    if (n > runs->accs.capacity) {
        uint64_t share = (uint64_t)run->nmorsels / agg->nstates + 1;
        uint64_t guess = n / (runs->nmorsels > 0 ? runs->nmorsels : 1) * share;
        guess += guess / 4;
        guess = guess < agg->ngroups ? guess : agg->ngroups;
        guess = runs->nruns == 0 ? FIRST_RUNS : guess;
        n = n > guess ? n : guess;
        if (n > UINT32_MAX)
            return TQP_MEMORY_LIMIT;
        TQP_TRY(tqp_accs_reserve(&runs->accs, &agg->plan, run->query->broker, (uint32_t)n, stop));
        TQP_TRY(tqp_memory_grow(&runs->groups, run->query->broker, runs->nruns * sizeof(uint32_t),
                                n * sizeof(uint32_t), stop));
    }
    return TQP_OK;
}

/* Other states' rows may belong between those of two morsels that are not neighbours. */
static bool goes_on(const TqpRun *run, const TqpRuns *runs, const TqpTile *tile, uint32_t group) {
    if (runs->nchunks == 0 || (!run->fixed && tile->morsel - runs->morsel > 1))
        return false;
    return ((const uint32_t *)runs->groups.data)[runs->nruns - 1] <= group;
}

static TqpStatus begin_chunk(TqpRun *run, TqpRuns *runs) {
    size_t size = sizeof(TqpChunk);
    TQP_TRY(tqp_buffer_grow(&runs->chunks, run->query->broker, runs->nchunks * size,
                            (runs->nchunks + 1) * size));
    TqpChunk *chunks = runs->chunks.data;
    chunks[runs->nchunks++] = (TqpChunk){runs->nruns, 0};
    return TQP_OK;
}

/* Number of the run of each selected row; others get that of some run. */
static void number_rows(TqpRuns *runs, TqpTile *tile, uint32_t n, uint32_t first) {
    uint32_t number = first, *out = runs->numbers, count = 0;
    if (tile->sel == NULL) {
        for (uint32_t i = 0; i < n; i++) {
            out[i] = number;
            number += i + 1 < n && tqp_bitmap_get(runs->mask, i);
        }
        return;
    }
    for (uint32_t i = 0; i < tile->n; i++)
        out[i] = first;
    tqp_tile_kernel(tile, TQP_STEP_MASK_TO_INDEX, TQP_LANE_MASK, tile->n, runs->rows, tile->sel,
                    NULL, NULL, (TqpScalar){.i = 0}, &count);
    for (uint32_t i = 0; i < n; i++) {
        out[runs->rows[i]] = number;
        number += i + 1 < n && tqp_bitmap_get(runs->mask, i);
    }
}

static void accumulate(const TqpDense *agg, TqpRuns *runs, TqpTile *tile, uint32_t n, uint32_t first,
                       uint32_t count) {
    if (tile->sel == NULL && agg->plan.by_segments) {
        tqp_accs_add_segments(&runs->accs, &agg->plan, tile, first, count, runs->ends);
        return;
    }
    number_rows(runs, tile, n, first);
    tqp_accs_add(&runs->accs, &agg->plan, tile, runs->numbers, TQP_LANE_U32);
}

TqpStatus tqp_runs_add(TqpRun *run, const TqpDense *agg, TqpRuns *runs, TqpTile *tile,
                       const uint32_t *groups, bool *rising) {
    uint32_t n = tile->selected, ignored;
    *rising = true;
    if (n == 0)
        return TQP_OK;
    if (!runs->open)
        TQP_TRY(open_runs(run, agg, runs));
    if (tile->sel != NULL) {
        tqp_tile_kernel(tile, TQP_STEP_COMPRESS, TQP_LANE_U32, tile->n, runs->packed, groups, NULL,
                        tile->sel, (TqpScalar){.i = 0}, &ignored);
        groups = runs->packed;
    }
    uint32_t count = find_runs(runs, tile, groups, n);
    bool on = count > 0 && goes_on(run, runs, tile, groups[0]);
    /* Sums of floats: a group's rows are added in order, so a state has one chunk, or arrays. */
    uint32_t most = run->fixed ? 1 : CHUNKS_MAX;
    *rising = count > 0 && (on || runs->nchunks < most);
    if (!*rising)
        return TQP_OK;
    uint32_t first = runs->nruns;
    runs->nmorsels += !on || tile->morsel != runs->morsel;
    TQP_TRY(reserve(run, agg, runs, (uint64_t)first + count, tile->stop));
    uint32_t *out = runs->groups.data;
    if (!on)
        TQP_TRY(begin_chunk(run, runs));
    else if (out[first - 1] == groups[0])
        first--;
    runs->morsel = tile->morsel;
    runs->nruns = first + count;
    TqpChunk *chunk = (TqpChunk *)runs->chunks.data + runs->nchunks - 1;
    chunk->count = runs->nruns - chunk->start;
    TQP_TRY(
        tqp_accs_grow(&runs->accs, &agg->plan, run->query->broker, runs->nruns, tile->stop));
    for (uint32_t r = 0; r < count; r++)
        out[first + r] = groups[runs->ends[r] - 1];
    accumulate(agg, runs, tile, n, first, count);
    return TQP_OK;
}
