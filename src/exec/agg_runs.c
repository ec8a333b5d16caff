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
/* Of a state; more are no order. */
#define CHUNKS_MAX   1024u
#define STRAYS_FREE  1024u
#define STRAYS_SHARE 16u /* of the other runs */
#define STRAYS_SLICE 64u

static TqpStatus open_runs(TqpRun *run, const TqpDense *agg, TqpRuns *runs) {
    size_t rows = run->query->backend->tile_rows;
    runs->open = true;
    tqp_arena_init(&runs->arena, run->query->broker);
    TQP_TRY(tqp_accs_init(&runs->list.accs, &agg->plan, &runs->arena));
    TQP_TRY(tqp_accs_init(&runs->strays.accs, &agg->plan, &runs->arena));
    runs->mask = tqp_arena_alloc(&runs->arena, rows / 8);
    runs->packed = tqp_arena_alloc(&runs->arena, rows * sizeof(uint32_t));
    runs->ends = tqp_arena_alloc(&runs->arena, rows * sizeof(uint32_t));
    runs->falls = tqp_arena_alloc(&runs->arena, rows * sizeof(uint32_t));
    runs->rows = tqp_arena_alloc(&runs->arena, rows * sizeof(uint32_t));
    runs->numbers = tqp_arena_alloc(&runs->arena, rows * sizeof(uint32_t));
    bool ok =
        runs->mask && runs->packed && runs->ends && runs->falls && runs->rows && runs->numbers;
    return ok ? TQP_OK : tqp_exec_arena_status(&runs->arena);
}

void tqp_group_list_free(TqpGroupList *list, const TqpAccPlan *plan) {
    tqp_accs_free(&list->accs, plan);
    tqp_buffer_free(&list->groups);
}

void tqp_runs_free(TqpRuns *runs, const TqpAccPlan *plan) {
    if (!runs->open)
        return;
    tqp_group_list_free(&runs->list, plan);
    tqp_group_list_free(&runs->strays, plan);
    tqp_buffer_free(&runs->chunks);
    tqp_arena_free(&runs->arena);
    memset(runs, 0, sizeof(*runs));
}

TqpStatus tqp_group_list_reserve(TqpGroupList *list, const TqpAccPlan *plan, TqpBroker *broker,
                                 uint64_t n, const TqpStop *stop) {
    if (n > UINT32_MAX)
        return TQP_MEMORY_LIMIT;
    TQP_TRY(tqp_accs_reserve(&list->accs, plan, broker, (uint32_t)n, stop));
    return tqp_memory_grow(&list->groups, broker, list->n * sizeof(uint32_t), n * sizeof(uint32_t),
                           stop);
}

/* ---- what a tile has ---- */

/* Ends of the runs among n > 0 group numbers, and of those after which the numbers fall. */
static void find_runs(TqpRuns *runs, TqpTile *tile, const uint32_t *groups, uint32_t n,
                      uint32_t *nfalls) {
    const TqpScalar one = {.i = 1};
    uint32_t count = 0;
    *nfalls = 0;
    if (n > 1) {
        tqp_tile_kernel(tile, TQP_STEP_LT_RR, TQP_LANE_U32, n - 1, runs->mask, groups + 1, groups,
                        NULL, one, NULL);
        tqp_tile_kernel(tile, TQP_STEP_MASK_TO_INDEX, TQP_LANE_MASK, n - 1, runs->falls, runs->mask,
                        NULL, NULL, one, nfalls);
        if (*nfalls >= TQP_SPANS_MAX)
            return;
        tqp_tile_kernel(tile, TQP_STEP_NE_RR, TQP_LANE_U32, n - 1, runs->mask, groups + 1, groups,
                        NULL, one, NULL);
        tqp_tile_kernel(tile, TQP_STEP_MASK_TO_INDEX, TQP_LANE_MASK, n - 1, runs->ends, runs->mask,
                        NULL, NULL, one, &count);
    }
    runs->ends[count] = n;
    runs->nruns = count + 1;
}

/* Other states' rows may belong between those of two morsels that are not neighbours. */
static bool goes_on(const TqpRun *run, const TqpRuns *runs, const TqpTile *tile) {
    return runs->nchunks > 0 && (run->fixed || tile->morsel - runs->morsel <= 1);
}

/* Sums of floats: a group's rows are added in order, so a state has one chunk, or arrays. */
static bool is_taken(const TqpRun *run, const TqpRuns *runs, bool on, uint32_t popped) {
    uint32_t more = 0;
    for (uint32_t k = 0; k < runs->nspans; k++)
        more += runs->spans[k].begins;
    if (!run->fixed)
        return runs->nchunks + more <= CHUNKS_MAX &&
               runs->strays.n <= STRAYS_FREE + runs->list.n / STRAYS_SHARE;
    return runs->nspans == 1 && runs->spans[0].from == 0 && runs->spans[0].to == runs->nruns &&
           popped == 0 && on == (more == 0);
}

