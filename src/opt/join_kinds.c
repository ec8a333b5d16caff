/*
 * join_kinds: a join becomes a cheaper kind where the difference is discarded above it.  From the
 * root down, each node is told what holds of the rows of its output that matter:
 *
 *   left            inner, when NULLs for the right side are discarded; anti, when only they are
 * kept full            left or inner, likewise single          left, when a left row cannot have
 * two matches mark            semi, when the mark must be true; anti, when it must be false and is
 * never NULL
 */
#include "base/bitmap.h"
#include "opt/pass.h"

/* Bitmaps of columns: a row in which one does not hold is discarded above. */
typedef struct Known {
    uint64_t *not_null, *is_true, *is_false, *is_null;
} Known;

static const TqpNode *simplify(TqpArena *a, const TqpNode *node, const Known *known);

static bool new_known(TqpArena *a, uint32_t n, Known *k) {
    *k = (Known){tqp_opt_bitmap(a, n), tqp_opt_bitmap(a, n), tqp_opt_bitmap(a, n),
                 tqp_opt_bitmap(a, n)};
    return k->not_null != NULL && k->is_true != NULL && k->is_false != NULL && k->is_null != NULL;
}

static void know_column(const Known *from, uint32_t i, Known *to, uint32_t j) {
    if (tqp_bitmap_get(from->not_null, i))
        tqp_bitmap_set(to->not_null, j);
    if (tqp_bitmap_get(from->is_true, i))
        tqp_bitmap_set(to->is_true, j);
    if (tqp_bitmap_get(from->is_false, i))
        tqp_bitmap_set(to->is_false, j);
    if (tqp_bitmap_get(from->is_null, i))
        tqp_bitmap_set(to->is_null, j);
}

static void know_columns(const Known *from, uint32_t first, uint32_t n, Known *to) {
    for (uint32_t i = 0; i < n; i++)
        know_column(from, first + i, to, i);
}

/* The predicate holds for the rows, which have n columns. */
static bool learn(TqpArena *a, const TqpExpr *pred, uint32_t n, Known *k) {
    TqpExprList all = {0};
    if (!tqp_opt_flatten(a, TQP_OP_AND, pred, &all))
        return false;
    for (uint32_t i = 0; i < all.n; i++) {
        const TqpExpr *e = all.items[i], *x = e->nargs > 0 ? e->args[0] : e;
        if (!tqp_opt_null_effect(a, e, TQP_NULL_NOT_TRUE, n, k->not_null))
            return false;
        if (x->op != TQP_OP_COL)
            continue;
        if (e->op == TQP_OP_COL || e->op == TQP_OP_IS_TRUE)
            tqp_bitmap_set(k->is_true, x->index);
        else if (e->op == TQP_OP_NOT || e->op == TQP_OP_IS_FALSE)
            tqp_bitmap_set(k->is_false, x->index);
        else if (e->op == TQP_OP_IS_NULL)
            tqp_bitmap_set(k->is_null, x->index);
    }
    return true;
}

static const TqpNode *simplify_filter(TqpArena *a, const TqpNode *node, const Known *known) {
    Known k;
    if (!new_known(a, node->noutputs, &k))
        return NULL;
    know_columns(known, 0, node->noutputs, &k);
    if (!learn(a, node->filter.pred, node->noutputs, &k))
        return NULL;
    return tqp_opt_with_input(a, node, simplify(a, node->inputs[0], &k));
}

/* Outputs i < n are these expressions over the input. */
static const TqpNode *simplify_exprs(TqpArena *a, const TqpNode *node, uint32_t n,
                                     const TqpExpr *const *exprs, const Known *known) {
    Known k;
    uint32_t ninput = node->inputs[0]->noutputs;
    if (!new_known(a, ninput, &k))
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (exprs[i]->op == TQP_OP_COL)
            know_column(known, i, &k, exprs[i]->index);
        else if (tqp_bitmap_get(known->not_null, i) &&
                 !tqp_opt_null_effect(a, exprs[i], TQP_NULL_NULL, ninput, k.not_null))
            return NULL;
    }
    return tqp_opt_with_input(a, node, simplify(a, node->inputs[0], &k));
}

/* ---- joins ---- */

typedef struct Sides {
    Known left, right;
} Sides;

/* Does something known of the right side discard the rows in which it is NULL? */
static bool rejects_nulls(const Known *k, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (tqp_bitmap_get(k->not_null, i) || tqp_bitmap_get(k->is_true, i) ||
            tqp_bitmap_get(k->is_false, i))
            return true;
    return false;
}

