/*
 * States of an aggregation -> result.  The range of group numbers is cut into parts, and workers
 * claim these: they merge the states' accumulators of a part and make its rows of the result, a row
 * group of their own.  Nothing is as long as the range but what the states have already.
 *
 * Where all states have runs only and these do not overlap, but for the first and the last run of a
 * chunk, there is nothing to merge: the runs' accumulators are the columns of the result.
 */
#include <stdlib.h>
#include <string.h>

#include "exec/agg.h"

#define PART_MIN 16384u /* groups */
#define PART_MAX 65536u

/* Chunk of a state, with its first and last group. */
typedef struct Piece {
    const TqpGroupList *list;
    uint32_t state; /* nstates: of strays */
    TqpChunk chunk;
    uint32_t low, high;
} Piece;

/* Rows to be made: groups ids[0 .. n) or first, first + 1, .. of accs; their group numbers. */
typedef struct Slice {
    const TqpAccs *accs;
    uint32_t first, n;
    const uint32_t *ids, *groups;
} Slice;

typedef struct Finish {
    TqpRun *run;
    TqpDense *agg;
    uint32_t npieces; /* by state; by first group when `apart` */
    Piece *pieces;
    bool arrays;            /* some state has arrays: the first one has, into which all others go */
    bool apart;             /* no two pieces have a group in common */
    bool merged;            /* nothing is left to merge into the first state's arrays */
    uint32_t width, nparts; /* groups of a part; `apart`: a part is a slice */
    Slice *slices;
    TqpResult *parts;
    _Atomic uint32_t next;
} Finish;

/* A worker's memory. */
typedef struct Worker {
    Finish *finish;
    const TqpStop *stop;
    TqpArena arena;
    TqpAccs own;      /* scratch; of the groups of a part where no state has arrays */
    uint32_t *ids;    /* width */
    uint32_t *groups; /* width */
    uint32_t flags;
} Worker;

static const uint32_t *piece_groups(const Piece *piece) {
    return (const uint32_t *)piece->list->groups.data + piece->chunk.start;
}

static Piece new_piece(const TqpGroupList *list, uint32_t state, TqpChunk chunk) {
    Piece piece = {list, state, chunk, 0, 0};
    piece.low = piece_groups(&piece)[0];
    piece.high = piece_groups(&piece)[chunk.count - 1];
    return piece;
}

