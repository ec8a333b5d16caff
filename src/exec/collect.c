/*
 * COLLECT: materialise columns, then sort, offset and limit.  Each state appends the rows of the
 * morsels it was given; in the end segments are put in the order of morsels, so that rows come in
 * source order whatever the number of threads.
 */
#include "exec/collect.h"
#include "exec/host.h"

#include <stdlib.h>
#include <string.h>

#include "exec/map.h"
#include "exec/memory.h"

/* Top-n: rows of one state for which not to wait for the morsel's end. */
#define TILES_ROWS (4 * TQP_TOPN_MAX)

static TqpStatus collect_begin(TqpRun *run) {
    const TqpSink *sink = &run->pipeline->sink;
    TqpCollect *collect = tqp_arena_zalloc(&run->arena, sizeof(TqpCollect));
    if (collect == NULL)
        return tqp_exec_arena_status(&run->arena);
    pthread_mutex_init(&collect->lock, NULL);
    run->sink = collect;
    uint64_t offset = sink->offset > 0 ? (uint64_t)sink->offset : 0;
    collect->need = sink->limit < 0 ? UINT64_MAX : (uint64_t)sink->limit + offset;
    collect->topn = tqp_topn_applies(sink, collect->need);
    collect->stop_early = sink->nsort == 0 && sink->limit >= 0;
    if (sink->limit == 0)
        atomic_store(&run->enough, true);
    collect->nstates = run->nstates;
    collect->states = tqp_arena_zalloc(&run->arena, run->nstates * sizeof(TqpCollectState));
    collect->morsel_rows = tqp_arena_zalloc(&run->arena, (run->nmorsels + 1) * sizeof(uint64_t));
    if (collect->states == NULL || collect->morsel_rows == NULL)
        return tqp_exec_arena_status(&run->arena);
    for (uint32_t s = 0; s < run->nstates; s++) {
        TqpCollectState *state = &collect->states[s];
        state->columns = tqp_arena_zalloc(&run->arena, (sink->ncolumns + 1) * sizeof(TqpColumn));
        if (state->columns == NULL)
            return tqp_exec_arena_status(&run->arena);
        for (uint32_t c = 0; c < sink->ncolumns; c++)
            state->columns[c].slot = sink->columns[c];
    }
    return TQP_OK;
}

TqpStatus tqp_collect_reserve(TqpRun *run, TqpCollectState *state, uint64_t n,
                              const TqpStop *stop) {
    const TqpSink *sink = &run->pipeline->sink;
    TqpCollect *collect = run->sink;
    TqpBroker *broker = run->query->broker;
    if (state->nrows + n <= state->capacity)
        return TQP_OK;
    uint64_t cap = state->capacity * 2 > state->nrows + n ? state->capacity * 2 : state->nrows + n;
    for (uint32_t c = 0; c < sink->ncolumns; c++) {
        TqpColumn *column = &state->columns[c];
        size_t width = tqp_column_width(column->slot.lane);
        TQP_TRY(tqp_memory_grow(&column->values, broker, state->nrows * width, cap * width, stop));
        if (column->slot.valid != TQP_NO_REG)
            TQP_TRY(tqp_memory_grow(&column->valid, broker, state->nrows, cap, stop));
    }
    if (collect->topn)
        TQP_TRY(tqp_memory_grow(&state->seq, broker, state->nrows * 8, cap * 8, stop));
    state->capacity = cap;
    return TQP_OK;
}

/* Append n of the register's rows, those in `keep` (NULL = all of them), to out. */
static void append(TqpTile *tile, uint16_t reg, TqpLane lane, const uint64_t *keep, uint32_t n,
                   char *out) {
    const void *values = tile->regs[reg];
    if (lane == TQP_LANE_MASK) {
        tqp_tile_kernel(tile, TQP_STEP_MASK_TO_U8, TQP_LANE_MASK, tile->n, tile->scratch, values,
                        NULL, NULL, (TqpScalar){.i = 0}, NULL);
        values = tile->scratch;
        lane = TQP_LANE_U8;
    }
    if (keep != NULL) {
        uint32_t count = 0;
        tqp_tile_kernel(tile, TQP_STEP_COMPRESS, lane, tile->n, tile->scratch, values, NULL, keep,
                        (TqpScalar){.i = 0}, &count);
        values = tile->scratch;
    }
    memcpy(out, values, (size_t)n * tqp_lane_bytes(lane));
}

