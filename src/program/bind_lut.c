/*
 * A function of an integer with a narrow domain becomes a lookup tensor, evaluated here once per
 * code with the same pure function as the kernels'.  A function of such a lookup is one lookup
 * again.
 */
#include "program/bind.h"

#define DOMAIN_MAX 65536

bool tqp_bind_narrow_codes(TqpBinder *b, const TqpBound *v, TqpBindTable *t) {
    if (v->is_const)
        return false;
    if (v->table != NULL) {
        *t = *v->table;
        return true;
    }
    if (v->s.max - v->s.min >= DOMAIN_MAX || !tqp_bind_fits_i64(v->s.min, v->s.max))
        return false;
    if (v->s.lane == TQP_LANE_U8 || v->s.lane == TQP_LANE_U16) {
        t->reg = v->s.reg;
        t->lane = v->s.lane;
        t->lo = (uint32_t)(v->s.min - v->s.bias);
        t->hi = (uint32_t)(v->s.max - v->s.bias);
    } else {
        t->reg = tqp_bind_int_reg(b, v, TQP_LANE_U16, (int64_t)v->s.min);
        t->lane = TQP_LANE_U16;
        t->lo = 0;
        t->hi = (uint32_t)(v->s.max - v->s.min);
    }
    t->values = NULL;
    return true;
}

int64_t tqp_bind_code_value(const TqpBound *v, const TqpBindTable *t, uint32_t i) {
    return t->values != NULL ? t->values[i] : (int64_t)v->s.min + i;
}

uint32_t tqp_bind_table_entries(const TqpBindTable *t) {
    return t->lane == TQP_LANE_U8 ? 256 : DOMAIN_MAX;
}

static void store(void *aux, TqpLane lane, uint32_t i, int64_t value) {
    if (lane == TQP_LANE_U8)
        ((uint8_t *)aux)[i] = (uint8_t)value;
    else if (lane == TQP_LANE_U16)
        ((uint16_t *)aux)[i] = (uint16_t)value;
    else if (lane == TQP_LANE_U32)
        ((uint32_t *)aux)[i] = (uint32_t)value;
    else
        ((int64_t *)aux)[i] = value;
}

static TqpStepOp lut_op(TqpLane lane) {
    return lane == TQP_LANE_U8    ? TQP_STEP_LUT_U8
           : lane == TQP_LANE_U16 ? TQP_STEP_LUT_U16
           : lane == TQP_LANE_U32 ? TQP_STEP_LUT_U32
                                  : TQP_STEP_LUT_I64;
}

uint16_t tqp_bind_lut_ints(TqpBinder *b, TqpLane code_lane, uint16_t codes, uint32_t first,
                           uint32_t n, const int64_t *values, uint32_t entries, TqpLane *lane,
                           int64_t *bias, TqpBindRange *range) {
    range->min = range->max = n > 0 ? values[0] : 0;
    for (uint32_t i = 1; i < n; i++) {
        range->min = values[i] < range->min ? values[i] : range->min;
        range->max = values[i] > range->max ? values[i] : range->max;
    }
    *lane = tqp_bind_lane(range->min, range->max, bias);
    void *aux = tqp_bind_zalloc(b, (size_t)entries * tqp_lane_bytes(*lane));
    if (aux == NULL)
        return 0;
    for (uint32_t i = 0; i < n; i++)
        store(aux, *lane, first + i, values[i] - *bias);
    return tqp_bind_lut(b, lut_op(*lane), code_lane, codes, aux, entries, *lane);
}

bool tqp_bind_int_table(TqpBinder *b, const TqpBound *v, TqpType type, TqpBindIntFn fn,
                        const void *arg, TqpBound *out) {
    TqpBindTable from;
    if (!tqp_bind_narrow_codes(b, v, &from))
        return false;
    uint32_t n = from.hi - from.lo + 1;
    int64_t *values = tqp_bind_zalloc(b, n * sizeof(*values));
    TqpBindTable *table = tqp_bind_zalloc(b, sizeof(*table));
    if (values == NULL || table == NULL)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (!fn(tqp_bind_code_value(v, &from, i), &values[i], arg))
            return false;
    }
    *table = from;
    table->values = values;
    uint32_t entries = tqp_bind_table_entries(&from);
    TqpLane lane;
    int64_t bias;
    TqpBindRange r;
    uint16_t reg =
        tqp_bind_lut_ints(b, from.lane, from.reg, from.lo, n, values, entries, &lane, &bias, &r);
    *out = tqp_bind_int_slot(type, lane, bias, reg, v->s.valid, r.min, r.max);
    out->table = table;
    return true;
}
