/* The register file and the loop over a pipeline's steps. */
#include "exec/probe.h"
#include "exec/run.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * A FILTER that leaves less than this share of the rows compacts the tile; above it, computing on
 * the dropped rows too costs less than moving the live registers (measured with four grouped sums:
 * equal at 38%).
 */
#define COMPACT_NUM 3
#define COMPACT_DEN 8
/* Before steps that compare narrow codes only: a gathered code costs as much as 64 compared ones.
 */
#define LAZY_DEN 96

/* Fewer than one row in so many: moved by position rather than by mask. */
#define SPARSE 16

uint64_t tqp_exec_clock_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

static size_t register_bytes(TqpLane lane, uint32_t tile_rows) {
    size_t bytes = lane == TQP_LANE_MASK ? tile_rows / 8 : (size_t)tile_rows * tqp_lane_bytes(lane);
    bytes = (bytes + 63) & ~(size_t)63;
    return bytes + 64 * 3; /* registers of a power of two would alias in the L1 */
}

static void *carve(char **next, size_t bytes) {
    void *p = *next;
    *next += (bytes + 63) & ~(size_t)63;
    return p;
}

TqpStatus tqp_tile_init(TqpTile *tile, TqpRun *run) {
    const TqpQuery *query = run->query;
    const TqpPipeline *pipeline = run->pipeline;
    memset(tile, 0, sizeof(*tile));
    tile->run = run;
    tile->pipeline = pipeline;
    tile->backend = query->backend;
    uint32_t rows = run->tile_rows;
    size_t masks = register_bytes(TQP_LANE_MASK, rows);
    size_t pointers = ((size_t)pipeline->nregs * sizeof(void *) + 63) & ~(size_t)63;
    size_t stats = query->instrument ? (size_t)pipeline->nsteps * sizeof(TqpStepStats) : 0;
    size_t ahead = ((size_t)pipeline->nsteps * sizeof(TqpAhead) + 63) & ~(size_t)63;
    size_t total = 2 * pointers + ahead + stats + 128 + 3 * masks +
                   register_bytes(TQP_LANE_U32, rows) + register_bytes(TQP_LANE_VIEW, rows);
    for (uint32_t r = 0; r < pipeline->nregs; r++)
        total += register_bytes((TqpLane)pipeline->reg_lanes[r], rows);
    TQP_TRY(tqp_buffer_alloc(&tile->memory, query->broker, total));
    memset(tile->memory.data, 0, total);

    char *next = tile->memory.data;
    tile->regs = carve(&next, pointers);
    tile->bufs = carve(&next, pointers);
    if (query->instrument)
        tile->steps = carve(&next, stats);
    tile->ahead = carve(&next, ahead);
    tile->sel_buf = carve(&next, masks);
    tile->origin_sel = carve(&next, masks);
    tile->guard_buf = carve(&next, masks);
    tile->position_buf = carve(&next, register_bytes(TQP_LANE_U32, rows));
    tile->scratch = carve(&next, register_bytes(TQP_LANE_VIEW, rows));
    for (uint32_t r = 0; r < pipeline->nregs; r++) {
        tile->bufs[r] = carve(&next, register_bytes((TqpLane)pipeline->reg_lanes[r], rows));
        tile->regs[r] = tile->bufs[r];
    }
    tqp_arena_init(&tile->arena, query->broker);
    TQP_TRY(tqp_shard_init(tile));
    return tqp_probe_init(tile);
}

void tqp_tile_free(TqpTile *tile) {
    tqp_arena_free(&tile->arena);
    tqp_buffer_free(&tile->memory);
}

static void mask_and(uint64_t *out, const uint64_t *a, const uint64_t *b, uint32_t n) {
    for (uint32_t w = 0; w < tqp_bitmap_words(n); w++)
        out[w] = a[w] & b[w];
}

const uint64_t *tqp_tile_guard(const TqpTile *tile, uint16_t a, uint16_t b, uint64_t *buf) {
    const uint64_t *guard = tile->sel;
    uint16_t masks[2] = {a, b};
    for (int k = 0; k < 2; k++) {
        if (masks[k] == TQP_NO_REG)
            continue;
        const uint64_t *mask = tile->regs[masks[k]];
        if (guard == NULL) {
            guard = mask;
        } else {
            mask_and(buf, guard, mask, tile->n);
            guard = buf;
        }
    }
    return guard;
}

/*
 * A register is compacted by its mask where most words of that have bits, else by the positions of
 * the few rows left.  In place: no row moves up.
 */
