/* A whole program: pipelines in order, intermediate results, the error that the host reads. */
#include <stdlib.h>
#include <string.h>

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

/* What the pipelines of one execution have made so far. */
typedef struct Made {
    TqpResult *results; /* npipelines */
    TqpBuild *builds;   /* npipelines */
    uint32_t *last;     /* tqp_source_lifetimes */
} Made;

static void free_made(Made *made, uint32_t npipelines, uint32_t p) {
    for (uint32_t q = 0; q < npipelines; q++) {
        if (p < npipelines && (q > p || made->last[q] > p))
            continue;
        tqp_result_free(&made->results[q]);
        tqp_build_free(&made->builds[q]);
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

static TqpStatus run_pipeline(TqpQuery *query, const TqpProgram *program, uint32_t p,
                              const TqpRelation *const *rels, uint32_t nrels, Made *made) {
    TqpArena arena;
    TqpRelation joined;
    TqpRun run = {.query = query,
                  .pipeline = &program->pipelines[p],
                  .builds = made->builds,
                  .nbuilds = p,
                  .build = &made->builds[p],
                  .fetched = is_fetched(program, p),
                  .ordered = is_ordered(program, p),
                  .stats = &query->stats[p]};
    tqp_arena_init(&arena, query->broker);
    TqpStatus status =
        tqp_source_open(program, p, rels, nrels, made->results, &arena, &joined, &run.source);
    if (status == TQP_OK)
        status = tqp_exec_pipeline(&run, &made->results[p]);
    tqp_arena_free(&arena);
    if (status == TQP_INVALID)
        tqp_error_set(&query->error, status, "pipeline %u is malformed", p);
    return status;
}

static TqpStatus run_pipelines(TqpQuery *query, const TqpProgram *program,
                               const TqpRelation *const *rels, uint32_t nrels, Made *made) {
    uint32_t last = program->npipelines - 1;
    tqp_source_lifetimes(program, made->last);
    for (uint32_t p = 0; p <= last; p++) {
        TQP_TRY(run_pipeline(query, program, p, rels, nrels, made));
        if (p < last)
            free_made(made, program->npipelines, p);
    }
    return program->pipelines[last].sink.map.kind == TQP_MAP_NONE ? TQP_OK : TQP_INVALID;
}

static TqpStatus alloc_made(Made *made, const TqpProgram *program) {
    made->results = calloc(program->npipelines, sizeof(TqpResult));
    made->builds = calloc(program->npipelines, sizeof(TqpBuild));
    made->last = calloc(program->npipelines, sizeof(uint32_t));
    return made->results && made->builds && made->last ? TQP_OK : TQP_NO_MEMORY;
}

TqpStatus tqp_exec_run(TqpQuery *query, const TqpProgram *program, const TqpRelation *const *rels,
                       uint32_t nrels, TqpResult *result) {
    memset(result, 0, sizeof(*result));
    memset(&query->error, 0, sizeof(query->error));
    query->threads_used = 0;
    tqp_query_free_stats(query, program);
    if (program->npipelines == 0)
        return tqp_error_set(&query->error, TQP_INVALID, "the program has no pipeline");
    Made made = {0};
    TqpStatus status = alloc_made(&made, program);
    if (status == TQP_OK)
        status = alloc_stats(query, program);
    if (status == TQP_OK)
        status = run_pipelines(query, program, rels, nrels, &made);
    if (status == TQP_OK) {
        *result = made.results[program->npipelines - 1];
        memset(&made.results[program->npipelines - 1], 0, sizeof(TqpResult));
    } else if (query->error.status == TQP_OK) {
        tqp_error_set(&query->error, status, "%s", explain(status));
    }
    if (made.results != NULL && made.builds != NULL)
        free_made(&made, program->npipelines, program->npipelines);
    free(made.results);
    free(made.builds);
    free(made.last);
    return status;
}
