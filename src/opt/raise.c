/* Which errors of PostgreSQL's may an expression raise? */
#include "opt/pass.h"

bool tqp_opt_operator_may_raise(TqpArena *a, const TqpExpr *e) {
    bool exact = e->type.kind == TQP_TYPE_NUM &&
                 (e->op == TQP_OP_ADD || e->op == TQP_OP_SUB || e->op == TQP_OP_MUL);
    if (e->op == TQP_OP_HOST)
        return true;
    if (exact || !tqp_ir_expr_may_raise(e))
        return false;
    TqpExpr copy = *e;
    const TqpExpr **args = tqp_arena_alloc(a, e->nargs * sizeof(*args) + 1);
    for (uint32_t i = 0; args != NULL && i < e->nargs; i++) {
        bool constant = e->args[i]->op == TQP_OP_CONST;
        args[i] = constant ? e->args[i] : tqp_ir_col(a, 0, e->args[i]->type);
        if (args[i] == NULL)
            return true;
    }
    copy.args = args;
    return args == NULL || tqp_ir_expr_may_raise(&copy);
}

bool tqp_opt_may_raise(TqpArena *a, const TqpExpr *e) {
    for (uint32_t i = 0; i < e->nargs; i++)
        if (tqp_opt_may_raise(a, e->args[i]))
            return true;
    return tqp_opt_operator_may_raise(a, e);
}

/* ---- groups ---- */

static const TqpExpr *without_casts(const TqpExpr *e) {
    while (e->op == TQP_OP_CAST)
        e = e->args[0];
    return e;
}

static const TqpAgg *aggregate_of(const TqpNode *n, const TqpExpr *e, TqpAggFunc func) {
    e = without_casts(e);
    if (e->op == TQP_OP_COALESCE)
        e = without_casts(e->args[0]);
    if (e->op != TQP_OP_COL || e->index < n->aggregate.nkeys)
        return NULL;
    const TqpAgg *agg = &n->aggregate.aggs[e->index - n->aggregate.nkeys];
    return agg->func == func && agg->arg != NULL ? agg : NULL;
}

/* A sum over the count of the same: NULL where the count is 0. */
static bool is_average(const TqpNode *n, const TqpExpr *e) {
    if (n->kind != TQP_NODE_AGGREGATE || (e->op != TQP_OP_NUM_DIV && e->op != TQP_OP_DIV) ||
        without_casts(e->args[0])->op != TQP_OP_COL)
        return false;
    TqpAggFunc func = e->type.kind == TQP_TYPE_F64 ? TQP_AGG_AVG_SUM : TQP_AGG_SUM;
    const TqpAgg *sum = aggregate_of(n, e->args[0], func),
                 *count = aggregate_of(n, e->args[1], TQP_AGG_COUNT);
    return sum != NULL && count != NULL && sum->distinct == count->distinct &&
           tqp_ir_expr_equal(without_casts(sum->arg), without_casts(count->arg)) &&
           tqp_ir_expr_equal(sum->filter, count->filter);
}

/* The same of e over the node n, in whose columns averages are known. */
static bool may_raise(TqpArena *a, const TqpNode *n, const TqpExpr *e) {
    while (n->kind == TQP_NODE_FILTER)
        n = n->inputs[0];
    if (e->nargs > 0 && is_average(n, e))
        return false;
    for (uint32_t i = 0; i < e->nargs; i++)
        if (may_raise(a, n, e->args[i]))
            return true;
    return tqp_opt_operator_may_raise(a, e);
}

bool tqp_opt_groups_may_raise(TqpArena *a, const TqpNode *n) {
    if (n->kind == TQP_NODE_FILTER)
        return may_raise(a, n->inputs[0], n->filter.pred);
    if (n->kind != TQP_NODE_AGGREGATE)
        return false;
    bool raises = false;
    for (uint32_t i = 0; i < n->aggregate.nkeys; i++)
        raises |= tqp_opt_may_raise(a, n->aggregate.keys[i]);
    for (uint32_t i = 0; i < n->aggregate.naggs; i++) {
        const TqpAgg *agg = &n->aggregate.aggs[i];
        raises |= (agg->arg != NULL && tqp_opt_may_raise(a, agg->arg)) ||
                  (agg->filter != NULL && tqp_opt_may_raise(a, agg->filter));
    }
    return raises;
}
