/*
 * canonicalise: one form for what can be written in several, so that later passes and the binder
 * look for one.  Literals go right; NOT goes inward, which three-valued logic allows for
 * comparisons (floats have a total order), AND and OR; per expression an AND keeps one lower and
 * one upper bound, side by side; an OR of equalities becomes IN, and what all its operands say
 * is said once.  Operands are never moved across
 * one that may raise, so the same rows meet it as before.
 */
#include <string.h>

#include "opt/pass.h"

/* Longest list that is searched for duplicates in quadratic time. */
enum { DUPLICATES_MAX = 256 };
/* Conjuncts of a disjunct that are looked for in the others. */
enum { FACTORS_MAX = 32 };

static const TqpType type_bool = {.kind = TQP_TYPE_BOOL};

typedef struct Comparison {
    bool is;
    TqpOp flipped; /* operands exchanged */
    TqpOp negated; /* under NOT */
} Comparison;

static const Comparison comparisons[TQP_OP_COUNT] = {
    [TQP_OP_EQ] = {true, TQP_OP_EQ, TQP_OP_NE}, [TQP_OP_NE] = {true, TQP_OP_NE, TQP_OP_EQ},
    [TQP_OP_LT] = {true, TQP_OP_GT, TQP_OP_GE}, [TQP_OP_LE] = {true, TQP_OP_GE, TQP_OP_GT},
    [TQP_OP_GT] = {true, TQP_OP_LT, TQP_OP_LE}, [TQP_OP_GE] = {true, TQP_OP_LE, TQP_OP_LT},
};

static bool is_literal(const TqpExpr *e) {
    return e->op == TQP_OP_CONST || e->op == TQP_OP_PARAM;
}

/* ---- literals right ---- */

static const TqpExpr *literals_right(TqpArena *a, const TqpExpr *e) {
    if (e->nargs != 2 || !is_literal(e->args[0]) || is_literal(e->args[1]))
        return e;
    TqpOp op = e->op;
    if (comparisons[op].is)
        op = comparisons[op].flipped;
    else if (op == TQP_OP_ADD && !tqp_type_equal(e->args[0]->type, e->args[1]->type))
        return e; /* a date or timestamp stands first */
    else if (op != TQP_OP_ADD && op != TQP_OP_MUL && op != TQP_OP_DISTINCT)
        return e;
    return tqp_ir_call2(a, op, e->type, e->args[1], e->args[0]);
}

/* ---- AND: bounds ---- */

/* -1: x >(=) constant, 1: x <(=) constant, 0: neither. */
static int bound_side(const TqpExpr *e) {
    if (!comparisons[e->op].is || e->op == TQP_OP_EQ || e->op == TQP_OP_NE)
        return 0;
    const TqpExpr *c = e->args[1];
    if (c->op != TQP_OP_CONST || c->value.is_null || e->args[0]->op == TQP_OP_CONST ||
        tqp_type_class(c->type.kind) == TQP_CLASS_TEXT)
        return 0;
    return e->op == TQP_OP_GT || e->op == TQP_OP_GE ? -1 : 1;
}

/* Of two bounds on the same side, the one that implies the other. */
static const TqpExpr *tighter(const TqpExpr *x, const TqpExpr *y) {
    int order = 0;
    (void)tqp_opt_compare(x->args[1]->type, &x->args[1]->value, &y->args[1]->value, &order);
    if (order == 0)
        return x->op == TQP_OP_GT || x->op == TQP_OP_LT ? x : y;
    return (order > 0) == (bound_side(x) < 0) ? x : y;
}

/* Put bound e into the list beside or into an earlier one on the same expression. */
static bool place_bound(TqpArena *a, TqpExprList *list, const TqpExpr *e, bool *placed) {
    int side = bound_side(e);
    for (uint32_t i = list->n; side != 0 && i-- > 0;) {
        const TqpExpr *x = list->items[i];
        int other = bound_side(x);
        if (other != 0 && tqp_ir_expr_equal(x->args[0], e->args[0])) {
            *placed = true;
            if (other == side) {
                list->items[i] = tighter(x, e);
                return true;
            }
            /* The pair may be complete already: then e belongs to the bound after x. */
            if (i > 0 && bound_side(list->items[i - 1]) == side &&
                tqp_ir_expr_equal(list->items[i - 1]->args[0], e->args[0])) {
                list->items[i - 1] = tighter(list->items[i - 1], e);
                return true;
            }
            if (!tqp_opt_list_add(a, list, e))
                return false;
            /* Lower bound first. */
            uint32_t at = side < 0 ? i : i + 1;
            memmove(list->items + at + 1, list->items + at,
                    (list->n - 1 - at) * sizeof(*list->items));
            list->items[at] = e;
            return true;
        }
        if (tqp_ir_expr_may_raise(x))
            return true;
    }
    return true;
}

