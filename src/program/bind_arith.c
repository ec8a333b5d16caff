/*
 * Exact arithmetic.  Interval arithmetic in 128 bits proves the bounds of a result, which gives it
 * the narrowest lane that holds them; what is not proved is computed with the sticky flag.
 */
#include "program/bind.h"

TqpBindRange tqp_bind_type_limits(TqpType type) {
    TqpBindRange r;
    tqp_type_range(type, &r.min, &r.max);
    return r;
}

static bool inside(TqpBindRange r, TqpBindRange limits) {
    return r.min >= limits.min && r.max <= limits.max;
}

static TqpBindRange meet(TqpBindRange r, TqpBindRange limits) {
    if (r.min < limits.min)
        r.min = limits.min;
    if (r.max > limits.max)
        r.max = limits.max;
    if (r.min > r.max) /* every row raises */
        r.min = r.max = limits.min;
    return r;
}

/* False when a bound leaves 128 bits. */
static bool interval(TqpOp op, const TqpSlot *x, const TqpSlot *y, TqpBindRange *r) {
    if (op == TQP_OP_ADD)
        return !__builtin_add_overflow(x->min, y->min, &r->min) &&
               !__builtin_add_overflow(x->max, y->max, &r->max);
    if (op == TQP_OP_SUB)
        return !__builtin_sub_overflow(x->min, y->max, &r->min) &&
               !__builtin_sub_overflow(x->max, y->min, &r->max);
    TqpInt128 p[4];
    if (__builtin_mul_overflow(x->min, y->min, &p[0]) ||
        __builtin_mul_overflow(x->min, y->max, &p[1]) ||
        __builtin_mul_overflow(x->max, y->min, &p[2]) ||
        __builtin_mul_overflow(x->max, y->max, &p[3]))
        return false;
    r->min = r->max = p[0];
    for (int i = 1; i < 4; i++) {
        r->min = p[i] < r->min ? p[i] : r->min;
        r->max = p[i] > r->max ? p[i] : r->max;
    }
    return true;
}

static uint16_t both_valid(TqpBinder *b, const TqpBound *x, const TqpBound *y) {
    return tqp_bind_mask_and(b, x->s.valid, y->s.valid);
}

static TqpStep immediate(TqpStepOp op, TqpLane lane, uint16_t in, TqpInt128 imm) {
    TqpStep step = tqp_bind_step(op, lane);
    step.in[0] = in;
    if (lane == TQP_LANE_I128)
        step.imm[0].w = imm;
    else
        step.imm[0].i = (int64_t)imm;
    return step;
}

/* x + constant: no step in a narrow lane, the bias moves. */
static bool shift(const TqpBound *x, TqpInt128 delta, TqpType type, TqpBindRange r, TqpBound *out) {
    TqpInt128 bias = x->s.bias + delta;
    if (!tqp_bind_is_code(x->s.lane) || !tqp_bind_fits_i64(bias, bias))
        return false;
    *out = tqp_bind_int_slot(type, x->s.lane, (int64_t)bias, x->s.reg, x->s.valid, r.min, r.max);
    return true;
}

/* constant - x in x's narrow lane. */
static bool reverse(TqpBinder *b, TqpInt128 c, const TqpBound *x, TqpType type, TqpBindRange r,
                    TqpBound *out) {
    TqpLane lane = x->s.lane;
    if (!tqp_bind_is_code(lane) || !tqp_bind_fits_i64(r.min, r.max))
        return false;
    int64_t bias = tqp_bind_lane_covers(lane, 0, r.min, r.max) ? 0 : (int64_t)r.min;
    if (!tqp_bind_lane_covers(lane, bias, r.min, r.max))
        return false;
    /* c - (reg + x.bias) - bias, modulo the lane */
    TqpUint128 imm = (TqpUint128)(c - x->s.bias - bias) & (TqpUint128)tqp_bind_lane_max(lane);
    TqpStep step = immediate(TQP_STEP_RSUB_RI, lane, x->s.reg, (TqpInt128)imm);
    *out = tqp_bind_int_slot(type, lane, bias, tqp_bind_emit(b, &step, lane), x->s.valid, r.min,
                             r.max);
    return true;
}

