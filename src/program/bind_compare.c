/*
 * Comparisons.  An integer column meets a constant in its own narrow lane: the constant moves into
 * the code domain, and what the proved range decides is folded.
 */
#include "program/bind.h"

static TqpStepOp ri_op(TqpOp op) {
    static const TqpStepOp steps[] = {
        [TQP_OP_EQ] = TQP_STEP_EQ_RI, [TQP_OP_NE] = TQP_STEP_NE_RI, [TQP_OP_LT] = TQP_STEP_LT_RI,
        [TQP_OP_LE] = TQP_STEP_LE_RI, [TQP_OP_GT] = TQP_STEP_GT_RI, [TQP_OP_GE] = TQP_STEP_GE_RI};
    return steps[op];
}

static TqpOp mirrored(TqpOp op) {
    switch (op) {
    case TQP_OP_LT:
        return TQP_OP_GT;
    case TQP_OP_LE:
        return TQP_OP_GE;
    case TQP_OP_GT:
        return TQP_OP_LT;
    case TQP_OP_GE:
        return TQP_OP_LE;
    default:
        return op;
    }
}

static uint16_t int_step(TqpBinder *b, TqpStepOp op, const TqpBound *v, TqpInt128 lo,
                         TqpInt128 hi) {
    TqpStep step = tqp_bind_step(op, v->s.lane);
    step.in[0] = v->s.reg;
    if (v->s.lane == TQP_LANE_I128) {
        step.imm[0].w = lo;
        step.imm[1].w = op == TQP_STEP_BETWEEN_RI ? hi : 0;
    } else {
        step.imm[0].i = (int64_t)(lo - v->s.bias);
        step.imm[1].i = op == TQP_STEP_BETWEEN_RI ? (int64_t)(hi - v->s.bias) : 0;
    }
    return tqp_bind_emit(b, &step, TQP_LANE_MASK);
}

TqpBound tqp_bind_between(TqpBinder *b, const TqpBound *v, TqpInt128 lo, TqpInt128 hi,
                          bool negate) {
    TqpInt128 min = v->s.min, max = v->s.max;
    if (tqp_bind_is_null(v))
        return tqp_bind_null((TqpType){.kind = TQP_TYPE_BOOL});
    if (lo > max || hi < min || lo > hi)
        return tqp_bind_bool_where(b, negate, v->s.valid);
    if (lo <= min && hi >= max)
        return tqp_bind_bool_where(b, !negate, v->s.valid);
    uint16_t mask;
    if (lo == hi) {
        mask = int_step(b, negate ? TQP_STEP_NE_RI : TQP_STEP_EQ_RI, v, lo, lo);
        return tqp_bind_bool(b, mask, v->s.valid);
    }
    if (lo <= min)
        mask = int_step(b, negate ? TQP_STEP_GT_RI : TQP_STEP_LE_RI, v, hi, hi);
    else if (hi >= max)
        mask = int_step(b, negate ? TQP_STEP_LT_RI : TQP_STEP_GE_RI, v, lo, lo);
    else {
        mask = int_step(b, TQP_STEP_BETWEEN_RI, v, lo, hi);
        if (negate)
            mask = tqp_bind_mask_andnot(b, TQP_NO_REG, mask);
    }
    return tqp_bind_bool(b, mask, v->s.valid);
}

static TqpBound int_const_compare(TqpBinder *b, TqpOp op, const TqpBound *v, TqpInt128 c) {
    switch (op) {
    case TQP_OP_EQ:
    case TQP_OP_NE:
        return tqp_bind_between(b, v, c, c, op == TQP_OP_NE);
    case TQP_OP_LT:
        if (c == TQP_INT128_MIN)
            return tqp_bind_bool_where(b, false, v->s.valid);
        return tqp_bind_between(b, v, TQP_INT128_MIN, c - 1, false);
    case TQP_OP_LE:
        return tqp_bind_between(b, v, TQP_INT128_MIN, c, false);
    case TQP_OP_GT:
        if (c == TQP_INT128_MAX)
            return tqp_bind_bool_where(b, false, v->s.valid);
        return tqp_bind_between(b, v, c + 1, TQP_INT128_MAX, false);
    default:
        return tqp_bind_between(b, v, c, TQP_INT128_MAX, false);
    }
}

