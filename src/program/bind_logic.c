/*
 * Three-valued logic.  A BOOL is a true-mask, 0 where NULL, and a validity mask; its false-mask is
 * validity and-not true.  AND and OR need validity only where an argument can be NULL.
 */
#include "program/bind.h"

static TqpBound bind_term(TqpBinder *b, const TqpBindTerm *term) {
    if (!term->bounds)
        return tqp_bind_expr(b, term->expr);
    TqpBound v = tqp_bind_expr(b, term->expr);
    return tqp_bind_between(b, &v, term->lo, term->hi, false);
}

/* The running result: rows true so far, rows false so far. */
typedef struct Junction {
    bool conjunction;
    bool nullable;
    uint16_t on;  /* AND: true in all (TQP_NO_REG: every row).  OR: true in some, if has_on */
    uint16_t off; /* AND: false in some, if has_off.  OR: false in all (TQP_NO_REG: every row) */
    bool has_some;
} Junction;

/* Where an argument decides (AND: is false; OR: is true), collected by `or`; the rest by `and`. */
static void join(TqpBinder *b, Junction *j, const TqpBound *v) {
    bool is_null = tqp_bind_is_null(v);
    uint16_t on = v->is_const && !is_null && v->c.b ? TQP_NO_REG : tqp_bind_true_mask(b, v);
    uint16_t off = v->is_const && !is_null && !v->c.b ? TQP_NO_REG : tqp_bind_false_mask(b, v);
    uint16_t some = j->conjunction ? off : on, *acc = j->conjunction ? &j->off : &j->on;
    j->nullable |= is_null || v->s.valid != TQP_NO_REG;
    *acc = j->has_some ? tqp_bind_mask_or(b, *acc, some) : some;
    j->has_some = true;
    if (j->conjunction)
        j->on = tqp_bind_mask_and(b, j->on, on);
    else
        j->off = tqp_bind_mask_and(b, j->off, off);
}

static TqpBound junction_value(TqpBinder *b, const Junction *j) {
    uint16_t valid = TQP_NO_REG;
    if (!j->has_some)
        return tqp_bind_const_bool(j->conjunction);
    if (j->nullable)
        valid = tqp_bind_mask_or(b, j->on, j->off);
    if (j->on == TQP_NO_REG)
        return tqp_bind_bool_where(b, true, valid);
    return tqp_bind_slot((TqpType){.kind = TQP_TYPE_BOOL}, TQP_LANE_MASK, j->on, valid);
}

static bool is_const_bool(const TqpBound *v, bool value) {
    return v->is_const && !v->c.is_null && v->c.b == value;
}

TqpBound tqp_bind_op_and(TqpBinder *b, const TqpExpr *e) {
    uint32_t n = tqp_bind_count_terms(e->nargs, e->args);
    TqpBindTerm *terms = tqp_bind_zalloc(b, n * sizeof(*terms));
    Junction j = {.conjunction = true, .on = TQP_NO_REG, .off = TQP_NO_REG};
    if (terms == NULL)
        return tqp_bind_const_bool(false);
    n = tqp_bind_terms(b, e->nargs, e->args, terms);
    uint16_t outer = b->guard;
    for (uint32_t i = 0; i < n && b->status == TQP_OK; i++) {
        TqpBound v = bind_term(b, &terms[i]);
        if (is_const_bool(&v, true))
            continue;
        if (is_const_bool(&v, false)) {
            b->guard = outer;
            return v;
        }
        join(b, &j, &v);
        b->guard = tqp_bind_mask_andnot(b, outer, j.off); /* later ones: where none is false */
    }
    b->guard = outer;
    return junction_value(b, &j);
}

TqpBound tqp_bind_op_or(TqpBinder *b, const TqpExpr *e) {
    Junction j = {.conjunction = false, .on = TQP_NO_REG, .off = TQP_NO_REG};
    uint16_t outer = b->guard;
    for (uint32_t i = 0; i < e->nargs && b->status == TQP_OK; i++) {
        TqpBound v = tqp_bind_expr(b, e->args[i]);
        if (is_const_bool(&v, false))
            continue;
        if (is_const_bool(&v, true)) {
            b->guard = outer;
            return v;
        }
        join(b, &j, &v);
        b->guard = tqp_bind_mask_andnot(b, outer, j.on); /* later ones: where none is true */
    }
    b->guard = outer;
    return junction_value(b, &j);
}

TqpBound tqp_bind_op_not(TqpBinder *b, const TqpExpr *e) {
    TqpBound v = tqp_bind_expr(b, e->args[0]);
    if (v.is_const)
        return v.c.is_null ? v : tqp_bind_const_bool(!v.c.b);
    return tqp_bind_slot(v.s.type, TQP_LANE_MASK, tqp_bind_false_mask(b, &v), v.s.valid);
}

TqpBound tqp_bind_op_is(TqpBinder *b, const TqpExpr *e) {
    TqpBound v = tqp_bind_expr(b, e->args[0]);
    if (e->op == TQP_OP_IS_NULL) {
        if (v.is_const || v.s.valid == TQP_NO_REG)
            return tqp_bind_const_bool(tqp_bind_is_null(&v));
        return tqp_bind_bool(b, tqp_bind_mask_andnot(b, TQP_NO_REG, v.s.valid), TQP_NO_REG);
    }
    bool wanted = e->op == TQP_OP_IS_TRUE;
    if (v.is_const)
        return tqp_bind_const_bool(is_const_bool(&v, wanted));
    return tqp_bind_bool(b, wanted ? v.s.reg : tqp_bind_false_mask(b, &v), TQP_NO_REG);
}
