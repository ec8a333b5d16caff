/* What passes need to know of WITH and SHARED. */
#include "opt/join_order.h"

/* A definition's estimate, found once: chains of definitions may be read exponentially often. */
typedef struct TqpOptEstimated {
    const TqpNode *definition;
    TqpEstimate estimate;
    struct TqpOptEstimated *next;
} TqpOptEstimated;

bool tqp_opt_estimate_shared(const TqpOptContext *ctx, const TqpNode *node, TqpEstimate *out) {
    TqpOptEstimated *e = *ctx->estimated;
    while (e != NULL && e->definition != node->shared.definition)
        e = e->next;
    if (e == NULL) {
        if ((e = tqp_arena_zalloc(ctx->arena, sizeof(*e))) == NULL ||
            !tqp_opt_estimate(ctx, node->shared.definition, &e->estimate))
            return false;
        e->definition = node->shared.definition;
        e->next = *ctx->estimated;
        *ctx->estimated = e;
    }
    *out = e->estimate;
    out->base_rows = out->rows;
    out->columns = tqp_arena_alloc(ctx->arena, node->noutputs * sizeof(*out->columns) + 1);
    for (uint32_t i = 0; out->columns != NULL && i < node->noutputs; i++)
        out->columns[i] = e->estimate.columns[i];
    return out->columns != NULL;
}

static bool has_shared(const TqpNode *n) {
    if (n->kind == TQP_NODE_SHARED)
        return true;
    for (uint32_t i = 0; i < n->ninputs; i++)
        if (has_shared(n->inputs[i]))
            return true;
    return false;
}

const TqpNode *tqp_opt_definition(const TqpNode *shared) {
    return has_shared(shared->shared.definition) ? NULL : shared->shared.definition;
}

uint32_t tqp_opt_unused_number(const TqpNode *root) {
    uint32_t number = 0;
    for (; root->kind == TQP_NODE_WITH; root = root->inputs[1])
        if (root->shared.number >= number)
            number = root->shared.number + 1;
    return number;
}