/* Is a column that no match has NULL required to be NULL? */
static bool keeps_nulls_only(TqpArena *a, const TqpNode *node, const Known *right, bool *only) {
    uint32_t nleft = node->inputs[0]->noutputs, nright = node->inputs[1]->noutputs;
    uint64_t *matched = tqp_opt_bitmap(a, nleft + nright);
    *only = false;
    if (matched == NULL ||
        !tqp_opt_null_effect(a, node->join.pred, TQP_NULL_NOT_TRUE, nleft + nright, matched))
        return false;
    for (uint32_t i = 0; i < nright; i++)
        *only = *only || (tqp_bitmap_get(right->is_null, i) && tqp_bitmap_get(matched, nleft + i));
    return true;
}

/* The join and, after the left columns, `n` constants of those types in place of its other ones. */
static const TqpNode *with_constants(TqpArena *a, const TqpNode *join, uint32_t n,
                                     const TqpExpr *const *constants) {
    TqpExprList exprs = {0};
    if (join == NULL || !tqp_opt_add_columns(a, &exprs, join, 0))
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        if (!tqp_opt_list_add(a, &exprs, constants[i]))
            return NULL;
    return tqp_ir_project(a, join, exprs.n, exprs.items);
}

static const TqpNode *anti_with_nulls(TqpArena *a, const TqpNode *node, const TqpNode *left,
                                      const TqpNode *right) {
    TqpExprList nulls = {0};
    for (uint32_t i = 0; i < right->noutputs; i++)
        if (!tqp_opt_list_add(a, &nulls, tqp_ir_const_null(a, right->types[i])))
            return NULL;
    return with_constants(
        a, tqp_ir_join(a, TQP_JOIN_ANTI, node->join.dependent, left, right, node->join.pred),
        nulls.n, nulls.items);
}

/* right LEFT JOIN left, columns in the old order. */
static const TqpNode *swapped_left(TqpArena *a, const TqpNode *node, const TqpNode *left,
                                   const TqpNode *right) {
    TqpExprList exprs = {0};
    uint32_t *map = tqp_arena_alloc(a, node->noutputs * sizeof(*map) + 1);
    if (map == NULL)
        return NULL;
    for (uint32_t i = 0; i < node->noutputs; i++)
        map[i] = i < left->noutputs ? right->noutputs + i : i - left->noutputs;
    const TqpExpr *pred = tqp_opt_remap(a, node->join.pred, map);
    if (!tqp_opt_add_columns(a, &exprs, left, right->noutputs) ||
        !tqp_opt_add_columns(a, &exprs, right, 0))
        return NULL;
    return tqp_ir_project(a, tqp_ir_join(a, TQP_JOIN_LEFT, false, right, left, pred), exprs.n,
                          exprs.items);
}

/* What the predicate says of the sides, for a kind where only matches matter. */
static bool learn_sides(TqpArena *a, const TqpNode *node, bool left, bool right, Sides *sides) {
    uint32_t nleft = node->inputs[0]->noutputs, nright = node->inputs[1]->noutputs;
    Known k;
    if (!new_known(a, nleft + nright, &k) || !learn(a, node->join.pred, nleft + nright, &k))
        return false;
    if (left)
        know_columns(&k, 0, nleft, &sides->left);
    if (right)
        know_columns(&k, nleft, nright, &sides->right);
    return true;
}

/* Is a mark never NULL, as no column is that its predicate asks for? */
static bool is_definite(TqpArena *a, const TqpNode *node, bool *definite) {
    uint32_t nleft = node->inputs[0]->noutputs, nright = node->inputs[1]->noutputs;
    uint64_t *not_null = tqp_opt_bitmap(a, nleft + nright);
    if (not_null == NULL || !tqp_opt_not_null_outputs(a, node->inputs[0], 0, not_null) ||
        !tqp_opt_not_null_outputs(a, node->inputs[1], nleft, not_null))
        return false;
    *definite = tqp_opt_never_null_of(node->join.pred, not_null);
    return true;
}

/* The kind that will do, in view of what is known of the outputs. */
static bool choose_kind(TqpArena *a, const TqpNode *node, const Known *known, Sides *sides,
                        TqpJoinKind *kind) {
    uint32_t nleft = node->inputs[0]->noutputs, nright = node->inputs[1]->noutputs;
    bool nulls_only, definite;
    *kind = node->join.kind;
    if (*kind == TQP_JOIN_SINGLE && tqp_opt_at_most_one(a, node))
        *kind = TQP_JOIN_LEFT;
    if (*kind == TQP_JOIN_FULL && rejects_nulls(&sides->left, nleft))
        *kind = TQP_JOIN_LEFT;
    if (*kind == TQP_JOIN_LEFT && rejects_nulls(&sides->right, nright))
        *kind = TQP_JOIN_INNER;
    if (*kind == TQP_JOIN_LEFT && node->join.kind != TQP_JOIN_FULL) {
        if (!keeps_nulls_only(a, node, &sides->right, &nulls_only))
            return false;
        if (nulls_only)
            *kind = TQP_JOIN_ANTI;
    }
    if (*kind == TQP_JOIN_MARK && tqp_bitmap_get(known->is_true, nleft)) {
        *kind = TQP_JOIN_SEMI;
    } else if (*kind == TQP_JOIN_MARK && tqp_bitmap_get(known->is_false, nleft)) {
        if (!is_definite(a, node, &definite))
            return false;
        *kind = definite ? TQP_JOIN_ANTI : TQP_JOIN_MARK;
    }
    return true;
}

