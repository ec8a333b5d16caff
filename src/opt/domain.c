/*
 * The general way out of a dependent join (Neumann and Kemper, "Unnesting Arbitrary Queries", BTW
 * 2015): the right side is computed for all left values at once.  The domain, a relation of the
 * distinct left values that it reads, is joined in below, and each operator on the way up carries
 * the domain's columns: filters read them, aggregates group by them, joins compare them.
 */
#include "base/bitmap.h"
#include "opt/unnest.h"

typedef struct Over {
    TqpArena *a;
    const TqpNode *domain;
    uint32_t nleft;
    const uint32_t *map; /* left column -> column of the domain */
    const char **why;
} Over;

static const TqpNode *over(Over *o, const TqpNode *node);

static const TqpNode *cannot(Over *o, const char *why) {
    *o->why = why;
    return NULL;
}

/* e, whose columns stay, over an input in which the domain's columns begin at `first`. */
static const TqpExpr *bind(Over *o, const TqpExpr *e, uint32_t first) {
    uint32_t *map = tqp_arena_alloc(o->a, o->nleft * sizeof(*map) + 1);
    for (uint32_t i = 0; map != NULL && i < o->nleft; i++)
        map[i] = first + o->map[i];
    return map == NULL || e == NULL ? NULL : tqp_opt_leave(o->a, e, map);
}

static bool add_bound(Over *o, TqpExprList *list, uint32_t n, const TqpExpr *const *exprs,
                      uint32_t first) {
    for (uint32_t i = 0; i < n; i++)
        if (!tqp_opt_list_add(o->a, list, bind(o, exprs[i], first)))
            return false;
    return true;
}

/* Columns first .. first + n - 1 of the node. */
static bool add_range(Over *o, TqpExprList *list, const TqpNode *node, uint32_t first, uint32_t n) {
    for (uint32_t i = first; i < first + n; i++)
        if (!tqp_opt_list_add(o->a, list, tqp_ir_col(o->a, i, node->types[i])))
            return false;
    return true;
}

static const TqpNode *over_project(Over *o, const TqpNode *node) {
    TqpExprList exprs = {0};
    const TqpNode *in = over(o, node->inputs[0]);
    uint32_t n = node->inputs[0]->noutputs;
    if (in == NULL || !add_bound(o, &exprs, node->noutputs, node->project.exprs, n) ||
        !add_range(o, &exprs, in, n, o->domain->noutputs))
        return NULL;
    return tqp_ir_project(o->a, in, exprs.n, exprs.items);
}

/* The domain's columns at x_first of x and at y_first of y, columns of a join, are the same. */
static bool add_same(Over *o, TqpExprList *list, uint32_t x_first, uint32_t y_first) {
    for (uint32_t i = 0; i < o->domain->noutputs; i++) {
        TqpType t = o->domain->types[i];
        if (!tqp_opt_list_add(o->a, list,
                              tqp_opt_same(o->a, tqp_ir_col(o->a, x_first + i, t),
                                           tqp_ir_col(o->a, y_first + i, t))))
            return false;
    }
    return true;
}

/* Groups by the domain too.  Without keys a row comes for each domain row: the domain on the left.
 */
static const TqpNode *over_aggregate(Over *o, const TqpNode *node) {
    const TqpNode *in = over(o, node->inputs[0]);
    uint32_t n = node->inputs[0]->noutputs, k = o->domain->noutputs, nkeys = node->aggregate.nkeys,
             naggs = node->aggregate.naggs;
    TqpExprList keys = {0}, outs = {0}, same = {0};
    TqpAgg *aggs = tqp_arena_alloc(o->a, naggs * sizeof(*aggs) + 1);
    if (in == NULL || aggs == NULL || !add_bound(o, &keys, nkeys, node->aggregate.keys, n) ||
        !add_range(o, &keys, in, n, k))
        return NULL;
    for (uint32_t i = 0; i < naggs; i++) {
        aggs[i] = node->aggregate.aggs[i];
        if (aggs[i].arg != NULL && (aggs[i].arg = bind(o, aggs[i].arg, n)) == NULL)
            return NULL;
        if (aggs[i].filter != NULL && (aggs[i].filter = bind(o, aggs[i].filter, n)) == NULL)
            return NULL;
    }
    const TqpNode *agg = tqp_ir_aggregate(o->a, in, keys.n, keys.items, naggs, aggs);
    if (agg == NULL)
        return NULL;
    if (nkeys > 0) {
        if (!add_range(o, &outs, agg, 0, nkeys) || !add_range(o, &outs, agg, nkeys + k, naggs) ||
            !add_range(o, &outs, agg, nkeys, k))
            return NULL;
        return tqp_ir_project(o->a, agg, outs.n, outs.items);
    }
    if (!add_same(o, &same, 0, k))
        return NULL;
    const TqpNode *join = tqp_ir_join(o->a, TQP_JOIN_LEFT, false, o->domain, agg,
                                      tqp_opt_join(o->a, TQP_OP_AND, &same));
    if (join == NULL || !tqp_opt_add_results(o->a, &outs, agg, 2 * k) ||
        !add_range(o, &outs, join, 0, k))
        return NULL;
    return tqp_ir_project(o->a, join, outs.n, outs.items);
}

