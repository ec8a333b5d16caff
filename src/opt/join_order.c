/*
 * join_order: the inner joins of a region are put into the order that join_search.c finds cheapest,
 * the side that is built on the right; semi and anti joins find their place among them.  A region
 * ends at other kinds of joins, aggregates, limits, computed projections and at predicates that may
 * raise; what is below is ordered on its own.  A conjunct of an inner join that may raise and reads
 * both sides does not end it: PostgreSQL too evaluates it at the first join that has what it reads,
 * in whatever order it has found.
 */
#include <string.h>

#include "opt/join_order.h"

/* A region being taken apart; its predicates wait for the classes of columns. */
typedef struct Builder {
    TqpJoinRegion region;
    TqpArena *a;
    TqpExprList types;     /* a column of each global number */
    TqpExprList conjuncts; /* over global columns */
} Builder;

/* What a node of the region outputs: global columns. */
typedef struct Columns {
    uint32_t n;
    uint32_t *global;
} Columns;

static const TqpNode *order(const TqpOptContext *ctx, const TqpNode *node);

static uint64_t bit(uint32_t i) {
    return UINT64_C(1) << i;
}

/* ---- taking apart ---- */

static bool only_columns(const TqpNode *n) {
    for (uint32_t i = 0; i < n->noutputs; i++)
        if (n->project.exprs[i]->op != TQP_OP_COL)
            return false;
    return true;
}

static bool has_host(const TqpExpr *e) {
    bool found = e->op == TQP_OP_HOST;
    for (uint32_t i = 0; i < e->nargs && !found; i++)
        found = has_host(e->args[i]);
    return found;
}

/* May conjuncts of the join raise only where they are first computable? */
static bool raises_at_join(const TqpNode *n) {
    const TqpExpr *pred = n->join.pred;
    uint32_t nconjuncts = pred->op == TQP_OP_AND ? pred->nargs : 1;
    for (uint32_t i = 0; i < nconjuncts; i++) {
        const TqpExpr *e = pred->op == TQP_OP_AND ? pred->args[i] : pred;
        if (tqp_ir_expr_may_raise(e) && (has_host(e) || tqp_opt_sides(e, n->inputs[0]->noutputs) !=
                                                            (TQP_SIDE_LEFT | TQP_SIDE_RIGHT)))
            return false;
    }
    return true;
}

static bool is_region_join(const TqpNode *n) {
    if (n->kind != TQP_NODE_JOIN || n->join.dependent)
        return false;
    bool filters = n->join.kind == TQP_JOIN_SEMI || n->join.kind == TQP_JOIN_ANTI;
    return n->join.kind == TQP_JOIN_INNER ? raises_at_join(n)
                                          : filters && !tqp_ir_expr_may_raise(n->join.pred);
}

/* Is the node one that a region goes through, down to a join? */
static bool in_region(const TqpNode *n) {
    while ((n->kind == TQP_NODE_FILTER && !tqp_ir_expr_may_raise(n->filter.pred)) ||
           (n->kind == TQP_NODE_PROJECT && only_columns(n)))
        n = n->inputs[0];
    return is_region_join(n);
}

static bool add_relation(Builder *b, const TqpNode *node, Columns *out) {
    TqpJoinRelation *r = &b->region.relations[b->region.n++];
    *r = (TqpJoinRelation){.first = b->region.ncolumns, .kind = TQP_JOIN_INNER};
    r->node = order(b->region.ctx, node);
    out->n = node->noutputs;
    out->global = tqp_arena_alloc(b->a, out->n * sizeof(*out->global) + 1);
    if (r->node == NULL || out->global == NULL ||
        !tqp_opt_estimate(b->region.ctx, r->node, &r->estimate))
        return false;
    for (uint32_t i = 0; i < out->n; i++)
        out->global[i] = b->region.ncolumns++;
    return tqp_opt_add_columns(b->a, &b->types, node, r->first);
}

static bool add_conjuncts(Builder *b, const TqpExpr *pred, const Columns *columns) {
    const TqpExpr *e = tqp_opt_remap(b->a, pred, columns->global);
    return e != NULL && tqp_opt_flatten(b->a, TQP_OP_AND, e, &b->conjuncts);
}

static bool concat(Builder *b, const Columns *x, const Columns *y, Columns *out) {
    out->n = x->n + y->n;
    out->global = tqp_arena_alloc(b->a, out->n * sizeof(*out->global) + 1);
    for (uint32_t i = 0; out->global != NULL && i < out->n; i++)
        out->global[i] = i < x->n ? x->global[i] : y->global[i - x->n];
    return out->global != NULL;
}

