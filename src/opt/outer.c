/* References to the left row of a dependent join: finding them and moving them. */
#include "base/bitmap.h"
#include "opt/unnest.h"

static const TqpType boolean = {.kind = TQP_TYPE_BOOL};

bool tqp_opt_expr_reads_outer(const TqpExpr *e) {
    if (e->op == TQP_OP_OUTER)
        return e->level == 0;
    for (uint32_t i = 0; i < e->nargs; i++)
        if (tqp_opt_expr_reads_outer(e->args[i]))
            return true;
    return false;
}

/* With `used` NULL: stop at the first. */
static bool mark_outer(const TqpExpr *e, uint64_t *used) {
    if (e == NULL)
        return false;
    bool reads = e->op == TQP_OP_OUTER && e->level == 0;
    if (reads && used != NULL)
        tqp_bitmap_set(used, e->index);
    for (uint32_t i = 0; i < e->nargs && (used != NULL || !reads); i++)
        reads |= mark_outer(e->args[i], used);
    return reads;
}

static bool mark_body(const TqpNode *n, uint64_t *used) {
    bool reads = false;
    switch (n->kind) {
    case TQP_NODE_JOIN:
        return mark_outer(n->join.pred, used);
    case TQP_NODE_FILTER:
        return mark_outer(n->filter.pred, used);
    case TQP_NODE_PROJECT:
        for (uint32_t i = 0; i < n->noutputs; i++)
            reads |= mark_outer(n->project.exprs[i], used);
        return reads;
    case TQP_NODE_SORT:
    case TQP_NODE_NUMBER:
        for (uint32_t i = 0; i < n->sort.nkeys; i++)
            reads |= mark_outer(n->sort.keys[i].expr, used);
        return reads;
    case TQP_NODE_AGGREGATE:
        for (uint32_t i = 0; i < n->aggregate.nkeys; i++)
            reads |= mark_outer(n->aggregate.keys[i], used);
        for (uint32_t i = 0; i < n->aggregate.naggs; i++) {
            reads |= mark_outer(n->aggregate.aggs[i].arg, used);
            reads |= mark_outer(n->aggregate.aggs[i].filter, used);
        }
        return reads;
    default:
        return false;
    }
}

static bool mark_node(const TqpNode *n, uint64_t *used) {
    bool reads = mark_body(n, used);
    for (uint32_t i = 0; i < n->ninputs && (used != NULL || !reads); i++)
        reads |= mark_node(n->inputs[i], used);
    return reads;
}

bool tqp_opt_reads_outer(const TqpNode *node) {
    return mark_node(node, NULL);
}

void tqp_opt_outer_columns(const TqpNode *node, uint64_t *used) {
    (void)mark_node(node, used);
}

bool tqp_opt_has_dependent(const TqpNode *node) {
    if (node->kind == TQP_NODE_JOIN && node->join.dependent)
        return true;
    for (uint32_t i = 0; i < node->ninputs; i++)
        if (tqp_opt_has_dependent(node->inputs[i]))
            return true;
    return false;
}

static const TqpExpr *leave_leaf(TqpArena *a, const TqpExpr *e, void *arg) {
    const uint32_t *map = arg;
    if (e->op != TQP_OP_OUTER)
        return e;
    return e->level > 0 ? tqp_ir_outer(a, e->level - 1, e->index, e->type)
                        : tqp_ir_col(a, map[e->index], e->type);
}

static const TqpExpr *leave_root(TqpArena *a, const TqpExpr *e, void *arg) {
    return tqp_ir_expr_map(a, e, leave_leaf, arg);
}

const TqpExpr *tqp_opt_leave(TqpArena *a, const TqpExpr *e, const uint32_t *map) {
    return leave_root(a, e, (void *)map);
}

static const TqpNode *leave_node(TqpArena *a, const TqpNode *node, void *arg) {
    return tqp_opt_map_node(a, node, leave_root, arg);
}

const TqpNode *tqp_opt_leave_node(TqpArena *a, const TqpNode *node) {
    return tqp_opt_map_graph(a, node, leave_node, NULL);
}

const TqpExpr *tqp_opt_same(TqpArena *a, const TqpExpr *x, const TqpExpr *y) {
    return tqp_ir_call1(a, TQP_OP_NOT, boolean, tqp_ir_call2(a, TQP_OP_DISTINCT, boolean, x, y));
}

bool tqp_opt_add_results(TqpArena *a, TqpExprList *list, const TqpNode *aggregate, uint32_t first) {
    for (uint32_t i = 0; i < aggregate->aggregate.naggs; i++) {
        const TqpAgg *agg = &aggregate->aggregate.aggs[i];
        const TqpExpr *e = tqp_ir_col(a, first + i, agg->type);
        if (agg->func == TQP_AGG_COUNT || agg->func == TQP_AGG_COUNT_STAR) {
            const TqpExpr *args[2] = {e, tqp_ir_const_int(a, agg->type, 0)};
            e = tqp_ir_call(a, TQP_OP_COALESCE, agg->type, 2, args);
        }
        if (!tqp_opt_list_add(a, list, e))
            return false;
    }
    return true;
}

bool tqp_opt_limit_passes_one(const TqpNode *n) {
    const TqpExpr *count = n->limit.count, *offset = n->limit.offset;
    bool counts = count == NULL ||
                  (count->op == TQP_OP_CONST && (count->value.is_null || count->value.i >= 1));
    bool skips = offset != NULL &&
                 (offset->op != TQP_OP_CONST || (!offset->value.is_null && offset->value.i > 0));
    return counts && !skips;
}
