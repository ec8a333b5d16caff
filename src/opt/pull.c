/*
 * The simple way out of a dependent join: what reads the left row is pulled up.
 *
 *   filter     conjuncts that read it, and what may raise after them
 *   project    all of it: its expressions are computed above
 *   inner      both inputs; other joins: the left one
 *   aggregate  equalities of an inner and an outer expression: the inner one becomes a key
 *   append     equalities with the same outer expressions
 *
 * Anything else is left to the general way.
 */
#include "base/bitmap.h"
#include "opt/unnest.h"

enum { PULLED_SIZE_MAX = 2000 };

typedef struct Puller {
    TqpArena *a;
    bool stuck;
} Puller;

static bool pull(Puller *p, const TqpNode *node, TqpPulled *out);

static bool stuck(Puller *p) {
    p->stuck = true;
    return false;
}

/* Over the outputs -> over node's columns. */
static const TqpExpr *inside(Puller *p, const TqpExpr *e, const TqpExprList *outs) {
    const TqpExpr *x = tqp_ir_expr_substitute(p->a, e, outs->items);
    uint32_t depth = 0;
    if (x != NULL && (tqp_ir_expr_size(x, PULLED_SIZE_MAX, &depth) >= PULLED_SIZE_MAX ||
                      depth + 2 >= TQP_IR_MAX_DEPTH))
        p->stuck = true;
    return p->stuck ? NULL : x;
}

/* Split the conjuncts of pred into those that stay and those that are pulled. */
static bool split(Puller *p, const TqpExpr *pred, const TqpExprList *outs, TqpExprList *stay,
                  TqpExprList *preds) {
    TqpExprList all = {0};
    if (!tqp_opt_flatten(p->a, TQP_OP_AND, pred, &all))
        return false;
    for (uint32_t i = 0; i < all.n; i++) {
        const TqpExpr *x = inside(p, all.items[i], outs);
        if (x == NULL)
            return false;
        bool up = tqp_opt_expr_reads_outer(x) || (preds->n > 0 && tqp_ir_expr_may_raise(x));
        if (!tqp_opt_list_add(p->a, up ? preds : stay, x))
            return false;
    }
    return true;
}

static bool pull_filter(Puller *p, const TqpNode *node, TqpPulled *out) {
    TqpExprList stay = {0};
    if (!pull(p, node->inputs[0], out))
        return false;
    if (out->one)
        return split(p, node->filter.pred, &out->outs, &out->having, &out->having);
    if (!split(p, node->filter.pred, &out->outs, &stay, &out->preds))
        return false;
    if (stay.n > 0)
        out->node = tqp_ir_filter(p->a, out->node, tqp_opt_join(p->a, TQP_OP_AND, &stay));
    return out->node != NULL;
}

static bool pull_project(Puller *p, const TqpNode *node, TqpPulled *out) {
    TqpExprList outs = {0};
    if (!pull(p, node->inputs[0], out))
        return false;
    for (uint32_t i = 0; i < node->noutputs; i++) {
        const TqpExpr *x = inside(p, node->project.exprs[i], &out->outs);
        if (x == NULL || !tqp_opt_list_add(p->a, &outs, x))
            return false;
    }
    out->outs = outs;
    return true;
}

static bool add_shifted(Puller *p, TqpExprList *to, const TqpExprList *from, uint32_t by) {
    for (uint32_t i = 0; i < from->n; i++)
        if (!tqp_opt_list_add(p->a, to, tqp_opt_shift(p->a, from->items[i], by)))
            return false;
    return true;
}

static bool pull_inner(Puller *p, const TqpNode *node, TqpPulled *out) {
    TqpPulled right;
    TqpExprList stay = {0};
    if (!pull(p, node->inputs[0], out) || !pull(p, node->inputs[1], &right))
        return false;
    if (out->one || right.one)
        return stuck(p);
    uint32_t nleft = out->node->noutputs;
    if (!add_shifted(p, &out->outs, &right.outs, nleft) ||
        !add_shifted(p, &out->preds, &right.preds, nleft) ||
        !split(p, node->join.pred, &out->outs, &stay, &out->preds))
        return false;
    out->node = tqp_ir_join(p->a, TQP_JOIN_INNER, false, out->node, right.node,
                            tqp_opt_join(p->a, TQP_OP_AND, &stay));
    return out->node != NULL;
}