static bool collect(Builder *b, const TqpNode *node, uint32_t room, Columns *out);

static bool collect_join(Builder *b, const TqpNode *node, uint32_t room, Columns *out) {
    Columns left, right, both;
    bool inner = node->join.kind == TQP_JOIN_INNER;
    uint32_t before = b->region.n;
    if (!collect(b, node->inputs[0], room - 1, &left))
        return false;
    uint32_t at = b->region.n;
    if (!(inner ? collect(b, node->inputs[1], room - (at - before), &right)
                : add_relation(b, node->inputs[1], &right)) ||
        !concat(b, &left, &right, &both))
        return false;
    *out = inner ? both : left;
    if (inner)
        return add_conjuncts(b, node->join.pred, &both);
    TqpJoinRelation *r = &b->region.relations[at];
    r->kind = node->join.kind;
    r->pred = tqp_opt_remap(b->a, node->join.pred, both.global);
    return r->pred != NULL;
}

static bool collect_project(Builder *b, const TqpNode *node, uint32_t room, Columns *out) {
    Columns in;
    if (!collect(b, node->inputs[0], room, &in))
        return false;
    out->n = node->noutputs;
    out->global = tqp_arena_alloc(b->a, out->n * sizeof(*out->global) + 1);
    for (uint32_t i = 0; out->global != NULL && i < out->n; i++)
        out->global[i] = in.global[node->project.exprs[i]->index];
    return out->global != NULL;
}

/* At most `room` relations come of it. */
static bool collect(Builder *b, const TqpNode *node, uint32_t room, Columns *out) {
    if (!in_region(node) || room < 2)
        return add_relation(b, node, out);
    if (node->kind == TQP_NODE_FILTER)
        return collect(b, node->inputs[0], room, out) && add_conjuncts(b, node->filter.pred, out);
    if (node->kind == TQP_NODE_PROJECT)
        return collect_project(b, node, room, out);
    return collect_join(b, node, room, out);
}

/* ---- classes and predicates ---- */

static uint64_t relations_read(const TqpJoinRegion *g, const TqpExpr *e) {
    if (e->op == TQP_OP_COL)
        return bit(g->relation_of[e->index]);
    uint64_t all = 0;
    for (uint32_t i = 0; i < e->nargs; i++)
        all |= relations_read(g, e->args[i]);
    return all;
}

/* The root of a class is its lowest column. */
static void merge(TqpJoinRegion *g, uint32_t x, uint32_t y) {
    uint32_t from = g->class_of[x], to = g->class_of[y];
    uint32_t root = from < to ? from : to, other = from < to ? to : from;
    for (uint32_t c = 0; c < g->ncolumns; c++)
        if (g->class_of[c] == other)
            g->class_of[c] = root;
}

static bool joins_columns(const TqpJoinRegion *g, const TqpExpr *e) {
    return e->op == TQP_OP_EQ && e->args[0]->op == TQP_OP_COL && e->args[1]->op == TQP_OP_COL &&
           g->relation_of[e->args[0]->index] != g->relation_of[e->args[1]->index];
}

/* A semi or anti join as a filter. */
static void settle_filter(TqpJoinRegion *g, uint32_t i) {
    TqpJoinRelation *r = &g->relations[i];
    double matched = 1;
    const TqpExpr *pred = r->pred;
    uint32_t n = pred->op == TQP_OP_AND ? pred->nargs : 1;
    r->needs = relations_read(g, pred) & ~bit(i);
    for (uint32_t k = 0; k < n; k++) {
        const TqpExpr *e = pred->op == TQP_OP_AND ? pred->args[k] : pred;
        if (!joins_columns(g, e) || !(relations_read(g, e) & bit(i))) {
            matched *= tqp_opt_is_bool(e, true) ? 1 : 0.8;
            continue;
        }
        bool first = g->relation_of[e->args[0]->index] == i;
        uint32_t mine = e->args[first ? 0 : 1]->index, other = e->args[first ? 1 : 0]->index;
        const TqpJoinRelation *o = &g->relations[g->relation_of[other]];
        double dr = r->estimate.columns[mine - r->first].ndistinct,
               dl = o->estimate.columns[other - o->first].ndistinct;
        matched *= dr < dl ? dr / dl : 1;
    }
    r->selectivity = r->kind == TQP_JOIN_SEMI ? matched : matched < 0.95 ? 1 - matched : 0.05;
}

