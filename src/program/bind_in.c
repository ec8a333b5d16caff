/*
 * IN (constants): codes as a lookup tensor or an interval, wide integers and views as a set.  A
 * NULL among the constants makes NULL of what is not found.
 */
#include "base/bitmap.h"
#include "program/bind.h"

/* TRUE where v is; elsewhere NULL when the list had a NULL. */
static TqpBound with_nulls(TqpBinder *b, TqpBound found, bool list_has_null) {
    if (!list_has_null)
        return found;
    if (found.is_const)
        return !found.c.is_null && found.c.b ? found : tqp_bind_null(found.s.type);
    return tqp_bind_slot(found.s.type, TQP_LANE_MASK, found.s.reg,
                         tqp_bind_mask_and(b, found.s.reg, found.s.valid));
}

static uint32_t sort_distinct(TqpInt128 *x, uint32_t n) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) { /* binary insertion: lists are short */
        TqpInt128 v = x[i];
        uint32_t lo = 0, hi = kept;
        while (lo < hi) {
            uint32_t mid = (lo + hi) / 2;
            if (x[mid] < v)
                lo = mid + 1;
            else
                hi = mid;
        }
        if (lo < kept && x[lo] == v)
            continue;
        for (uint32_t k = kept++; k > lo; k--)
            x[k] = x[k - 1];
        x[lo] = v;
    }
    return kept;
}

/* A set over all codes of a U8 or U16 lane, whatever NULL rows hold. */
static TqpBound narrow_set(TqpBinder *b, const TqpBound *v, const TqpInt128 *x, uint32_t n) {
    uint32_t count = v->s.lane == TQP_LANE_U8 ? 256 : 65536;
    uint64_t *set = tqp_bind_zalloc(b, count / 8);
    for (uint32_t i = 0; i < n && set != NULL; i++)
        tqp_bitmap_set(set, (uint64_t)(x[i] - v->s.bias));
    return tqp_bind_code_set(b, v, set, set != NULL ? count : 0);
}

static TqpBound wide_set(TqpBinder *b, const TqpBound *v, const TqpInt128 *x, uint32_t n) {
    bool narrow = tqp_bind_fits_i64(v->s.min, v->s.max);
    TqpLane lane = narrow ? TQP_LANE_I64 : TQP_LANE_I128;
    const void *aux = x;
    if (narrow) {
        int64_t *values = tqp_bind_zalloc(b, n * sizeof(*values));
        for (uint32_t i = 0; i < n && values != NULL; i++)
            values[i] = (int64_t)x[i];
        aux = values;
    }
    uint16_t mask = tqp_bind_lut(b, TQP_STEP_IN_SET, lane, tqp_bind_int_reg(b, v, lane, 0), aux, n,
                                 TQP_LANE_MASK);
    return tqp_bind_bool(b, mask, v->s.valid);
}

static TqpBound int_in(TqpBinder *b, const TqpBound *v, TqpInt128 *x, uint32_t n) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (x[i] >= v->s.min && x[i] <= v->s.max)
            x[kept++] = x[i];
    }
    n = sort_distinct(x, kept);
    if (n == 0)
        return tqp_bind_bool_where(b, false, v->s.valid);
    if (x[n - 1] - x[0] == (TqpInt128)n - 1)
        return tqp_bind_between(b, v, x[0], x[n - 1], false);
    if (v->s.lane == TQP_LANE_U8 || v->s.lane == TQP_LANE_U16)
        return narrow_set(b, v, x, n);
    if (n == 2) {
        TqpBound p = tqp_bind_between(b, v, x[0], x[0], false);
        TqpBound q = tqp_bind_between(b, v, x[1], x[1], false);
        return tqp_bind_bool(b, tqp_bind_mask_or(b, p.s.reg, q.s.reg), v->s.valid);
    }
    return wide_set(b, v, x, n);
}

static TqpBound text_in(TqpBinder *b, const TqpBound *v, TqpView *x, uint32_t n) {
    if (tqp_bind_is_dict(v)) {
        uint32_t count = v->s.dict->count;
        uint64_t *set = tqp_bind_zalloc(b, (tqp_bitmap_words(count) + 1) * sizeof(*set));
        for (uint32_t i = 0; i < n && set != NULL; i++) {
            int64_t code = tqp_bind_dict_find(v->s.dict, x[i]);
            if (code >= 0)
                tqp_bitmap_set(set, (uint64_t)code);
        }
        return tqp_bind_code_set(b, v, set, set != NULL ? count : 0);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        TqpView s = x[i];
        uint32_t k = kept;
        while (k > 0 && tqp_bind_bytes_compare(x[k - 1], s) > 0)
            k--;
        if (k > 0 && tqp_bind_bytes_compare(x[k - 1], s) == 0)
            continue;
        for (uint32_t m = kept++; m > k; m--)
            x[m] = x[m - 1];
        x[k] = s;
    }
    uint16_t mask =
        tqp_bind_lut(b, TQP_STEP_IN_SET_VIEW, TQP_LANE_VIEW, v->s.reg, x, kept, TQP_LANE_MASK);
    return tqp_bind_bool(b, mask, v->s.valid);
}

/* Floats, booleans and constants: any of the equalities. */
static TqpBound any_equal(TqpBinder *b, const TqpBound *v, const TqpBound *list, uint32_t n) {
    uint16_t mask = tqp_bind_mask_fill(b, false);
    for (uint32_t i = 0; i < n; i++) {
        TqpBound eq = tqp_bind_compare(b, TQP_OP_EQ, *v, list[i]);
        uint16_t on = tqp_bind_true_mask(b, &eq);
        if (on == TQP_NO_REG)
            return eq;
        mask = tqp_bind_mask_or(b, mask, on);
    }
    return tqp_bind_bool(b, mask, v->s.valid);
}

TqpBound tqp_bind_op_in(TqpBinder *b, const TqpExpr *e) {
    TqpBound v = tqp_bind_expr(b, e->args[0]);
    TqpBound *list = tqp_bind_zalloc(b, e->nargs * sizeof(*list));
    TqpInt128 *ints = tqp_bind_zalloc(b, e->nargs * sizeof(*ints));
    TqpView *texts = tqp_bind_zalloc(b, e->nargs * sizeof(*texts));
    bool has_null = false;
    uint32_t n = 0;
    if (tqp_bind_is_null(&v) || list == NULL || ints == NULL || texts == NULL)
        return tqp_bind_null(e->type);
    for (uint32_t i = 1; i < e->nargs && b->status == TQP_OK; i++) {
        TqpBound c = tqp_bind_expr(b, e->args[i]);
        if (!c.is_const)
            return tqp_bind_fail(b, TQP_UNSUPPORTED, "IN among values that are not constant");
        if (c.c.is_null) {
            has_null = true;
            continue;
        }
        list[n] = c;
        ints[n] = c.c.i;
        texts[n] =
            tqp_type_class(c.s.type.kind) == TQP_CLASS_TEXT ? tqp_bind_text_const(&c) : c.c.s;
        n++;
    }
    TqpTypeClass class = tqp_type_class(v.s.type.kind);
    TqpBound found;
    if (v.is_const) {
        found = any_equal(b, &v, list, n);
    } else if (n == 0) {
        found = tqp_bind_bool_where(b, false, v.s.valid);
    } else if (class == TQP_CLASS_INT) {
        found = int_in(b, &v, ints, n);
    } else if (class == TQP_CLASS_TEXT) {
        found = text_in(b, &v, texts, n);
    } else {
        found = any_equal(b, &v, list, n);
    }
    return with_nulls(b, found, has_null);
}