/*
 * Room for n runs.  How many there will be is guessed from the morsels so far: copying all of them
 * on growth costs as much as making them.
 */
static TqpStatus reserve(TqpRun *run, const TqpDense *agg, TqpRuns *runs, uint64_t n,
                         const TqpStop *stop) {
    if (n <= runs->list.accs.capacity)
        return TQP_OK;
    uint64_t share = (uint64_t)run->nmorsels / agg->nstates + 1;
    uint64_t guess = n / runs->nmorsels * share;
    guess += guess / 4;
    guess = guess < agg->ngroups ? guess : agg->ngroups;
    guess = runs->list.n == 0 ? FIRST_RUNS : guess;
    return tqp_group_list_reserve(&runs->list, &agg->plan, run->query->broker,
                                  n > guess ? n : guess, stop);
}

/* ---- strays ---- */

/* Runs [from, from + n) of the list are strays: of the group `group`, or NULL for their own. */
static TqpStatus put_aside(TqpRun *run, const TqpDense *agg, TqpRuns *runs, uint32_t from,
                           uint32_t n, const uint32_t *groups, TqpTile *tile) {
    TqpGroupList *strays = &runs->strays;
    uint32_t ids[STRAYS_SLICE];
    for (uint32_t done = 0, some; done < n; done += some) {
        some = n - done < STRAYS_SLICE ? n - done : STRAYS_SLICE;
        uint64_t want = (uint64_t)strays->n + some;
        if (want > strays->accs.capacity)
            TQP_TRY(tqp_group_list_reserve(strays, &agg->plan, run->query->broker,
                                           2 * want + STRAYS_SLICE, tile->stop));
        TQP_TRY(tqp_accs_grow(&strays->accs, &agg->plan, run->query->broker, (uint32_t)want,
                              tile->stop));
        for (uint32_t i = 0; i < some; i++) {
            ids[i] = strays->n + i;
            ((uint32_t *)strays->groups.data)[ids[i]] = groups[done + i];
        }
        tqp_accs_merge(&strays->accs, &agg->plan, &runs->list.accs, some, from + done, ids, NULL,
                       &tile->flags);
        strays->n += some;
    }
    return TQP_OK;
}

static TqpStatus drop_last(TqpRun *run, const TqpDense *agg, TqpRuns *runs, uint32_t n,
                           TqpTile *tile) {
    uint32_t left = runs->list.n - n;
    TQP_TRY(
        put_aside(run, agg, runs, left, n, (const uint32_t *)runs->list.groups.data + left, tile));
    ((TqpChunk *)runs->chunks.data)[runs->nchunks - 1].count -= n;
    runs->list.n = runs->list.accs.ngroups = left;
    return TQP_OK;
}

/* ---- adding a tile ---- */

/* Give the spans' runs their numbers and note their groups and chunks. */
static TqpStatus number_spans(TqpRun *run, TqpRuns *runs, const uint32_t *groups) {
    uint32_t *out = runs->list.groups.data, next = runs->list.n;
    for (TqpSpan *span = runs->spans; span < runs->spans + runs->nspans; span++) {
        uint32_t first = groups[runs->ends[span->from] - 1];
        if (span->begins) {
            size_t size = sizeof(TqpChunk);
            TQP_TRY(tqp_buffer_grow(&runs->chunks, run->query->broker, runs->nchunks * size,
                                    (runs->nchunks + 1) * size));
            ((TqpChunk *)runs->chunks.data)[runs->nchunks++] = (TqpChunk){next, 0};
        } else {
            next -= out[next - 1] == first;
        }
        span->number = next;
        for (uint32_t r = span->from; r < span->to; r++)
            out[next++] = groups[runs->ends[r] - 1];
        TqpChunk *chunk = (TqpChunk *)runs->chunks.data + runs->nchunks - 1;
        chunk->count = next - chunk->start;
    }
    runs->list.n = next;
    return TQP_OK;
}

/* Rows [from, to) of the selected ones are of this group of the accumulators. */
static void number_rows(TqpRuns *runs, bool all, uint32_t from, uint32_t to, uint32_t number) {
    for (uint32_t i = from; i < to; i++)
        runs->numbers[all ? i : runs->rows[i]] = number;
}

/* Numbers of all rows of the tile; strays get numbers behind those of the spans. */
static void number_tile(TqpRuns *runs, TqpTile *tile) {
    uint32_t stray = runs->list.n, r = 0, row = 0, n;
    bool all = tile->sel == NULL;
    if (!all) {
        memset(runs->numbers, 0, tile->n * sizeof(uint32_t));
        tqp_tile_kernel(tile, TQP_STEP_MASK_TO_INDEX, TQP_LANE_MASK, tile->n, runs->rows, tile->sel,
                        NULL, NULL, (TqpScalar){.i = 0}, &n);
    }
    for (uint32_t k = 0; k <= runs->nspans; k++) {
        uint32_t from = k < runs->nspans ? runs->spans[k].from : runs->nruns;
        for (; r < from; row = runs->ends[r++])
            number_rows(runs, all, row, runs->ends[r], stray++);
        for (uint32_t first = r; k < runs->nspans && r < runs->spans[k].to; row = runs->ends[r++])
            number_rows(runs, all, row, runs->ends[r], runs->spans[k].number + r - first);
    }
}

