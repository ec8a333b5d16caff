/* Expressions: the table of operators, sharing of common subexpressions, columns and constants. */
#include <string.h>

#include "program/bind.h"

bool tqp_bind_value_of(TqpBinder *b, const TqpExpr *e, TqpValue *value) {
    if (e->op == TQP_OP_CONST) {
        *value = e->value;
        return true;
    }
    if (e->op != TQP_OP_PARAM)
        return false;
    if (e->index >= b->nparams) {
        tqp_bind_fail(b, TQP_INVALID, "parameter %u was not given", e->index);
        return false;
    }
    *value = b->params[e->index];
    return true;
}

static TqpBound bind_col(TqpBinder *b, const TqpExpr *e) {
    TqpBound v = tqp_bind_column(b, e->index);
    if (b->status == TQP_OK && v.s.type.kind != e->type.kind)
        return tqp_bind_fail(b, TQP_INVALID, "column %u has another type", e->index);
    v.s.type = e->type;
    return v;
}

static TqpBound bind_const(TqpBinder *b, const TqpExpr *e) {
    TqpValue value;
    if (!tqp_bind_value_of(b, e, &value))
        return tqp_bind_null(e->type);
    return tqp_bind_const(e->type, &value);
}

/* PAD is known to LIKE only, which looks through it. */
static TqpBound bind_pad(TqpBinder *b, const TqpExpr *e) {
    (void)e;
    return tqp_bind_fail(b, TQP_UNSUPPORTED, "blank-padded text outside LIKE");
}

/* A pair is known to aggregates only. */
static TqpBound bind_pair(TqpBinder *b, const TqpExpr *e) {
    (void)e;
    return tqp_bind_fail(b, TQP_INVALID, "pair outside of an aggregate");
}

static const TqpBindFn operators[TQP_OP_COUNT] = {
    [TQP_OP_COL] = bind_col,
    [TQP_OP_CONST] = bind_const,
    [TQP_OP_PARAM] = bind_const,
    [TQP_OP_NEG] = tqp_bind_op_neg,
    [TQP_OP_ABS] = tqp_bind_op_abs,
    [TQP_OP_SQRT] = tqp_bind_op_sqrt,
    [TQP_OP_ADD] = tqp_bind_op_arith,
    [TQP_OP_SUB] = tqp_bind_op_arith,
    [TQP_OP_MUL] = tqp_bind_op_arith,
    [TQP_OP_DIV] = tqp_bind_op_div,
    [TQP_OP_NUM_DIV] = tqp_bind_op_num_div,
    [TQP_OP_DIV_SCALE] = tqp_bind_op_num_div,
    [TQP_OP_MOD] = tqp_bind_op_div,
    [TQP_OP_EQ] = tqp_bind_op_compare,
    [TQP_OP_NE] = tqp_bind_op_compare,
    [TQP_OP_LT] = tqp_bind_op_compare,
    [TQP_OP_LE] = tqp_bind_op_compare,
    [TQP_OP_GT] = tqp_bind_op_compare,
    [TQP_OP_GE] = tqp_bind_op_compare,
    [TQP_OP_DISTINCT] = tqp_bind_op_distinct,
    [TQP_OP_AND] = tqp_bind_op_and,
    [TQP_OP_OR] = tqp_bind_op_or,
    [TQP_OP_NOT] = tqp_bind_op_not,
    [TQP_OP_IS_NULL] = tqp_bind_op_is,
    [TQP_OP_IS_TRUE] = tqp_bind_op_is,
    [TQP_OP_IS_FALSE] = tqp_bind_op_is,
    [TQP_OP_CASE] = tqp_bind_op_case,
    [TQP_OP_COALESCE] = tqp_bind_op_coalesce,
    [TQP_OP_GREATEST] = tqp_bind_op_extreme,
    [TQP_OP_LEAST] = tqp_bind_op_extreme,
    [TQP_OP_IN] = tqp_bind_op_in,
    [TQP_OP_LIKE] = tqp_bind_op_like,
    [TQP_OP_CAST] = tqp_bind_op_cast,
    [TQP_OP_EXTRACT] = tqp_bind_op_extract,
    [TQP_OP_DATE_TRUNC] = tqp_bind_op_date_trunc,
    [TQP_OP_AT_ZONE] = tqp_bind_op_at_zone,
    [TQP_OP_ADD_MONTHS] = tqp_bind_op_add_months,
    [TQP_OP_HOST] = tqp_bind_op_host,
    [TQP_OP_PAD] = bind_pad,
    [TQP_OP_PAIR] = bind_pair,
    [TQP_OP_LENGTH] = tqp_bind_op_length,
    [TQP_OP_SUBSTR] = tqp_bind_op_substr,
};

/* A value that cannot raise serves everywhere; one that can, only under the same guard. */
static const TqpBindMemo *find_memo(const TqpBinder *b, const TqpExpr *e) {
    for (uint32_t i = b->nmemo; i-- > 0;) {
        const TqpBindMemo *m = &b->memo[i];
        if (m->value.loose && m->guard != b->guard)
            continue;
        if (m->expr == e || tqp_ir_expr_equal(m->expr, e))
            return m;
    }
    return NULL;
}

TqpBound tqp_bind_expr(TqpBinder *b, const TqpExpr *e) {
    if (b->status != TQP_OK)
        return tqp_bind_null(e->type);
    if ((unsigned)e->op >= TQP_OP_COUNT || operators[e->op] == NULL)
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "operator %d cannot be bound", (int)e->op);
    if (e->nargs == 0)
        return operators[e->op](b, e);
    const TqpBindMemo *m = find_memo(b, e);
    if (m != NULL) {
        b->loose |= m->value.loose;
        return m->value;
    }
    bool outer = b->loose;
    b->loose = false;
    TqpBound v = operators[e->op](b, e);
    v.loose = b->loose;
    b->loose |= outer;
    b->memo = tqp_bind_grow(b, b->memo, b->nmemo, &b->memo_cap, sizeof(*b->memo));
    if (b->status == TQP_OK)
        b->memo[b->nmemo++] = (TqpBindMemo){e, b->guard, v};
    return v;
}

TqpBound tqp_bind_expr_guarded(TqpBinder *b, const TqpExpr *e, uint16_t guard) {
    uint16_t outer = b->guard;
    b->guard = guard;
    TqpBound v = tqp_bind_expr(b, e);
    b->guard = outer;
    return v;
}
