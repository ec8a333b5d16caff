/* A whole program: pipelines in order, intermediate results, the error that the host reads. */
#include <stdlib.h>
#include <string.h>

#include "exec/run.h"

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
    case TQP_MEMORY_LIMIT:
        return "the query needs more than its memory limit";
    case TQP_CANCELLED:
        return "interrupted";
    default:
        return tqp_status_name(status);
    }
}

static TqpStatus run_pipelines(TqpQuery *query, const TqpProgram *program,
                               const TqpRelation *const *rels, uint32_t nrels, TqpResult *results) {
    for (uint32_t p = 0; p < program->npipelines; p++) {
        const TqpPipeline *pipeline = &program->pipelines[p];
        uint32_t s = pipeline->nsources > 0 ? pipeline->sources[0] : 0;
        bool from_result = pipeline->source_kind == TQP_SOURCE_RESULT;
        if (from_result ? s >= p : s >= nrels)
            return tqp_error_set(&query->error, TQP_INVALID, "pipeline %u reads no such source %u",
                                 p, s);
        const TqpRelation *source = from_result ? &results[s].rel : rels[s];
        TQP_TRY(tqp_exec_pipeline(query, pipeline, source, &query->stats[p], &results[p]));
    }
    return TQP_OK;
}

TqpStatus tqp_exec_run(TqpQuery *query, const TqpProgram *program, const TqpRelation *const *rels,
                       uint32_t nrels, TqpResult *result) {
    memset(result, 0, sizeof(*result));
    memset(&query->error, 0, sizeof(query->error));
    query->threads_used = 0;
    tqp_query_free_stats(query, program);
    if (program->npipelines == 0)
        return tqp_error_set(&query->error, TQP_INVALID, "the program has no pipeline");
    TqpResult *results = calloc(program->npipelines, sizeof(TqpResult));
    TqpStatus status = results != NULL ? alloc_stats(query, program) : TQP_NO_MEMORY;
    if (status == TQP_OK)
        status = run_pipelines(query, program, rels, nrels, results);
    if (status == TQP_OK) {
        *result = results[program->npipelines - 1];
        memset(&results[program->npipelines - 1], 0, sizeof(TqpResult));
    } else if (query->error.status == TQP_OK) {
        tqp_error_set(&query->error, status, "%s", explain(status));
    }
    for (uint32_t p = 0; results != NULL && p < program->npipelines; p++)
        tqp_result_free(&results[p]);
    free(results);
    return status;
}