static bool settle(Builder *b) {
    TqpJoinRegion *g = &b->region;
    TqpOptColumn *columns = tqp_arena_alloc(b->a, g->ncolumns * sizeof(*columns) + 1);
    g->class_of = tqp_arena_alloc(b->a, g->ncolumns * sizeof(*g->class_of) + 1);
    g->relation_of = tqp_arena_alloc(b->a, g->ncolumns * sizeof(*g->relation_of) + 1);
    g->preds = tqp_arena_alloc(b->a, b->conjuncts.n * sizeof(*g->preds) + 1);
    if (columns == NULL || g->class_of == NULL || g->relation_of == NULL || g->preds == NULL)
        return false;
    for (uint32_t i = 0; i < g->n; i++)
        for (uint32_t c = 0; c < g->relations[i].node->noutputs; c++) {
            g->relation_of[g->relations[i].first + c] = i;
            columns[g->relations[i].first + c] = g->relations[i].estimate.columns[c];
        }
    for (uint32_t c = 0; c < g->ncolumns; c++)
        g->class_of[c] = c;
    for (uint32_t i = 0; i < b->conjuncts.n; i++) {
        const TqpExpr *e = b->conjuncts.items[i];
        if (joins_columns(g, e))
            merge(g, e->args[0]->index, e->args[1]->index);
        else if (!tqp_opt_is_bool(e, true))
            g->preds[g->npreds++] = (TqpJoinPred){.expr = e, .reads = relations_read(g, e)};
    }
    for (uint32_t i = 0; i < g->npreds; i++)
        g->preds[i].selectivity = tqp_opt_selectivity(g->preds[i].expr, columns);
    for (uint32_t i = 0; i < g->n; i++)
        if (g->relations[i].kind != TQP_JOIN_INNER)
            settle_filter(g, i);
    return true;
}

/* ---- putting together ---- */

/* position[g] is where the outputs have global column g. */
static uint32_t *positions(Builder *b, const Columns *columns) {
    uint32_t *position = tqp_arena_alloc(b->a, b->region.ncolumns * sizeof(*position) + 1);
    for (uint32_t i = 0; position != NULL && i < columns->n; i++)
        position[columns->global[i]] = i;
    return position;
}

/* An equality of the first column of the class among x's and the first among y's. */
static bool add_class(Builder *b, uint32_t root, uint64_t x, uint64_t y, TqpExprList *all) {
    const TqpJoinRegion *g = &b->region;
    static const TqpType boolean = {.kind = TQP_TYPE_BOOL};
    const TqpExpr *cx = NULL, *cy = NULL;
    for (uint32_t c = root; c < g->ncolumns; c++) {
        if (g->class_of[c] != root)
            continue;
        uint64_t r = bit(g->relation_of[c]);
        if ((r & x) && cx == NULL)
            cx = b->types.items[c];
        else if ((r & y) && cy == NULL)
            cy = b->types.items[c];
    }
    return cx == NULL || cy == NULL ||
           tqp_opt_list_add(b->a, all, tqp_ir_call2(b->a, TQP_OP_EQ, boolean, cx, cy));
}

/* What joins x and y: an equality for each class, predicates that read both. */
static const TqpExpr *join_pred(Builder *b, uint64_t x, uint64_t y, const uint32_t *position) {
    const TqpJoinRegion *g = &b->region;
    TqpExprList all = {0};
    for (uint32_t c = 0; c < g->ncolumns; c++)
        if (g->class_of[c] == c && !add_class(b, c, x, y, &all))
            return NULL;
    for (uint32_t i = 0; i < g->npreds; i++) {
        uint64_t reads = g->preds[i].reads;
        if (!(reads & ~(x | y)) && (reads & x) && (reads & y) &&
            !tqp_opt_list_add(b->a, &all, g->preds[i].expr))
            return NULL;
    }
    const TqpExpr *pred = tqp_opt_join(b->a, TQP_OP_AND, &all);
    return pred == NULL ? NULL : tqp_opt_remap(b->a, pred, position);
}