static bool contains(const TqpExprList *list, const TqpExpr *e) {
    for (uint32_t i = 0; i < list->n && i < DUPLICATES_MAX; i++)
        if (tqp_ir_expr_equal(list->items[i], e))
            return true;
    return false;
}

static const TqpExpr *simplify_and(TqpArena *a, const TqpExpr *e) {
    TqpExprList all = {0}, kept = {0};
    if (!tqp_opt_flatten(a, TQP_OP_AND, e, &all))
        return NULL;
    for (uint32_t i = 0; i < all.n; i++) {
        bool placed = contains(&kept, all.items[i]);
        if (!placed && !place_bound(a, &kept, all.items[i], &placed))
            return NULL;
        if (!placed && !tqp_opt_list_add(a, &kept, all.items[i]))
            return NULL;
    }
    return tqp_opt_join(a, TQP_OP_AND, &kept);
}

/* ---- OR: equalities to IN ---- */

static bool is_equality(const TqpExpr *e) {
    return (e->op == TQP_OP_EQ && is_literal(e->args[1]) && !is_literal(e->args[0])) ||
           (e->op == TQP_OP_IN && !is_literal(e->args[0]));
}

/* x IN (elements without repetition); x = c when only one is left. */
static const TqpExpr *make_in(TqpArena *a, const TqpExpr *x, const TqpExprList *elements) {
    TqpExprList args = {0}, distinct = {0};
    if (!tqp_opt_list_add(a, &args, x))
        return NULL;
    for (uint32_t i = 0; i < elements->n; i++) {
        const TqpExpr *e = elements->items[i];
        if (contains(&distinct, e))
            continue;
        if (!tqp_opt_list_add(a, &distinct, e) || !tqp_opt_list_add(a, &args, e))
            return NULL;
    }
    return tqp_ir_call(a, args.n == 2 ? TQP_OP_EQ : TQP_OP_IN, type_bool, args.n, args.items);
}

static bool add_elements(TqpArena *a, const TqpExpr *e, TqpExprList *elements) {
    for (uint32_t i = 1; i < e->nargs; i++)
        if (!tqp_opt_list_add(a, elements, e->args[i]))
            return false;
    return true;
}

/* Take from all[i..] the equalities on the expression of all[i] that may join it there. */
static const TqpExpr *gather_equalities(TqpArena *a, TqpExprList *all, uint32_t i) {
    const TqpExpr *first = all->items[i];
    TqpExprList elements = {0};
    if (!add_elements(a, first, &elements))
        return NULL;
    for (uint32_t j = i + 1; j < all->n; j++) {
        const TqpExpr *e = all->items[j];
        if (e == NULL)
            continue;
        if (is_equality(e) && tqp_ir_expr_equal(e->args[0], first->args[0])) {
            if (!add_elements(a, e, &elements))
                return NULL;
            all->items[j] = NULL;
        } else if (tqp_ir_expr_may_raise(e)) {
            break;
        }
    }
    return elements.n + 1 == first->nargs && first->nargs > 2
               ? first
               : make_in(a, first->args[0], &elements);
}

/* Is e among the conjuncts of every disjunct but the first? */
static bool in_all(const TqpExprList *conjuncts, uint32_t n, const TqpExpr *e) {
    for (uint32_t i = 1; i < n; i++)
        if (!contains(&conjuncts[i], e))
            return false;
    return true;
}

/*
 * The OR of these disjuncts: (x and y) or (x and z) is x and (y or z), also in three-valued logic.
 * A common conjunct must not raise, since it moves to the front.
 */