/* x + y or x - y as codes of one narrow lane, computed modulo the lane, biases combined. */
static bool narrow_sum(TqpBinder *b, TqpOp op, const TqpBound *x, const TqpBound *y, TqpType type,
                       TqpBindRange r, TqpBound *out) {
    if (!tqp_bind_is_code(x->s.lane) || !tqp_bind_is_code(y->s.lane) ||
        !tqp_bind_fits_i64(r.min, r.max))
        return false;
    int64_t bias;
    TqpLane lane = tqp_bind_lane(0, r.max - r.min, &bias);
    if (!tqp_bind_is_code(lane))
        return false;
    lane = lane < x->s.lane ? x->s.lane : lane;
    lane = lane < y->s.lane ? y->s.lane : lane;
    uint16_t p = tqp_bind_int_reg(b, x, lane, x->s.bias);
    uint16_t q = tqp_bind_int_reg(b, y, lane, y->s.bias);
    uint16_t reg =
        tqp_bind_binary(b, op == TQP_OP_ADD ? TQP_STEP_ADD_RR : TQP_STEP_SUB_RR, lane, p, q, lane);
    TqpInt128 sum = (TqpInt128)x->s.bias + (op == TQP_OP_ADD ? y->s.bias : -(TqpInt128)y->s.bias);
    if (tqp_bind_fits_i64(sum, sum) && tqp_bind_lane_covers(lane, (int64_t)sum, r.min, r.max)) {
        bias = (int64_t)sum;
    } else {
        TqpUint128 imm = (TqpUint128)(sum - r.min) & (TqpUint128)tqp_bind_lane_max(lane);
        TqpStep step = immediate(TQP_STEP_ADD_RI, lane, reg, (TqpInt128)imm);
        reg = tqp_bind_emit(b, &step, lane);
        bias = (int64_t)r.min;
    }
    *out = tqp_bind_int_slot(type, lane, bias, reg, both_valid(b, x, y), r.min, r.max);
    return true;
}

/* x * c, c > 0, in a narrow lane: the bias is multiplied as well. */
static bool narrow_scale(TqpBinder *b, const TqpBound *x, TqpInt128 c, TqpType type, TqpBindRange r,
                         TqpBound *out) {
    if (!tqp_bind_is_code(x->s.lane) || c <= 0 || !tqp_bind_fits_i64(r.min, r.max))
        return false;
    TqpInt128 top, bias;
    if (__builtin_mul_overflow(x->s.max - x->s.bias, c, &top) ||
        __builtin_mul_overflow((TqpInt128)x->s.bias, c, &bias) || !tqp_bind_fits_i64(bias, bias) ||
        top > UINT32_MAX)
        return false;
    int64_t zero;
    TqpLane lane = tqp_bind_lane(0, top, &zero);
    if (lane < x->s.lane)
        lane = x->s.lane;
    uint16_t reg = tqp_bind_int_reg(b, x, lane, x->s.bias);
    TqpStep step = immediate(TQP_STEP_MUL_RI, lane, reg, c);
    reg = c == 1 ? reg : tqp_bind_emit(b, &step, lane);
    *out = tqp_bind_int_slot(type, lane, (int64_t)bias, reg, x->s.valid, r.min, r.max);
    return true;
}

/*
 * Is v a byte, or a constant minus one, that MUL_SMALL can take as it lies?  *y: the byte; the
 * factor is imm[0] + imm[1] * y.  The step that made a difference is dropped later when nothing
 * reads it.
 */
static bool small_factor(const TqpBinder *b, const TqpBound *v, uint16_t *y, TqpScalar imm[2]) {
    if (v->is_const || v->s.lane != TQP_LANE_U8 || v->s.reg == TQP_NO_REG || v->s.min < 0 ||
        v->s.bias < 0 || v->s.bias > INT32_MAX)
        return false;
    *y = v->s.reg;
    imm[0].i = v->s.bias;
    imm[1].i = 1;
    for (uint32_t i = b->nsteps; i-- > 0;) {
        const TqpStep *s = &b->steps[i];
        if (s->out != v->s.reg)
            continue;
        if (s->op == TQP_STEP_RSUB_RI && s->lane == TQP_LANE_U8) {
            *y = s->in[0];
            imm[0].i = v->s.bias + s->imm[0].i;
            imm[1].i = -1;
        }
        break;
    }
    return true;
}

/* x * y where one factor is U32 and the other small; TQP_NO_REG when they are not. */
static uint16_t small_product(TqpBinder *b, TqpStepOp op, const TqpBound *x, const TqpBound *y,
                              TqpLane out) {
    TqpStep step = tqp_bind_step(op, TQP_LANE_U32);
    if (x->s.lane == TQP_LANE_U8) {
        const TqpBound *swap = x;
        x = y, y = swap;
    }
    if (x->is_const || x->s.lane != TQP_LANE_U32 || x->s.bias != 0 ||
        !small_factor(b, y, &step.in[1], step.imm))
        return TQP_NO_REG;
    step.in[0] = x->s.reg;
    step.imm[2].i = (int64_t)y->s.max;
    return tqp_bind_emit(b, &step, out);
}

