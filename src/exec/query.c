/* A whole program: pipelines in order, intermediate results, the error that the host reads. */
#include <stdlib.h>
#include <string.h>

#include "exec/passes.h"
#include "exec/source.h"

static TqpStatus alloc_stats(TqpQuery *query, const TqpProgram *program) {
    query->stats = calloc(program->npipelines, sizeof(TqpPipelineStats));
    if (query->stats == NULL)
        return TQP_NO_MEMORY;
    for (uint32_t p = 0; query->instrument && p < program->npipelines; p++) {
        uint32_t nsteps = program->pipelines[p].nsteps;
        query->stats[p].steps = calloc(nsteps > 0 ? nsteps : 1, sizeof(TqpStepStats));
        if (query->stats[p].steps == NULL)
            return TQP_NO_MEMORY;
    }
    return TQP_OK;
}

void tqp_query_free_stats(TqpQuery *query, const TqpProgram *program) {
    for (uint32_t p = 0; query->stats != NULL && p < program->npipelines; p++)
        free(query->stats[p].steps);
    free(query->stats);
    query->stats = NULL;
}

static const char *explain(TqpStatus status) {
    switch (status) {
    case TQP_OVERFLOW:
        return "a value is out of its type's range";
    case TQP_DIV_BY_ZERO:
        return "division by zero";
    case TQP_CARDINALITY:
        return "a scalar subquery gave more than one row";
    case TQP_MEMORY_LIMIT:
        return "the query needs more than its memory limit";
    case TQP_CANCELLED:
        return "interrupted";
    default:
        return tqp_status_name(status);
    }
}

static bool is_fetched(const TqpProgram *program, uint32_t build) {
    for (uint32_t p = build + 1; p < program->npipelines; p++)
        for (uint32_t s = 0; s < program->pipelines[p].nsteps; s++) {
            const TqpStep *step = &program->pipelines[p].steps[s];
            if (step->op == TQP_STEP_FETCH && step->imm[1].i == build)
                return true;
        }
    return false;
}

/* Float sums of a later pipeline depend on the order of what it reads. */
static bool is_ordered(const TqpProgram *program, uint32_t pipeline) {
    for (uint32_t p = pipeline + 1; p < program->npipelines; p++)
        if (program->pipelines[p].sink.fixed_order)
            return true;
    return false;
}

/* One execution, and what its pipelines have made so far. */
typedef struct Execution {
    TqpQuery *query;
    const TqpProgram *program;
    const TqpRelation *const *rels;
    uint32_t nrels;
    TqpArena arena;
    TqpResult *results; /* npipelines */
    TqpBuild *builds;   /* npipelines */
    bool *made;         /* npipelines: is there, whole */
    bool *needed;       /* npipelines */
    uint32_t *last;     /* tqp_source_lifetimes */
    uint32_t at;        /* the pipeline that runs, those of its shards aside */
    TqpPasses passes;
} Execution;

/* The shards of what pipeline p reads. */
typedef struct Feed {
    Execution *e;
    uint32_t p;
} Feed;

static void drop(Execution *e, uint32_t p) {
    tqp_result_free(&e->results[p]);
    tqp_build_free(&e->builds[p]);
    e->passes.bytes[p] = 0;
    e->made[p] = false;
}

static void drop_shards(Execution *e, uint32_t p) {
    for (uint32_t q = 0; q < p; q++)
        if (tqp_passes_feeds(&e->passes, q, p))
            drop(e, q);
}

static TqpStatus run_pipeline(Execution *e, uint32_t p, TqpShard shard);

/*
 * Scan number `scan` of p goes through all combinations of the shards of what feeds it: the shard
 * of the first changes with each scan.
 */
static TqpStatus feed(void *arg, uint32_t scan) {
    const Feed *f = arg;
    Execution *e = f->e;
    uint32_t changes = 0, product = 1;
    for (uint32_t q = 0; q < f->p; q++) {
        if (!tqp_passes_feeds(&e->passes, q, f->p))
            continue;
        if (scan % product == 0) {
            drop(e, q);
            changes = q + 1;
        }
        product *= e->passes.of[q];
    }
    product = 1;
    for (uint32_t q = 0; q < changes; q++) {
        if (!tqp_passes_feeds(&e->passes, q, f->p))
            continue;
        uint32_t number = scan / product % e->passes.of[q];
        TQP_TRY(run_pipeline(e, q, tqp_passes_shard(&e->passes, q, number)));
        product *= e->passes.of[q];
    }
    return TQP_OK;
}

static int64_t bytes_used(const TqpQuery *query) {
    return query->broker != NULL ? atomic_load(&query->broker->used) : 0;
}

