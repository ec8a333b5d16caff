/*
 * decorrelation: no join is dependent afterwards.  From the innermost on, what the right side does
 * with the left row is pulled up into the predicate (pull.c); where that fails the right side is
 * computed over the domain of left values (domain.c), which costs a second computation of the left.
 *
 * Aggregates of groups that no left row asks for are computed too.  So an overflow may be met that
 * PostgreSQL does not meet: that replays there.
 */
#include "base/bitmap.h"
#include "opt/unnest.h"

/* Copies of left sides must not explode. */
enum { NODES_MAX = 2000 };

static const TqpType boolean = {.kind = TQP_TYPE_BOOL};

/* ---- right sides that need not be computed as they are ---- */

/* Below EXISTS only whether a row comes out matters. */
static const TqpNode *existence(const TqpNode *n) {
    for (;;) {
        bool passes =
            n->kind == TQP_NODE_PROJECT || n->kind == TQP_NODE_SORT ||
            (n->kind == TQP_NODE_LIMIT && tqp_opt_limit_passes_one(n) && !tqp_opt_is_fence(n)) ||
            (n->kind == TQP_NODE_AGGREGATE && n->aggregate.nkeys > 0);
        if (!passes)
            return n;
        n = n->inputs[0];
    }
}

/* ---- after pulling ---- */

typedef struct Finish {
    TqpArena *a;
    const TqpNode *node; /* the dependent join */
    TqpPulled *pulled;
    TqpExprList outs;    /* over left ++ pulled->node: the left columns, then the right side's */
    TqpExprList preds;   /* likewise */
    const TqpExpr *pred; /* the join's own, likewise */
} Finish;

/* Over node's columns and the left row -> over left ++ node's columns. */
static bool add_lifted(Finish *f, TqpExprList *to, const TqpExprList *from) {
    uint32_t nleft = f->node->inputs[0]->noutputs;
    uint32_t *map = tqp_arena_alloc(f->a, nleft * sizeof(*map) + 1);
    for (uint32_t i = 0; map != NULL && i < nleft; i++)
        map[i] = i;
    for (uint32_t i = 0; map != NULL && i < from->n; i++) {
        const TqpExpr *e = tqp_opt_shift(f->a, from->items[i], nleft);
        if (e == NULL || !tqp_opt_list_add(f->a, to, tqp_opt_leave(f->a, e, map)))
            return false;
    }
    return map != NULL;
}

static const TqpExpr *conjunction(TqpArena *a, const TqpExprList *list, const TqpExpr *last) {
    TqpExprList all = {0};
    for (uint32_t i = 0; i < list->n; i++)
        if (!tqp_opt_list_add(a, &all, list->items[i]))
            return NULL;
    if (!tqp_opt_is_bool(last, true) && !tqp_opt_flatten(a, TQP_OP_AND, last, &all))
        return NULL;
    return tqp_opt_join(a, TQP_OP_AND, &all);
}

/* A pair that does not count must not make a mark NULL. */
static bool make_never_null(TqpArena *a, TqpExprList *preds) {
    for (uint32_t i = 0; i < preds->n; i++)
        if (!tqp_opt_never_null(preds->items[i]) &&
            (preds->items[i] = tqp_ir_call1(a, TQP_OP_IS_TRUE, boolean, preds->items[i])) == NULL)
            return false;
    return true;
}

/* Does a row without a match, NULL in all columns from nleft on, make e NULL? */
static bool null_extends(TqpArena *a, const TqpExpr *e, uint32_t nleft, uint32_t ncolumns) {
    uint64_t *columns = tqp_opt_bitmap(a, ncolumns);
    if (columns == NULL || !tqp_opt_null_effect(a, e, TQP_NULL_NULL, ncolumns, columns))
        return false;
    for (uint32_t i = nleft; i < ncolumns; i++)
        if (tqp_bitmap_get(columns, i))
            return true;
    return false;
}

/* when ? e : NULL */
static const TqpExpr *only_when(TqpArena *a, const TqpExpr *when, const TqpExpr *e) {
    const TqpExpr *args[3] = {when, e, tqp_ir_const_null(a, e->type)};
    return tqp_ir_call(a, TQP_OP_CASE, e->type, 3, args);
}

/* LEFT and SINGLE: outputs that are not NULL by themselves without a match look at a marker. */
static const TqpNode *finish_left(Finish *f) {
    TqpArena *a = f->a;
    uint32_t nleft = f->node->inputs[0]->noutputs, nright = f->pulled->node->noutputs;
    const TqpNode *right = f->pulled->node;
    TqpExprList outs = {0}, marked = {0};
    const TqpExpr *marker = tqp_ir_col(a, nleft + nright, boolean);
    bool use_marker = false;
    for (uint32_t i = 0; i < f->outs.n; i++) {
        const TqpExpr *e = f->outs.items[i];
        if (i >= nleft && !null_extends(a, e, nleft, nleft + nright)) {
            use_marker = true;
            e = marker == NULL ? NULL : only_when(a, marker, e);
        }
        if (!tqp_opt_list_add(a, &outs, e))
            return NULL;
    }
    if (use_marker) {
        if (!tqp_opt_add_columns(a, &marked, right, 0) ||
            !tqp_opt_list_add(a, &marked, tqp_ir_const_bool(a, true)))
            return NULL;
        right = tqp_ir_project(a, right, marked.n, marked.items);
    }
    const TqpNode *join = tqp_ir_join(a, f->node->join.kind, false, f->node->inputs[0], right,
                                      conjunction(a, &f->preds, f->pred));
    return tqp_ir_project(a, join, outs.n, outs.items);
}

