/*
 * late_join: what is only looked up for the groups is joined after the grouping.
 *
 *   aggregate by c_custkey, c_name, .. (sum(x)) (orders join lineitem join customer on c_custkey =
 * o_custkey ..) becomes  customer join (aggregate by o_custkey (sum(x)) (orders join lineitem ..))
 * ..
 *
 * A relation of the joins goes late when no aggregate reads it, at most one of its rows matches a
 * row of the others (opt/unique.c), and all that links it to them are equalities of integers of
 * which one side is a key of the grouping: then the rows of a group have the same match or none,
 * and its columns, if they are keys, are known by the others.  It is done where these relations
 * drop next to no rows; groups are then of few and narrow keys, and long columns are fetched for
 * those that are left.
 */
#include <string.h>

#include "base/bitmap.h"
#include "opt/join_order.h"

enum { LEAVES_MAX = 32 };

/* Rows without the relations that go late, of those with them, up to which it is done. */
static const double late_rows = 1.25;

typedef struct Region {
    TqpOptContext *ctx;
    uint32_t n;
    const TqpNode *leaves[LEAVES_MAX];
    uint32_t first[LEAVES_MAX]; /* number of its first column in the region */
    TqpExprList conjuncts;      /* over the region's columns */
    bool late[LEAVES_MAX];
    uint32_t norder, order[LEAVES_MAX]; /* of those that are late */
    bool failed;
} Region;

/* ---- taking the joins apart ---- */

static bool collect(Region *r, const TqpNode *n, uint32_t first) {
    if (n->kind == TQP_NODE_JOIN && n->join.kind == TQP_JOIN_INNER && !n->join.dependent) {
        TqpExprList all = {0};
        if (!collect(r, n->inputs[0], first) ||
            !collect(r, n->inputs[1], first + n->inputs[0]->noutputs))
            return false;
        r->failed |= !tqp_opt_flatten(r->ctx->arena, TQP_OP_AND, n->join.pred, &all);
        for (uint32_t i = 0; i < all.n; i++) {
            const TqpExpr *e = tqp_opt_shift(r->ctx->arena, all.items[i], first);
            r->failed |= e == NULL || !tqp_opt_list_add(r->ctx->arena, &r->conjuncts, e);
        }
        return !r->failed;
    }
    if (r->n == LEAVES_MAX)
        return false;
    r->leaves[r->n] = n;
    r->first[r->n++] = first;
    return true;
}

static uint32_t leaf_of(const Region *r, uint32_t column) {
    uint32_t k = r->n - 1;
    while (r->first[k] > column)
        k--;
    return k;
}

/* The leaves that e reads, a bit for each. */
static uint64_t reads(const Region *r, const TqpExpr *e) {
    uint64_t set = 0;
    if (e->op == TQP_OP_COL)
        set = UINT64_C(1) << leaf_of(r, e->index);
    for (uint32_t i = 0; i < e->nargs; i++)
        set |= reads(r, e->args[i]);
    return set;
}

static bool is_column_equality(const TqpExpr *e) {
    return e->op == TQP_OP_EQ && e->args[0]->op == TQP_OP_COL && e->args[1]->op == TQP_OP_COL &&
           tqp_type_class(e->args[0]->type.kind) == TQP_CLASS_INT &&
           memcmp(&e->args[0]->type, &e->args[1]->type, sizeof(TqpType)) == 0;
}

static bool is_key(const TqpNode *agg, const TqpExpr *column) {
    for (uint32_t i = 0; i < agg->aggregate.nkeys; i++)
        if (tqp_ir_expr_equal(agg->aggregate.keys[i], column))
            return true;
    return false;
}

/* ---- which relations go late ---- */

static bool is_fit(TqpArena *a, const TqpNode *agg) {
    for (uint32_t i = 0; i < agg->aggregate.naggs; i++) {
        const TqpAgg *x = &agg->aggregate.aggs[i];
        bool is_float = x->arg != NULL && tqp_type_class(x->arg->type.kind) == TQP_CLASS_FLOAT;
        bool ordered = x->func != TQP_AGG_COUNT && x->func != TQP_AGG_MIN && x->func != TQP_AGG_MAX;
        if ((ordered && is_float) || (x->arg != NULL && tqp_opt_may_raise(a, x->arg)) ||
            (x->filter != NULL && tqp_opt_may_raise(a, x->filter)))
            return false;
    }
    for (uint32_t i = 0; i < agg->aggregate.nkeys; i++)
        if (tqp_opt_may_raise(a, agg->aggregate.keys[i]))
            return false;
    return agg->aggregate.nkeys > 1;
}

