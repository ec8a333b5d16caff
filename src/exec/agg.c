/*
 * Scalar and dense aggregation: the group number is known without a search.  A state has arrays
 * over all groups; where these are large, it first tries to do with runs of equal group numbers.
 */
#include "exec/agg.h"

#include <stdlib.h>
#include <string.h>

/* Arrays of all states together are kept below this, by using fewer workers. */
#define DENSE_BYTES_MAX (UINT64_C(512) << 20)
/* Arrays of one state below this stay in the L2. */
#define RUNS_BYTES_MIN ((uint64_t)1 << 20)
#define MOVE_RUNS      65536u

static TqpStatus agg_begin(TqpRun *run) {
    const TqpSink *sink = &run->pipeline->sink;
    TqpDense *agg = tqp_arena_zalloc(&run->arena, sizeof(TqpDense));
    if (agg == NULL)
        return tqp_exec_arena_status(&run->arena);
    run->sink = agg;
    TQP_TRY(tqp_acc_plan(&agg->plan, &run->arena, run->query->backend, sink));
    uint32_t ngroups = sink->grouping == TQP_GROUP_DENSE ? sink->ngroups : 1;
    uint64_t bytes = (uint64_t)ngroups * tqp_accs_bytes_per_group(&agg->plan);
    TqpPlaces places = tqp_shard_places(run->shard, ngroups);
    agg->base = (uint32_t)places.from;
    agg->ngroups = (uint32_t)places.n;
    agg->room = agg->ngroups + (run->shard.of > 1);
    /* Depends on the input only, so fixed order stays fixed. */
    while (run->nstates > 1 && bytes * run->nstates > DENSE_BYTES_MAX)
        run->nstates = (run->nstates + 1) / 2;
    if ((uint32_t)run->nworkers > run->nstates)
        run->nworkers = (int)run->nstates;
    agg->nstates = run->nstates;
    agg->states = tqp_arena_zalloc(&run->arena, run->nstates * sizeof(TqpDenseState));
    if (agg->states == NULL)
        return tqp_exec_arena_status(&run->arena);
    TQP_TRY(tqp_distinct_begin(&agg->distinct, run, &agg->plan, agg->room));
    /* Few groups with very many accumulators have numbers of one byte. */
    agg->by_runs = bytes >= RUNS_BYTES_MIN && agg->distinct == NULL &&
                   sink->grouping == TQP_GROUP_DENSE &&
                   run->pipeline->reg_lanes[sink->group] == TQP_LANE_U32;
    return TQP_OK;
}

static TqpStatus move_list(const TqpDense *agg, TqpDenseState *state, const TqpGroupList *list,
                           const TqpStop *stop) {
    const uint32_t *groups = list->groups.data;
    uint32_t flags = 0;
    for (uint32_t done = 0, n; done < list->n; done += n) {
        n = list->n - done < MOVE_RUNS ? list->n - done : MOVE_RUNS;
        if (tqp_stop_asked(stop))
            return TQP_CANCELLED;
        tqp_accs_merge(&state->accs, &agg->plan, &list->accs, n, done, groups + done, NULL, &flags);
    }
    return tqp_exec_flags_status(flags);
}

static TqpStatus move_runs(TqpDense *agg, TqpDenseState *state, const TqpStop *stop) {
    TQP_TRY(move_list(agg, state, &state->runs.list, stop));
    TQP_TRY(move_list(agg, state, &state->runs.strays, stop));
    tqp_runs_free(&state->runs, &agg->plan);
    return TQP_OK;
}

TqpStatus tqp_agg_open_arrays(TqpRun *run, TqpDense *agg, TqpDenseState *state,
                              const TqpStop *stop) {
    state->used = true;
    tqp_arena_init(&state->arena, run->query->broker);
    TQP_TRY(tqp_accs_init(&state->accs, &agg->plan, &state->arena));
    TQP_TRY(tqp_accs_grow(&state->accs, &agg->plan, run->query->broker, agg->room, stop));
    return state->runs.open ? move_runs(agg, state, stop) : TQP_OK;
}

/* Group numbers of a shard, from 0 on: in memory of the state. */
static TqpStatus number_groups(const TqpDense *agg, TqpDenseState *state, const TqpTile *tile,
                               const void **groups) {
    TqpBroker *broker = tile->run->query->broker;
    if (state->numbers.data == NULL)
        TQP_TRY(tqp_buffer_alloc(&state->numbers, broker,
                                 tile->backend->tile_rows * sizeof(uint32_t) + 64));
    TqpKernelArgs args = {.n = tile->n, .out = state->numbers.data, .in = {*groups, NULL, NULL}};
    args.imm[0].i = -(int64_t)agg->base;
    args.imm[1].i = agg->ngroups;
    tile->backend->kernels[TQP_STEP_INDEX][TQP_LANE_U32](&args);
    *groups = state->numbers.data;
    return TQP_OK;
}

static TqpStatus agg_tile(TqpRun *run, uint32_t s, TqpTile *tile) {
    TqpDense *agg = run->sink;
    TqpDenseState *state = &agg->states[s];
    const TqpSink *sink = &run->pipeline->sink;
    const void *groups = NULL;
    TqpLane lane = TQP_LANE_U32;
    if (sink->grouping == TQP_GROUP_DENSE) {
        groups = tile->regs[sink->group];
        lane = (TqpLane)run->pipeline->reg_lanes[sink->group];
    }
    if (agg->room > agg->ngroups)
        TQP_TRY(number_groups(agg, state, tile, &groups));
    if (agg->by_runs && !state->used) {
        bool rising;
        TQP_TRY(tqp_runs_add(run, agg, &state->runs, tile, groups, &rising));
        if (rising)
            return TQP_OK;
    }
    if (!state->used)
        TQP_TRY(tqp_agg_open_arrays(run, agg, state, tile->stop));
    tqp_accs_add(&state->accs, &agg->plan, tile, groups, lane);
    if (agg->distinct == NULL)
        return TQP_OK;
    return tqp_distinct_add(agg->distinct, s, tile, groups, lane);
}

static void agg_release(TqpRun *run) {
    TqpDense *agg = run->sink;
    if (agg == NULL)
        return;
    for (uint32_t s = 0; agg->states != NULL && s < agg->nstates; s++) {
        TqpDenseState *state = &agg->states[s];
        tqp_runs_free(&state->runs, &agg->plan);
        tqp_buffer_free(&state->numbers);
        if (!state->used)
            continue;
        tqp_accs_free(&state->accs, &agg->plan);
        tqp_arena_free(&state->arena);
    }
    tqp_group_list_free(&agg->extra, &agg->plan);
    tqp_distinct_release(agg->distinct);
}

const TqpSinkOps tqp_sink_agg = {agg_begin, agg_tile, NULL, tqp_agg_finish, agg_release};
