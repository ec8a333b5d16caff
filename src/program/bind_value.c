/* Bound values: constants, slots, masks of booleans, and moving integers between lanes. */
#include <string.h>

#include "program/bind.h"

TqpBound tqp_bind_slot(TqpType type, TqpLane lane, uint16_t reg, uint16_t valid) {
    TqpBound v;
    memset(&v, 0, sizeof(v));
    v.s.type = type;
    v.s.lane = lane;
    v.s.reg = reg;
    v.s.valid = valid;
    return v;
}

TqpBound tqp_bind_int_slot(TqpType type, TqpLane lane, int64_t bias, uint16_t reg, uint16_t valid,
                           TqpInt128 min, TqpInt128 max) {
    TqpBound v = tqp_bind_slot(type, lane, reg, valid);
    v.s.bias = bias;
    v.s.has_range = true;
    v.s.min = min;
    v.s.max = max;
    return v;
}

TqpBound tqp_bind_const(TqpType type, const TqpValue *value) {
    TqpBound v = tqp_bind_slot(type, TQP_LANE_U8, TQP_NO_REG, TQP_NO_REG);
    v.is_const = true;
    v.c = *value;
    if (tqp_type_class(type.kind) == TQP_CLASS_INT) {
        v.s.has_range = true;
        v.s.min = v.s.max = value->is_null ? 0 : value->i;
    }
    return v;
}

TqpBound tqp_bind_const_int(TqpType type, TqpInt128 value) {
    TqpValue c;
    memset(&c, 0, sizeof(c));
    c.i = value;
    return tqp_bind_const(type, &c);
}

TqpBound tqp_bind_const_bool(bool value) {
    TqpValue c;
    memset(&c, 0, sizeof(c));
    c.b = value;
    return tqp_bind_const((TqpType){.kind = TQP_TYPE_BOOL}, &c);
}

TqpBound tqp_bind_null(TqpType type) {
    TqpValue c;
    memset(&c, 0, sizeof(c));
    c.is_null = true;
    return tqp_bind_const(type, &c);
}

TqpBound tqp_bind_bool(TqpBinder *b, uint16_t mask, uint16_t valid) {
    return tqp_bind_slot((TqpType){.kind = TQP_TYPE_BOOL}, TQP_LANE_MASK,
                         tqp_bind_mask_and(b, mask, valid), valid);
}

TqpBound tqp_bind_bool_where(TqpBinder *b, bool value, uint16_t valid) {
    if (valid == TQP_NO_REG)
        return tqp_bind_const_bool(value);
    uint16_t reg = value ? valid : tqp_bind_mask_fill(b, false);
    return tqp_bind_slot((TqpType){.kind = TQP_TYPE_BOOL}, TQP_LANE_MASK, reg, valid);
}

uint16_t tqp_bind_true_mask(TqpBinder *b, const TqpBound *v) {
    if (!v->is_const)
        return v->s.reg;
    return !v->c.is_null && v->c.b ? TQP_NO_REG : tqp_bind_mask_fill(b, false);
}

uint16_t tqp_bind_false_mask(TqpBinder *b, const TqpBound *v) {
    if (v->is_const)
        return tqp_bind_mask_fill(b, !v->c.is_null && !v->c.b);
    return tqp_bind_mask_andnot(b, v->s.valid, v->s.reg);
}

static TqpLane plain_lane(TqpType type) {
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_BOOL:
        return TQP_LANE_MASK;
    case TQP_CLASS_FLOAT:
        return type.kind == TQP_TYPE_F32 ? TQP_LANE_F32 : TQP_LANE_F64;
    case TQP_CLASS_TEXT:
        return TQP_LANE_VIEW;
    default:
        return TQP_LANE_U8;
    }
}

/* INT class: a register of zeros whose bias is the value, unless that needs 128 bits. */
static void int_const_reg(TqpBinder *b, TqpBound *v) {
    bool wide = !tqp_bind_fits_i64(v->c.i, v->c.i);
    v->s.lane = wide ? TQP_LANE_I128 : TQP_LANE_U8;
    v->s.bias = wide ? 0 : (int64_t)v->c.i;
    v->s.reg = tqp_bind_fill_int(b, v->s.lane, wide ? v->c.i : 0);
}

