/*
 * Numbers of rows, for join_order: textbook formulas (uniform values, independent columns) over the
 * host's statistics, defaults where there are none.
 */
#include <math.h>
#include <string.h>

#include "opt/join_order.h"

static const double default_rows = 1000, default_distinct_share = 0.1;
static const double default_equal = 0.01, default_range = 1.0 / 3, default_like = 0.05,
                    default_other = 0.5;

static double at_least(double x, double least) {
    return x > least ? x : least;
}

static double at_most(double x, double most) {
    return x < most ? x : most;
}

/* ---- conditions ---- */

static bool number_of(const TqpExpr *e, double *x) {
    if (e->op != TQP_OP_CONST || e->value.is_null)
        return false;
    TqpTypeClass class = tqp_type_class(e->type.kind);
    *x = class == TQP_CLASS_FLOAT ? e->value.f : (double)e->value.i;
    return class == TQP_CLASS_FLOAT || class == TQP_CLASS_INT;
}

static double equal_share(const TqpOptColumn *c) {
    return (1 - c->null_fraction) / at_least(c->ndistinct, 1);
}

static double select_equal(const TqpExpr *e, TqpOptColumn *columns) {
    bool column = e->args[1]->op == TQP_OP_COL;
    if (e->args[0]->op != TQP_OP_COL)
        return column ? equal_share(&columns[e->args[1]->index]) : default_equal;
    TqpOptColumn *x = &columns[e->args[0]->index];
    if (column) {
        const TqpOptColumn *y = &columns[e->args[1]->index];
        return 1 / at_least(at_least(x->ndistinct, y->ndistinct), 1);
    }
    double share = equal_share(x);
    if (e->args[1]->op == TQP_OP_CONST || e->args[1]->op == TQP_OP_PARAM)
        *x = (TqpOptColumn){.ndistinct = 1};
    return share;
}

static double select_in(const TqpExpr *e, TqpOptColumn *columns) {
    double n = e->nargs - 1;
    if (e->args[0]->op != TQP_OP_COL)
        return at_most(n * default_equal, default_other);
    TqpOptColumn *x = &columns[e->args[0]->index];
    double share = at_most(n * equal_share(x), 1);
    x->ndistinct = at_most(x->ndistinct, n);
    x->null_fraction = 0;
    return share;
}

static double select_range(const TqpExpr *e, TqpOptColumn *columns) {
    double bound;
    if (e->args[0]->op != TQP_OP_COL || !number_of(e->args[1], &bound))
        return default_range;
    TqpOptColumn *x = &columns[e->args[0]->index];
    if (!x->has_range)
        return default_range;
    bool below = e->op == TQP_OP_LT || e->op == TQP_OP_LE;
    double width = x->max - x->min;
    double inside = below ? bound - x->min : x->max - bound;
    double share = width > 0 ? inside / width : inside >= 0 ? 1 : 0;
    share = at_most(at_least(share, 0), 1);
    if (below)
        x->max = at_most(x->max, at_least(bound, x->min));
    else
        x->min = at_least(x->min, at_most(bound, x->max));
    x->ndistinct = at_least(x->ndistinct * share, 1);
    share *= 1 - x->null_fraction;
    x->null_fraction = 0;
    return share;
}

/* Operands under OR and NOT do not narrow the columns: they work on a scratch value of each. */
static double select_quietly(const TqpExpr *e, TqpOptColumn *columns) {
    if (e->op == TQP_OP_AND || e->op == TQP_OP_OR || e->op == TQP_OP_NOT || e->nargs == 0 ||
        e->args[0]->op != TQP_OP_COL)
        return tqp_opt_selectivity(e, columns);
    TqpOptColumn saved = columns[e->args[0]->index];
    double s = tqp_opt_selectivity(e, columns);
    columns[e->args[0]->index] = saved;
    return s;
}