/* A relation, its columns of one class made equal, filtered by what reads it alone. */
static const TqpNode *put_leaf(Builder *b, uint32_t i, Columns *out) {
    const TqpJoinRegion *g = &b->region;
    const TqpJoinRelation *r = &g->relations[i];
    static const TqpType boolean = {.kind = TQP_TYPE_BOOL};
    TqpExprList all = {0};
    out->n = r->node->noutputs;
    out->global = tqp_arena_alloc(b->a, out->n * sizeof(*out->global) + 1);
    if (out->global == NULL)
        return NULL;
    for (uint32_t c = 0; c < out->n; c++) {
        out->global[c] = r->first + c;
        uint32_t k = 0;
        while (k < c && g->class_of[r->first + k] != g->class_of[r->first + c])
            k++;
        if (k < c &&
            !tqp_opt_list_add(b->a, &all,
                              tqp_ir_call2(b->a, TQP_OP_EQ, boolean, b->types.items[r->first + k],
                                           b->types.items[r->first + c])))
            return NULL;
    }
    for (uint32_t k = 0; k < g->npreds; k++)
        if (g->preds[k].reads == bit(i) && !tqp_opt_list_add(b->a, &all, g->preds[k].expr))
            return NULL;
    if (all.n == 0)
        return r->node;
    const TqpExpr *pred = tqp_opt_join(b->a, TQP_OP_AND, &all);
    return pred == NULL
               ? NULL
               : tqp_ir_filter(b->a, r->node, tqp_opt_shift(b->a, pred, -(int64_t)r->first));
}

static const TqpNode *put_together(Builder *b, const TqpJoinPlan *plan, Columns *out) {
    Columns left, right, both;
    if (plan->left == NULL)
        return put_leaf(b, (uint32_t)__builtin_ctzll(plan->set), out);
    const TqpNode *x = put_together(b, plan->left, &left);
    const TqpNode *y = x == NULL ? NULL : put_together(b, plan->right, &right);
    if (y == NULL || !concat(b, &left, &right, &both))
        return NULL;
    const uint32_t *position = positions(b, &both);
    const TqpJoinRelation *r = &b->region.relations[__builtin_ctzll(plan->right->set)];
    bool filters = plan->right->left == NULL && r->kind != TQP_JOIN_INNER;
    *out = filters ? left : both;
    if (position == NULL)
        return NULL;
    const TqpExpr *pred = filters ? tqp_opt_remap(b->a, r->pred, position)
                                  : join_pred(b, plan->left->set, plan->right->set, position);
    return tqp_ir_join(b->a, filters ? r->kind : TQP_JOIN_INNER, false, x, y, pred);
}

/* The columns as they were, and the conjuncts that read none. */
static const TqpNode *restore(Builder *b, const TqpNode *node, const Columns *have,
                              const Columns *want) {
    TqpExprList constants = {0}, exprs = {0};
    const uint32_t *position = positions(b, have);
    bool same = have->n == want->n;
    for (uint32_t i = 0; i < b->region.npreds; i++)
        if (b->region.preds[i].reads == 0 &&
            !tqp_opt_list_add(b->a, &constants, b->region.preds[i].expr))
            return NULL;
    if (position == NULL)
        return NULL;
    if (constants.n > 0)
        node = tqp_ir_filter(b->a, node, tqp_opt_join(b->a, TQP_OP_AND, &constants));
    for (uint32_t i = 0; node != NULL && i < want->n; i++) {
        uint32_t at = position[want->global[i]];
        same = same && at == i;
        if (!tqp_opt_list_add(b->a, &exprs, tqp_ir_col(b->a, at, node->types[at])))
            return NULL;
    }
    return same ? node : tqp_ir_project(b->a, node, exprs.n, exprs.items);
}

static const TqpNode *order_region(const TqpOptContext *ctx, const TqpNode *node) {
    Builder *b = tqp_arena_zalloc(ctx->arena, sizeof(*b));
    Columns want, have;
    if (b == NULL)
        return NULL;
    b->a = ctx->arena;
    b->region.ctx = ctx;
    if (!collect(b, node, TQP_JOIN_RELATIONS_MAX, &want) || !settle(b))
        return NULL;
    const TqpJoinPlan *plan = tqp_opt_search(b->a, &b->region);
    const TqpNode *out = plan == NULL ? NULL : put_together(b, plan, &have);
    return out == NULL ? NULL : restore(b, out, &have, &want);
}

static const TqpNode *order(const TqpOptContext *ctx, const TqpNode *node) {
    const TqpNode *inputs[2] = {NULL, NULL};
    if (in_region(node))
        return order_region(ctx, node);
    for (uint32_t i = 0; i < node->ninputs; i++)
        if ((inputs[i] = order(ctx, node->inputs[i])) == NULL)
            return NULL;
    return tqp_opt_with_inputs(ctx->arena, node, inputs);
}

TqpStatus tqp_opt_join_order(TqpOptContext *ctx, const TqpNode *in, const TqpNode **out) {
    *out = tqp_opt_has_dependent(in) ? in : order(ctx, in);
    return *out == NULL ? tqp_opt_no_memory(ctx) : TQP_OK;
}
