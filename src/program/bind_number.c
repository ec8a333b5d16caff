/* Negation, absolute value, division and the float operators. */
#include "program/bind.h"

static bool is_float(TqpType type) {
    return tqp_type_class(type.kind) == TQP_CLASS_FLOAT;
}

static TqpLane float_lane(TqpType type) {
    return type.kind == TQP_TYPE_F32 ? TQP_LANE_F32 : TQP_LANE_F64;
}

TqpBound tqp_bind_float(TqpBinder *b, TqpOp op, TqpBound x, TqpBound y, TqpType type) {
    static const TqpStepOp steps[] = {[TQP_OP_ADD] = TQP_STEP_FADD,
                                      [TQP_OP_SUB] = TQP_STEP_FSUB,
                                      [TQP_OP_MUL] = TQP_STEP_FMUL,
                                      [TQP_OP_DIV] = TQP_STEP_FDIV};
    if (tqp_bind_is_null(&x) || tqp_bind_is_null(&y))
        return tqp_bind_null(type);
    TqpLane lane = float_lane(type);
    x = tqp_bind_to_reg(b, x);
    y = tqp_bind_to_reg(b, y);
    if (b->status == TQP_OK && (x.s.lane != lane || y.s.lane != lane))
        return tqp_bind_fail(b, TQP_INVALID, "float operands of different types");
    uint16_t valid = tqp_bind_mask_and(b, x.s.valid, y.s.valid);
    TqpStep step = tqp_bind_step(steps[op], lane);
    step.in[0] = x.s.reg;
    step.in[1] = y.s.reg;
    return tqp_bind_slot(type, lane, tqp_bind_emit_raising(b, &step, (int)lane, valid), valid);
}

static TqpBound float_unary(TqpBinder *b, TqpStepOp op, TqpBound x, TqpType type) {
    x = tqp_bind_to_reg(b, x);
    uint16_t reg = tqp_bind_unary(b, op, x.s.lane, x.s.reg, 0, x.s.lane);
    return tqp_bind_slot(type, x.s.lane, reg, x.s.valid);
}

static bool is_moment(TqpType type) {
    return type.kind == TQP_TYPE_DATE || type.kind == TQP_TYPE_TS || type.kind == TQP_TYPE_TSTZ;
}

TqpBound tqp_bind_op_arith(TqpBinder *b, const TqpExpr *e) {
    TqpBound x = tqp_bind_expr(b, e->args[0]);
    TqpBound y = tqp_bind_expr(b, e->args[1]);
    if (b->status != TQP_OK)
        return x;
    if (is_float(e->type))
        return tqp_bind_float(b, e->op, x, y, e->type);
    if ((is_moment(x.s.type) && !tqp_bind_finite(b, &x)) ||
        (is_moment(y.s.type) && !tqp_bind_finite(b, &y)))
        return tqp_bind_null(e->type);
    TqpBindRange limits =
        is_moment(e->type) ? tqp_bind_date_limits(e->type.kind) : tqp_bind_type_limits(e->type);
    return tqp_bind_arith(b, e->op, x, y, e->type, limits);
}

TqpBound tqp_bind_op_neg(TqpBinder *b, const TqpExpr *e) {
    TqpBound x = tqp_bind_expr(b, e->args[0]);
    if (tqp_bind_is_null(&x))
        return tqp_bind_null(e->type);
    if (is_float(e->type))
        return float_unary(b, TQP_STEP_FNEG, x, e->type);
    return tqp_bind_arith(b, TQP_OP_SUB, tqp_bind_const_int(e->type, 0), x, e->type,
                          tqp_bind_type_limits(e->type));
}