/* The predicate over x ++ y, where x may have the domain's columns behind its nx. */
static const TqpExpr *join_pred(Over *o, const TqpNode *node, bool x_over, bool y_over) {
    uint32_t nx = node->inputs[0]->noutputs, ny = node->inputs[1]->noutputs,
             k = o->domain->noutputs, shift = x_over ? k : 0;
    uint32_t *map = tqp_arena_alloc(o->a, (nx + ny) * sizeof(*map) + 1);
    TqpExprList all = {0};
    if (map == NULL)
        return NULL;
    for (uint32_t i = 0; i < nx + ny; i++)
        map[i] = i < nx ? i : i + shift;
    if (x_over && y_over && !add_same(o, &all, nx, nx + k + ny))
        return NULL;
    const TqpExpr *pred = tqp_opt_remap(o->a, node->join.pred, map);
    pred = pred == NULL ? NULL : bind(o, pred, x_over ? nx : nx + ny);
    if (pred == NULL ||
        (!tqp_opt_is_bool(pred, true) && !tqp_opt_flatten(o->a, TQP_OP_AND, pred, &all)))
        return NULL;
    return tqp_opt_join(o->a, TQP_OP_AND, &all);
}

/*
 * The domain goes into the inputs that read it; into the left one always when rows of it come out
 * without a match.
 */
static const TqpNode *over_join(Over *o, const TqpNode *node) {
    const TqpNode *x = node->inputs[0], *y = node->inputs[1];
    uint32_t nx = x->noutputs, ny = y->noutputs, k = o->domain->noutputs;
    TqpJoinKind kind = node->join.kind;
    bool full = kind == TQP_JOIN_FULL;
    bool y_over = full || tqp_opt_reads_outer(y);
    bool x_over = kind != TQP_JOIN_INNER || tqp_opt_reads_outer(x) || !y_over;
    TqpExprList outs = {0};
    const TqpExpr *pred = join_pred(o, node, x_over, y_over);
    x = x_over ? over(o, x) : tqp_opt_leave_node(o->a, x);
    y = x == NULL ? NULL : y_over ? over(o, y) : tqp_opt_leave_node(o->a, y);
    const TqpNode *join = y == NULL ? NULL : tqp_ir_join(o->a, kind, false, x, y, pred);
    if (join == NULL || !add_range(o, &outs, join, 0, nx))
        return NULL;
    bool rows_of_x = kind == TQP_JOIN_SEMI || kind == TQP_JOIN_ANTI;
    if (!add_range(o, &outs, join, x->noutputs, kind == TQP_JOIN_MARK ? 1 : rows_of_x ? 0 : ny))
        return NULL;
    for (uint32_t i = 0; i < k; i++) {
        TqpType t = o->domain->types[i];
        const TqpExpr *d[2] = {tqp_ir_col(o->a, nx + i, t),
                               tqp_ir_col(o->a, nx + (x_over ? k : 0) + ny + i, t)};
        if (!tqp_opt_list_add(o->a, &outs,
                              full     ? tqp_ir_call(o->a, TQP_OP_COALESCE, t, 2, d)
                              : x_over ? d[0]
                                       : d[1]))
            return NULL;
    }
    return tqp_ir_project(o->a, join, outs.n, outs.items);
}

/* The node with rows numbered by `keys` for each row of the domain, its outputs behind the keys. */
static const TqpNode *number_by_domain(Over *o, const TqpNode *in, uint32_t n, uint32_t npartition,
                                       uint32_t nsort, const TqpSortKey *sort) {
    uint32_t k = o->domain->noutputs;
    TqpSortKey *keys = tqp_arena_alloc(o->a, ((size_t)k + nsort) * sizeof(*keys) + 1);
    if (in == NULL || keys == NULL)
        return NULL;
    for (uint32_t i = 0; i < k; i++)
        keys[i] = (TqpSortKey){tqp_ir_col(o->a, n + i, o->domain->types[i]), false, false};
    for (uint32_t i = 0; i < nsort; i++) {
        keys[k + i] = sort[i];
        if ((keys[k + i].expr = bind(o, sort[i].expr, n)) == NULL)
            return NULL;
    }
    return tqp_ir_number(o->a, in, k + npartition, k + nsort, keys);
}