/* x * y of values that are not negative, in a narrow lane. */
static bool narrow_product(TqpBinder *b, const TqpBound *x, const TqpBound *y, TqpType type,
                           TqpBindRange r, TqpBound *out) {
    if (x->s.min < 0 || y->s.min < 0 || x->s.max > UINT32_MAX || y->s.max > UINT32_MAX ||
        r.max > UINT32_MAX)
        return false;
    int64_t zero;
    TqpLane lane = tqp_bind_lane(0, r.max > x->s.max ? r.max : x->s.max, &zero);
    if (y->s.max > tqp_bind_lane_max(lane))
        lane = tqp_bind_lane(0, y->s.max, &zero);
    if (lane < x->s.lane && tqp_bind_is_code(x->s.lane))
        lane = x->s.lane;
    if (lane < y->s.lane && tqp_bind_is_code(y->s.lane))
        lane = y->s.lane;
    uint16_t reg =
        lane == TQP_LANE_U32 ? small_product(b, TQP_STEP_MUL_SMALL, x, y, lane) : TQP_NO_REG;
    if (reg == TQP_NO_REG)
        reg = tqp_bind_binary(b, TQP_STEP_MUL_RR, lane, tqp_bind_int_reg(b, x, lane, 0),
                              tqp_bind_int_reg(b, y, lane, 0), lane);
    *out = tqp_bind_int_slot(type, lane, 0, reg, both_valid(b, x, y), r.min, r.max);
    return true;
}

static bool try_narrow(TqpBinder *b, TqpOp op, const TqpBound *x, const TqpBound *y, TqpType type,
                       TqpBindRange r, TqpBound *out) {
    if (op == TQP_OP_ADD && y->is_const)
        return shift(x, y->c.i, type, r, out);
    if (op == TQP_OP_ADD && x->is_const)
        return shift(y, x->c.i, type, r, out);
    if (op == TQP_OP_SUB && y->is_const)
        return shift(x, -y->c.i, type, r, out);
    if (op == TQP_OP_SUB && x->is_const)
        return reverse(b, x->c.i, y, type, r, out);
    if (op != TQP_OP_MUL)
        return narrow_sum(b, op, x, y, type, r, out);
    if (y->is_const)
        return narrow_scale(b, x, y->c.i, type, r, out);
    if (x->is_const)
        return narrow_scale(b, y, x->c.i, type, r, out);
    return narrow_product(b, x, y, type, r, out);
}

static TqpStepOp plain_op(TqpOp op) {
    return op == TQP_OP_ADD   ? TQP_STEP_ADD_RR
           : op == TQP_OP_SUB ? TQP_STEP_SUB_RR
                              : TQP_STEP_MUL_RR;
}

static TqpStepOp check_op(TqpOp op) {
    return op == TQP_OP_ADD   ? TQP_STEP_ADD_CHECK
           : op == TQP_OP_SUB ? TQP_STEP_SUB_CHECK
                              : TQP_STEP_MUL_CHECK;
}

/* In lane I64 or I128, where the result is proved to fit. */
static uint16_t wide_plain(TqpBinder *b, TqpOp op, const TqpBound *x, const TqpBound *y,
                           TqpLane lane) {
    const TqpBound *c = y->is_const ? y : x->is_const && op != TQP_OP_SUB ? x : NULL;
    const TqpBound *v = c == y ? x : y;
    if (c != NULL && op != TQP_OP_SUB) {
        TqpStep step = immediate(op == TQP_OP_ADD ? TQP_STEP_ADD_RI : TQP_STEP_MUL_RI, lane,
                                 tqp_bind_int_reg(b, v, lane, 0), c->c.i);
        return tqp_bind_emit(b, &step, lane);
    }
    if (op == TQP_OP_SUB && y->is_const && y->c.i > INT64_MIN) {
        TqpStep step = immediate(TQP_STEP_ADD_RI, lane, tqp_bind_int_reg(b, x, lane, 0), -y->c.i);
        return tqp_bind_emit(b, &step, lane);
    }
    if (op == TQP_OP_SUB && x->is_const) {
        TqpStep step = immediate(TQP_STEP_RSUB_RI, lane, tqp_bind_int_reg(b, y, lane, 0), x->c.i);
        return tqp_bind_emit(b, &step, lane);
    }
    bool short_factors = op == TQP_OP_MUL && lane == TQP_LANE_I64 && x->s.min >= 0 &&
                         y->s.min >= 0 && x->s.max <= UINT32_MAX && y->s.max <= UINT32_MAX;
    uint16_t small =
        short_factors ? small_product(b, TQP_STEP_MUL_WIDE_SMALL, x, y, lane) : TQP_NO_REG;
    if (small != TQP_NO_REG)
        return small;
    if (short_factors && (x->s.lane < TQP_LANE_I64 || y->s.lane < TQP_LANE_I64))
        return tqp_bind_binary(b, TQP_STEP_MUL_WIDE_RR, TQP_LANE_U32,
                               tqp_bind_int_reg(b, x, TQP_LANE_U32, 0),
                               tqp_bind_int_reg(b, y, TQP_LANE_U32, 0), lane);
    return tqp_bind_binary(b, short_factors ? TQP_STEP_MUL32_RR : plain_op(op), lane,
                           tqp_bind_int_reg(b, x, lane, 0), tqp_bind_int_reg(b, y, lane, 0), lane);
}