double tqp_opt_selectivity(const TqpExpr *e, TqpOptColumn *columns) {
    double s = 1;
    switch (e->op) {
    case TQP_OP_CONST:
        return e->value.is_null || !e->value.b ? 0 : 1;
    case TQP_OP_AND:
        for (uint32_t i = 0; i < e->nargs; i++)
            s *= tqp_opt_selectivity(e->args[i], columns);
        return s;
    case TQP_OP_OR:
        for (uint32_t i = 0; i < e->nargs; i++)
            s *= 1 - select_quietly(e->args[i], columns);
        return 1 - s;
    case TQP_OP_NOT:
        return 1 - select_quietly(e->args[0], columns);
    case TQP_OP_EQ:
        return select_equal(e, columns);
    case TQP_OP_NE:
        return 1 - default_equal;
    case TQP_OP_LT:
    case TQP_OP_LE:
    case TQP_OP_GT:
    case TQP_OP_GE:
        return select_range(e, columns);
    case TQP_OP_IN:
        return select_in(e, columns);
    case TQP_OP_LIKE:
        return default_like;
    case TQP_OP_IS_NULL:
        return e->args[0]->op == TQP_OP_COL ? columns[e->args[0]->index].null_fraction
                                            : default_equal;
    default:
        return default_other;
    }
}

/* ---- nodes ---- */

static bool new_columns(TqpArena *a, uint32_t n, TqpEstimate *out) {
    out->columns = tqp_arena_zalloc(a, n * sizeof(*out->columns) + 1);
    return out->columns != NULL;
}

/* No column has more values than there are rows. */
static void settle(const TqpNode *node, TqpEstimate *out) {
    out->rows = at_least(at_most(out->rows, TQP_ESTIMATE_MAX), 1);
    for (uint32_t i = 0; i < node->noutputs; i++)
        out->columns[i].ndistinct = at_least(at_most(out->columns[i].ndistinct, out->rows), 1);
}

static bool estimate_scan(const TqpOptContext *ctx, const TqpNode *node, TqpEstimate *out) {
    const TqpOptRelation *stats = ctx->stats != NULL && node->scan.relation < ctx->nrelations
                                      ? &ctx->stats[node->scan.relation]
                                      : NULL;
    if (!new_columns(ctx->arena, node->noutputs, out))
        return false;
    out->rows = stats != NULL && stats->rows > 0 ? stats->rows : default_rows;
    out->base_rows = out->rows;
    for (uint32_t i = 0; i < node->noutputs; i++) {
        if (stats != NULL && i < stats->ncolumns)
            out->columns[i] = stats->columns[i];
        if (!(out->columns[i].ndistinct > 0))
            out->columns[i].ndistinct = out->rows * default_distinct_share;
    }
    for (uint32_t i = 0; i < node->scan.nuniques; i++)
        if (node->scan.uniques[i].ncolumns == 1)
            out->columns[node->scan.uniques[i].columns[0]].ndistinct = out->rows;
    return true;
}

static bool estimate_exprs(const TqpOptContext *ctx, const TqpNode *node, uint32_t n,
                           const TqpExpr *const *exprs, const TqpEstimate *in, TqpEstimate *out) {
    if (!new_columns(ctx->arena, node->noutputs, out))
        return false;
    for (uint32_t i = 0; i < node->noutputs; i++)
        out->columns[i] = i < n && exprs[i]->op == TQP_OP_COL
                              ? in->columns[exprs[i]->index]
                              : (TqpOptColumn){.ndistinct = in->rows};
    return true;
}

static bool estimate_aggregate(const TqpOptContext *ctx, const TqpNode *node, const TqpEstimate *in,
                               TqpEstimate *out) {
    uint32_t nkeys = node->aggregate.nkeys;
    double groups = 1;
    if (!estimate_exprs(ctx, node, nkeys, node->aggregate.keys, in, out))
        return false;
    for (uint32_t i = 0; i < nkeys; i++)
        groups = at_most(groups * out->columns[i].ndistinct, in->rows);
    out->rows = out->base_rows = groups;
    return true;
}

/* The share of pairs that the predicate passes, and of left rows that have a match. */
static void estimate_pairs(const TqpNode *node, TqpOptColumn *columns, double *pairs,
                           double *matched) {
    uint32_t nleft = node->inputs[0]->noutputs;
    const TqpExpr *pred = node->join.pred;
    uint32_t n = pred->op == TQP_OP_AND ? pred->nargs : 1;
    *pairs = *matched = 1;
    for (uint32_t i = 0; i < n; i++) {
        const TqpExpr *e = pred->op == TQP_OP_AND ? pred->args[i] : pred;
        bool keys = e->op == TQP_OP_EQ && e->args[0]->op == TQP_OP_COL &&
                    e->args[1]->op == TQP_OP_COL &&
                    (e->args[0]->index < nleft) != (e->args[1]->index < nleft);
        if (keys) {
            const TqpOptColumn *x = &columns[e->args[0]->index], *y = &columns[e->args[1]->index];
            double dl = e->args[0]->index < nleft ? x->ndistinct : y->ndistinct;
            double dr = e->args[0]->index < nleft ? y->ndistinct : x->ndistinct;
            *matched *= at_most(dr / at_least(dl, 1), 1);
        } else if (!tqp_opt_is_bool(e, true)) {
            *matched *= 0.8;
        }
        *pairs *= tqp_opt_selectivity(e, columns);
    }
}

