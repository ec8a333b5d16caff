/*
 * The morsel loop: workers claim morsels (or, for fixed-order sums, states) by an atomic counter
 * and push their tiles through the steps into the sink.
 */
#include <stdlib.h>
#include <string.h>

#include "exec/probe.h"
#include "exec/run.h"

/* Below this many rows a further thread costs more than it brings. */
#define ROWS_PER_WORKER 32768

TqpStatus tqp_exec_flags_status(uint32_t flags) {
    if (flags & TQP_FLAG_DIV_BY_ZERO)
        return TQP_DIV_BY_ZERO;
    return flags & TQP_FLAG_OVERFLOW ? TQP_OVERFLOW : TQP_OK;
}

TqpStatus tqp_exec_arena_status(const TqpArena *arena) {
    return arena->failed != TQP_OK ? arena->failed : TQP_NO_MEMORY;
}

/* Can a row of this group satisfy every pruning range?  An all-null column satisfies none. */
static bool group_may_match(const TqpPipeline *pipeline, const TqpRowGroup *group) {
    for (uint32_t k = 0; k < pipeline->nprunes; k++) {
        const TqpPrune *prune = &pipeline->prunes[k];
        const TqpTensor *tensor = &group->tensors[prune->column];
        if (!tensor->has_range || tensor->max < prune->lo || tensor->min > prune->hi)
            return false;
    }
    return true;
}

static TqpStatus make_morsels(TqpRun *run) {
    const TqpRelation *rel = run->source;
    uint32_t tile_rows = run->query->backend->tile_rows;
    uint64_t most = 0;
    for (uint32_t g = 0; g < rel->ngroups; g++)
        most += rel->groups[g].nrows / TQP_MORSEL_ROWS + 1;
    /* Then states are ranges of the morsels, the same in all shards. */
    run->fixed = run->pipeline->sink.kind == TQP_SINK_AGGREGATE && run->pipeline->sink.fixed_order;
    run->first_morsel += run->nmorsels;
    run->nmorsels = 0;
    run->source_rows = 0;
    run->morsels = tqp_arena_alloc(&run->arena, (size_t)(most + 1) * sizeof(TqpMorsel));
    if (run->morsels == NULL)
        return tqp_exec_arena_status(&run->arena);
    for (uint32_t g = 0; g < rel->ngroups; g++) {
        const TqpRowGroup *group = &rel->groups[g];
        run->stats->groups_total++;
        if (group->nrows == 0 || group->live_rows == 0)
            continue;
        if (run->pipeline->source_kind == TQP_SOURCE_RELATION &&
            (!group_may_match(run->pipeline, group) ||
             (!run->fixed && tqp_shard_skips(run, group)))) {
            run->stats->groups_skipped++;
            continue;
        }
        run->source_rows += group->nrows;
        /* Equal parts, so that a group of slightly more than a morsel makes no dwarf. */
        uint32_t parts = (group->nrows + TQP_MORSEL_ROWS / 2) / TQP_MORSEL_ROWS;
        parts = parts > 0 ? parts : 1;
        uint32_t step =
            ((group->nrows + parts - 1) / parts + tile_rows - 1) / tile_rows * tile_rows;
        for (uint32_t start = 0; start < group->nrows; start += step) {
            uint32_t left = group->nrows - start;
            run->morsels[run->nmorsels++] = (TqpMorsel){g, start, left < step ? left : step};
        }
    }
    return TQP_OK;
}

/* Tiles of pairs may be of any size, others are parts of morsels. */
static void choose_tile_rows(TqpRun *run) {
    uint32_t most = 1;
    run->tile_rows = run->query->backend->tile_rows;
    for (uint32_t s = 0; s < run->pipeline->nsteps; s++) {
        const TqpProbe *probe = run->pipeline->steps[s].aux;
        if (run->pipeline->steps[s].op == TQP_STEP_PROBE &&
            (probe == NULL || probe->pipeline >= run->nbuilds ||
             (probe->kind != TQP_PROBE_EXISTS && !run->builds[probe->pipeline].unique)))
            return;
    }
    for (uint32_t m = 0; m < run->nmorsels; m++)
        most = run->morsels[m].rows > most ? run->morsels[m].rows : most;
    if (most < run->tile_rows)
        run->tile_rows = (most + 63) / 64 * 64;
}