/* Runs of the piece below this group. */
static uint32_t runs_below(const Piece *piece, uint32_t group) {
    const uint32_t *groups = piece_groups(piece);
    uint32_t low = 0, high = piece->chunk.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (groups[middle] < group)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Runs of the piece with groups from..from + width - 1, as runs [first, first + n) of its state. */
static uint32_t cut(const Piece *piece, uint32_t from, uint32_t width, uint32_t *first) {
    uint32_t last = from + (width - 1);
    if (piece->low > last || piece->high < from)
        return 0;
    uint32_t begin = runs_below(piece, from);
    uint32_t end = last == UINT32_MAX ? piece->chunk.count : runs_below(piece, last + 1);
    *first = piece->chunk.start + begin;
    return end - begin;
}

/* ---- merge ---- */

static void merge_piece(Worker *w, TqpAccs *dst, uint32_t base, const Piece *piece, uint32_t from,
                        uint32_t width) {
    const TqpAccPlan *plan = &w->finish->agg->plan;
    uint32_t first, n = cut(piece, from, width, &first);
    const uint32_t *groups = (const uint32_t *)piece->list->groups.data + (n > 0 ? first : 0);
    if (n == 0)
        return;
    for (uint32_t i = 0; base > 0 && i < n; i++)
        w->ids[i] = groups[i] - base;
    tqp_accs_merge(dst, plan, &piece->list->accs, n, first, base > 0 ? w->ids : groups, NULL,
                   &w->flags);
}

/* Add all states' accumulators of these groups, in the order of states. */
static void merge_part(Worker *w, TqpAccs *dst, uint32_t base, uint32_t from, uint32_t width) {
    const Finish *f = w->finish;
    const Piece *piece = f->pieces, *end = f->pieces + f->npieces;
    for (uint32_t s = 0; s <= f->agg->nstates; s++) {
        for (; piece < end && piece->state == s; piece++)
            merge_piece(w, dst, base, piece, from, width);
        if (s > 0 && s < f->agg->nstates && f->agg->states[s].used)
            tqp_accs_merge(dst, &f->agg->plan, &f->agg->states[s].accs, width, from, NULL, NULL,
                           &w->flags);
    }
}

/* ---- rows ---- */

/* Group numbers are codes of the keys, least key first. */
static void dense_key(const TqpSink *sink, uint32_t key, const uint32_t *groups, uint32_t n,
                      TqpColumn *column) {
    const TqpDenseKey *dense = sink->dense;
    uint32_t stride = 1;
    for (uint32_t k = 0; k < key; k++)
        stride *= dense[k].cardinality;
    uint8_t *valid = column->valid.data;
    if (n == 0)
        return; /* memory of no rows may be NULL */
    if (sink->nkeys == 1 && valid == NULL && column->slot.lane == TQP_LANE_U32) {
        memcpy(column->values.data, groups, n * sizeof(uint32_t));
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t code = groups[i] / stride % dense[key].cardinality;
        bool null = dense[key].nullable && code == dense[key].cardinality - 1;
        if (valid != NULL)
            valid[i] = !null;
        code = null ? 0 : code;
        if (column->slot.lane == TQP_LANE_MASK)
            ((uint8_t *)column->values.data)[i] = (uint8_t)code;
        else
            tqp_lane_put(column->slot.lane, column->values.data, i, code);
    }
}

/* The runs' own memory, which the result takes over. */
static bool borrow_key(const Finish *f, const Slice *slice, TqpColumn *column) {
    const TqpSink *sink = &f->run->pipeline->sink;
    if (!f->apart || slice->n == 0 || sink->nkeys > 1 || sink->dense[0].nullable ||
        sink->keys[0].lane != TQP_LANE_U32)
        return false;
    *column = (TqpColumn){.slot = sink->keys[0], .values = {.data = (void *)slice->groups}};
    return true;
}

static bool borrow_acc(const Finish *f, const Slice *slice, uint32_t a, TqpColumn *column) {
    const TqpSlot *slot = &f->run->pipeline->sink.accs[a].result;
    if (!f->apart || slice->n == 0)
        return false;
    const int64_t *values = tqp_accs_finished(slice->accs, &f->agg->plan, a, slot);
    if (values == NULL)
        return false;
    *column = (TqpColumn){.slot = *slot, .values = {.data = (void *)(values + slice->first)}};
    return true;
}

static TqpStatus fill_columns(const Worker *w, const Slice *slice, TqpColumn *columns) {
    const Finish *f = w->finish;
    const TqpSink *sink = &f->run->pipeline->sink;
    TqpBroker *broker = f->run->query->broker;
    for (uint32_t k = 0; k < sink->nkeys; k++) {
        if (borrow_key(f, slice, &columns[k]))
            continue;
        TQP_TRY(tqp_column_alloc(&columns[k], broker, &sink->keys[k], sink->dense[k].nullable,
                                 slice->n));
        dense_key(sink, k, slice->groups, slice->n, &columns[k]);
    }
    for (uint32_t a = 0; a < sink->naccs; a++) {
        const TqpAccumulator *acc = &sink->accs[a];
        TqpColumn *column = &columns[sink->nkeys + a];
        if (borrow_acc(f, slice, a, column))
            continue;
        TQP_TRY(
            tqp_column_alloc(column, broker, &acc->result, acc->kind != TQP_ACC_COUNT, slice->n));
        if (slice->n > 0)
            TQP_TRY(tqp_accs_finish(slice->accs, &f->agg->plan, a, slice->first, slice->n,
                                    slice->ids, column, 0));
    }
    return TQP_OK;
}

/* Without a row a slice may be of no accumulators. */
static TqpStatus make_rows(const Worker *w, const Slice *slice, TqpResult *part) {
    TqpRun *run = w->finish->run;
    const TqpSink *sink = &run->pipeline->sink;
    uint32_t ncolumns = sink->nkeys + sink->naccs;
    TqpColumn *columns = calloc(ncolumns + 1, sizeof(TqpColumn));
    if (columns == NULL)
        return TQP_NO_MEMORY;
    TqpStatus status = fill_columns(w, slice, columns);
    if (status == TQP_OK)
        status = tqp_result_build(part, run->query->broker, slice->n, ncolumns, columns, w->stop);
    for (uint32_t c = 0; c < ncolumns; c++)
        tqp_column_free(&columns[c]);
    free(columns);
    return status;
}

/* Groups that have rows; a scalar aggregate has its one group in any case. */
static Slice present_groups(const Worker *w, const TqpAccs *accs, uint32_t base, uint32_t from,
                            uint32_t width) {
    const int64_t *rows = tqp_accs_rows(accs) + (from - base);
    Slice slice = {.accs = accs, .ids = w->ids, .groups = w->groups};
    for (uint32_t g = 0; g < width; g++) {
        w->ids[slice.n] = from - base + g;
        w->groups[slice.n] = w->finish->agg->base + from + g;
        slice.n += w->finish->agg->plan.scalar || rows[g] > 0;
    }
    return slice;
}

static TqpStatus part_rows(Worker *w, uint32_t p, TqpResult *part) {
    const Finish *f = w->finish;
    const TqpAccPlan *plan = &f->agg->plan;
    if (f->apart)
        return make_rows(w, &f->slices[p], part);
    uint32_t from = p * f->width, left = f->agg->ngroups - from;
    uint32_t width = left < f->width ? left : f->width;
    TqpAccs dst = w->own;
    uint32_t base = from;
    if (f->arrays) {
        dst = f->agg->states[0].accs;
        dst.scratch = w->own.scratch;
        dst.masks = w->own.masks;
        base = 0;
    } else {
        w->own.ngroups = 0;
        TQP_TRY(tqp_accs_grow(&w->own, plan, f->run->query->broker, width, w->stop));
        dst = w->own;
    }
    if (!f->merged)
        merge_part(w, &dst, base, from, width);
    if (f->parts == NULL)
        return TQP_OK;
    Slice slice = present_groups(w, &dst, base, from, width);
    return make_rows(w, &slice, part);
}

static TqpStatus work_parts(Worker *w, TqpTeam *team, int worker) {
    Finish *f = w->finish;
    TQP_TRY(tqp_accs_init(&w->own, &f->agg->plan, &w->arena));
    w->ids = tqp_arena_alloc(&w->arena, f->width * sizeof(uint32_t));
    w->groups = tqp_arena_alloc(&w->arena, f->width * sizeof(uint32_t));
    if (w->ids == NULL || w->groups == NULL)
        return tqp_exec_arena_status(&w->arena);
    while (!tqp_team_should_stop(team, worker)) {
        uint32_t p = atomic_fetch_add(&f->next, 1);
        if (p >= f->nparts)
            break;
        TQP_TRY(part_rows(w, p, f->parts != NULL ? &f->parts[p] : NULL));
    }
    return tqp_exec_flags_status(w->flags);
}

static TqpStatus work(TqpTeam *team, int worker, void *arg) {
    Finish *f = arg;
    const TqpStop stop = {team, worker, NULL};
    Worker w = {.finish = f, .stop = &stop};
    tqp_arena_init(&w.arena, f->run->query->broker);
    TqpStatus status = work_parts(&w, team, worker);
    tqp_accs_free(&w.own, &f->agg->plan);
    tqp_arena_free(&w.arena);
    return status;
}

static TqpStatus run_parts(Finish *f) {
    TqpRun *run = f->run;
    atomic_store(&f->next, 0);
    int workers = run->nworkers < (int)f->nparts ? run->nworkers : (int)f->nparts;
    return tqp_team_run(workers, run->query->poll, work, f);
}

/* ---- pieces ---- */

static TqpStatus list_pieces(Finish *f) {
    const TqpDense *agg = f->agg;
    uint32_t n = 0;
    for (uint32_t s = 0; s < agg->nstates; s++)
        n += agg->states[s].runs.nchunks;
    f->pieces = tqp_arena_alloc(&f->run->arena, (n + 1) * sizeof(Piece)); /* one is of strays */
    if (f->pieces == NULL)
        return tqp_exec_arena_status(&f->run->arena);
    for (uint32_t s = 0; s < agg->nstates; s++) {
        const TqpRuns *runs = &agg->states[s].runs;
        const TqpChunk *chunks = runs->chunks.data;
        for (uint32_t k = 0; k < runs->nchunks; k++)
            f->pieces[f->npieces++] = new_piece(&runs->list, s, chunks[k]);
    }
    return TQP_OK;
}

static int piece_order(const void *a, const void *b) {
    const Piece *x = a, *y = b;
    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    return (x->state > y->state) - (x->state < y->state);
}

/* The first run of `next` is of the last group of `piece`. */
static void join_edge(const TqpDense *agg, const Piece *piece, Piece *next, uint32_t *flags) {
    uint32_t last = piece->chunk.start + piece->chunk.count - 1, first = next->chunk.start;
    TqpAccs dst = piece->list->accs; /* the arrays are the state's */
    tqp_accs_merge(&dst, &agg->plan, &next->list->accs, 1, 0, &last, &first, flags);
    next->chunk.start++;
    if (--next->chunk.count > 0)
        next->low = piece_groups(next)[0];
}

/*
 * Order the pieces by groups.  They stay as they are where two of them overlap in more than an
 * edge, or where a group's sums would be added in another order than that of the states.
 */
static TqpStatus order_pieces(Finish *f) {
    const TqpDense *agg = f->agg;
    size_t bytes = f->npieces * sizeof(Piece);
    Piece *sorted = tqp_arena_alloc(&f->run->arena, bytes + sizeof(Piece));
    uint32_t flags = 0, kept = 0;
    if (sorted == NULL)
        return tqp_exec_arena_status(&f->run->arena);
    memcpy(sorted, f->pieces, bytes);
    qsort(sorted, f->npieces, sizeof(Piece), piece_order);
    f->apart = !f->run->ordered;
    for (uint32_t k = 1; k < f->npieces && f->apart; k++) {
        const Piece *before = &sorted[k - 1];
        f->apart =
            before->high <= sorted[k].low && (!f->run->fixed || before->state < sorted[k].state);
    }
    if (!f->apart)
        return TQP_OK;
    for (uint32_t k = 0; k < f->npieces; k++) {
        Piece *last = kept > 0 ? &sorted[kept - 1] : NULL;
        if (last != NULL && last->high == sorted[k].low)
            join_edge(agg, last, &sorted[k], &flags);
        if (sorted[k].chunk.count > 0)
            sorted[kept++] = sorted[k];
    }
    f->pieces = sorted;
    f->npieces = kept;
    return tqp_exec_flags_status(flags);
}

/* ---- strays ---- */

typedef struct Stray {
    uint32_t group, state, number;
} Stray;

static int stray_order(const void *a, const void *b) {
    const Stray *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->state != y->state)
        return x->state < y->state ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* The piece, of such that have no group in common, with a run of this group. */
static const Piece *find_piece(const Finish *f, uint32_t group, uint32_t *number) {
    uint32_t low = 0, high = f->npieces;
    while (low < high) { /* the first piece that begins above the group */
        uint32_t middle = low + (high - low) / 2;
        if (f->pieces[middle].low <= group)
            low = middle + 1;
        else
            high = middle;
    }
    const Piece *piece = low > 0 ? &f->pieces[low - 1] : NULL;
    if (piece == NULL || cut(piece, group, 1, number) == 0)
        return NULL;
    return piece;
}

/* Add it to the run of its group, or to the list of groups that only strays have. */
static TqpStatus place_stray(Finish *f, const Stray *stray, uint32_t *flags) {
    TqpDense *agg = f->agg;
    TqpGroupList *extra = &agg->extra;
    uint32_t *groups = extra->groups.data, number = 0;
    const Piece *piece = f->apart ? find_piece(f, stray->group, &number) : NULL;
    TqpAccs dst = piece != NULL ? piece->list->accs : extra->accs;
    if (piece == NULL) {
        if (extra->n == 0 || groups[extra->n - 1] != stray->group)
            groups[extra->n++] = stray->group;
        number = extra->n - 1;
        TQP_TRY(tqp_accs_grow(&extra->accs, &agg->plan, f->run->query->broker, extra->n,
                              &f->run->leader));
        dst = extra->accs;
    }
    tqp_accs_merge(&dst, &agg->plan, &agg->states[stray->state].runs.strays.accs, 1, 0, &number,
                   &stray->number, flags);
    return TQP_OK;
}

static TqpStatus place_strays(Finish *f) {
    TqpRun *run = f->run;
    TqpDense *agg = f->agg;
    uint32_t n = 0, flags = 0;
    for (uint32_t s = 0; s < agg->nstates; s++)
        n += agg->states[s].runs.strays.n;
    if (n == 0)
        return TQP_OK;
    Stray *strays = tqp_arena_alloc(&run->arena, n * sizeof(Stray)), *next = strays;
    if (strays == NULL)
        return tqp_exec_arena_status(&run->arena);
    for (uint32_t s = 0; s < agg->nstates; s++) {
        const TqpGroupList *list = &agg->states[s].runs.strays;
        for (uint32_t k = 0; k < list->n; k++)
            *next++ = (Stray){((const uint32_t *)list->groups.data)[k], s, k};
    }
    qsort(strays, n, sizeof(Stray), stray_order);
    TQP_TRY(tqp_accs_init(&agg->extra.accs, &agg->plan, &run->arena));
    TQP_TRY(tqp_group_list_reserve(&agg->extra, &agg->plan, run->query->broker, n, &run->leader));
    for (uint32_t k = 0; k < n; k++) {
        if (tqp_stop_at(&run->leader, k))
            return TQP_CANCELLED;
        TQP_TRY(place_stray(f, &strays[k], &flags));
    }
    if (agg->extra.n > 0)
        f->pieces[f->npieces++] = new_piece(&agg->extra, agg->nstates, (TqpChunk){0, agg->extra.n});
    return tqp_exec_flags_status(flags);
}

/* Pieces in slices, each a row group. */
static TqpStatus slice_pieces(Finish *f) {
    uint64_t n = 1;
    for (uint32_t k = 0; k < f->npieces && f->agg->base > 0; k++) {
        uint32_t *groups = (uint32_t *)f->pieces[k].list->groups.data + f->pieces[k].chunk.start;
        for (uint32_t i = 0; i < f->pieces[k].chunk.count; i++)
            groups[i] += f->agg->base;
    }
    for (uint32_t k = 0; k < f->npieces; k++)
        n += f->pieces[k].chunk.count / PART_MAX + 1;
    f->slices = tqp_arena_zalloc(&f->run->arena, n * sizeof(Slice));
    if (f->slices == NULL)
        return tqp_exec_arena_status(&f->run->arena);
    for (uint32_t k = 0; k < f->npieces; k++) {
        const Piece *piece = &f->pieces[k];
        for (uint32_t done = 0; done < piece->chunk.count; done += PART_MAX) {
            uint32_t first = piece->chunk.start + done, left = piece->chunk.count - done;
            f->slices[f->nparts++] =
                (Slice){.accs = &piece->list->accs,
                        .first = first,
                        .n = left < PART_MAX ? left : PART_MAX,
                        .groups = (const uint32_t *)piece->list->groups.data + first};
        }
    }
    f->nparts += f->nparts == 0; /* no group at all: a part without rows */
    return TQP_OK;
}

static TqpStatus prepare(Finish *f) {
    TqpRun *run = f->run;
    TqpDense *agg = f->agg;
    for (uint32_t s = 0; s < agg->nstates; s++)
        f->arrays |= agg->states[s].used;
    f->arrays |= !agg->by_runs;
    if (f->arrays && !agg->states[0].used)
        TQP_TRY(tqp_agg_open_arrays(run, agg, &agg->states[0], &run->leader));
    TQP_TRY(list_pieces(f));
    if (!f->arrays)
        TQP_TRY(order_pieces(f));
    TQP_TRY(place_strays(f));
    if (f->apart)
        return slice_pieces(f);
    f->width = agg->ngroups / PART_MAX >= 4 ? PART_MAX : PART_MIN;
    f->nparts = (agg->ngroups + f->width - 1) / f->width;
    if (agg->distinct == NULL)
        return TQP_OK;
    TQP_TRY(run_parts(f));
    f->merged = true;
    const uint64_t base[] = {0, agg->ngroups};
    TqpAccs *accs = &agg->states[0].accs;
    const TqpDistinctTarget target = {1, &accs, base, NULL};
    return tqp_distinct_finish(agg->distinct, &target);
}

static TqpStatus hand_over_list(const TqpAccPlan *plan, TqpGroupList *list, TqpResult *result) {
    TQP_TRY(tqp_result_keep(result, &list->groups));
    for (uint32_t k = 0; list->accs.counts != NULL && k < plan->ncounts; k++)
        TQP_TRY(tqp_result_keep(result, &list->accs.counts[k]));
    for (uint32_t a = 0; list->accs.values != NULL && a < plan->naccs; a++)
        TQP_TRY(tqp_result_keep(result, &list->accs.values[a]));
    return TQP_OK;
}

/* Columns may be borrowed from the runs. */
static TqpStatus hand_over(Finish *f, TqpResult *result) {
    TqpDense *agg = f->agg;
    TqpStatus status = hand_over_list(&agg->plan, &agg->extra, result);
    for (uint32_t s = 0; s < agg->nstates && status == TQP_OK; s++)
        status = hand_over_list(&agg->plan, &agg->states[s].runs.list, result);
    if (status != TQP_OK)
        tqp_result_free(result);
    return status;
}

TqpStatus tqp_agg_finish(TqpRun *run, TqpResult *result) {
    Finish f = {.run = run, .agg = run->sink};
    TQP_TRY(prepare(&f));
    f.parts = tqp_arena_zalloc(&run->arena, f.nparts * sizeof(TqpResult));
    if (f.parts == NULL)
        return tqp_exec_arena_status(&run->arena);
    TqpStatus status = run_parts(&f);
    status = tqp_result_join(result, run->query->broker, status, f.nparts, f.parts);
    return status == TQP_OK && f.apart ? hand_over(&f, result) : status;
}