static void compress_register(TqpTile *tile, uint16_t reg, uint32_t n, const uint32_t *kept) {
    TqpLane lane = (TqpLane)tile->pipeline->reg_lanes[reg];
    const void *in = tile->regs[reg];
    uint32_t count = 0;
    if (lane == TQP_LANE_MASK)
        tqp_tile_kernel(tile, TQP_STEP_COMPRESS_MASK, lane, n, tile->bufs[reg], in, NULL, tile->sel,
                        (TqpScalar){.i = 0}, &count);
    else if (tile->selected < n / SPARSE)
        tqp_tile_kernel(tile, TQP_STEP_GATHER, lane, tile->selected, tile->bufs[reg], in, kept,
                        NULL, (TqpScalar){.i = 0}, NULL);
    else
        tqp_tile_kernel(tile, TQP_STEP_COMPRESS, lane, n, tile->bufs[reg], in, NULL, tile->sel,
                        (TqpScalar){.i = 0}, &count);
    tile->regs[reg] = tile->bufs[reg];
}

/* Which rows of the tile are left; of pairs only the positions matter. */
static void note_positions(TqpTile *tile, const uint32_t *kept, uint32_t count) {
    if (tile->positions == NULL) {
        memcpy(tile->origin_sel, tile->sel, tqp_bitmap_words(tile->n) * sizeof(uint64_t));
        return;
    }
    tqp_tile_kernel(tile, TQP_STEP_GATHER, TQP_LANE_U32, count, tile->position_buf, tile->positions,
                    kept, NULL, (TqpScalar){.i = 0}, NULL);
    if (tile->repeats)
        return;
    memset(tile->origin_sel, 0, tqp_bitmap_words(tile->rows) * sizeof(uint64_t));
    for (uint32_t i = 0; i < count; i++)
        tqp_bitmap_set(tile->origin_sel, tile->position_buf[i]);
}

/* Keep only the selected rows, which may be listed already, in the live registers. */
static void compact(TqpTile *tile, const TqpStep *step, const uint32_t *rows) {
    uint32_t n = tile->n, count = tile->selected;
    uint32_t *kept = tile->positions == NULL ? tile->position_buf : tile->scratch;
    if (rows != NULL)
        memcpy(kept, rows, count * sizeof(uint32_t));
    else
        tqp_tile_kernel(tile, TQP_STEP_MASK_TO_INDEX, TQP_LANE_MASK, n, kept, tile->sel, NULL, NULL,
                        (TqpScalar){.i = 0}, &count);
    for (uint32_t k = 0; k < step->nlive; k++)
        compress_register(tile, step->live[k], n, kept);
    note_positions(tile, kept, count);
    tile->positions = tile->position_buf;
    tile->n = tile->selected;
    tile->sel = NULL;
}

/* Below a PROBE_ANY rows stay beside their owners: what is live there ends with the pairs. */
static bool is_worth_compacting(const TqpTile *tile, const TqpStep *step) {
    if (tile->any != NULL)
        return false;
    uint64_t kept = tile->selected, rows = tile->n;
    return step->imm[0].i != 0 ? kept * LAZY_DEN < rows : kept * COMPACT_DEN < rows * COMPACT_NUM;
}

static uint32_t count_rows(TqpTile *tile, const uint64_t *mask) {
    uint32_t count = 0;
    tqp_tile_kernel(tile, TQP_STEP_MASK_COUNT, TQP_LANE_MASK, tile->n, NULL, mask, NULL, NULL,
                    (TqpScalar){.i = 0}, &count);
    return count;
}

void tqp_tile_select(TqpTile *tile, const uint64_t *mask) {
    if (tile->sel == NULL)
        memcpy(tile->sel_buf, mask, tqp_bitmap_words(tile->n) * sizeof(uint64_t));
    else
        mask_and(tile->sel_buf, tile->sel, mask, tile->n); /* may be in place, unlike a kernel */
    tile->selected = count_rows(tile, tile->sel_buf);
    tile->sel = tile->selected < tile->n ? tile->sel_buf : NULL;
}

void tqp_tile_filter(TqpTile *tile, const TqpStep *step, const uint64_t *mask,
                     const uint32_t *rows) {
    if (mask == NULL)
        return;
    tqp_tile_select(tile, mask);
    if (tile->sel != NULL && tile->selected > 0 && is_worth_compacting(tile, step))
        compact(tile, step, rows);
}

static void run_kernel(TqpTile *tile, const TqpStep *step) {
    TqpKernelArgs args;
    args.n = tile->n;
    args.out = step->out == TQP_NO_REG ? NULL : tile->bufs[step->out];
    for (int k = 0; k < 3; k++) {
        args.in[k] = step->in[k] == TQP_NO_REG ? NULL : tile->regs[step->in[k]];
        args.imm[k] = step->imm[k];
    }
    args.guard = step->guard == TQP_NO_REG
                     ? tile->sel
                     : tqp_tile_guard(tile, step->guard, TQP_NO_REG, tile->guard_buf);
    args.aux = step->aux;
    args.aux_count = step->aux_count;
    args.flags = &tile->flags;
    args.count = NULL;
    tile->backend->kernels[step->op][step->lane](&args);
    if (step->out != TQP_NO_REG)
        tile->regs[step->out] = tile->bufs[step->out];
}