/* Can leaf k be joined to the leaves of `placed`, of which those that are not late were grouped? */
static bool can_follow(const Region *r, const TqpNode *agg, uint32_t k, uint64_t placed,
                       uint64_t late) {
    uint64_t self = UINT64_C(1) << k;
    uint64_t *fixed = tqp_opt_bitmap(r->ctx->arena, r->leaves[k]->noutputs);
    for (uint32_t i = 0; fixed != NULL && i < r->conjuncts.n; i++) {
        const TqpExpr *e = r->conjuncts.items[i];
        uint64_t set = reads(r, e), others = set & ~self;
        if (!(set & self) || (others & ~placed & late) != 0)
            continue; /* not of it, or for one that follows */
        if (!is_column_equality(e) || others == 0)
            return false;
        if ((others & ~late) && !is_key(agg, e->args[0]) && !is_key(agg, e->args[1]))
            return false;
        const TqpExpr *own = reads(r, e->args[0]) == self ? e->args[0] : e->args[1];
        tqp_bitmap_set(fixed, own->index - r->first[k]);
    }
    return fixed != NULL && tqp_opt_unique(r->ctx->arena, r->leaves[k], fixed);
}

static uint64_t late_set(const Region *r) {
    uint64_t set = 0;
    for (uint32_t k = 0; k < r->n; k++)
        set |= (uint64_t)r->late[k] << k;
    return set;
}

static bool is_linked(const Region *r, uint32_t k, uint64_t leaves) {
    for (uint32_t i = 0; i < r->conjuncts.n; i++) {
        uint64_t set = reads(r, r->conjuncts.items[i]);
        if ((set >> k & 1) && (set & leaves))
            return true;
    }
    return false;
}

/* Those that could not follow stay: at first the ones that are linked to what stays. */
static void keep_early(Region *r, uint64_t placed, uint64_t late) {
    bool any = false;
    for (int linked = 1; linked >= 0 && !any; linked--)
        for (uint32_t k = 0; k < r->n; k++)
            if (r->late[k] && !(placed >> k & 1) && (!linked || is_linked(r, k, ~late))) {
                r->late[k] = false;
                any = true;
            }
}

/* Order the late ones so that each follows those that it is looked up by. */
static void choose(Region *r, const TqpNode *agg) {
    uint64_t all = (UINT64_C(1) << r->n) - 1, used = 0;
    for (uint32_t i = 0; i < agg->aggregate.naggs; i++) {
        const TqpAgg *x = &agg->aggregate.aggs[i];
        used |=
            (x->arg != NULL ? reads(r, x->arg) : 0) | (x->filter != NULL ? reads(r, x->filter) : 0);
    }
    for (uint32_t i = 0; i < agg->aggregate.nkeys; i++)
        if (agg->aggregate.keys[i]->op != TQP_OP_COL)
            used |= reads(r, agg->aggregate.keys[i]);
    for (uint32_t k = 0; k < r->n; k++)
        r->late[k] = !(used >> k & 1);
    for (bool changed = true; changed;) {
        uint64_t late = late_set(r), placed = all & ~late;
        r->norder = 0;
        for (bool more = placed != 0; more;) {
            more = false;
            for (uint32_t k = 0; k < r->n; k++) {
                if ((placed >> k & 1) || !can_follow(r, agg, k, placed, late))
                    continue;
                placed |= UINT64_C(1) << k;
                r->order[r->norder++] = k;
                more = true;
            }
        }
        changed = placed != all;
        if (changed)
            keep_early(r, placed, late);
    }
}

/* ---- putting them together ---- */