/* The right side gives one row for each left row, if `having` is true of it. */
static const TqpNode *finish_one(Finish *f) {
    TqpArena *a = f->a;
    uint32_t nleft = f->node->inputs[0]->noutputs;
    TqpJoinKind kind = f->node->join.kind;
    TqpExprList having = {0}, outs = {0};
    static const TqpExprList none = {0};
    if (!add_lifted(f, &having, &f->pulled->having) ||
        (kind == TQP_JOIN_MARK && !make_never_null(a, &having)))
        return NULL;
    const TqpExpr *there = conjunction(a, &having, f->pred);
    const TqpExpr *pred = conjunction(a, &f->preds, tqp_ir_const_bool(a, true));
    const TqpNode *join = there == NULL ? NULL
                                        : tqp_ir_join(a, TQP_JOIN_LEFT, false, f->node->inputs[0],
                                                      f->pulled->node, pred);
    if (join == NULL)
        return NULL;
    if (kind == TQP_JOIN_ANTI) {
        there = tqp_ir_call1(a, TQP_OP_IS_TRUE, boolean, there);
        there = tqp_ir_call1(a, TQP_OP_NOT, boolean, there);
    }
    bool filters = kind == TQP_JOIN_INNER || kind == TQP_JOIN_SEMI || kind == TQP_JOIN_ANTI;
    if (filters && there != NULL && !tqp_opt_is_bool(there, true))
        join = tqp_ir_filter(a, join, there);
    for (uint32_t i = 0; i < f->outs.n && there != NULL; i++) {
        const TqpExpr *e = f->outs.items[i];
        if (i >= nleft && !filters && !tqp_opt_is_bool(there, true))
            e = only_when(a, there, e);
        if (i >= nleft && kind != TQP_JOIN_INNER && kind != TQP_JOIN_LEFT &&
            kind != TQP_JOIN_SINGLE)
            break;
        if (!tqp_opt_list_add(a, &outs, e))
            return NULL;
    }
    if (kind == TQP_JOIN_MARK && !tqp_opt_list_add(a, &outs, conjunction(a, &none, there)))
        return NULL;
    return tqp_ir_project(a, join, outs.n, outs.items);
}

static const TqpNode *finish(TqpArena *a, const TqpNode *node, TqpPulled *pulled) {
    Finish f = {.a = a, .node = node, .pulled = pulled};
    const TqpNode *left = node->inputs[0];
    TqpJoinKind kind = node->join.kind;
    if ((pulled->node = tqp_opt_leave_node(a, pulled->node)) == NULL ||
        !tqp_opt_add_columns(a, &f.outs, left, 0) || !add_lifted(&f, &f.outs, &pulled->outs) ||
        !add_lifted(&f, &f.preds, &pulled->preds))
        return NULL;
    f.pred = tqp_ir_expr_substitute(a, node->join.pred, f.outs.items);
    if (f.pred == NULL)
        return NULL;
    if (pulled->one)
        return finish_one(&f);
    if (kind == TQP_JOIN_LEFT || kind == TQP_JOIN_SINGLE)
        return finish_left(&f);
    if (kind == TQP_JOIN_MARK && !make_never_null(a, &f.preds))
        return NULL;
    const TqpNode *join =
        tqp_ir_join(a, kind, false, left, pulled->node, conjunction(a, &f.preds, f.pred));
    return kind == TQP_JOIN_INNER && join != NULL ? tqp_ir_project(a, join, f.outs.n, f.outs.items)
                                                  : join;
}

/* ---- by the domain ---- */