static const TqpNode *over_number(Over *o, const TqpNode *node) {
    uint32_t n = node->noutputs - 2, k = o->domain->noutputs;
    TqpExprList outs = {0};
    const TqpNode *number = number_by_domain(o, over(o, node->inputs[0]), n, node->sort.npartition,
                                             node->sort.nkeys, node->sort.keys);
    if (number == NULL || !add_range(o, &outs, number, 0, n) ||
        !add_range(o, &outs, number, n + k, 2) || !add_range(o, &outs, number, n, k))
        return NULL;
    return tqp_ir_project(o->a, number, outs.n, outs.items);
}

static const TqpExpr *compare_number(Over *o, TqpOp op, const TqpNode *number, TqpInt128 bound) {
    const TqpType i64 = {.kind = TQP_TYPE_I64};
    return tqp_ir_call2(o->a, op, (TqpType){.kind = TQP_TYPE_BOOL},
                        tqp_ir_col(o->a, number->noutputs - 2, i64),
                        tqp_ir_const_int(o->a, i64, bound));
}

static bool is_literal(const TqpExpr *e) {
    return e == NULL || e->op == TQP_OP_CONST;
}

static const TqpNode *over_limit(Over *o, const TqpNode *node) {
    static const TqpNode none = {0};
    const TqpExpr *count = node->limit.count, *offset = node->limit.offset;
    const TqpNode *sort = node->inputs[0]->kind == TQP_NODE_SORT ? node->inputs[0] : &none;
    TqpInt128 skip = offset != NULL && !offset->value.is_null ? offset->value.i : 0;
    TqpExprList conjuncts = {0}, outs = {0};
    uint64_t *fixed = tqp_opt_bitmap(o->a, node->noutputs);
    if (fixed == NULL)
        return NULL;
    if (tqp_opt_limit_passes_one(node) && tqp_opt_unique(o->a, node->inputs[0], fixed))
        return over(o, node->inputs[0]);
    if (tqp_opt_is_fence(node))
        return tqp_ir_limit(o->a, over(o, node->inputs[0]), NULL, NULL);
    if (!is_literal(count) || !is_literal(offset) || o->domain->noutputs == 0)
        return cannot(o, "LIMIT by a parameter in a correlated subquery");
    const TqpNode *in = over(o, node->inputs[0]);
    in = number_by_domain(o, in, node->noutputs, 0, sort->sort.nkeys, sort->sort.keys);
    if (in == NULL ||
        (skip > 0 && !tqp_opt_list_add(o->a, &conjuncts, compare_number(o, TQP_OP_GT, in, skip))))
        return NULL;
    if (count != NULL && !count->value.is_null) {
        TqpInt128 last = skip + count->value.i;
        last = last > INT64_MAX ? INT64_MAX : last;
        if (!tqp_opt_list_add(o->a, &conjuncts, compare_number(o, TQP_OP_LE, in, last)))
            return NULL;
    }
    const TqpNode *kept = tqp_ir_filter(o->a, in, tqp_opt_join(o->a, TQP_OP_AND, &conjuncts));
    return kept != NULL && add_range(o, &outs, kept, 0, kept->noutputs - 2)
               ? tqp_ir_project(o->a, kept, outs.n, outs.items)
               : NULL;
}

static const TqpNode *over(Over *o, const TqpNode *node) {
    const TqpNode *in;
    if (!tqp_opt_reads_outer(node))
        return tqp_ir_join(o->a, TQP_JOIN_INNER, false, tqp_opt_leave_node(o->a, node), o->domain,
                           tqp_ir_const_bool(o->a, true));
    switch (node->kind) {
    case TQP_NODE_FILTER:
        in = over(o, node->inputs[0]);
        return in == NULL ? NULL
                          : tqp_ir_filter(o->a, in, bind(o, node->filter.pred, node->noutputs));
    case TQP_NODE_PROJECT:
        return over_project(o, node);
    case TQP_NODE_AGGREGATE:
        return over_aggregate(o, node);
    case TQP_NODE_JOIN:
        return over_join(o, node);
    case TQP_NODE_SORT: /* the order of a right side does not matter */
        return over(o, node->inputs[0]);
    case TQP_NODE_NUMBER:
        return over_number(o, node);
    case TQP_NODE_LIMIT:
        return over_limit(o, node);
    case TQP_NODE_APPEND:
        in = over(o, node->inputs[0]);
        return in == NULL ? NULL : tqp_ir_append(o->a, in, over(o, node->inputs[1]));
    default:
        return cannot(o, "a correlated subquery of unknown form");
    }
}

const TqpNode *tqp_opt_over_domain(TqpArena *a, const TqpNode *node, const TqpNode *domain,
                                   uint32_t nleft, const uint32_t *map, const char **why) {
    Over o = {.a = a, .domain = domain, .nleft = nleft, .map = map, .why = why};
    return over(&o, node);
}