/* Groups of the runs that are in no span, in `packed`; how many. */
static uint32_t stray_groups(TqpRuns *runs, const uint32_t *groups) {
    uint32_t n = 0, r = 0, *out = runs->falls; /* not needed any more */
    for (uint32_t k = 0; k <= runs->nspans; k++) {
        for (; r < (k < runs->nspans ? runs->spans[k].from : runs->nruns); r++)
            out[n++] = groups[runs->ends[r] - 1];
        r = k < runs->nspans ? runs->spans[k].to : r;
    }
    return n;
}

static TqpStatus add_numbered(TqpRun *run, const TqpDense *agg, TqpRuns *runs, TqpTile *tile,
                              const uint32_t *groups) {
    TqpAccs *accs = &runs->list.accs;
    uint32_t nstrays = stray_groups(runs, groups);
    TQP_TRY(
        tqp_accs_grow(accs, &agg->plan, run->query->broker, runs->list.n + nstrays, tile->stop));
    number_tile(runs, tile);
    tqp_accs_add(accs, &agg->plan, tile, runs->numbers, TQP_LANE_U32);
    TQP_TRY(put_aside(run, agg, runs, runs->list.n, nstrays, runs->falls, tile));
    accs->ngroups = runs->list.n;
    return TQP_OK;
}

/* One array of the accumulators: the tile's runs are at `from`, in their own order. */
static void close_gaps(const TqpRuns *runs, int64_t *values, uint32_t from) {
    uint32_t end = from;
    for (const TqpSpan *span = runs->spans; span < runs->spans + runs->nspans; span++) {
        uint32_t n = span->to - span->from, to = span->number;
        const int64_t *in = values + from + span->from;
        if (to < end) { /* the group of the run before */
            values[to] = (int64_t)((uint64_t)values[to] + (uint64_t)in[0]);
            to++, in++, n--;
        }
        if (in != values + to)
            memmove(values + to, in, n * sizeof(int64_t));
        end = to + n;
    }
}

/* `before`: runs of the list before this tile. */
static TqpStatus add_segments(TqpRun *run, const TqpDense *agg, TqpRuns *runs, TqpTile *tile,
                              const uint32_t *groups, uint32_t before) {
    const TqpAccPlan *plan = &agg->plan;
    TqpAccs *accs = &runs->list.accs;
    TQP_TRY(tqp_accs_grow(accs, plan, run->query->broker, before + runs->nruns, tile->stop));
    tqp_accs_add_segments(accs, plan, tile, before, runs->nruns, runs->ends);
    uint32_t nstrays = stray_groups(runs, groups), done = 0, r = 0;
    for (uint32_t k = 0; k <= runs->nspans && done < nstrays; k++) {
        uint32_t to = k < runs->nspans ? runs->spans[k].from : runs->nruns;
        TQP_TRY(put_aside(run, agg, runs, before + r, to - r, runs->falls + done, tile));
        done += to - r;
        r = k < runs->nspans ? runs->spans[k].to : to;
    }
    close_gaps(runs, accs->counts[0].data, before);
    for (uint32_t a = 0; a < plan->naccs; a++)
        if (plan->infos[a].has_values)
            close_gaps(runs, accs->values[a].data, before);
    accs->ngroups = runs->list.n;
    return TQP_OK;
}

TqpStatus tqp_runs_add(TqpRun *run, const TqpDense *agg, TqpRuns *runs, TqpTile *tile,
                       const uint32_t *groups, bool *rising) {
    uint32_t n = tile->selected, nfalls, popped = 0, ignored;
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
    find_runs(runs, tile, groups, n, &nfalls);
    bool on = goes_on(run, runs, tile);
    *rising = nfalls < TQP_SPANS_MAX && tqp_runs_order(runs, groups, nfalls, on, &popped) &&
              is_taken(run, runs, on, popped);
    if (!*rising)
        return TQP_OK;
    runs->nmorsels += !on || tile->morsel != runs->morsel;
    runs->morsel = tile->morsel;
    if (popped > 0)
        TQP_TRY(drop_last(run, agg, runs, popped, tile));
    uint32_t before = runs->list.n;
    TQP_TRY(reserve(run, agg, runs, (uint64_t)before + runs->nruns, tile->stop));
    TQP_TRY(number_spans(run, runs, groups));
    if (tile->sel == NULL && agg->plan.by_segments)
        return add_segments(run, agg, runs, tile, groups, before);
    return add_numbered(run, agg, runs, tile, groups);
}