static const TqpNode *by_domain(TqpArena *a, const TqpNode *node, const TqpNode *right,
                                const char **why) {
    const TqpNode *left = node->inputs[0];
    uint32_t nleft = left->noutputs, nright = node->inputs[1]->noutputs;
    uint64_t *used = tqp_opt_bitmap(a, nleft);
    uint32_t *map = tqp_arena_alloc(a, nleft * sizeof(*map) + 1);
    TqpExprList keys = {0}, preds = {0}, outs = {0};
    if (used == NULL || map == NULL)
        return NULL;
    tqp_opt_outer_columns(right, used);
    for (uint32_t i = 0; i < nleft; i++) {
        map[i] = keys.n;
        if (tqp_bitmap_get(used, i) &&
            !tqp_opt_list_add(a, &keys, tqp_ir_col(a, i, left->types[i])))
            return NULL;
    }
    const TqpNode *domain = tqp_ir_aggregate(a, left, keys.n, keys.items, 0, NULL);
    const TqpNode *all =
        domain == NULL ? NULL : tqp_opt_over_domain(a, right, domain, nleft, map, why);
    for (uint32_t i = 0; all != NULL && i < keys.n; i++)
        if (!tqp_opt_list_add(
                a, &preds,
                tqp_opt_same(a, keys.items[i],
                             tqp_ir_col(a, nleft + right->noutputs + i, keys.items[i]->type))))
            return NULL;
    const TqpNode *join = all == NULL ? NULL
                                      : tqp_ir_join(a, node->join.kind, false, left, all,
                                                    conjunction(a, &preds, node->join.pred));
    if (join == NULL || node->join.kind == TQP_JOIN_SEMI || node->join.kind == TQP_JOIN_ANTI ||
        node->join.kind == TQP_JOIN_MARK)
        return join;
    for (uint32_t i = 0; i < nleft + nright; i++)
        if (!tqp_opt_list_add(a, &outs, tqp_ir_col(a, i, join->types[i])))
            return NULL;
    return tqp_ir_project(a, join, outs.n, outs.items);
}

/* ---- the graph ---- */

static uint32_t count_nodes(const TqpNode *n, uint32_t cap) {
    uint32_t count = 1;
    for (uint32_t i = 0; i < n->ninputs && count < cap; i++)
        count += count_nodes(n->inputs[i], cap - count);
    return count;
}

static const TqpNode *unnest(TqpArena *a, const TqpNode *node, const char **why) {
    const TqpNode *right = node->inputs[1];
    TqpPulled pulled;
    bool stuck = false;
    bool exists = node->join.kind == TQP_JOIN_SEMI || node->join.kind == TQP_JOIN_ANTI ||
                  node->join.kind == TQP_JOIN_MARK;
    if (exists && tqp_opt_is_bool(node->join.pred, true))
        right = existence(right);
    if (!tqp_opt_reads_outer(right))
        return tqp_ir_join(a, node->join.kind, false, node->inputs[0], tqp_opt_leave_node(a, right),
                           node->join.pred);
    if (tqp_opt_pull(a, right, &pulled, &stuck))
        return finish(a, node, &pulled);
    if (!stuck)
        return NULL;
    const TqpNode *out = by_domain(a, node, right, why);
    if (out != NULL && count_nodes(out, NODES_MAX) >= NODES_MAX) {
        *why = "correlated subqueries that need too many copies";
        return NULL;
    }
    return out;
}

/*
 * Conjuncts on the left input that read a row further out go above the join first: the domain is
 * made of the left input, and would be one of that row too.
 */
static const TqpNode *unnest_below(TqpArena *a, const TqpNode *node, const char **why) {
    const TqpNode *left = node->inputs[0];
    TqpExprList all = {0}, stay = {0}, above = {0};
    if (left->kind != TQP_NODE_FILTER || !tqp_opt_has_outer(left->filter.pred))
        return unnest(a, node, why);
    if (!tqp_opt_flatten(a, TQP_OP_AND, left->filter.pred, &all))
        return NULL;
    bool rest = false;
    for (uint32_t i = 0; i < all.n; i++) {
        const TqpExpr *e = all.items[i];
        bool up = rest || tqp_opt_has_outer(e);
        rest = rest || (up && tqp_ir_expr_may_raise(e)); /* none passes it */
        if (!tqp_opt_list_add(a, up ? &above : &stay, e))
            return NULL;
    }
    left = left->inputs[0];
    if (stay.n > 0)
        left = tqp_ir_filter(a, left, tqp_opt_join(a, TQP_OP_AND, &stay));
    const TqpNode *join =
        tqp_ir_join(a, node->join.kind, true, left, node->inputs[1], node->join.pred);
    join = join != NULL ? unnest(a, join, why) : NULL;
    return join != NULL && above.n > 0 ? tqp_ir_filter(a, join, tqp_opt_join(a, TQP_OP_AND, &above))
                                       : join;
}

static const TqpNode *unnest_all(TqpArena *a, const TqpNode *node, const char **why) {
    const TqpNode *inputs[2] = {NULL, NULL};
    for (uint32_t i = 0; i < node->ninputs; i++)
        if ((inputs[i] = unnest_all(a, node->inputs[i], why)) == NULL)
            return NULL;
    const TqpNode *n = tqp_opt_with_inputs(a, node, inputs);
    return n != NULL && n->kind == TQP_NODE_JOIN && n->join.dependent ? unnest_below(a, n, why) : n;
}

TqpStatus tqp_opt_decorrelate(TqpOptContext *ctx, const TqpNode *in, const TqpNode **out) {
    const char *why = NULL;
    *out = in;
    if (!tqp_opt_has_dependent(in))
        return TQP_OK;
    *out = unnest_all(ctx->arena, in, &why);
    if (*out == NULL && why != NULL)
        return tqp_error_set(ctx->err, TQP_UNSUPPORTED, "%s", why);
    return *out == NULL ? tqp_opt_no_memory(ctx) : TQP_OK;
}