TqpBound tqp_bind_op_abs(TqpBinder *b, const TqpExpr *e) {
    TqpBound x = tqp_bind_expr(b, e->args[0]);
    TqpBindRange limits = tqp_bind_type_limits(e->type);
    if (tqp_bind_is_null(&x))
        return tqp_bind_null(e->type);
    if (is_float(e->type))
        return float_unary(b, TQP_STEP_FABS, x, e->type);
    if (x.s.min >= 0)
        return x;
    if (x.s.max <= 0)
        return tqp_bind_arith(b, TQP_OP_SUB, tqp_bind_const_int(e->type, 0), x, e->type, limits);
    if (e->type.kind == TQP_TYPE_I64)
        x = tqp_bind_range_check(b, x, e->type, (TqpBindRange){-INT64_MAX, INT64_MAX});
    TqpInt128 top = -x.s.min > x.s.max ? -x.s.min : x.s.max;
    TqpLane lane = tqp_bind_fits_i64(-top, top) ? TQP_LANE_I64 : TQP_LANE_I128;
    if (x.s.min == TQP_INT128_MIN)
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "absolute value of an unbounded number");
    uint16_t reg = tqp_bind_unary(b, TQP_STEP_ABS, lane, tqp_bind_int_reg(b, &x, lane, 0), 0, lane);
    TqpBound v = tqp_bind_int_slot(e->type, lane, 0, reg, x.s.valid, 0, top);
    return tqp_bind_range_check(b, v, e->type, limits);
}

TqpBound tqp_bind_op_sqrt(TqpBinder *b, const TqpExpr *e) {
    TqpBound x = tqp_bind_expr(b, e->args[0]);
    if (tqp_bind_is_null(&x))
        return tqp_bind_null(e->type);
    x = tqp_bind_to_reg(b, x);
    TqpStep step = tqp_bind_step(TQP_STEP_FSQRT, TQP_LANE_F64);
    step.in[0] = x.s.reg;
    uint16_t reg = tqp_bind_emit_raising(b, &step, TQP_LANE_F64, x.s.valid);
    return tqp_bind_slot(e->type, TQP_LANE_F64, reg, x.s.valid);
}

static TqpInt128 magnitude(const TqpSlot *s) {
    TqpInt128 low = s->min < 0 ? -s->min : s->min, high = s->max < 0 ? -s->max : s->max;
    return low > high ? low : high;
}

/* Truncating division is monotone in each operand while the divisor keeps its sign. */
static TqpBindRange quotient(const TqpSlot *x, const TqpSlot *y) {
    TqpInt128 top = magnitude(x);
    TqpBindRange r = {-top, top};
    if (y->min <= 0 && y->max >= 0)
        return r;
    TqpInt128 q[4] = {x->min / y->min, x->min / y->max, x->max / y->min, x->max / y->max};
    r.min = r.max = q[0];
    for (int i = 1; i < 4; i++) {
        r.min = q[i] < r.min ? q[i] : r.min;
        r.max = q[i] > r.max ? q[i] : r.max;
    }
    return r;
}

static TqpBindRange remainder_range(const TqpSlot *x, const TqpSlot *y) {
    TqpInt128 top = magnitude(x), below = magnitude(y) - 1;
    if (below < 0)
        below = 0;
    top = below < top ? below : top;
    return (TqpBindRange){x->min < 0 ? -top : 0, x->max > 0 ? top : 0};
}