/* The narrowest lane and bias that hold both operands, at the least conversions. */
static TqpLane common_lane(const TqpBound *x, const TqpBound *y, int64_t *bias) {
    TqpInt128 min = x->s.min < y->s.min ? x->s.min : y->s.min;
    TqpInt128 max = x->s.max > y->s.max ? x->s.max : y->s.max;
    const TqpBound *wide = x->s.lane >= y->s.lane ? x : y, *other = wide == x ? y : x;
    if (tqp_bind_lane_covers(wide->s.lane, wide->s.bias, min, max)) {
        *bias = wide->s.bias;
        return wide->s.lane;
    }
    if (other->s.lane == wide->s.lane &&
        tqp_bind_lane_covers(wide->s.lane, other->s.bias, min, max)) {
        *bias = other->s.bias;
        return wide->s.lane;
    }
    TqpLane lane = tqp_bind_lane(min, max, bias);
    return lane;
}

/* Decided by the ranges alone?  Then *value says how. */
static bool decided(TqpOp op, const TqpSlot *x, const TqpSlot *y, bool *value) {
    bool below = x->max<y->min, above = x->min> y->max;
    bool not_above = x->max <= y->min, not_below = x->min >= y->max;
    switch (op) {
    case TQP_OP_EQ:
    case TQP_OP_NE:
        *value = op == TQP_OP_NE;
        return below || above;
    case TQP_OP_LT:
        *value = below;
        return below || not_below;
    case TQP_OP_LE:
        *value = not_above;
        return not_above || above;
    case TQP_OP_GT:
        *value = above;
        return above || not_above;
    default:
        *value = not_below;
        return not_below || below;
    }
}

/* EQ, NE, LT, LE on two registers of a lane; GT and GE swap. */
uint16_t tqp_bind_compare_regs(TqpBinder *b, TqpOp op, TqpLane lane, uint16_t x, uint16_t y) {
    switch (op) {
    case TQP_OP_EQ:
        return tqp_bind_binary(b, TQP_STEP_EQ_RR, lane, x, y, TQP_LANE_MASK);
    case TQP_OP_NE:
        return tqp_bind_binary(b, TQP_STEP_NE_RR, lane, x, y, TQP_LANE_MASK);
    case TQP_OP_LT:
        return tqp_bind_binary(b, TQP_STEP_LT_RR, lane, x, y, TQP_LANE_MASK);
    case TQP_OP_LE:
        return tqp_bind_binary(b, TQP_STEP_LE_RR, lane, x, y, TQP_LANE_MASK);
    case TQP_OP_GT:
        return tqp_bind_binary(b, TQP_STEP_LT_RR, lane, y, x, TQP_LANE_MASK);
    default:
        return tqp_bind_binary(b, TQP_STEP_LE_RR, lane, y, x, TQP_LANE_MASK);
    }
}

static TqpBound int_compare(TqpBinder *b, TqpOp op, const TqpBound *x, const TqpBound *y) {
    bool value;
    uint16_t valid = tqp_bind_mask_and(b, x->s.valid, y->s.valid);
    if (decided(op, &x->s, &y->s, &value))
        return tqp_bind_bool_where(b, value, valid);
    if (y->is_const)
        return int_const_compare(b, op, x, y->c.i);
    if (x->is_const)
        return int_const_compare(b, mirrored(op), y, x->c.i);
    int64_t bias;
    TqpLane lane = common_lane(x, y, &bias);
    uint16_t p = tqp_bind_int_reg(b, x, lane, bias), q = tqp_bind_int_reg(b, y, lane, bias);
    return tqp_bind_bool(b, tqp_bind_compare_regs(b, op, lane, p, q), valid);
}

static TqpBound float_compare(TqpBinder *b, TqpOp op, TqpBound x, TqpBound y) {
    if (x.is_const && !y.is_const) {
        TqpBound swap = x;
        x = y, y = swap;
        op = mirrored(op);
    }
    x = tqp_bind_to_reg(b, x);
    if (y.is_const) {
        TqpStep step = tqp_bind_step(ri_op(op), x.s.lane);
        step.in[0] = x.s.reg;
        step.imm[0].f = y.c.f;
        return tqp_bind_bool(b, tqp_bind_emit(b, &step, TQP_LANE_MASK), x.s.valid);
    }
    uint16_t valid = tqp_bind_mask_and(b, x.s.valid, y.s.valid);
    if (x.s.lane != y.s.lane)
        return tqp_bind_fail(b, TQP_INVALID, "floats of different types compared");
    return tqp_bind_bool(b, tqp_bind_compare_regs(b, op, x.s.lane, x.s.reg, y.s.reg), valid);
}