static void choose_workers(TqpRun *run) {
    uint64_t useful = run->source_rows / ROWS_PER_WORKER + 1;
    uint64_t workers = run->query->nthreads > 1 ? (uint64_t)run->query->nthreads : 1;
    uint64_t morsels = run->nmorsels;
    if (run->scans > 1) /* later ones may have more rows */
        useful = morsels = workers;
    if (run->fixed) {
        run->nstates = run->nmorsels < TQP_FIXED_STATES ? run->nmorsels : TQP_FIXED_STATES;
        run->nstates = run->nstates > 0 ? run->nstates : 1;
        useful = useful < run->nstates ? useful : run->nstates;
    }
    useful = useful < morsels ? useful : morsels;
    workers = workers < useful ? workers : useful;
    run->nworkers = workers > 0 ? (int)workers : 1;
    if (!run->fixed)
        run->nstates = (uint32_t)run->nworkers;
}

static TqpStatus run_morsel(TqpRun *run, TqpTile *tile, uint32_t state, uint32_t m) {
    const TqpMorsel *morsel = &run->morsels[m];
    const TqpRowGroup *group = &run->source->groups[morsel->group];
    uint32_t tile_rows = run->query->backend->tile_rows;
    tile->morsel = run->first_morsel + m;
    tile->state = state;
    tile->done = false;
    for (uint32_t done = 0; done < morsel->rows && !tile->done; done += tile_rows) {
        uint32_t left = morsel->rows - done;
        if (atomic_load_explicit(&run->enough, memory_order_relaxed))
            return TQP_OK; /* all rows wanted come before this morsel */
        if (tqp_stop_asked(tile->stop))
            return TQP_CANCELLED;
        TQP_TRY(
            tqp_tile_run(tile, group, morsel->start + done, left < tile_rows ? left : tile_rows));
    }
    return run->ops->morsel_end != NULL ? run->ops->morsel_end(run, state, tile->morsel) : TQP_OK;
}

static TqpStatus run_state(TqpRun *run, int worker, uint32_t state) {
    uint32_t from = (uint32_t)((uint64_t)run->nmorsels * state / run->nstates);
    uint32_t to = (uint32_t)((uint64_t)run->nmorsels * (state + 1) / run->nstates);
    for (uint32_t m = from; m < to; m++)
        TQP_TRY(run_morsel(run, &run->tiles[worker], state, m));
    return TQP_OK;
}

static TqpStatus work(TqpTeam *team, int worker, void *arg) {
    TqpRun *run = arg;
    const TqpStop stop = {team, worker, NULL};
    TqpTile *tile = &run->tiles[worker];
    TQP_TRY(tqp_tile_init(tile, run));
    tile->stop = &stop;
    uint32_t end = run->fixed ? run->nstates : run->nmorsels;
    while (!tqp_team_should_stop(team, worker) && !atomic_load(&run->enough)) {
        uint32_t claim = atomic_fetch_add(&run->next, 1);
        if (claim >= end)
            break;
        if (run->fixed)
            TQP_TRY(run_state(run, worker, claim));
        else
            TQP_TRY(run_morsel(run, tile, (uint32_t)worker, claim));
    }
    return TQP_OK;
}

static void gather_stats(TqpRun *run) {
    TqpPipelineStats *stats = run->stats;
    for (int w = 0; w < run->nworkers; w++) {
        const TqpTile *tile = &run->tiles[w];
        stats->rows_cache += tile->rows_cache;
        stats->rows_heap += tile->rows_heap;
        stats->bytes += tile->bytes;
        stats->sink.rows_in += tile->sink.rows_in;
        stats->sink.ns += tile->sink.ns;
        for (uint32_t s = 0; tile->steps != NULL && s < run->pipeline->nsteps; s++) {
            stats->steps[s].rows_in += tile->steps[s].rows_in;
            stats->steps[s].rows_out += tile->steps[s].rows_out;
            stats->steps[s].ns += tile->steps[s].ns;
        }
    }
}