static bool estimate_join(const TqpOptContext *ctx, const TqpNode *node, const TqpEstimate *l,
                          const TqpEstimate *r, TqpEstimate *out) {
    uint32_t nleft = node->inputs[0]->noutputs, nright = node->inputs[1]->noutputs;
    double pairs, matched;
    if (!new_columns(ctx->arena, nleft + nright + 1, out))
        return false;
    memcpy(out->columns, l->columns, nleft * sizeof(*out->columns));
    memcpy(out->columns + nleft, r->columns, nright * sizeof(*out->columns));
    estimate_pairs(node, out->columns, &pairs, &matched);
    double inner = pairs * l->rows * r->rows;
    switch (node->join.kind) {
    case TQP_JOIN_INNER:
        out->rows = inner;
        break;
    case TQP_JOIN_SEMI:
        out->rows = l->rows * matched;
        break;
    case TQP_JOIN_ANTI:
        out->rows = l->rows * at_least(1 - matched, 0.05);
        break;
    case TQP_JOIN_LEFT:
        out->rows = at_least(inner, l->rows);
        break;
    case TQP_JOIN_FULL:
        out->rows = at_least(inner, l->rows + r->rows);
        break;
    default:
        out->rows = l->rows;
    }
    out->base_rows = out->rows;
    return true;
}

bool tqp_opt_estimate(const TqpOptContext *ctx, const TqpNode *node, TqpEstimate *out) {
    TqpEstimate in[2] = {{0}};
    double count;
    bool ok = true;
    for (uint32_t i = 0; i < node->ninputs; i++)
        if (!tqp_opt_estimate(ctx, node->inputs[i], &in[i]))
            return false;
    *out = in[0];
    switch (node->kind) {
    case TQP_NODE_SCAN:
        ok = estimate_scan(ctx, node, out);
        break;
    case TQP_NODE_VALUES:
        ok = new_columns(ctx->arena, node->noutputs, out);
        out->rows = out->base_rows = node->values.nrows;
        for (uint32_t i = 0; ok && i < node->noutputs; i++)
            out->columns[i].ndistinct = out->rows;
        break;
    case TQP_NODE_FILTER: /* the input's columns are nobody else's: narrowed in place */
        out->rows *= tqp_opt_selectivity(node->filter.pred, out->columns);
        break;
    case TQP_NODE_PROJECT:
        ok = estimate_exprs(ctx, node, node->noutputs, node->project.exprs, &in[0], out);
        break;
    case TQP_NODE_AGGREGATE:
        ok = estimate_aggregate(ctx, node, &in[0], out);
        break;
    case TQP_NODE_JOIN:
        ok = estimate_join(ctx, node, &in[0], &in[1], out);
        break;
    case TQP_NODE_APPEND:
        out->rows += in[1].rows;
        out->base_rows = out->rows;
        for (uint32_t i = 0; i < node->noutputs; i++)
            out->columns[i].ndistinct += in[1].columns[i].ndistinct;
        break;
    case TQP_NODE_NUMBER:
        ok = new_columns(ctx->arena, node->noutputs, out);
        if (ok && in[0].columns != NULL)
            memcpy(out->columns, in[0].columns, (node->noutputs - 2) * sizeof(*out->columns));
        break;
    case TQP_NODE_LIMIT:
        if (node->limit.count != NULL && number_of(node->limit.count, &count))
            out->rows = at_most(out->rows, count);
        break;
    case TQP_NODE_SHARED:
        ok = tqp_opt_estimate_shared(ctx, node, out);
        break;
    case TQP_NODE_WITH:
        *out = in[1];
        break;
    default:
        break;
    }
    if (ok)
        settle(node, out);
    return ok;
}
