/*
 * numeric division and avg() in the engine, where PostgreSQL cannot finish above it: below the top
 * of a query.  The display scale of a quotient depends on its operands, so it is a value of its own
 * (lower_scale.c); the quotient is held at a scale that small ones need, too.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

#include "pg/lower.h"

/* PostgreSQL shows 16 digits of 1/10^8 at this scale; values stay below 10^14. */
#define QUOTIENT_SCALE 24

static const TqpType type_bool = {.kind = TQP_TYPE_BOOL};
static const TqpType type_i32 = {.kind = TQP_TYPE_I32};
static const TqpType type_f64 = {.kind = TQP_TYPE_F64};

const TqpExpr *tqp_lower_quotient(TqpLowering *l, const TqpExpr *x, const TqpExpr *y) {
    TqpType type = {.kind = TQP_TYPE_NUM, .scale = QUOTIENT_SCALE};
    if (x == NULL || y == NULL)
        return NULL;
    if (x->type.kind != TQP_TYPE_NUM || y->type.kind != TQP_TYPE_NUM)
        return tqp_lower_fail(l, TQP_DECLINE_DIVISION, tqp_type_kind_name(x->type.kind),
                              tqp_type_kind_name(y->type.kind));
    if (tqp_lower_scale(l, x) != NULL || tqp_lower_scale(l, y) != NULL)
        return tqp_lower_fail(l, TQP_DECLINE_DIVISION_SCALES);
    return tqp_lower_scaled(l, tqp_ir_call2(l->arena, TQP_OP_NUM_DIV, type, x, y),
                            tqp_ir_call2(l->arena, TQP_OP_DIV_SCALE, type_i32, x, y));
}

/* float8_accum adds to 0, so avg() is 0 where sum() is -0. */
static const TqpExpr *float_average(TqpLowering *l, const TqpAverage *average) {
    TqpValue value = {.f = 0.0};
    const TqpExpr *zero = tqp_ir_const(l->arena, type_f64, &value);
    const TqpExpr *n = tqp_lower_cast(l, average->count, type_f64);
    const TqpExpr *args[3] = {tqp_ir_call2(l->arena, TQP_OP_EQ, type_bool, average->sum, zero),
                              zero, tqp_ir_call2(l->arena, TQP_OP_DIV, type_f64, average->sum, n)};
    return tqp_ir_call(l->arena, TQP_OP_CASE, type_f64, 3, args);
}

const TqpExpr *tqp_lower_average(TqpLowering *l, Node *node) {
    TqpType whole = {.kind = TQP_TYPE_NUM};
    ListCell *lc;
    if (!l->has_tail)
        foreach (lc, l->averages) {
            const TqpAverage *average = lfirst(lc);
            if (!equal(average->aggref, node))
                continue;
            if (average->sum->type.kind == TQP_TYPE_F64)
                return float_average(l, average);
            if (average->scale != NULL)
                return tqp_lower_fail(l, TQP_DECLINE_AVERAGE_SCALES);
            const TqpExpr *sum = average->sum;
            if (sum->type.kind != TQP_TYPE_NUM)
                sum = tqp_lower_cast(l, sum, whole);
            return tqp_lower_quotient(l, sum, tqp_lower_cast(l, average->count, whole));
        }
    return tqp_lower_fail(l, TQP_DECLINE_FINISHED);
}