static TqpStatus collect_tile(TqpRun *run, uint32_t s, TqpTile *tile) {
    TqpCollect *collect = run->sink;
    TqpCollectState *state = &collect->states[s];
    const TqpSink *sink = &run->pipeline->sink;
    const uint64_t *keep = tile->sel;
    uint32_t n = tile->selected;
    TQP_TRY(tqp_collect_reserve(run, state, n, tile->stop));
    for (uint32_t c = 0; c < sink->ncolumns; c++) {
        TqpColumn *column = &state->columns[c];
        size_t width = tqp_column_width(column->slot.lane);
        append(tile, column->slot.reg, column->slot.lane, keep, n,
               (char *)column->values.data + state->nrows * width);
        if (column->slot.valid != TQP_NO_REG)
            append(tile, column->slot.valid, TQP_LANE_MASK, keep, n,
                   (char *)column->valid.data + state->nrows);
    }
    if (collect->topn)
        for (uint32_t i = 0; i < n; i++)
            ((uint64_t *)state->seq.data)[state->nrows + i] =
                (uint64_t)tile->morsel << 32 | state->morsel_seq++;
    state->nrows += n;
    tile->done = collect->stop_early && state->nrows - state->morsel_start >= collect->need;
    /* A morsel may make any number of pairs. */
    return collect->topn && state->nrows > TILES_ROWS ? tqp_topn_prune(run, collect, s) : TQP_OK;
}

/* LIMIT without ORDER BY: enough when the first morsels, all complete, have the rows. */
static void note_morsel(TqpRun *run, TqpCollect *collect, uint32_t morsel, uint64_t rows) {
    pthread_mutex_lock(&collect->lock);
    collect->morsel_rows[morsel - run->first_morsel] = rows + 1;
    while (collect->prefix < run->nmorsels && collect->morsel_rows[collect->prefix] > 0)
        collect->prefix_rows += collect->morsel_rows[collect->prefix++] - 1;
    if (collect->prefix_rows >= collect->need)
        atomic_store(&run->enough, true);
    pthread_mutex_unlock(&collect->lock);
}

/* The morsels of the scans before are complete. */
static TqpStatus collect_again(TqpRun *run) {
    TqpCollect *collect = run->sink;
    collect->prefix = 0;
    collect->morsel_rows = tqp_arena_zalloc(&run->arena, (run->nmorsels + 1) * sizeof(uint64_t));
    return collect->morsel_rows != NULL ? TQP_OK : tqp_exec_arena_status(&run->arena);
}

static TqpStatus collect_morsel_end(TqpRun *run, uint32_t s, uint32_t morsel) {
    TqpCollect *collect = run->sink;
    TqpCollectState *state = &collect->states[s];
    uint64_t rows = state->nrows - state->morsel_start;
    if (collect->topn) {
        state->morsel_seq = 0;
        return tqp_topn_prune(run, collect, s);
    }
    if (collect->stop_early)
        note_morsel(run, collect, morsel, rows);
    if (rows > 0) {
        TQP_TRY(tqp_buffer_grow(&state->segments, run->query->broker,
                                state->nsegments * sizeof(TqpSegment),
                                (state->nsegments + 1) * sizeof(TqpSegment)));
        TqpSegment *segments = state->segments.data;
        segments[state->nsegments++] = (TqpSegment){morsel, state->morsel_start, rows};
    }
    state->morsel_start = state->nrows;
    return TQP_OK;
}

/* ---- putting the states together ---- */

typedef struct Piece {
    const TqpCollectState *state;
    TqpSegment segment;
    uint64_t first; /* its first row's number among all */
} Piece;