/* On success what it made is there; it alone, not the shards of what it read. */
static TqpStatus run_pipeline(Execution *e, uint32_t p, TqpShard shard) {
    TqpArena arena;
    TqpRelation joined;
    Feed from = {e, p};
    TqpRun run = {.query = e->query,
                  .pipeline = &e->program->pipelines[p],
                  .builds = e->builds,
                  .nbuilds = p,
                  .build = &e->builds[p],
                  .fetched = is_fetched(e->program, p),
                  .ordered = is_ordered(e->program, p),
                  .shard = shard,
                  .scans = tqp_passes_scans(&e->passes, p),
                  .feed_arg = &from,
                  .stats = &e->query->stats[p]};
    int64_t before = bytes_used(e->query);
    run.feed = run.scans > 1 ? feed : NULL;
    tqp_arena_init(&arena, e->query->broker);
    TqpStatus status =
        tqp_source_open(e->program, p, e->rels, e->nrels, e->results, &arena, &joined, &run.source);
    if (status == TQP_OK)
        status = tqp_exec_pipeline(&run, &e->results[p]);
    if (status == TQP_MEMORY_LIMIT)
        tqp_passes_note(&e->passes, p, before, run.used > 0 ? run.used : bytes_used(e->query),
                        run.used_by_tiles, run.claimed);
    tqp_arena_free(&arena);
    drop_shards(e, p);
    e->passes.bytes[p] = bytes_used(e->query) - before;
    if (status == TQP_INVALID)
        tqp_error_set(&e->query->error, status, "pipeline %u is malformed", p);
    return status;
}

/* Free what no pipeline behind p reads. */
static void drop_done(Execution *e, uint32_t p) {
    for (uint32_t q = 0; q <= p; q++)
        if (e->made[q] && e->last[q] <= p)
            drop(e, q);
}

/* Statistics are of the try that ends well, as far as it goes back. */
static void clear_stats(Execution *e, uint32_t p) {
    TqpPipelineStats *stats = &e->query->stats[p];
    TqpStepStats *steps = stats->steps;
    if (steps != NULL)
        memset(steps, 0, e->program->pipelines[p].nsteps * sizeof(*steps));
    *stats = (TqpPipelineStats){.steps = steps};
}

/* All pipelines from e->at on, and those before it whose output is needed again. */
static TqpStatus run_needed(Execution *e) {
    uint32_t n = e->program->npipelines, first = e->at;
    tqp_source_lifetimes(e->program, e->passes.of, e->last);
    tqp_source_needed(e->program, first, e->made, e->needed);
    for (uint32_t p = 0; p < n; p++)
        if (e->needed[p] && !e->made[p])
            clear_stats(e, p);
    for (uint32_t p = 0; p < n; p++) {
        if (!e->needed[p] || e->made[p] || e->passes.of[p] > 1)
            continue;
        e->at = p > first ? p : first;
        TQP_TRY(run_pipeline(e, p, (TqpShard){0}));
        e->made[p] = true;
        if (p + 1 < n)
            drop_done(e, p);
    }
    return TQP_OK;
}

/* What met the limit, and what is made in passes from now on, is not there any more. */
static bool try_again(Execution *e) {
    uint32_t n = e->program->npipelines;
    for (uint32_t p = 0; p < n; p++)
        if (!e->made[p])
            drop(e, p);
    if (!tqp_passes_more(&e->passes, e->query->broker))
        return false;
    for (uint32_t p = 0; p < n; p++)
        if (e->passes.of[p] > 1)
            drop(e, p);
    return true;
}

static TqpStatus run_pipelines(Execution *e) {
    TqpStatus status;
    do
        status = run_needed(e);
    while (status == TQP_MEMORY_LIMIT && try_again(e));
    TQP_TRY(status);
    uint32_t last = e->program->npipelines - 1;
    return e->program->pipelines[last].sink.map.kind == TQP_MAP_NONE ? TQP_OK : TQP_INVALID;
}

static TqpStatus begin(Execution *e) {
    uint32_t n = e->program->npipelines;
    TqpArena *arena = &e->arena;
    e->results = tqp_arena_zalloc(arena, n * sizeof(TqpResult));
    e->builds = tqp_arena_zalloc(arena, n * sizeof(TqpBuild));
    e->made = tqp_arena_zalloc(arena, n * sizeof(bool));
    e->needed = tqp_arena_zalloc(arena, n * sizeof(bool));
    e->last = tqp_arena_zalloc(arena, n * sizeof(uint32_t));
    if (!e->results || !e->builds || !e->made || !e->needed || !e->last)
        return tqp_exec_arena_status(arena);
    TQP_TRY(tqp_passes_init(&e->passes, arena, e->program, e->query->least_passes));
    return alloc_stats(e->query, e->program);
}

TqpStatus tqp_exec_run(TqpQuery *query, const TqpProgram *program, const TqpRelation *const *rels,
                       uint32_t nrels, TqpResult *result) {
    memset(result, 0, sizeof(*result));
    memset(&query->error, 0, sizeof(query->error));
    query->threads_used = 0;
    tqp_query_free_stats(query, program);
    uint32_t n = program->npipelines;
    if (n == 0)
        return tqp_error_set(&query->error, TQP_INVALID, "the program has no pipeline");
    Execution e = {.query = query, .program = program, .rels = rels, .nrels = nrels};
    tqp_arena_init(&e.arena, query->broker);
    TqpStatus status = begin(&e);
    bool begun = status == TQP_OK;
    if (begun)
        status = run_pipelines(&e);
    if (status == TQP_OK) {
        *result = e.results[n - 1];
        memset(&e.results[n - 1], 0, sizeof(TqpResult));
    } else if (query->error.status == TQP_OK) {
        tqp_error_set(&query->error, status, "%s", explain(status));
    }
    for (uint32_t p = 0; begun && p < n; p++)
        drop(&e, p);
    tqp_arena_free(&e.arena);
    return status;
}