/* false < true */
static TqpBound bool_compare(TqpBinder *b, TqpOp op, TqpBound x, TqpBound y) {
    x = tqp_bind_to_reg(b, x);
    y = tqp_bind_to_reg(b, y);
    uint16_t valid = tqp_bind_mask_and(b, x.s.valid, y.s.valid);
    uint16_t p = x.s.reg, q = y.s.reg, mask;
    switch (op) {
    case TQP_OP_EQ:
        mask = tqp_bind_mask_andnot(b, TQP_NO_REG, tqp_bind_mask_xor(b, p, q));
        break;
    case TQP_OP_NE:
        mask = tqp_bind_mask_xor(b, p, q);
        break;
    case TQP_OP_LT:
        mask = tqp_bind_mask_andnot(b, q, p);
        break;
    case TQP_OP_GT:
        mask = tqp_bind_mask_andnot(b, p, q);
        break;
    case TQP_OP_LE:
        mask = tqp_bind_mask_andnot(b, TQP_NO_REG, tqp_bind_mask_andnot(b, p, q));
        break;
    default:
        mask = tqp_bind_mask_andnot(b, TQP_NO_REG, tqp_bind_mask_andnot(b, q, p));
        break;
    }
    return tqp_bind_bool(b, mask, valid);
}

TqpBound tqp_bind_compare(TqpBinder *b, TqpOp op, TqpBound x, TqpBound y) {
    if (tqp_bind_is_null(&x) || tqp_bind_is_null(&y))
        return tqp_bind_null((TqpType){.kind = TQP_TYPE_BOOL});
    switch (tqp_type_class(x.s.type.kind)) {
    case TQP_CLASS_INT:
        if (x.s.type.kind == TQP_TYPE_NUM && x.s.type.scale != y.s.type.scale)
            return tqp_bind_fail(b, TQP_INVALID, "numbers of different scales compared");
        return int_compare(b, op, &x, &y);
    case TQP_CLASS_FLOAT:
        return float_compare(b, op, x, y);
    case TQP_CLASS_BOOL:
        return bool_compare(b, op, x, y);
    default:
        return tqp_bind_text_compare(b, op, &x, &y);
    }
}

TqpBound tqp_bind_op_compare(TqpBinder *b, const TqpExpr *e) {
    TqpBound x = tqp_bind_expr(b, e->args[0]);
    TqpBound y = tqp_bind_expr(b, e->args[1]);
    return b->status == TQP_OK ? tqp_bind_compare(b, e->op, x, y) : x;
}

/* IS DISTINCT FROM: exactly one is NULL, or both are not and they differ. */
TqpBound tqp_bind_op_distinct(TqpBinder *b, const TqpExpr *e) {
    TqpBound x = tqp_bind_expr(b, e->args[0]);
    TqpBound y = tqp_bind_expr(b, e->args[1]);
    if (b->status != TQP_OK)
        return x;
    if (tqp_bind_is_null(&x) && tqp_bind_is_null(&y))
        return tqp_bind_const_bool(false);
    if (tqp_bind_is_null(&x) || tqp_bind_is_null(&y)) {
        uint16_t valid = tqp_bind_is_null(&x) ? y.s.valid : x.s.valid;
        if (valid == TQP_NO_REG)
            return tqp_bind_const_bool(true);
        return tqp_bind_bool(b, valid, TQP_NO_REG);
    }
    TqpBound ne = tqp_bind_compare(b, TQP_OP_NE, x, y);
    if (x.s.valid == TQP_NO_REG && y.s.valid == TQP_NO_REG)
        return ne;
    uint16_t one = x.s.valid, other = y.s.valid, odd;
    if (one == TQP_NO_REG || other == TQP_NO_REG)
        odd = tqp_bind_mask_andnot(b, TQP_NO_REG, one == TQP_NO_REG ? other : one);
    else
        odd = tqp_bind_mask_xor(b, one, other);
    uint16_t differ = tqp_bind_true_mask(b, &ne);
    if (differ == TQP_NO_REG)
        return tqp_bind_const_bool(true);
    return tqp_bind_bool(b, tqp_bind_mask_or(b, differ, odd), TQP_NO_REG);
}