typedef struct Pieces {
    TqpRun *run;
    Piece *pieces; /* in source order */
    uint64_t npieces;
    uint64_t nrows;
} Pieces;

static int piece_order(const void *a, const void *b) {
    uint32_t x = ((const Piece *)a)->segment.morsel, y = ((const Piece *)b)->segment.morsel;
    return (x > y) - (x < y);
}

static TqpStatus list_pieces(TqpRun *run, Pieces *all) {
    TqpCollect *collect = run->sink;
    uint64_t count = collect->nstates;
    for (uint32_t s = 0; s < collect->nstates; s++)
        count += collect->states[s].nsegments;
    all->run = run;
    all->pieces = tqp_arena_alloc(&run->arena, (size_t)count * sizeof(Piece));
    if (all->pieces == NULL)
        return tqp_exec_arena_status(&run->arena);
    for (uint32_t s = 0; s < collect->nstates; s++) {
        const TqpCollectState *state = &collect->states[s];
        if (collect->topn && state->nrows > 0)
            all->pieces[all->npieces++] = (Piece){state, {s, 0, state->nrows}, 0};
        for (uint32_t k = 0; k < state->nsegments; k++)
            all->pieces[all->npieces++] =
                (Piece){state, ((const TqpSegment *)state->segments.data)[k], 0};
    }
    qsort(all->pieces, all->npieces, sizeof(Piece), piece_order);
    for (uint64_t p = 0; p < all->npieces; p++) {
        all->pieces[p].first = all->nrows;
        all->nrows += all->pieces[p].segment.count;
    }
    return TQP_OK;
}

/* Rows [from, from + n) of the concatenation, by a team: a piece of a column at a time. */
typedef struct Concat {
    const Pieces *all;
    uint64_t from, n;
    uint32_t ncolumns;
    TqpColumn *columns;
    _Atomic uint64_t next;
} Concat;

#define CONCAT_ROWS 131072u /* fewer are copied by one worker */

static TqpStatus copy_piece(const Concat *c, const Piece *piece, uint32_t column,
                            const TqpStop *stop) {
    uint64_t begin = piece->first > c->from ? piece->first : c->from;
    uint64_t end = piece->first + piece->segment.count, last = c->from + c->n;
    end = end < last ? end : last;
    if (begin >= end)
        return TQP_OK;
    TqpColumn *to = &c->columns[column];
    const TqpColumn *source = &piece->state->columns[column];
    size_t width = tqp_column_width(to->slot.lane);
    uint64_t row = piece->segment.start + begin - piece->first, at = begin - c->from;
    TQP_TRY(tqp_memory_copy((char *)to->values.data + at * width,
                            (const char *)source->values.data + row * width, (end - begin) * width,
                            stop));
    if (to->valid.data == NULL)
        return TQP_OK;
    return tqp_memory_copy((char *)to->valid.data + at, (const char *)source->valid.data + row,
                           end - begin, stop);
}

static TqpStatus concat_work(TqpTeam *team, int worker, void *arg) {
    Concat *c = arg;
    const TqpStop stop = {team, worker, NULL};
    while (!tqp_team_should_stop(team, worker)) {
        uint64_t k = atomic_fetch_add(&c->next, 1);
        if (k >= c->all->npieces * c->ncolumns)
            break;
        TQP_TRY(copy_piece(c, &c->all->pieces[k % c->all->npieces], (uint32_t)(k / c->all->npieces),
                           &stop));
    }
    return TQP_OK;
}

static TqpStatus concat_columns(const Pieces *all, uint64_t from, uint64_t n, uint32_t ncolumns,
                                TqpColumn *columns) {
    TqpRun *run = all->run;
    TqpCollect *collect = run->sink;
    const TqpSink *sink = &run->pipeline->sink;
    if (all->npieces == 0)
        n = 0;
    bool whole = collect->nstates == 1 && from == 0 && n > 0;
    for (uint32_t c = 0; c < ncolumns; c++) {
        const TqpSlot *slot = &sink->columns[c];
        if (whole) { /* already as it should be */
            TqpColumn *source = &collect->states[0].columns[c];
            columns[c] = *source;
            memset(&source->values, 0, sizeof(TqpBuffer));
            memset(&source->valid, 0, sizeof(TqpBuffer));
            continue;
        }
        TQP_TRY(
            tqp_column_alloc(&columns[c], run->query->broker, slot, slot->valid != TQP_NO_REG, n));
    }
    if (whole || n == 0)
        return TQP_OK;
    Concat concat = {.all = all, .from = from, .n = n, .ncolumns = ncolumns, .columns = columns};
    return tqp_team_run(n < CONCAT_ROWS ? 1 : run->nworkers, run->query->poll, concat_work,
                        &concat);
}