/* A tree of joins: its node, and where it has the region's columns. */
typedef struct Tree {
    const TqpNode *node;
    uint64_t leaves;
    uint32_t *at;      /* by column of the region */
    uint64_t *applied; /* conjuncts */
} Tree;

static bool add_leaf(Region *r, Tree *t, uint32_t k) {
    TqpArena *a = r->ctx->arena;
    TqpExprList preds = {0};
    uint32_t base = t->node != NULL ? t->node->noutputs : 0;
    for (uint32_t i = 0; i < r->leaves[k]->noutputs; i++)
        t->at[r->first[k] + i] = base + i;
    t->leaves |= UINT64_C(1) << k;
    for (uint32_t i = 0; i < r->conjuncts.n; i++) {
        const TqpExpr *e = r->conjuncts.items[i];
        if (tqp_bitmap_get(t->applied, i) || (reads(r, e) & ~t->leaves) || t->node == NULL)
            continue;
        tqp_bitmap_set(t->applied, i);
        e = tqp_opt_remap(a, e, t->at);
        if (e == NULL || !tqp_opt_list_add(a, &preds, e))
            return false;
    }
    if (t->node == NULL)
        t->node = r->leaves[k];
    else
        t->node = tqp_ir_join(a, TQP_JOIN_INNER, false, t->node, r->leaves[k],
                              tqp_opt_join(a, TQP_OP_AND, &preds));
    return t->node != NULL;
}

/* A conjunct that reads no relation belongs to the first join. */
static bool early_joins(Region *r, Tree *t) {
    for (uint32_t k = 0; k < r->n; k++)
        if (!r->late[k] && !add_leaf(r, t, k))
            return false;
    for (uint32_t i = 0; i < r->conjuncts.n; i++) /* of a tree of one leaf */
        if (!tqp_bitmap_get(t->applied, i) && !(reads(r, r->conjuncts.items[i]) & ~t->leaves))
            return false;
    return true;
}

/* Is it worth it: no rows to speak of are dropped late, and a key less is to be compared? */
static bool is_worth(const Region *r, const TqpNode *agg, const TqpNode *early) {
    TqpEstimate before, after;
    uint32_t nlate = 0;
    for (uint32_t i = 0; i < agg->aggregate.nkeys; i++) {
        const TqpExpr *key = agg->aggregate.keys[i];
        nlate += key->op == TQP_OP_COL && r->late[leaf_of(r, key->index)];
    }
    return nlate > 0 && tqp_opt_estimate(r->ctx, agg->inputs[0], &before) &&
           tqp_opt_estimate(r->ctx, early, &after) && after.rows <= late_rows * before.rows;
}

/* Add the column, as a key of the early grouping, unless it is there; at[]: its place. */
static bool add_key(Region *r, TqpExprList *keys, Tree *early, uint32_t column, TqpType type,
                    uint32_t *at) {
    const TqpExpr *e = tqp_ir_col(r->ctx->arena, early->at[column], type);
    for (uint32_t i = 0; e != NULL && i < keys->n; i++)
        if (tqp_ir_expr_equal(keys->items[i], e)) {
            at[column] = i;
            return true;
        }
    at[column] = keys->n;
    return e != NULL && tqp_opt_list_add(r->ctx->arena, keys, e);
}

/* Keys of the early grouping: columns that late joins read, then what else are keys. */
static bool early_keys(Region *r, const TqpNode *agg, Tree *early, TqpExprList *keys, uint32_t *at,
                       uint32_t *place) {
    TqpArena *a = r->ctx->arena;
    for (uint32_t i = 0; i < r->conjuncts.n; i++) {
        const TqpExpr *e = r->conjuncts.items[i];
        if (tqp_bitmap_get(early->applied, i))
            continue;
        for (int k = 0; k < 2; k++)
            if (!r->late[leaf_of(r, e->args[k]->index)] &&
                !add_key(r, keys, early, e->args[k]->index, e->args[k]->type, at))
                return false;
    }
    for (uint32_t i = 0; i < agg->aggregate.nkeys; i++) {
        const TqpExpr *key = agg->aggregate.keys[i];
        bool column = key->op == TQP_OP_COL;
        if (column && r->late[leaf_of(r, key->index)])
            continue;
        if (column) {
            if (!add_key(r, keys, early, key->index, key->type, at))
                return false;
            place[i] = at[key->index];
            continue;
        }
        place[i] = keys->n;
        key = tqp_opt_remap(a, key, early->at);
        if (key == NULL || !tqp_opt_list_add(a, keys, key))
            return false;
    }
    return true;
}

