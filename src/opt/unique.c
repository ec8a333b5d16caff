/* How many rows of a node can agree in given columns? */
#include "base/bitmap.h"
#include "opt/pass.h"

/* Mark the columns, of those from `first` on, that e makes equal to what does not depend on them.
 */
static void fix_equal(const TqpExpr *e, uint32_t first, uint64_t *fixed) {
    if (e->op == TQP_OP_AND) {
        for (uint32_t i = 0; i < e->nargs; i++)
            fix_equal(e->args[i], first, fixed);
        return;
    }
    if (e->op != TQP_OP_EQ)
        return;
    for (int k = 0; k < 2; k++)
        if (e->args[k]->op == TQP_OP_COL && e->args[k]->index >= first &&
            !(tqp_opt_sides(e->args[1 - k], first) & TQP_SIDE_RIGHT))
            tqp_bitmap_set(fixed, e->args[k]->index - first);
}

static bool all_set(const uint64_t *bits, uint32_t n, const uint32_t *columns) {
    for (uint32_t i = 0; i < n; i++)
        if (!tqp_bitmap_get(bits, columns[i]))
            return false;
    return true;
}

static bool unique_project(TqpArena *a, const TqpNode *n, const uint64_t *fixed) {
    uint64_t *below = tqp_opt_bitmap(a, n->inputs[0]->noutputs);
    for (uint32_t i = 0; below != NULL && i < n->noutputs; i++)
        if (tqp_bitmap_get(fixed, i) && n->project.exprs[i]->op == TQP_OP_COL)
            tqp_bitmap_set(below, n->project.exprs[i]->index);
    return below != NULL && tqp_opt_unique(a, n->inputs[0], below);
}

static bool unique_filter(TqpArena *a, const TqpNode *n, const uint64_t *fixed) {
    uint64_t *below = tqp_opt_bitmap(a, n->noutputs);
    for (uint32_t i = 0; below != NULL && i < n->noutputs; i++)
        if (tqp_bitmap_get(fixed, i))
            tqp_bitmap_set(below, i);
    if (below != NULL)
        fix_equal(n->filter.pred, 0, below);
    return below != NULL && tqp_opt_unique(a, n->inputs[0], below);
}

/* Each left row has at most one match, and the left is unique. */
static bool unique_join(TqpArena *a, const TqpNode *n, const uint64_t *fixed) {
    TqpJoinKind kind = n->join.kind;
    if (kind == TQP_JOIN_FULL || n->join.dependent || !tqp_opt_unique(a, n->inputs[0], fixed))
        return false;
    return (kind != TQP_JOIN_INNER && kind != TQP_JOIN_LEFT) || tqp_opt_at_most_one(a, n);
}

bool tqp_opt_unique(TqpArena *a, const TqpNode *n, const uint64_t *fixed) {
    bool all = true;
    switch (n->kind) {
    case TQP_NODE_SCAN:
        for (uint32_t i = 0; i < n->scan.nuniques; i++)
            if (all_set(fixed, n->scan.uniques[i].ncolumns, n->scan.uniques[i].columns))
                return true;
        return false;
    case TQP_NODE_VALUES:
        return n->values.nrows <= 1;
    case TQP_NODE_PROJECT:
        return unique_project(a, n, fixed);
    case TQP_NODE_FILTER:
        return unique_filter(a, n, fixed);
    case TQP_NODE_AGGREGATE:
        for (uint32_t i = 0; i < n->aggregate.nkeys; i++)
            all = all && tqp_bitmap_get(fixed, i);
        return all;
    case TQP_NODE_LIMIT:
        if (n->limit.count != NULL && n->limit.count->op == TQP_OP_CONST &&
            !n->limit.count->value.is_null && n->limit.count->value.i <= 1)
            return true;
        return tqp_opt_unique(a, n->inputs[0], fixed);
    case TQP_NODE_SORT:
        return tqp_opt_unique(a, n->inputs[0], fixed);
    case TQP_NODE_JOIN:
        return unique_join(a, n, fixed);
    case TQP_NODE_SHARED:
        n = tqp_opt_definition(n);
        return n != NULL && tqp_opt_unique(a, n, fixed);
    default:
        return false;
    }
}

bool tqp_opt_at_most_one(TqpArena *a, const TqpNode *join) {
    uint64_t *fixed = tqp_opt_bitmap(a, join->inputs[1]->noutputs);
    if (fixed == NULL)
        return false;
    fix_equal(join->join.pred, join->inputs[0]->noutputs, fixed);
    return tqp_opt_unique(a, join->inputs[1], fixed);
}

bool tqp_opt_may_give_two(TqpArena *a, const TqpNode *node) {
    return node->kind == TQP_NODE_JOIN && node->join.kind == TQP_JOIN_SINGLE &&
           !tqp_opt_at_most_one(a, node);
}