static void free_columns(TqpColumn *columns, uint32_t n) {
    for (uint32_t c = 0; c < n; c++)
        tqp_column_free(&columns[c]);
}

/* ---- sorted output ---- */

static TqpStatus gather(const void *in, size_t width, const uint32_t *rows, uint64_t n, void *out,
                        const TqpStop *stop) {
    for (uint64_t i = 0; i < n; i++) {
        if (tqp_stop_at(stop, i))
            return TQP_CANCELLED;
        size_t at = (size_t)rows[i] * width;
        switch (width) {
        case 1:
            ((uint8_t *)out)[i] = ((const uint8_t *)in)[rows[i]];
            break;
        case 4:
            ((uint32_t *)out)[i] = ((const uint32_t *)in)[rows[i]];
            break;
        case 8:
            ((uint64_t *)out)[i] = ((const uint64_t *)in)[rows[i]];
            break;
        default:
            memcpy((char *)out + i * width, (const char *)in + at, width);
            break;
        }
    }
    return TQP_OK;
}

static TqpStatus gather_columns(TqpRun *run, const uint32_t *rows, uint64_t n, uint32_t ncolumns,
                                const TqpColumn *in, TqpColumn *out) {
    for (uint32_t c = 0; c < ncolumns; c++) {
        bool nullable = in[c].valid.data != NULL;
        TQP_TRY(tqp_column_alloc(&out[c], run->query->broker, &in[c].slot, nullable, n));
        TQP_TRY(gather(in[c].values.data, tqp_column_width(in[c].slot.lane), rows, n,
                       out[c].values.data, &run->leader));
        if (nullable)
            TQP_TRY(gather(in[c].valid.data, 1, rows, n, out[c].valid.data, &run->leader));
    }
    return TQP_OK;
}

static TqpStatus sort_rows(TqpRun *run, const Pieces *all, const TqpColumn *columns,
                           uint32_t *order) {
    TqpCollect *collect = run->sink;
    const TqpSink *sink = &run->pipeline->sink;
    TqpSortInput input = {.query = run->query,
                          .stop = &run->leader,
                          .nrows = all->nrows,
                          .columns = columns,
                          .nsort = sink->nsort,
                          .sort = sink->sort};
    TqpBuffer seq = {0};
    if (collect->topn) {
        TQP_TRY(tqp_buffer_alloc(&seq, run->query->broker, all->nrows * sizeof(uint64_t)));
        uint64_t *out = seq.data;
        for (uint64_t p = 0; p < all->npieces; p++) {
            const Piece *piece = &all->pieces[p];
            memcpy(out, piece->state->seq.data, piece->segment.count * sizeof(uint64_t));
            out += piece->segment.count;
        }
        input.seq = seq.data;
    }
    TqpStatus status = tqp_sort_order(&input, order);
    tqp_buffer_free(&seq);
    return status;
}

/* The columns of row numbers and ranks. */
static TqpStatus add_numbers(TqpRun *run, const TqpColumn *in, const uint32_t *order, uint64_t n,
                             TqpColumn *out) {
    const TqpSink *sink = &run->pipeline->sink;
    const TqpSlot slot = {.type = {.kind = TQP_TYPE_I64},
                          .lane = TQP_LANE_U32,
                          .reg = TQP_NO_REG,
                          .valid = TQP_NO_REG};
    for (int i = 0; i < 2; i++)
        TQP_TRY(tqp_column_alloc(&out[i], run->query->broker, &slot, false, n));
    TqpSortInput input = {
        .stop = &run->leader, .nrows = n, .columns = in, .nsort = sink->nsort, .sort = sink->sort};
    return n == 0 ? TQP_OK
                  : tqp_sort_number(&input, order, sink->npartition, out[0].values.data,
                                    out[1].values.data);
}