static const TqpNode *early_groups(Region *r, const TqpNode *agg, const Tree *early,
                                   const TqpExprList *keys) {
    TqpArena *a = r->ctx->arena;
    uint32_t n = agg->aggregate.naggs;
    TqpAgg *aggs = tqp_arena_alloc(a, n * sizeof(*aggs) + 1);
    for (uint32_t i = 0; aggs != NULL && i < n; i++) {
        aggs[i] = agg->aggregate.aggs[i];
        if (aggs[i].arg != NULL && (aggs[i].arg = tqp_opt_remap(a, aggs[i].arg, early->at)) == NULL)
            return NULL;
        if (aggs[i].filter != NULL &&
            (aggs[i].filter = tqp_opt_remap(a, aggs[i].filter, early->at)) == NULL)
            return NULL;
    }
    return aggs == NULL ? NULL : tqp_ir_aggregate(a, early->node, keys->n, keys->items, n, aggs);
}

static const TqpNode *rebuild(Region *r, const TqpNode *agg, Tree *tree) {
    TqpArena *a = r->ctx->arena;
    uint32_t nkeys = agg->aggregate.nkeys, total = agg->inputs[0]->noutputs;
    TqpExprList keys = {0}, outs = {0};
    uint32_t *at = tqp_arena_zalloc(a, (total + 1) * sizeof(*at));
    uint32_t *place = tqp_arena_zalloc(a, nkeys * sizeof(*place));
    if (at == NULL || place == NULL || !early_keys(r, agg, tree, &keys, at, place))
        return NULL;
    if (keys.n == 0) /* a group of all rows would be there without any */
        return agg;
    tree->node = early_groups(r, agg, tree, &keys);
    tree->at = at;
    for (uint32_t k = 0; k < r->norder && tree->node != NULL; k++)
        if (!add_leaf(r, tree, r->order[k]))
            return NULL;
    for (uint32_t i = 0; tree->node != NULL && i < agg->noutputs; i++) {
        uint32_t from = i < nkeys ? place[i] : keys.n + i - nkeys;
        const TqpExpr *key = i < nkeys ? agg->aggregate.keys[i] : NULL;
        if (key != NULL && key->op == TQP_OP_COL && r->late[leaf_of(r, key->index)])
            from = at[key->index];
        if (!tqp_opt_list_add(a, &outs, tqp_ir_col(a, from, agg->types[i])))
            return NULL;
    }
    return tree->node == NULL ? NULL : tqp_ir_project(a, tree->node, outs.n, outs.items);
}

static const TqpNode *late_join(TqpArena *a, const TqpNode *node, void *arg) {
    Region r = {.ctx = arg};
    if (node->kind != TQP_NODE_AGGREGATE || node->inputs[0]->kind != TQP_NODE_JOIN ||
        !is_fit(a, node))
        return node;
    if (!collect(&r, node->inputs[0], 0))
        return r.failed ? NULL : node;
    if (r.n < 2)
        return node;
    choose(&r, node);
    if (r.norder == 0 || r.norder == r.n)
        return node;
    Tree tree = {.at = tqp_arena_zalloc(a, node->inputs[0]->noutputs * sizeof(uint32_t) + 1),
                 .applied = tqp_opt_bitmap(a, r.conjuncts.n)};
    if (tree.at == NULL || tree.applied == NULL)
        return NULL;
    if (!early_joins(&r, &tree))
        return a->failed != TQP_OK ? NULL : node;
    return is_worth(&r, node, tree.node) ? rebuild(&r, node, &tree) : node;
}

TqpStatus tqp_opt_late_join(TqpOptContext *ctx, const TqpNode *in, const TqpNode **out) {
    *out = tqp_opt_map_graph(ctx->arena, in, late_join, ctx);
    return *out == NULL ? tqp_opt_no_memory(ctx) : TQP_OK;
}
