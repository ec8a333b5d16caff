/* Casts between numbers, booleans and texts, with PostgreSQL's rounding and range checks. */
#include "program/bind.h"

static bool is_integer(TqpTypeKind k) {
    return k == TQP_TYPE_I16 || k == TQP_TYPE_I32 || k == TQP_TYPE_I64;
}

static bool is_exact(TqpTypeKind k) {
    return is_integer(k) || k == TQP_TYPE_NUM;
}

static TqpInt128 divide_round(TqpInt128 x, TqpInt128 by) {
    TqpInt128 q = x / by, r = x % by;
    if (r < 0 ? -r >= by - -r : r >= by - r)
        q += x < 0 ? -1 : 1;
    return q;
}

/* v / 10^digits, half away from zero. */
static TqpBound scale_down(TqpBinder *b, const TqpBound *v, int digits, TqpType type) {
    TqpInt128 by = tqp_int128_pow10(digits);
    TqpInt128 min = divide_round(v->s.min, by), max = divide_round(v->s.max, by);
    if (v->is_const || (min == max && v->s.valid == TQP_NO_REG))
        return tqp_bind_const_int(type, min);
    TqpLane lane = tqp_bind_fits_i64(v->s.min, v->s.max) && tqp_bind_fits_i64(by, by)
                       ? TQP_LANE_I64
                       : TQP_LANE_I128;
    TqpStep step = tqp_bind_step(TQP_STEP_DIV_ROUND_RI, lane);
    step.in[0] = tqp_bind_int_reg(b, v, lane, 0);
    if (lane == TQP_LANE_I128)
        step.imm[0].w = by;
    else
        step.imm[0].i = (int64_t)by;
    return tqp_bind_int_slot(type, lane, 0, tqp_bind_emit(b, &step, lane), v->s.valid, min, max);
}

/* Among I16, I32, I64 and NUM. */
static TqpBound cast_exact(TqpBinder *b, TqpBound v, TqpType type) {
    TqpBindRange limits = tqp_bind_type_limits(type);
    int digits = type.scale - v.s.type.scale;
    if (digits < -TQP_POW10_MAX || digits > TQP_POW10_MAX)
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "scale of a numeric");
    if (digits > 0)
        return tqp_bind_arith(b, TQP_OP_MUL, v, tqp_bind_const_int(type, tqp_int128_pow10(digits)),
                              type, limits);
    if (digits < 0)
        v = scale_down(b, &v, -digits, type);
    return tqp_bind_range_check(b, v, type, limits);
}

TqpBound tqp_bind_to_f64(TqpBinder *b, const TqpBound *v, TqpType type, int scale) {
    TqpInt128 exact = INT64_C(1) << 53;
    if (scale > 0 && (scale > 22 || v->s.min <= -exact || v->s.max >= exact))
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "numeric with too many digits for a float");
    double divisor = scale > 0 ? (double)tqp_int128_pow10(scale) : 1;
    if (v->is_const) {
        TqpValue c = {.f = (double)v->c.i / divisor, .is_null = v->c.is_null};
        return tqp_bind_const(type, &c);
    }
    TqpLane lane = v->s.lane;
    if (v->s.bias != 0)
        lane = TQP_LANE_I64;
    uint16_t reg = tqp_bind_int_reg(b, v, lane, 0);
    reg = tqp_bind_unary(b, TQP_STEP_TO_F64, lane, reg, 0, TQP_LANE_F64);
    if (scale > 0) {
        TqpStep step = tqp_bind_step(TQP_STEP_FDIV_RI, TQP_LANE_F64);
        step.in[0] = reg;
        step.imm[0].f = divisor;
        reg = tqp_bind_emit(b, &step, TQP_LANE_F64);
    }
    return tqp_bind_slot(type, TQP_LANE_F64, reg, v->s.valid);
}

static TqpBound f64_to_f32(TqpBinder *b, TqpBound v, TqpType type) {
    v = tqp_bind_to_reg(b, v);
    TqpStep step = tqp_bind_step(TQP_STEP_F64_TO_F32, TQP_LANE_F64);
    step.in[0] = v.s.reg;
    uint16_t reg = tqp_bind_emit_raising(b, &step, TQP_LANE_F32, v.s.valid);
    return tqp_bind_slot(type, TQP_LANE_F32, reg, v.s.valid);
}