static TqpStatus sorted_output(TqpRun *run, const Pieces *all, uint64_t from, uint64_t n,
                               uint32_t ncolumns, TqpColumn *out) {
    const TqpSink *sink = &run->pipeline->sink;
    TqpColumn *in = tqp_arena_zalloc(&run->arena, (sink->ncolumns + 1) * sizeof(TqpColumn));
    if (in == NULL)
        return tqp_exec_arena_status(&run->arena);
    if (all->nrows > UINT32_MAX)
        return TQP_MEMORY_LIMIT;
    TqpBuffer order = {0};
    TqpStatus status = concat_columns(all, 0, all->nrows, sink->ncolumns, in);
    if (status == TQP_OK)
        status = tqp_buffer_alloc(&order, run->query->broker, all->nrows * sizeof(uint32_t) + 4);
    if (status == TQP_OK)
        status = sort_rows(run, all, in, order.data);
    if (status == TQP_OK)
        status = gather_columns(run, (const uint32_t *)order.data + from, n, ncolumns, in, out);
    if (status == TQP_OK && sink->numbered)
        status = add_numbers(run, in, order.data, n, out + ncolumns);
    tqp_buffer_free(&order);
    free_columns(in, sink->ncolumns);
    return status;
}

static TqpStatus collect_finish(TqpRun *run, TqpResult *result) {
    const TqpSink *sink = &run->pipeline->sink;
    TqpCollect *collect = run->sink;
    Pieces all = {0};
    TQP_TRY(list_pieces(run, &all));
    uint64_t from = sink->offset > 0 ? (uint64_t)sink->offset : 0;
    from = from < all.nrows ? from : all.nrows;
    uint64_t to = collect->need < all.nrows ? collect->need : all.nrows;
    uint64_t n = to > from ? to - from : 0;
    bool is_build = sink->map.kind != TQP_MAP_NONE;
    uint32_t ncolumns = is_build ? sink->ncolumns : sink->noutputs,
             more = 2 * sink->numbered + sink->nhosts;
    TqpColumn *columns = tqp_arena_zalloc(&run->arena, (ncolumns + more + 1) * sizeof(TqpColumn));
    if (columns == NULL)
        return tqp_exec_arena_status(&run->arena);
    TqpStatus status = sink->nsort > 0 && n > 0
                           ? sorted_output(run, &all, from, n, ncolumns, columns)
                           : concat_columns(&all, from, n, ncolumns, columns);
    if (status == TQP_OK && sink->numbered && n == 0)
        status = add_numbers(run, NULL, NULL, 0, columns + ncolumns);
    if (status == TQP_OK && sink->nhosts > 0)
        status = tqp_exec_host(run, n, columns, columns + ncolumns);
    if (status == TQP_OK && is_build)
        return tqp_build_make(run->build, run, n, columns);
    if (status == TQP_OK)
        return tqp_result_build(result, run->query->broker, n, sink->noutputs + more, columns,
                                &run->leader);
    free_columns(columns, ncolumns + more);
    return status;
}

static void collect_release(TqpRun *run) {
    TqpCollect *collect = run->sink;
    if (collect == NULL)
        return;
    for (uint32_t s = 0; collect->states != NULL && s < collect->nstates; s++) {
        TqpCollectState *state = &collect->states[s];
        if (state->columns != NULL)
            free_columns(state->columns, run->pipeline->sink.ncolumns);
        tqp_buffer_free(&state->segments);
        tqp_buffer_free(&state->seq);
    }
    pthread_mutex_destroy(&collect->lock);
}

const TqpSinkOps tqp_sink_collect = {collect_begin,  collect_tile,    collect_morsel_end,
                                     collect_finish, collect_release, collect_again};