static const TqpNode *rebuild_join(TqpArena *a, const TqpNode *node, TqpJoinKind kind,
                                   const TqpNode *left, const TqpNode *right) {
    const TqpNode *inputs[2] = {left, right};
    if (kind == node->join.kind)
        return tqp_opt_with_inputs(a, node, inputs);
    if (node->join.kind != TQP_JOIN_MARK && kind == TQP_JOIN_ANTI)
        return anti_with_nulls(a, node, left, right);
    const TqpNode *join = tqp_ir_join(a, kind, node->join.dependent, left, right, node->join.pred);
    if (node->join.kind != TQP_JOIN_MARK)
        return join;
    const TqpExpr *mark = tqp_ir_const_bool(a, kind == TQP_JOIN_SEMI);
    return with_constants(a, join, 1, &mark);
}

static const TqpNode *simplify_join(TqpArena *a, const TqpNode *node, const Known *known) {
    uint32_t nleft = node->inputs[0]->noutputs, nright = node->inputs[1]->noutputs;
    Sides sides, below;
    TqpJoinKind kind;
    if (!new_known(a, nleft, &sides.left) || !new_known(a, nright, &sides.right))
        return NULL;
    know_columns(known, 0, nleft, &sides.left);
    if (node->noutputs == nleft + nright && node->join.kind != TQP_JOIN_MARK)
        know_columns(known, nleft, nright, &sides.right);
    if (!choose_kind(a, node, known, &sides, &kind))
        return NULL;
    bool swap = node->join.kind == TQP_JOIN_FULL && kind == TQP_JOIN_FULL &&
                rejects_nulls(&sides.right, nright);
    /* What is known of the outputs holds for an input's rows where each comes out as it is. */
    below = sides;
    bool right_known = kind == TQP_JOIN_INNER;
    if (!right_known && !new_known(a, nright, &below.right))
        return NULL;
    if (kind == TQP_JOIN_FULL && !new_known(a, nleft, &below.left))
        return NULL;
    bool left_matches = kind == TQP_JOIN_INNER || kind == TQP_JOIN_SEMI;
    bool right_matches = kind != TQP_JOIN_FULL && kind != TQP_JOIN_MARK;
    if (!learn_sides(a, node, left_matches, right_matches, &below))
        return NULL;
    const TqpNode *left = simplify(a, node->inputs[0], &below.left);
    const TqpNode *right = simplify(a, node->inputs[1], &below.right);
    if (left == NULL || right == NULL)
        return NULL;
    return swap ? swapped_left(a, node, left, right) : rebuild_join(a, node, kind, left, right);
}

static const TqpNode *simplify(TqpArena *a, const TqpNode *node, const Known *known) {
    const TqpNode *inputs[2] = {NULL, NULL};
    Known none;
    switch (node->kind) {
    case TQP_NODE_FILTER:
        return simplify_filter(a, node, known);
    case TQP_NODE_PROJECT:
        return simplify_exprs(a, node, node->noutputs, node->project.exprs, known);
    case TQP_NODE_AGGREGATE:
        return simplify_exprs(a, node, node->aggregate.nkeys, node->aggregate.keys, known);
    case TQP_NODE_JOIN:
        return simplify_join(a, node, known);
    case TQP_NODE_NUMBER:
    case TQP_NODE_LIMIT:
        if (!new_known(a, node->inputs[0]->noutputs, &none))
            return NULL;
        return tqp_opt_with_input(a, node, simplify(a, node->inputs[0], &none));
    case TQP_NODE_WITH:
        if (!new_known(a, node->inputs[0]->noutputs, &none) ||
            (inputs[0] = simplify(a, node->inputs[0], &none)) == NULL ||
            (inputs[1] = simplify(a, node->inputs[1], known)) == NULL)
            return NULL;
        return tqp_opt_with_inputs(a, node, inputs);
    default: /* inputs have the outputs' columns */
        for (uint32_t i = 0; i < node->ninputs; i++)
            if ((inputs[i] = simplify(a, node->inputs[i], known)) == NULL)
                return NULL;
        return tqp_opt_with_inputs(a, node, inputs);
    }
}

TqpStatus tqp_opt_join_kinds(TqpOptContext *ctx, const TqpNode *in, const TqpNode **out) {
    Known none;
    *out = new_known(ctx->arena, in->noutputs, &none) ? simplify(ctx->arena, in, &none) : NULL;
    return *out == NULL ? tqp_opt_no_memory(ctx) : TQP_OK;
}
