/*
 * Display scales that depend on the row.  PostgreSQL's numeric carries its own: the alternatives of
 * a CASE keep theirs.  The engine computes such a value at the greatest scale that it can have, and
 * beside it, where the display scale is seen, a second expression: the scale that PostgreSQL would
 * show.  What PostgreSQL finishes (lower_tail.c) is then round(value, scale).
 */
#include "postgres.h"

#include "pg/lower.h"

typedef struct Scaled {
    const TqpExpr *value; /* known by its address: equal expressions may differ in scale */
    const TqpExpr *scale;
} Scaled;

static const TqpType type_i32 = {.kind = TQP_TYPE_I32};
static const TqpType type_bool = {.kind = TQP_TYPE_BOOL};

const TqpExpr *tqp_lower_scale(const TqpLowering *l, const TqpExpr *e) {
    ListCell *lc;
    foreach (lc, l->scales) {
        const Scaled *s = lfirst(lc);
        if (s->value == e)
            return s->scale;
    }
    return NULL;
}

const TqpExpr *tqp_lower_scaled(TqpLowering *l, const TqpExpr *e, const TqpExpr *scale) {
    if (e == NULL || scale == NULL)
        return e;
    Scaled *s = palloc(sizeof(*s));
    *s = (Scaled){e, scale};
    l->scales = lappend(l->scales, s);
    return e;
}

/* The scale of any numeric expression, which may be fixed. */
static const TqpExpr *scale_of(TqpLowering *l, const TqpExpr *e) {
    const TqpExpr *scale = tqp_lower_scale(l, e);
    return scale != NULL ? scale : tqp_ir_const_int(l->arena, type_i32, e->type.scale);
}

const TqpExpr *tqp_lower_scale_call(TqpLowering *l, TqpOp op, uint32_t n, const TqpExpr **args) {
    const TqpExpr *scales[2];
    bool fixed = true;
    for (uint32_t i = 0; i < n; i++)
        fixed = fixed && tqp_lower_scale(l, args[i]) == NULL;
    if (fixed)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        scales[i] = scale_of(l, args[i]);
    if (n == 1)
        return scales[0];
    return tqp_ir_call2(l->arena, op == TQP_OP_MUL ? TQP_OP_ADD : TQP_OP_GREATEST, type_i32,
                        scales[0], scales[1]);
}

static bool is_null_const(const TqpExpr *e) {
    return e->op == TQP_OP_CONST && e->value.is_null;
}

bool tqp_lower_unify(TqpLowering *l, uint32_t n, const TqpExpr **exprs, const TqpExpr **scales) {
    uint32_t first = 0;
    bool mixed = false;
    while (first + 1 < n && is_null_const(exprs[first]))
        first++;
    TqpType type = exprs[first]->type;
    for (uint32_t i = 0; i < n; i++) {
        TqpType other = exprs[i]->type;
        if (is_null_const(exprs[i]))
            continue;
        if (other.kind != type.kind) {
            tqp_lower_fail(l, TQP_DECLINE_ALTERNATIVES, tqp_type_kind_name(type.kind),
                           tqp_type_kind_name(other.kind));
            return false;
        }
        mixed |= other.scale != type.scale || tqp_lower_scale(l, exprs[i]) != NULL;
        type.scale = Max(type.scale, other.scale);
    }
    for (uint32_t i = 0; i < n; i++) {
        scales[i] = mixed ? scale_of(l, exprs[i]) : NULL;
        exprs[i] = tqp_lower_cast(l, exprs[i], type);
    }
    return true;
}

/* PostgreSQL keeps the first of equal values (execExprInterp.c). */
static const TqpExpr *extreme_scale(TqpLowering *l, TqpOp op, uint32_t n, const TqpExpr **args,
                                    const TqpExpr **scales) {
    const TqpExpr *best = args[0], *scale = scales[0];
    for (uint32_t i = 1; i < n; i++) {
        const TqpExpr *so_far[2] = {best, args[i]};
        const TqpExpr *none = tqp_ir_call1(l->arena, TQP_OP_IS_NULL, type_bool, best);
        const TqpExpr *beats = tqp_ir_call2(l->arena, op == TQP_OP_GREATEST ? TQP_OP_GT : TQP_OP_LT,
                                            type_bool, args[i], best);
        const TqpExpr *chosen[3] = {tqp_ir_call2(l->arena, TQP_OP_OR, type_bool, none, beats),
                                    scales[i], scale};
        scale = tqp_ir_call(l->arena, TQP_OP_CASE, type_i32, 3, chosen);
        best = tqp_ir_call(l->arena, op, best->type, 2, so_far);
    }
    return scale;
}

static const TqpExpr *coalesce_scale(TqpLowering *l, uint32_t n, const TqpExpr **args,
                                     const TqpExpr **scales) {
    const TqpExpr *scale = scales[n - 1];
    for (uint32_t i = n - 1; i-- > 0;) {
        const TqpExpr *chosen[3] = {tqp_ir_call1(l->arena, TQP_OP_IS_NULL, type_bool, args[i]),
                                    scale, scales[i]};
        scale = tqp_ir_call(l->arena, TQP_OP_CASE, type_i32, 3, chosen);
    }
    return scale;
}

