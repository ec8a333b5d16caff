/* The sources of pipelines. */
#include "exec/source.h"

#include <string.h>

static TqpStatus join_results(const TqpPipeline *pipeline, const TqpResult *results,
                              TqpArena *arena, TqpRelation *joined) {
    size_t ngroups = 0;
    for (uint32_t k = 0; k < pipeline->nsources; k++)
        ngroups += results[pipeline->sources[k]].rel.ngroups;
    *joined = results[pipeline->sources[0]].rel;
    joined->groups = tqp_arena_alloc(arena, (ngroups + 1) * sizeof(TqpRowGroup));
    joined->ngroups = 0;
    if (joined->groups == NULL)
        return tqp_exec_arena_status(arena);
    for (uint32_t k = 0; k < pipeline->nsources; k++) {
        const TqpRelation *rel = &results[pipeline->sources[k]].rel;
        if (rel->ncolumns != joined->ncolumns)
            return TQP_INVALID;
        if (rel->ngroups > 0)
            memcpy(&joined->groups[joined->ngroups], rel->groups,
                   rel->ngroups * sizeof(TqpRowGroup));
        joined->ngroups += rel->ngroups;
    }
    return TQP_OK;
}

TqpStatus tqp_source_open(const TqpProgram *program, uint32_t p, const TqpRelation *const *rels,
                          uint32_t nrels, const TqpResult *results, TqpArena *arena,
                          TqpRelation *joined, const TqpRelation **source) {
    const TqpPipeline *pipeline = &program->pipelines[p];
    if (pipeline->source_kind == TQP_SOURCE_VALUES) {
        *source = pipeline->values;
        return *source != NULL ? TQP_OK : TQP_INVALID;
    }
    bool from_result = pipeline->source_kind == TQP_SOURCE_RESULT;
    if (pipeline->nsources == 0)
        return TQP_INVALID;
    for (uint32_t k = 0; k < pipeline->nsources; k++) {
        uint32_t s = pipeline->sources[k];
        if (from_result ? s >= p || program->pipelines[s].sink.map.kind != TQP_MAP_NONE
                        : s >= nrels)
            return TQP_INVALID;
    }
    *source = from_result ? &results[pipeline->sources[0]].rel : rels[pipeline->sources[0]];
    if (!from_result || pipeline->nsources == 1)
        return TQP_OK;
    *source = joined;
    return join_results(pipeline, results, arena, joined);
}

/* Calls what(arg, s) for each earlier pipeline s whose output p reads. */
typedef void (*TakeSource)(void *arg, uint64_t s);

static void for_sources(const TqpProgram *program, uint32_t p, TakeSource what, void *arg) {
    const TqpPipeline *pipeline = &program->pipelines[p];
    for (uint32_t k = 0; k < pipeline->nsources; k++)
        if (pipeline->source_kind == TQP_SOURCE_RESULT)
            what(arg, pipeline->sources[k]);
    for (uint32_t s = 0; s < pipeline->nsteps; s++) {
        const TqpStep *step = &pipeline->steps[s];
        if (step->op == TQP_STEP_PROBE && step->aux != NULL)
            what(arg, ((const TqpProbe *)step->aux)->pipeline);
        else if (step->op == TQP_STEP_FETCH)
            what(arg, (uint64_t)step->imm[1].i);
    }
}

typedef struct Lifetimes {
    uint32_t *last, p, until;
} Lifetimes;

static void use(void *arg, uint64_t s) {
    const Lifetimes *l = arg;
    if (s < l->p && l->last[s] < l->until)
        l->last[s] = l->until;
}

void tqp_source_lifetimes(const TqpProgram *program, const uint32_t *passes, uint32_t *last) {
    for (uint32_t p = 0; p < program->npipelines; p++)
        last[p] = p;
    for (uint32_t p = program->npipelines; p-- > 0;) {
        bool stays = program->pipelines[p].sink.map.kind != TQP_MAP_NONE || passes[p] > 1;
        Lifetimes l = {last, p, stays ? last[p] : p};
        for_sources(program, p, use, &l);
    }
}

typedef struct Needs {
    uint32_t p;
    bool *needed;
} Needs;

static void need(void *arg, uint64_t s) {
    const Needs *n = arg;
    if (s < n->p)
        n->needed[s] = true;
}

void tqp_source_needed(const TqpProgram *program, uint32_t first, const bool *made, bool *needed) {
    for (uint32_t p = 0; p < program->npipelines; p++)
        needed[p] = p >= first;
    for (uint32_t p = program->npipelines; p-- > 0;) {
        Needs n = {p, needed};
        if (needed[p] && !made[p])
            for_sources(program, p, need, &n);
    }
}
