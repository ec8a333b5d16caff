/*
 * A fence: a limit without bounds.  Nothing is pushed through a limit, and pruning keeps all
 * columns below a fence.  It stands above what PostgreSQL computes whole, rows and columns that
 * nobody reads among them, so that what raises there raises here.
 */
#include "opt/opt.h"
#include "opt/pass.h"

static const TqpExpr *note_root(TqpArena *a, const TqpExpr *e, void *arg) {
    (void)a;
    *(bool *)arg |= tqp_ir_expr_may_raise(e);
    return e;
}

static bool may_raise(TqpArena *a, const TqpNode *node, bool *raises) {
    *raises |= node->kind == TQP_NODE_JOIN && node->join.kind == TQP_JOIN_SINGLE &&
               !tqp_opt_at_most_one(a, node);
    if (tqp_opt_map_node(a, node, note_root, raises) == NULL)
        return false;
    for (uint32_t i = 0; i < node->ninputs && !*raises; i++)
        if (!may_raise(a, node->inputs[i], raises))
            return false;
    return true;
}

const TqpNode *tqp_opt_fence(TqpArena *a, const TqpNode *node) {
    bool raises = false;
    if (node == NULL || !may_raise(a, node, &raises))
        return NULL;
    return raises ? tqp_ir_limit(a, node, NULL, NULL) : node;
}

bool tqp_opt_is_fence(const TqpNode *node) {
    return node->kind == TQP_NODE_LIMIT && node->limit.count == NULL && node->limit.offset == NULL;
}