/* A filter on the left input of these commutes with them. */
static bool pull_left(Puller *p, const TqpNode *node, TqpPulled *out) {
    TqpJoinKind kind = node->join.kind;
    if (kind == TQP_JOIN_FULL || tqp_opt_reads_outer(node->inputs[1]))
        return stuck(p);
    if (!pull(p, node->inputs[0], out))
        return false;
    if (out->one)
        return stuck(p);
    TqpExprList outs = {0};
    uint32_t nleft = out->node->noutputs;
    if (!add_shifted(p, &outs, &out->outs, 0) ||
        !tqp_opt_add_columns(p->a, &outs, node->inputs[1], nleft))
        return false;
    const TqpExpr *pred = inside(p, node->join.pred, &outs);
    if (pred == NULL)
        return false;
    if (tqp_opt_expr_reads_outer(pred))
        return stuck(p);
    out->node = tqp_ir_join(p->a, kind, false, out->node, node->inputs[1], pred);
    for (uint32_t i = nleft; out->node != NULL && i < out->node->noutputs; i++)
        if (!tqp_opt_list_add(p->a, &out->outs, tqp_ir_col(p->a, i, out->node->types[i])))
            return false;
    return out->node != NULL;
}

/* ---- equalities of an inner and an outer expression ---- */

typedef struct Equality {
    const TqpExpr *call;  /* EQ or DISTINCT, the latter under NOT */
    const TqpExpr *outer; /* reads no column */
    const TqpExpr *inner; /* reads no outer */
} Equality;

static bool is_outer_only(const TqpExpr *e) {
    return tqp_opt_sides(e, 0) == 0;
}

static bool is_equality(const TqpExpr *pred, Equality *eq) {
    bool null_safe = pred->op == TQP_OP_NOT && pred->args[0]->op == TQP_OP_DISTINCT;
    const TqpExpr *call = null_safe ? pred->args[0] : pred;
    if (call->op != TQP_OP_EQ && !null_safe)
        return false;
    for (int k = 0; k < 2; k++) {
        *eq = (Equality){call, call->args[k], call->args[1 - k]};
        if (is_outer_only(eq->outer) && !tqp_opt_expr_reads_outer(eq->inner))
            return true;
    }
    return false;
}

/* The equality with another inner expression. */
static const TqpExpr *equality_with(TqpArena *a, const Equality *eq, const TqpExpr *inner) {
    const TqpExpr *call = tqp_ir_call2(a, eq->call->op, eq->call->type, eq->outer, inner);
    return eq->call->op == TQP_OP_EQ ? call : tqp_ir_call1(a, TQP_OP_NOT, eq->call->type, call);
}

/* ---- aggregates ---- */

/* The aggregates over node's columns; false when one reads the left row. */
static bool inside_aggs(Puller *p, const TqpNode *node, const TqpExprList *outs, TqpAgg *aggs) {
    for (uint32_t i = 0; i < node->aggregate.naggs; i++) {
        aggs[i] = node->aggregate.aggs[i];
        if (aggs[i].arg != NULL && (aggs[i].arg = inside(p, aggs[i].arg, outs)) == NULL)
            return false;
        if (aggs[i].filter != NULL && (aggs[i].filter = inside(p, aggs[i].filter, outs)) == NULL)
            return false;
        if ((aggs[i].arg != NULL && tqp_opt_expr_reads_outer(aggs[i].arg)) ||
            (aggs[i].filter != NULL && tqp_opt_expr_reads_outer(aggs[i].filter)))
            return stuck(p);
    }
    return true;
}

/* The given keys; one that is the same for all rows of a left row is none, but an output. */
static bool inside_keys(Puller *p, const TqpNode *node, const TqpExprList *below, TqpExprList *keys,
                        TqpExprList *outs) {
    for (uint32_t i = 0; i < node->aggregate.nkeys; i++) {
        const TqpExpr *x = inside(p, node->aggregate.keys[i], below);
        if (x == NULL)
            return false;
        bool outer = tqp_opt_expr_reads_outer(x);
        if (outer && !is_outer_only(x))
            return stuck(p);
        const TqpExpr *out = outer ? x : tqp_ir_col(p->a, keys->n, x->type);
        if ((!outer && !tqp_opt_list_add(p->a, keys, x)) || !tqp_opt_list_add(p->a, outs, out))
            return false;
    }
    return true;
}

/* Equalities become keys, which the predicates then read. */
static bool add_equality_keys(Puller *p, const TqpExprList *preds, TqpExprList *keys,
                              TqpExprList *above) {
    for (uint32_t i = 0; i < preds->n; i++) {
        const TqpExpr *pred = preds->items[i];
        Equality eq;
        if (!is_outer_only(pred)) {
            if (!is_equality(pred, &eq))
                return stuck(p);
            pred = equality_with(p->a, &eq, tqp_ir_col(p->a, keys->n, eq.inner->type));
            if (!tqp_opt_list_add(p->a, keys, eq.inner))
                return false;
        }
        if (!tqp_opt_list_add(p->a, above, pred))
            return false;
    }
    return true;
}

