/*
 * Scalar and dense aggregation: the group number is known without a search, so every state has its
 * arrays and the merge is an addition of arrays.
 */
#include <stdlib.h>
#include <string.h>

#include "exec/acc.h"
#include "exec/distinct.h"
#include "exec/run.h"

/* Arrays of all states together are kept below this, by using fewer workers. */
#define DENSE_BYTES_MAX (UINT64_C(512) << 20)
#define MERGE_RANGE     16384u

typedef struct AggState {
    TqpAccs accs;
    TqpArena arena; /* what accs point to; a state's own, as workers allocate */
    bool used;
} AggState;

typedef struct Agg {
    TqpAccPlan plan;
    TqpDistinctSets *distinct; /* NULL: none */
    uint32_t ngroups;
    AggState *states; /* run->nstates */
    uint32_t nstates;
    _Atomic uint32_t next_range;
    _Atomic uint32_t flags;
} Agg;

static TqpStatus agg_begin(TqpRun *run) {
    const TqpSink *sink = &run->pipeline->sink;
    Agg *agg = tqp_arena_zalloc(&run->arena, sizeof(Agg));
    if (agg == NULL)
        return tqp_exec_arena_status(&run->arena);
    run->sink = agg;
    TQP_TRY(tqp_acc_plan(&agg->plan, &run->arena, run->query->backend, sink));
    agg->ngroups = sink->grouping == TQP_GROUP_DENSE ? sink->ngroups : 1;
    uint64_t bytes = (uint64_t)agg->ngroups * tqp_accs_bytes_per_group(&agg->plan);
    /* Depends on the input only, so fixed order stays fixed. */
    while (run->nstates > 1 && bytes * run->nstates > DENSE_BYTES_MAX)
        run->nstates = (run->nstates + 1) / 2;
    if ((uint32_t)run->nworkers > run->nstates)
        run->nworkers = (int)run->nstates;
    agg->nstates = run->nstates;
    agg->states = tqp_arena_zalloc(&run->arena, run->nstates * sizeof(AggState));
    if (agg->states == NULL)
        return tqp_exec_arena_status(&run->arena);
    return tqp_distinct_begin(&agg->distinct, run, &agg->plan, agg->ngroups);
}

static TqpStatus open_state(TqpRun *run, const Agg *agg, AggState *state, const TqpStop *stop) {
    state->used = true;
    tqp_arena_init(&state->arena, run->query->broker);
    TQP_TRY(tqp_accs_init(&state->accs, &agg->plan, &state->arena));
    return tqp_accs_grow(&state->accs, &agg->plan, run->query->broker, agg->ngroups, stop);
}

static TqpStatus agg_tile(TqpRun *run, uint32_t s, TqpTile *tile) {
    Agg *agg = run->sink;
    AggState *state = &agg->states[s];
    const TqpSink *sink = &run->pipeline->sink;
    if (!state->used)
        TQP_TRY(open_state(run, agg, state, tile->stop));
    const void *groups = NULL;
    TqpLane lane = TQP_LANE_U32;
    if (sink->grouping == TQP_GROUP_DENSE) {
        groups = tile->regs[sink->group];
        lane = (TqpLane)run->pipeline->reg_lanes[sink->group];
    }
    tqp_accs_add(&state->accs, &agg->plan, tile, groups, lane);
    if (agg->distinct == NULL)
        return TQP_OK;
    return tqp_distinct_add(agg->distinct, s, tile, groups, lane);
}

/* ---- merge: ranges of groups, each over the states in their order ---- */

static TqpStatus merge_work(TqpTeam *team, int worker, void *arg) {
    TqpRun *run = arg;
    Agg *agg = run->sink;
    TqpArena arena;
    tqp_arena_init(&arena, run->query->broker);
    TqpAccs dst = agg->states[0].accs;
    uint32_t flags = 0;
    /* Workers share the destination's arrays but need scratch of their own. */
    TqpAccs own;
    TqpStatus status = tqp_accs_init(&own, &agg->plan, &arena);
    dst.scratch = own.scratch;
    dst.masks = own.masks;
    while (status == TQP_OK && !tqp_team_should_stop(team, worker)) {
        uint64_t first = (uint64_t)atomic_fetch_add(&agg->next_range, 1) * MERGE_RANGE;
        if (first >= agg->ngroups)
            break;
        uint32_t n = agg->ngroups - (uint32_t)first;
        n = n < MERGE_RANGE ? n : MERGE_RANGE;
        for (uint32_t s = 1; s < agg->nstates; s++)
            if (agg->states[s].used)
                tqp_accs_merge(&dst, &agg->plan, &agg->states[s].accs, n, (uint32_t)first, NULL,
                               NULL, &flags);
    }
    tqp_arena_free(&arena);
    return status == TQP_OK ? tqp_exec_flags_status(flags) : status;
}

