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

typedef struct Escapes {
    uint32_t depth; /* dependent joins of the node on whose right side the expression stands */
    bool found;
} Escapes;

static const TqpExpr *note_leaf(TqpArena *a, const TqpExpr *e, void *arg) {
    Escapes *x = arg;
    (void)a;
    x->found |= e->op == TQP_OP_OUTER && e->level >= x->depth;
    return e;
}

static const TqpExpr *note_root(TqpArena *a, const TqpExpr *e, void *arg) {
    return tqp_ir_expr_map(a, e, note_leaf, arg);
}

static bool is_closed(TqpArena *a, const TqpNode *n, uint32_t depth) {
    Escapes x = {.depth = depth};
    if (tqp_opt_map_node(a, n, note_root, &x) == NULL || x.found)
        return false;
    for (uint32_t i = 0; i < n->ninputs; i++) {
        bool inside = i == 1 && n->kind == TQP_NODE_JOIN && n->join.dependent;
        if (!is_closed(a, n->inputs[i], depth + inside))
            return false;
    }
    return true;
}

bool tqp_opt_is_closed(TqpArena *a, const TqpNode *node) {
    return is_closed(a, node, 0);
}