TqpBound tqp_bind_op_div(TqpBinder *b, const TqpExpr *e) {
    TqpBound x = tqp_bind_expr(b, e->args[0]);
    TqpBound y = tqp_bind_expr(b, e->args[1]);
    if (is_float(e->type))
        return tqp_bind_float(b, e->op, x, y, e->type);
    if (tqp_bind_is_null(&x) || tqp_bind_is_null(&y))
        return tqp_bind_null(e->type);
    bool modulo = e->op == TQP_OP_MOD;
    TqpBindRange r = modulo ? remainder_range(&x.s, &y.s) : quotient(&x.s, &y.s);
    if (x.is_const && y.is_const && y.c.i != 0 && tqp_bind_fits_i64(r.min, r.max))
        return tqp_bind_range_check(
            b, tqp_bind_const_int(e->type, modulo ? x.c.i % y.c.i : x.c.i / y.c.i), e->type,
            tqp_bind_type_limits(e->type));
    bool narrow = tqp_bind_fits_i64(x.s.min, x.s.max) && tqp_bind_fits_i64(y.s.min, y.s.max);
    TqpLane lane = narrow ? TQP_LANE_I64 : TQP_LANE_I128;
    uint16_t valid = tqp_bind_mask_and(b, x.s.valid, y.s.valid);
    TqpStep step = tqp_bind_step(modulo ? TQP_STEP_MOD_CHECK : TQP_STEP_DIV_CHECK, lane);
    step.in[0] = tqp_bind_int_reg(b, &x, lane, 0);
    step.in[1] = tqp_bind_int_reg(b, &y, lane, 0);
    bool safe = y.is_const && y.c.i != 0 && y.c.i != -1;
    uint16_t reg =
        safe ? tqp_bind_emit(b, &step, lane) : tqp_bind_emit_raising(b, &step, (int)lane, valid);
    if (lane == TQP_LANE_I64 && r.max > INT64_MAX)
        r.max = INT64_MAX; /* least / -1 was flagged */
    if (lane == TQP_LANE_I64 && r.min < INT64_MIN)
        r.min = INT64_MIN;
    TqpBound v = tqp_bind_int_slot(e->type, lane, 0, reg, valid, r.min, r.max);
    return tqp_bind_range_check(b, v, e->type, tqp_bind_type_limits(e->type));
}

/* |x / y| at scale `to` is at most |x| * 10^(to + scale of y - scale of x), rounded. */
static TqpBindRange num_quotient(const TqpSlot *x, int32_t y_scale, int32_t to) {
    TqpBindRange all = {-TQP_INT128_MAX, TQP_INT128_MAX};
    TqpInt128 top = magnitude(x);
    for (int32_t k = to + y_scale - x->type.scale; k > 0; k--)
        if (__builtin_mul_overflow(top, (TqpInt128)10, &top))
            return all;
    return top < TQP_INT128_MAX ? (TqpBindRange){-top - 1, top + 1} : all;
}

/* PostgreSQL's numeric quotient, or its display scale. */
TqpBound tqp_bind_op_num_div(TqpBinder *b, const TqpExpr *e) {
    bool scale = e->op == TQP_OP_DIV_SCALE;
    TqpBound x = tqp_bind_expr(b, e->args[0]);
    TqpBound y = tqp_bind_expr(b, e->args[1]);
    if (tqp_bind_is_null(&x) || tqp_bind_is_null(&y))
        return tqp_bind_null(e->type);
    uint16_t valid = tqp_bind_mask_and(b, x.s.valid, y.s.valid);
    TqpStep step = tqp_bind_step(scale ? TQP_STEP_NUM_DIV_SCALE : TQP_STEP_NUM_DIV, TQP_LANE_I128);
    step.imm[0].i = e->args[0]->type.scale;
    step.imm[1].i = e->args[1]->type.scale;
    step.imm[2].i = scale ? 0 : e->type.scale;
    TqpBindRange r = num_quotient(&x.s, e->args[1]->type.scale, e->type.scale);
    step.in[0] = tqp_bind_int_reg(b, &x, TQP_LANE_I128, 0);
    step.in[1] = tqp_bind_int_reg(b, &y, TQP_LANE_I128, 0);
    if (scale)
        return tqp_bind_int_slot(e->type, TQP_LANE_I64, 0, tqp_bind_emit(b, &step, TQP_LANE_I64),
                                 valid, 0, 1000);
    uint16_t reg = tqp_bind_emit_raising(b, &step, TQP_LANE_I128, valid);
    return tqp_bind_int_slot(e->type, TQP_LANE_I128, 0, reg, valid, r.min, r.max);
}