TqpBound tqp_bind_to_reg(TqpBinder *b, TqpBound v) {
    if (!v.is_const)
        return v;
    TqpBound r = v;
    r.is_const = false;
    r.s.lane = plain_lane(v.s.type);
    r.s.valid = v.c.is_null ? tqp_bind_mask_fill(b, false) : TQP_NO_REG;
    TqpTypeClass class = tqp_type_class(v.s.type.kind);
    if (class == TQP_CLASS_BOOL) {
        r.s.reg = tqp_bind_mask_fill(b, !v.c.is_null && v.c.b);
    } else if (class == TQP_CLASS_INT) {
        r.c.i = v.c.is_null ? 0 : v.c.i;
        int_const_reg(b, &r);
    } else {
        TqpStep step = tqp_bind_step(TQP_STEP_FILL, r.s.lane);
        if (class == TQP_CLASS_FLOAT)
            step.imm[0].f = v.c.is_null ? 0 : v.c.f;
        else
            step.imm[0].s = v.c.is_null ? tqp_view("", 0) : tqp_bind_text_const(&v);
        r.s.reg = tqp_bind_emit(b, &step, r.s.lane);
    }
    return r;
}

TqpInt128 tqp_bind_lane_max(TqpLane lane) {
    return lane == TQP_LANE_U8 ? UINT8_MAX : lane == TQP_LANE_U16 ? UINT16_MAX : UINT32_MAX;
}

bool tqp_bind_lane_covers(TqpLane lane, int64_t bias, TqpInt128 min, TqpInt128 max) {
    if (lane == TQP_LANE_I128)
        return bias == 0;
    if (lane == TQP_LANE_I64)
        return bias == 0 && tqp_bind_fits_i64(min, max);
    return tqp_bind_is_code(lane) && min >= bias && max <= tqp_bind_lane_max(lane) + bias;
}

TqpLane tqp_bind_lane(TqpInt128 min, TqpInt128 max, int64_t *bias) {
    *bias = 0;
    if (!tqp_bind_fits_i64(min, max))
        return TQP_LANE_I128;
    for (TqpLane lane = TQP_LANE_U8; lane <= TQP_LANE_U32; lane++) {
        if (tqp_bind_lane_covers(lane, 0, min, max))
            return lane;
        if (tqp_bind_lane_covers(lane, (int64_t)min, min, max)) {
            *bias = (int64_t)min;
            return lane;
        }
    }
    return TQP_LANE_I64;
}

static TqpStepOp convert_op(TqpLane lane) {
    switch (lane) {
    case TQP_LANE_U8:
        return TQP_STEP_TO_U8;
    case TQP_LANE_U16:
        return TQP_STEP_TO_U16;
    case TQP_LANE_U32:
        return TQP_STEP_TO_U32;
    case TQP_LANE_I64:
        return TQP_STEP_TO_I64;
    default:
        return TQP_STEP_TO_I128;
    }
}

uint16_t tqp_bind_int_reg(TqpBinder *b, const TqpBound *v, TqpLane lane, int64_t bias) {
    if (v->is_const)
        return tqp_bind_fill_int(b, lane, v->c.is_null ? 0 : v->c.i - bias);
    TqpInt128 delta = (TqpInt128)v->s.bias - bias;
    if (delta < INT64_MIN || delta > INT64_MAX) {
        tqp_bind_fail(b, TQP_UNSUPPORTED, "integer bias out of range");
        return 0;
    }
    if (lane != v->s.lane)
        return tqp_bind_unary(b, convert_op(lane), v->s.lane, v->s.reg, (int64_t)delta, lane);
    if (delta == 0)
        return v->s.reg;
    /* Narrow lanes wrap: the immediate is the lane's own value. */
    int64_t imm = (int64_t)delta;
    if (tqp_bind_is_code(lane))
        imm &= (int64_t)tqp_bind_lane_max(lane);
    return tqp_bind_unary(b, TQP_STEP_ADD_RI, lane, v->s.reg, imm, lane);
}