static bool pull_aggregate(Puller *p, const TqpNode *node, TqpPulled *out) {
    TqpExprList keys = {0}, outs = {0}, above = {0};
    TqpAgg *aggs = tqp_arena_alloc(p->a, node->aggregate.naggs * sizeof(*aggs) + 1);
    bool one = node->aggregate.nkeys == 0;
    if (aggs == NULL || !pull(p, node->inputs[0], out))
        return false;
    if (out->one)
        return stuck(p);
    if (!inside_aggs(p, node, &out->outs, aggs) ||
        !inside_keys(p, node, &out->outs, &keys, &outs) ||
        !add_equality_keys(p, &out->preds, &keys, &above))
        return false;
    if (keys.n == 0 && !one)
        return stuck(p);
    const TqpNode *n =
        tqp_ir_aggregate(p->a, out->node, keys.n, keys.items, node->aggregate.naggs, aggs);
    if (n == NULL)
        return false;
    for (uint32_t i = keys.n; !one && i < n->noutputs; i++)
        if (!tqp_opt_list_add(p->a, &outs, tqp_ir_col(p->a, i, n->types[i])))
            return false;
    if (one && !tqp_opt_add_results(p->a, &outs, n, keys.n))
        return false;
    *out = (TqpPulled){.node = n, .outs = outs, .preds = above, .one = one};
    return true;
}

/* ---- the rest ---- */

static bool pull_limit(Puller *p, const TqpNode *node, TqpPulled *out) {
    uint64_t *none = tqp_opt_bitmap(p->a, node->noutputs);
    if (none == NULL || !pull(p, node->inputs[0], out))
        return false;
    if (!tqp_opt_limit_passes_one(node) ||
        !(out->one || tqp_opt_unique(p->a, node->inputs[0], none)))
        return stuck(p);
    return true;
}

/* One input of an append: its outputs, then the inner sides of its equalities. */
static bool project_equalities(Puller *p, TqpPulled *in) {
    TqpExprList exprs = {0};
    for (uint32_t i = 0; i < in->outs.n; i++) {
        if (tqp_opt_expr_reads_outer(in->outs.items[i]))
            return stuck(p);
        if (!tqp_opt_list_add(p->a, &exprs, in->outs.items[i]))
            return false;
    }
    for (uint32_t i = 0; i < in->preds.n; i++) {
        Equality eq;
        if (!is_equality(in->preds.items[i], &eq))
            return stuck(p);
        const TqpExpr *column = tqp_ir_col(p->a, exprs.n, eq.inner->type);
        if (!tqp_opt_list_add(p->a, &exprs, eq.inner))
            return false;
        if ((in->preds.items[i] = equality_with(p->a, &eq, column)) == NULL)
            return false;
    }
    in->node = tqp_ir_project(p->a, in->node, exprs.n, exprs.items);
    return in->node != NULL;
}

static bool pull_append(Puller *p, const TqpNode *node, TqpPulled *out) {
    TqpPulled in[2];
    for (int k = 0; k < 2; k++) {
        if (!pull(p, node->inputs[k], &in[k]))
            return false;
        if (in[k].one)
            return stuck(p);
        if (!project_equalities(p, &in[k]))
            return false;
    }
    if (in[0].preds.n != in[1].preds.n)
        return stuck(p);
    for (uint32_t i = 0; i < in[0].preds.n; i++)
        if (!tqp_ir_expr_equal(in[0].preds.items[i], in[1].preds.items[i]))
            return stuck(p);
    *out = (TqpPulled){.node = tqp_ir_append(p->a, in[0].node, in[1].node), .preds = in[0].preds};
    return out->node != NULL && tqp_opt_add_columns(p->a, &out->outs, node, 0);
}

static bool pull(Puller *p, const TqpNode *node, TqpPulled *out) {
    *out = (TqpPulled){.node = node};
    if (!tqp_opt_reads_outer(node))
        return tqp_opt_add_columns(p->a, &out->outs, node, 0);
    switch (node->kind) {
    case TQP_NODE_FILTER:
        return pull_filter(p, node, out);
    case TQP_NODE_PROJECT:
        return pull_project(p, node, out);
    case TQP_NODE_JOIN:
        return node->join.kind == TQP_JOIN_INNER ? pull_inner(p, node, out)
                                                 : pull_left(p, node, out);
    case TQP_NODE_AGGREGATE:
        return pull_aggregate(p, node, out);
    case TQP_NODE_SORT: /* the order of a right side does not matter */
        return pull(p, node->inputs[0], out);
    case TQP_NODE_LIMIT:
        return pull_limit(p, node, out);
    case TQP_NODE_APPEND:
        return pull_append(p, node, out);
    default: /* scans and values read nothing */
        return stuck(p);
    }
}

bool tqp_opt_pull(TqpArena *a, const TqpNode *node, TqpPulled *out, bool *is_stuck) {
    Puller p = {.a = a};
    bool ok = pull(&p, node, out);
    *is_stuck = p.stuck;
    return ok;
}