const TqpExpr *tqp_lower_choice_scale(TqpLowering *l, TqpOp op, uint32_t n, const TqpExpr **args,
                                      const TqpExpr **scales) {
    if (scales[0] == NULL)
        return NULL;
    return op == TQP_OP_COALESCE ? coalesce_scale(l, n, args, scales)
                                 : extreme_scale(l, op, n, args, scales);
}

const TqpExpr *tqp_lower_scale_seen(TqpLowering *l, const TqpExpr *e) {
    const TqpExpr *args[3] = {tqp_ir_call1(l->arena, TQP_OP_IS_NULL, type_bool, e),
                              tqp_ir_const_null(l->arena, type_i32), scale_of(l, e)};
    return tqp_ir_call(l->arena, TQP_OP_CASE, type_i32, 3, args);
}

/* Do the constants that a scale chooses among lie in {*low, *high}?  Both are -1 at first. */
static bool find_two(const TqpExpr *scale, TqpInt128 *low, TqpInt128 *high) {
    if (scale->op == TQP_OP_CASE) {
        bool ok = find_two(scale->args[scale->nargs - 1], low, high);
        for (uint32_t i = 1; ok && i < scale->nargs; i += 2)
            ok = find_two(scale->args[i], low, high);
        return ok;
    }
    if (scale->op != TQP_OP_CONST)
        return false;
    TqpInt128 v = scale->value.i;
    if (*low < 0) {
        *low = *high = v;
    } else if (*low == *high) {
        *low = Min(*low, v);
        *high = Max(*high, v);
    }
    return v == *low || v == *high;
}

static const TqpExpr *is_scale(TqpLowering *l, const TqpExpr *scale, TqpInt128 value) {
    if (scale->op == TQP_OP_CONST)
        return tqp_ir_const_bool(l->arena, scale->value.i == value);
    const TqpExpr **args = palloc(sizeof(*args) * scale->nargs);
    for (uint32_t i = 0; i < scale->nargs; i++)
        args[i] = i % 2 == 0 && i + 1 < scale->nargs ? scale->args[i]
                                                     : is_scale(l, scale->args[i], value);
    return tqp_ir_call(l->arena, TQP_OP_CASE, type_bool, scale->nargs, args);
}

const TqpExpr *tqp_lower_high_scale(TqpLowering *l, const TqpExpr *e, int32 *low, int32 *high) {
    const TqpExpr *scale = tqp_lower_scale(l, e);
    TqpInt128 least = -1, greatest = -1;
    if (!find_two(scale, &least, &greatest))
        return NULL;
    *low = (int32)least;
    *high = (int32)greatest;
    const TqpExpr *null = tqp_ir_call1(l->arena, TQP_OP_IS_NULL, type_bool, e);
    const TqpExpr *args[3] = {null, tqp_ir_const_bool(l->arena, false),
                              is_scale(l, scale, greatest)};
    return tqp_ir_call(l->arena, TQP_OP_CASE, type_bool, 3, args);
}

/* Room below the value's own digits for its scale, which is less than half a unit of them. */
#define SCALE_DIGITS 2

const TqpExpr *tqp_lower_with_scale(TqpLowering *l, const TqpExpr *e) {
    TqpType type = {.kind = TQP_TYPE_NUM, .scale = e->type.scale + SCALE_DIGITS};
    if (type.scale > TQP_LOWER_SCALE_MAX)
        return tqp_lower_fail(l, TQP_DECLINE_ALTERNATIVE_SCALES);
    const TqpExpr *scale = tqp_lower_cast(l, scale_of(l, e), (TqpType){.kind = TQP_TYPE_NUM});
    const TqpExpr *unit = tqp_ir_const_int(l->arena, type, 1);
    scale = tqp_ir_call2(l->arena, TQP_OP_MUL, type, unit, scale);
    return tqp_ir_call2(l->arena, TQP_OP_ADD, type, tqp_lower_cast(l, e, type), scale);
}

const TqpExpr *tqp_lower_split_scale(TqpLowering *l, const TqpExpr *packed, TqpType type) {
    const TqpExpr *value = tqp_lower_cast(l, packed, type); /* rounds the scale off */
    const TqpExpr *rest = tqp_ir_call2(l->arena, TQP_OP_SUB, packed->type, packed,
                                       tqp_lower_cast(l, value, packed->type));
    const TqpExpr *unit = tqp_ir_const_int(l->arena, (TqpType){.kind = TQP_TYPE_NUM},
                                           tqp_int128_pow10(packed->type.scale));
    const TqpExpr *scale = tqp_ir_call2(l->arena, TQP_OP_MUL, packed->type, rest, unit);
    return tqp_lower_scaled(l, value, tqp_lower_cast(l, scale, type_i32));
}