/* The rows of [start, start + rows) that the group's row mask lets through. */
static void begin_selection(TqpTile *tile) {
    const uint64_t *mask = tile->group->row_mask;
    tile->sel = NULL;
    tile->selected = tile->n;
    if (mask == NULL || tile->n == 0)
        return;
    uint32_t words = tqp_bitmap_words(tile->n);
    memcpy(tile->sel_buf, mask + tile->start / 64, words * sizeof(uint64_t));
    tile->sel_buf[words - 1] &= tqp_bitmap_tail(tile->n);
    tile->selected = count_rows(tile, tile->sel_buf);
    if (tile->selected < tile->n)
        tile->sel = tile->sel_buf;
}

/* Everything but PROBE and MATCH, which move through the steps themselves. */
static void run_step(TqpTile *tile, const TqpStep *step) {
    if (step->op == TQP_STEP_LOAD)
        tqp_tile_load(tile, step);
    else if (step->op == TQP_STEP_FILTER)
        tqp_tile_filter(tile, step, tile->regs[step->in[0]], NULL);
    else if (step->op == TQP_STEP_BOUND)
        tqp_tile_filter(tile, step, tqp_topn_filter(tile, step), NULL);
    else if (step->op == TQP_STEP_FETCH)
        tqp_tile_fetch(tile, step);
    else
        run_kernel(tile, step);
}

static void add_stats(TqpTile *tile, uint32_t s, uint32_t rows_in, uint64_t *before) {
    uint64_t now = tqp_exec_clock_ns();
    tile->steps[s].rows_in += rows_in;
    tile->steps[s].rows_out += tile->selected;
    tile->steps[s].ns += now - *before;
    *before = now;
}

static TqpStatus finish_tile(TqpTile *tile, uint32_t end) {
    if (tile->flags != 0)
        return tqp_exec_flags_status(tile->flags);
    if (tile->selected == 0)
        return TQP_OK;
    if (end < tile->pipeline->nsteps)
        return tqp_pairs_note(tile, &tile->pipeline->steps[end]);
    uint64_t before = tile->steps != NULL ? tqp_exec_clock_ns() : 0;
    if (tile->shard != NULL)
        tqp_shard_of_sink(tile);
    if (tile->selected == 0)
        return TQP_OK;
    TQP_TRY(tile->run->ops->tile(tile->run, tile->state, tile));
    tile->sink.rows_in += tile->selected;
    if (tile->steps != NULL)
        tile->sink.ns += tqp_exec_clock_ns() - before;
    return tqp_exec_flags_status(tile->flags); /* the sink's own: this may be the last tile */
}

TqpStatus tqp_tile_steps(TqpTile *tile, uint32_t from, uint32_t end) {
    const TqpPipeline *pipeline = tile->pipeline;
    uint64_t before = tile->steps != NULL ? tqp_exec_clock_ns() : 0;
    for (uint32_t s = from; s < end && tile->selected > 0; s++) {
        const TqpStep *step = &pipeline->steps[s];
        if (step->op == TQP_STEP_PROBE && tqp_shard_of_probe(tile, step, tile->probes[s]) == 0)
            break;
        uint32_t rows_in = tile->selected;
        if (step->op == TQP_STEP_PROBE) {
            const TqpProbe *probe = step->aux;
            bool pairs = false;
            TQP_TRY(tqp_probe_run(tile, s, &pairs));
            if (pairs && probe->kind == TQP_PROBE_PAIRS)
                return tqp_pairs_run(tile, s, end, before);
            if (pairs) {
                TQP_TRY(tqp_pairs_any(tile, s, before));
                before = tile->steps != NULL ? tqp_exec_clock_ns() : 0;
                s = probe->end;
                continue;
            }
        } else {
            run_step(tile, step);
        }
        if (tile->steps != NULL)
            add_stats(tile, s, rows_in, &before);
    }
    return finish_tile(tile, end);
}

TqpStatus tqp_tile_run(TqpTile *tile, const TqpRowGroup *group, uint32_t start, uint32_t rows) {
    tile->group = group;
    tile->start = start;
    tile->rows = tile->n = rows;
    tile->positions = NULL;
    tile->nahead = 0;
    tile->repeats = false;
    begin_selection(tile);
    if (group->from_heap)
        tile->rows_heap += tile->selected;
    else
        tile->rows_cache += tile->selected;
    return tqp_tile_steps(tile, 0, tile->pipeline->nsteps);
}
