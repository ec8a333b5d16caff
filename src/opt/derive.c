/*
 * Conjuncts that others imply, for predicate_pushdown: they let one input of a join be filtered by
 * what was said of both or of the other.
 *
 *   a = b and a = 5                       b = 5, and so for <, >, IN with literals
 *   (l.x = 1 and r.y = 2) or (l.x = 3 and r.y = 4)
 *                                         l.x = 1 or l.x = 3; r.y = 2 or r.y = 4
 *
 * What may raise implies nothing here.
 */
#include "opt/pass.h"

/* Bounds on the work and on what is added to a predicate. */
enum { DERIVED_MAX = 32, CONJUNCTS_MAX = 200, DISJUNCTS_MAX = 32 };

static bool is_column_equality(const TqpExpr *e) {
    return e->op == TQP_OP_EQ && e->args[0]->op == TQP_OP_COL && e->args[1]->op == TQP_OP_COL &&
           e->args[0]->index != e->args[1]->index;
}

/* column <op> literal, column IN (literals). */
static bool is_column_bound(const TqpExpr *e) {
    bool compares = (e->op >= TQP_OP_EQ && e->op <= TQP_OP_GE) || e->op == TQP_OP_IN;
    if (!compares || e->args[0]->op != TQP_OP_COL)
        return false;
    for (uint32_t i = 1; i < e->nargs; i++)
        if (e->args[i]->op != TQP_OP_CONST && e->args[i]->op != TQP_OP_PARAM)
            return false;
    return true;
}

/* The bound with its column replaced by x. */
static const TqpExpr *bound_on(TqpArena *a, const TqpExpr *bound, const TqpExpr *x) {
    TqpExprList args = {0};
    for (uint32_t i = 0; i < bound->nargs; i++)
        if (!tqp_opt_list_add(a, &args, i == 0 ? x : bound->args[i]))
            return NULL;
    return tqp_ir_call(a, bound->op, bound->type, args.n, args.items);
}

static bool add_derived(TqpArena *a, const TqpExprList *all, TqpExprList *derived,
                        const TqpExpr *e) {
    if (e == NULL)
        return false;
    if (derived->n >= DERIVED_MAX || tqp_opt_contains(all, e) || tqp_opt_contains(derived, e))
        return true;
    return tqp_opt_list_add(a, derived, e);
}

/* From one bound through one equality; what comes out is a bound that others may use. */
static bool derive_bound(TqpArena *a, const TqpExprList *all, const TqpExpr *bound,
                         TqpExprList *derived) {
    for (uint32_t i = 0; i < all->n; i++) {
        const TqpExpr *eq = all->items[i];
        if (!is_column_equality(eq))
            continue;
        for (int side = 0; side < 2; side++)
            if (eq->args[side]->index == bound->args[0]->index &&
                !add_derived(a, all, derived, bound_on(a, bound, eq->args[1 - side])))
                return false;
    }
    return true;
}

/* The OR of what each disjunct says of one side alone; *e is NULL when one says nothing. */
static bool derive_or(TqpArena *a, const TqpExprList *disjuncts, unsigned side, uint32_t nleft,
                      const TqpExpr **e) {
    TqpExprList ors = {0};
    *e = NULL;
    for (uint32_t i = 0; i < disjuncts->n; i++) {
        TqpExprList ands = {0}, own = {0};
        if (!tqp_opt_flatten(a, TQP_OP_AND, disjuncts->items[i], &ands))
            return false;
        for (uint32_t k = 0; k < ands.n; k++) {
            const TqpExpr *x = ands.items[k];
            if (tqp_opt_sides(x, nleft) == side && !tqp_ir_expr_may_raise(x) &&
                !tqp_opt_has_outer(x) && !tqp_opt_list_add(a, &own, x))
                return false;
        }
        if (own.n == 0)
            return true;
        if (!tqp_opt_list_add(a, &ors, tqp_opt_join(a, TQP_OP_AND, &own)))
            return false;
    }
    *e = tqp_opt_canonical_or(a, tqp_opt_join(a, TQP_OP_OR, &ors));
    return *e != NULL;
}

bool tqp_opt_derive(TqpArena *a, uint32_t nleft, const TqpExprList *all, TqpExprList *derived) {
    for (uint32_t i = 0; i < all->n && all->n <= CONJUNCTS_MAX; i++) {
        const TqpExpr *e = all->items[i];
        TqpExprList disjuncts = {0};
        if (is_column_bound(e) && !derive_bound(a, all, e, derived))
            return false;
        if (e->op != TQP_OP_OR || tqp_opt_sides(e, nleft) != (TQP_SIDE_LEFT | TQP_SIDE_RIGHT))
            continue;
        if (!tqp_opt_flatten(a, TQP_OP_OR, e, &disjuncts))
            return false;
        for (unsigned side = TQP_SIDE_LEFT; disjuncts.n <= DISJUNCTS_MAX && side <= TQP_SIDE_RIGHT;
             side++) {
            const TqpExpr *x;
            if (!derive_or(a, &disjuncts, side, nleft, &x) ||
                (x != NULL && !add_derived(a, all, derived, x)))
                return false;
        }
    }
    for (uint32_t i = 0; i < derived->n && all->n <= CONJUNCTS_MAX; i++)
        if (is_column_bound(derived->items[i]) && !derive_bound(a, all, derived->items[i], derived))
            return false;
    return true;
}