static const TqpExpr *factor(TqpArena *a, const TqpExprList *disjuncts) {
    uint32_t n = disjuncts->n;
    TqpExprList common = {0}, rest = {0}, *conjuncts;
    if (n < 2 || n > DUPLICATES_MAX)
        return tqp_opt_join(a, TQP_OP_OR, disjuncts);
    if ((conjuncts = tqp_arena_zalloc(a, n * sizeof(*conjuncts))) == NULL)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        if (!tqp_opt_flatten(a, TQP_OP_AND, disjuncts->items[i], &conjuncts[i]))
            return NULL;
    for (uint32_t k = 0; k < conjuncts[0].n && k < FACTORS_MAX; k++) {
        const TqpExpr *e = conjuncts[0].items[k];
        if (!tqp_ir_expr_may_raise(e) && in_all(conjuncts, n, e) &&
            !tqp_opt_list_add(a, &common, e))
            return NULL;
    }
    if (common.n == 0)
        return tqp_opt_join(a, TQP_OP_OR, disjuncts);
    for (uint32_t i = 0; i < n; i++) {
        TqpExprList own = {0};
        for (uint32_t k = 0; k < conjuncts[i].n; k++)
            if (!contains(&common, conjuncts[i].items[k]) &&
                !tqp_opt_list_add(a, &own, conjuncts[i].items[k]))
                return NULL;
        if (own.n == 0) /* x or (x and y) is x */
            return tqp_opt_join(a, TQP_OP_AND, &common);
        if (!tqp_opt_list_add(a, &rest, tqp_opt_join(a, TQP_OP_AND, &own)))
            return NULL;
    }
    if (!tqp_opt_list_add(a, &common, tqp_opt_canonical_or(a, tqp_opt_join(a, TQP_OP_OR, &rest))))
        return NULL;
    return tqp_opt_join(a, TQP_OP_AND, &common);
}

static const TqpExpr *simplify_or(TqpArena *a, const TqpExpr *e) {
    TqpExprList all = {0}, kept = {0};
    if (!tqp_opt_flatten(a, TQP_OP_OR, e, &all))
        return NULL;
    for (uint32_t i = 0; i < all.n; i++) {
        const TqpExpr *x = all.items[i];
        if (x == NULL)
            continue;
        if (is_equality(x) && (x = gather_equalities(a, &all, i)) == NULL)
            return NULL;
        if (!contains(&kept, x) && !tqp_opt_list_add(a, &kept, x))
            return NULL;
    }
    return factor(a, &kept);
}

const TqpExpr *tqp_opt_canonical_or(TqpArena *a, const TqpExpr *e) {
    return e == NULL || e->op != TQP_OP_OR ? e : simplify_or(a, e);
}

static const TqpExpr *simplify_in(TqpArena *a, const TqpExpr *e) {
    TqpExprList elements = {0};
    if (!add_elements(a, e, &elements))
        return NULL;
    return make_in(a, e->args[0], &elements);
}

/* ---- NOT inward ---- */

static const TqpExpr *negate(TqpArena *a, const TqpExpr *e) {
    if (e->op == TQP_OP_NOT)
        return e->args[0];
    if (comparisons[e->op].is)
        return tqp_ir_call(a, comparisons[e->op].negated, type_bool, e->nargs, e->args);
    if (e->op != TQP_OP_AND && e->op != TQP_OP_OR)
        return tqp_ir_call1(a, TQP_OP_NOT, type_bool, e);
    TqpExprList list = {0};
    for (uint32_t i = 0; i < e->nargs; i++)
        if (!tqp_opt_list_add(a, &list, negate(a, e->args[i])))
            return NULL;
    const TqpExpr *dual = tqp_opt_join(a, e->op == TQP_OP_AND ? TQP_OP_OR : TQP_OP_AND, &list);
    if (dual == NULL)
        return NULL;
    return e->op == TQP_OP_AND ? simplify_or(a, dual) : simplify_and(a, dual);
}

static const TqpExpr *canonicalise_expr(TqpArena *a, const TqpExpr *e, void *arg) {
    (void)arg;
    switch (e->op) {
    case TQP_OP_AND:
        return simplify_and(a, e);
    case TQP_OP_OR:
        return simplify_or(a, e);
    case TQP_OP_NOT:
        return e->args[0]->op == TQP_OP_NOT || e->args[0]->op == TQP_OP_AND ||
                       e->args[0]->op == TQP_OP_OR || comparisons[e->args[0]->op].is
                   ? negate(a, e->args[0])
                   : e;
    case TQP_OP_IN:
        return simplify_in(a, e);
    default:
        return literals_right(a, e);
    }
}

static const TqpExpr *canonicalise_root(TqpArena *a, const TqpExpr *e, void *arg) {
    return tqp_ir_expr_map(a, e, canonicalise_expr, arg);
}

static const TqpNode *canonicalise_node(TqpArena *a, const TqpNode *node, void *arg) {
    (void)arg;
    return tqp_opt_map_node(a, node, canonicalise_root, NULL);
}

TqpStatus tqp_opt_canonicalise(TqpOptContext *ctx, const TqpNode *in, const TqpNode **out) {
    *out = tqp_opt_map_graph(ctx->arena, in, canonicalise_node, NULL);
    return *out == NULL ? tqp_opt_no_memory(ctx) : TQP_OK;
}