static bool operands_fit(const TqpBound *x, const TqpBound *y) {
    return tqp_bind_fits_i64(x->s.min, x->s.max) && tqp_bind_fits_i64(y->s.min, y->s.max);
}

TqpBound tqp_bind_range_check(TqpBinder *b, TqpBound v, TqpType type, TqpBindRange limits) {
    TqpBindRange r = {v.s.min, v.s.max};
    if (tqp_bind_is_null(&v))
        return tqp_bind_null(type);
    if (!inside(r, limits)) {
        TqpLane lane = tqp_bind_fits_i64(r.min, r.max) ? TQP_LANE_I64 : TQP_LANE_I128;
        if (lane == TQP_LANE_I64)
            limits = meet(limits, (TqpBindRange){INT64_MIN, INT64_MAX});
        TqpStep step =
            immediate(TQP_STEP_RANGE_CHECK, lane, tqp_bind_int_reg(b, &v, lane, 0), limits.min);
        if (lane == TQP_LANE_I128)
            step.imm[1].w = limits.max;
        else
            step.imm[1].i = (int64_t)limits.max;
        tqp_bind_emit_raising(b, &step, -1, v.s.valid);
        r = meet(r, limits);
        /* What is kept of a wide register is proved now: later steps may narrow it. */
        v = tqp_bind_int_slot(type, lane, 0, step.in[0], v.s.valid, r.min, r.max);
    }
    if (v.is_const)
        return tqp_bind_const_int(type, v.c.i);
    v.s.type = type;
    return v;
}

TqpBound tqp_bind_arith(TqpBinder *b, TqpOp op, TqpBound x, TqpBound y, TqpType type,
                        TqpBindRange limits) {
    TqpBound out;
    TqpBindRange r;
    if (tqp_bind_is_null(&x) || tqp_bind_is_null(&y))
        return tqp_bind_null(type);
    bool exact = interval(op, &x.s, &y.s, &r);
    uint16_t valid = both_valid(b, &x, &y);
    if (exact && r.min == r.max && inside(r, limits) && valid == TQP_NO_REG)
        return tqp_bind_const_int(type, r.min);
    if (x.is_const && y.is_const)
        x = tqp_bind_to_reg(b, x); /* it raises: let the steps do it */
    if (exact && try_narrow(b, op, &x, &y, type, r, &out))
        return tqp_bind_range_check(b, out, type, limits);
    if (exact && tqp_bind_fits_i64(r.min, r.max) && operands_fit(&x, &y)) {
        uint16_t reg = wide_plain(b, op, &x, &y, TQP_LANE_I64);
        out = tqp_bind_int_slot(type, TQP_LANE_I64, 0, reg, valid, r.min, r.max);
        return tqp_bind_range_check(b, out, type, limits);
    }
    if (tqp_bind_fits_i64(limits.min, limits.max) && operands_fit(&x, &y)) {
        TqpStep step = tqp_bind_step(check_op(op), TQP_LANE_I64);
        step.in[0] = tqp_bind_int_reg(b, &x, TQP_LANE_I64, 0);
        step.in[1] = tqp_bind_int_reg(b, &y, TQP_LANE_I64, 0);
        uint16_t reg = tqp_bind_emit_raising(b, &step, TQP_LANE_I64, valid);
        r = meet(exact ? r : limits, (TqpBindRange){INT64_MIN, INT64_MAX});
        out = tqp_bind_int_slot(type, TQP_LANE_I64, 0, reg, valid, r.min, r.max);
        return tqp_bind_range_check(b, out, type, limits);
    }
    if (exact) {
        uint16_t reg = wide_plain(b, op, &x, &y, TQP_LANE_I128);
        out = tqp_bind_int_slot(type, TQP_LANE_I128, 0, reg, valid, r.min, r.max);
        return tqp_bind_range_check(b, out, type, limits);
    }
    TqpStep step = tqp_bind_step(check_op(op), TQP_LANE_I128);
    step.in[0] = tqp_bind_int_reg(b, &x, TQP_LANE_I128, 0);
    step.in[1] = tqp_bind_int_reg(b, &y, TQP_LANE_I128, 0);
    uint16_t reg = tqp_bind_emit_raising(b, &step, TQP_LANE_I128, valid);
    out = tqp_bind_int_slot(type, TQP_LANE_I128, 0, reg, valid, TQP_INT128_MIN, TQP_INT128_MAX);
    return tqp_bind_range_check(b, out, type, limits);
}