static TqpBound exact_to_float(TqpBinder *b, const TqpBound *v, TqpType type) {
    TqpInt128 exact = INT64_C(1) << 53;
    bool rounds_twice = v->s.min <= -exact || v->s.max >= exact || v->s.type.scale > 0;
    TqpType f64 = {.kind = TQP_TYPE_F64};
    if (v->s.type.kind == TQP_TYPE_NUM && (v->s.min <= -exact || v->s.max >= exact))
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "numeric with too many digits for a float");
    if (type.kind == TQP_TYPE_F64)
        return tqp_bind_to_f64(b, v, type, v->s.type.scale);
    if (rounds_twice)
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "cast to real would round twice");
    return f64_to_f32(b, tqp_bind_to_f64(b, v, f64, 0), type);
}

static TqpBound f32_to_f64(TqpBinder *b, TqpBound v, TqpType type) {
    if (v.is_const)
        return tqp_bind_const(type, &v.c);
    uint16_t reg = tqp_bind_unary(b, TQP_STEP_TO_F64, TQP_LANE_F32, v.s.reg, 0, TQP_LANE_F64);
    return tqp_bind_slot(type, TQP_LANE_F64, reg, v.s.valid);
}

static TqpBound float_to_integer(TqpBinder *b, TqpBound v, TqpType type) {
    if (v.s.type.kind == TQP_TYPE_F32)
        v = f32_to_f64(b, v, (TqpType){.kind = TQP_TYPE_F64});
    v = tqp_bind_to_reg(b, v);
    TqpStep step = tqp_bind_step(TQP_STEP_F64_TO_I64, TQP_LANE_F64);
    step.in[0] = v.s.reg;
    uint16_t reg = tqp_bind_emit_raising(b, &step, TQP_LANE_I64, v.s.valid);
    TqpBound r = tqp_bind_int_slot(type, TQP_LANE_I64, 0, reg, v.s.valid, INT64_MIN, INT64_MAX);
    return tqp_bind_range_check(b, r, type, tqp_bind_type_limits(type));
}

static TqpBound bool_to_int(TqpBinder *b, const TqpBound *v, TqpType type) {
    if (v->is_const)
        return tqp_bind_const_int(type, v->c.b);
    uint16_t reg = tqp_bind_unary(b, TQP_STEP_MASK_TO_U8, TQP_LANE_MASK, v->s.reg, 0, TQP_LANE_U8);
    return tqp_bind_int_slot(type, TQP_LANE_U8, 0, reg, v->s.valid, 0, 1);
}

/* BPCHAR is stored without the blanks that a cast to TEXT strips, so only the name changes. */
static TqpBound cast_text(TqpBinder *b, TqpBound v, TqpType type) {
    if (type.kind == TQP_TYPE_BPCHAR && v.s.type.kind != TQP_TYPE_BPCHAR && !v.is_const)
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "cast of text to bpchar");
    v.s.type = type;
    return v;
}

TqpBound tqp_bind_cast(TqpBinder *b, TqpBound v, TqpType type) {
    TqpTypeKind from = v.s.type.kind, to = type.kind;
    TqpTypeClass from_class = tqp_type_class(from), to_class = tqp_type_class(to);
    if (tqp_bind_is_null(&v))
        return tqp_bind_null(type);
    if (from_class == TQP_CLASS_TEXT && to_class == TQP_CLASS_TEXT)
        return cast_text(b, v, type);
    if (from == to && (from != TQP_TYPE_NUM || v.s.type.scale == type.scale))
        return v;
    if (is_exact(from) && is_exact(to))
        return cast_exact(b, v, type);
    if (is_exact(from) && to_class == TQP_CLASS_FLOAT)
        return exact_to_float(b, &v, type);
    if (from == TQP_TYPE_F32 && to == TQP_TYPE_F64)
        return f32_to_f64(b, v, type);
    if (from == TQP_TYPE_F64 && to == TQP_TYPE_F32)
        return f64_to_f32(b, v, type);
    if (from_class == TQP_CLASS_FLOAT && is_integer(to))
        return float_to_integer(b, v, type);
    if (from == TQP_TYPE_BOOL && is_integer(to))
        return bool_to_int(b, &v, type);
    if (is_integer(from) && to == TQP_TYPE_BOOL)
        return tqp_bind_compare(b, TQP_OP_NE, v, tqp_bind_const_int(v.s.type, 0));
    if (from_class == TQP_CLASS_INT && to_class == TQP_CLASS_INT && !is_exact(from) &&
        !is_exact(to))
        return tqp_bind_cast_date(b, v, type);
    return tqp_bind_fail(b, TQP_UNSUPPORTED, "cast from %s to %s", tqp_type_kind_name(from),
                         tqp_type_kind_name(to));
}

TqpBound tqp_bind_op_cast(TqpBinder *b, const TqpExpr *e) {
    TqpBound v = tqp_bind_expr(b, e->args[0]);
    return b->status == TQP_OK ? tqp_bind_cast(b, v, e->type) : v;
}