static TqpStatus merge_states(TqpRun *run, Agg *agg) {
    bool others = false;
    if (!agg->states[0].used)
        TQP_TRY(open_state(run, agg, &agg->states[0], &run->leader));
    for (uint32_t s = 1; s < agg->nstates; s++)
        others = others || agg->states[s].used;
    if (others) {
        uint32_t ranges = (agg->ngroups + MERGE_RANGE - 1) / MERGE_RANGE;
        int workers = run->nworkers < (int)ranges ? run->nworkers : (int)ranges;
        TQP_TRY(tqp_team_run(workers, run->query->poll, merge_work, run));
    }
    if (agg->distinct == NULL)
        return TQP_OK;
    return tqp_distinct_finish(agg->distinct, &agg->states[0].accs, NULL);
}

/* ---- result ---- */

/* Groups that have rows; a scalar aggregate has its one group in any case. */
static TqpStatus present_groups(TqpRun *run, const Agg *agg, TqpBuffer *ids, uint32_t *n) {
    const int64_t *rows = tqp_accs_rows(&agg->states[0].accs);
    TQP_TRY(tqp_buffer_alloc(ids, run->query->broker, (size_t)agg->ngroups * sizeof(uint32_t)));
    uint32_t *out = ids->data, count = 0;
    for (uint32_t g = 0; g < agg->ngroups; g++) {
        if (tqp_stop_at(&run->leader, g))
            return TQP_CANCELLED;
        out[count] = g;
        count += agg->plan.scalar || rows[g] > 0;
    }
    *n = count;
    return TQP_OK;
}

/* Group numbers are codes of the keys, least key first. */
static void dense_key(const TqpSink *sink, uint32_t key, const uint32_t *ids, uint32_t n,
                      TqpColumn *column, uint32_t at) {
    const TqpDenseKey *dense = sink->dense;
    uint32_t stride = 1;
    for (uint32_t k = 0; k < key; k++)
        stride *= dense[k].cardinality;
    uint8_t *valid = column->valid.data;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t code = ids[i] / stride % dense[key].cardinality;
        bool null = dense[key].nullable && code == dense[key].cardinality - 1;
        if (valid != NULL)
            valid[at + i] = !null;
        code = null ? 0 : code;
        if (column->slot.lane == TQP_LANE_MASK)
            ((uint8_t *)column->values.data)[at + i] = (uint8_t)code;
        else
            tqp_lane_put(column->slot.lane, column->values.data, at + i, code);
    }
}

static TqpStatus finish_columns(TqpRun *run, const Agg *agg, const uint32_t *ids, uint32_t n,
                                TqpColumn *columns) {
    const TqpSink *sink = &run->pipeline->sink;
    TqpBroker *broker = run->query->broker;
    for (uint32_t k = 0; k < sink->nkeys; k++)
        TQP_TRY(tqp_column_alloc(&columns[k], broker, &sink->keys[k], sink->dense[k].nullable, n));
    for (uint32_t a = 0; a < sink->naccs; a++)
        TQP_TRY(tqp_column_alloc(&columns[sink->nkeys + a], broker, &sink->accs[a].result,
                                 sink->accs[a].kind != TQP_ACC_COUNT, n));
    for (uint32_t done = 0, some; done < n; done += some) {
        some = n - done < MERGE_RANGE ? n - done : MERGE_RANGE;
        if (tqp_stop_asked(&run->leader))
            return TQP_CANCELLED;
        for (uint32_t k = 0; k < sink->nkeys; k++)
            dense_key(sink, k, ids + done, some, &columns[k], done);
        for (uint32_t a = 0; a < sink->naccs; a++)
            TQP_TRY(tqp_accs_finish(&agg->states[0].accs, &agg->plan, a, 0, some, ids + done,
                                    &columns[sink->nkeys + a], done));
    }
    return TQP_OK;
}

static TqpStatus agg_finish(TqpRun *run, TqpResult *result) {
    Agg *agg = run->sink;
    const TqpSink *sink = &run->pipeline->sink;
    uint32_t ncolumns = sink->nkeys + sink->naccs, n = 0;
    TQP_TRY(merge_states(run, agg));
    TqpColumn *columns = tqp_arena_zalloc(&run->arena, (ncolumns + 1) * sizeof(TqpColumn));
    if (columns == NULL)
        return tqp_exec_arena_status(&run->arena);
    TqpBuffer ids = {0};
    TqpStatus status = present_groups(run, agg, &ids, &n);
    if (status == TQP_OK)
        status = finish_columns(run, agg, ids.data, n, columns);
    tqp_buffer_free(&ids);
    if (status == TQP_OK)
        return tqp_result_build(result, run->query->broker, n, ncolumns, columns, &run->leader);
    for (uint32_t c = 0; c < ncolumns; c++)
        tqp_column_free(&columns[c]);
    return status;
}

static void agg_release(TqpRun *run) {
    Agg *agg = run->sink;
    if (agg == NULL)
        return;
    for (uint32_t s = 0; agg->states != NULL && s < agg->nstates; s++) {
        if (!agg->states[s].used)
            continue;
        tqp_accs_free(&agg->states[s].accs, &agg->plan);
        tqp_arena_free(&agg->states[s].arena);
    }
    tqp_distinct_release(agg->distinct);
}

const TqpSinkOps tqp_sink_agg = {agg_begin, agg_tile, NULL, agg_finish, agg_release};