static const TqpSinkOps *sink_ops(const TqpSink *sink) {
    if (sink->kind == TQP_SINK_COLLECT)
        return &tqp_sink_collect;
    return sink->grouping == TQP_GROUP_HASH ? &tqp_sink_hash : &tqp_sink_agg;
}

/* What it reads as this scan needs it, and its morsels. */
static TqpStatus prepare_scan(TqpRun *run, uint32_t scan) {
    uint64_t before = tqp_exec_clock_ns();
    run->scan = scan;
    atomic_store(&run->next, 0);
    if (run->feed != NULL)
        TQP_TRY(run->feed(run->feed_arg, scan));
    run->feed_ns += tqp_exec_clock_ns() - before;
    TQP_TRY(make_morsels(run));
    choose_tile_rows(run);
    run->stats->scans++;
    return tqp_probe_check(run);
}

static int64_t bytes_used(const TqpRun *run) {
    return run->query->broker != NULL ? atomic_load(&run->query->broker->used) : 0;
}

static void note_failure(TqpRun *run) {
    uint32_t claims = run->fixed ? run->nstates : run->nmorsels, next = atomic_load(&run->next);
    run->used = bytes_used(run);
    run->claimed = (run->scan + (next < claims ? (double)next / claims : 1)) / run->scans;
}

/* Its morsels are there. */
static TqpStatus scan(TqpRun *run) {
    TqpStatus status = TQP_OK;
    if (run->nmorsels > 0)
        status = tqp_team_run_late(run->nworkers, run->query->poll, work, run);
    gather_stats(run);
    if (status == TQP_MEMORY_LIMIT)
        note_failure(run);
    for (int w = 0; w < run->nworkers; w++) {
        tqp_tile_free(&run->tiles[w]);
        memset(&run->tiles[w], 0, sizeof(TqpTile));
    }
    if (status == TQP_MEMORY_LIMIT)
        run->used_by_tiles = run->used - bytes_used(run);
    return status;
}

static TqpStatus scan_all(TqpRun *run) {
    TQP_TRY(scan(run));
    for (uint32_t s = 1; s < run->scans && !atomic_load(&run->enough); s++) {
        TQP_TRY(prepare_scan(run, s));
        if (run->ops->again != NULL)
            TQP_TRY(run->ops->again(run));
        TQP_TRY(scan(run));
    }
    return TQP_OK;
}

static TqpStatus scan_and_finish(TqpRun *run, TqpResult *result) {
    TQP_TRY(run->ops->begin(run));
    TQP_TRY(scan_all(run));
    uint64_t before = tqp_exec_clock_ns();
    TQP_TRY(run->ops->finish(run, result));
    run->stats->sink.ns += tqp_exec_clock_ns() - before;
    uint64_t rows =
        run->pipeline->sink.map.kind != TQP_MAP_NONE ? run->build->nrows : result->nrows;
    run->stats->rows_out += rows;
    run->stats->sink.rows_out += rows;
    return TQP_OK;
}

TqpStatus tqp_exec_pipeline(TqpRun *run, TqpResult *result) {
    TqpQuery *query = run->query;
    uint64_t begin = tqp_exec_clock_ns();
    run->leader.poll = query->poll;
    run->stats->passes++;
    tqp_arena_init(&run->arena, query->broker);
    TqpStatus status = prepare_scan(run, 0);
    if (status == TQP_OK) {
        choose_workers(run);
        run->tiles = tqp_arena_zalloc(&run->arena, (size_t)run->nworkers * sizeof(TqpTile));
        status = run->tiles != NULL ? TQP_OK : tqp_exec_arena_status(&run->arena);
    }
    if (status == TQP_OK) {
        run->ops = sink_ops(&run->pipeline->sink);
        status = scan_and_finish(run, result);
        if (status == TQP_MEMORY_LIMIT && run->used == 0)
            note_failure(run);
        run->ops->release(run);
    }
    if (run->nworkers > query->threads_used)
        query->threads_used = run->nworkers;
    tqp_arena_free(&run->arena);
    run->stats->ns += tqp_exec_clock_ns() - begin - run->feed_ns;
    return status;
}
