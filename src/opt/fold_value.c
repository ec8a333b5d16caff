/*
 * Operators on constant values.  What would raise is left to run time, so that the error, if the
 * query meets it at all, is the genuine one.  Float rules: PostgreSQL's utils/float.h.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opt/pass.h"

static const int64_t us_per_day = INT64_C(86400000000);
/* datetime.h: finite dates and timestamps, the upper ends exclusive, days and us since 2000. */
static const int64_t date_least = -2451545, date_end = 2145031949;
static const int64_t ts_least = INT64_C(-211813488000000000), ts_end = INT64_C(9223371331200000000);

static bool in_range(TqpType type, TqpInt128 value) {
    TqpInt128 min, max;
    tqp_type_range(type, &min, &max);
    return value >= min && value <= max;
}

static int compare_floats(double x, double y) {
    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    return (x > y) - (x < y);
}

bool tqp_opt_compare(TqpType type, const TqpValue *x, const TqpValue *y, int *order) {
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_BOOL:
        *order = x->b - y->b;
        return true;
    case TQP_CLASS_INT:
        *order = (x->i > y->i) - (x->i < y->i);
        return true;
    case TQP_CLASS_FLOAT:
        *order = compare_floats(x->f, y->f);
        return true;
    case TQP_CLASS_TEXT: {
        uint32_t n = x->s.len < y->s.len ? x->s.len : y->s.len;
        *order = n > 0 ? memcmp(x->s.data, y->s.data, n) : 0;
        if (*order == 0)
            *order = (x->s.len > y->s.len) - (x->s.len < y->s.len);
        return *order == 0 || type.collation == 0;
    }
    }
    return false;
}

static bool evaluate_compare(const TqpExpr *e, TqpValue *out) {
    int c;
    if (!tqp_opt_compare(e->args[0]->type, &e->args[0]->value, &e->args[1]->value, &c))
        return false;
    switch (e->op) {
    case TQP_OP_EQ:
        out->b = c == 0;
        return true;
    case TQP_OP_NE:
    case TQP_OP_DISTINCT:
        out->b = c != 0;
        return true;
    case TQP_OP_LT:
        out->b = c < 0;
        return true;
    case TQP_OP_LE:
        out->b = c <= 0;
        return true;
    case TQP_OP_GT:
        out->b = c > 0;
        return true;
    default:
        out->b = c >= 0;
        return true;
    }
}

static bool evaluate_int(const TqpExpr *e, TqpInt128 x, TqpInt128 y, TqpInt128 *r) {
    switch (e->op) {
    case TQP_OP_ADD:
        return !__builtin_add_overflow(x, y, r);
    case TQP_OP_SUB:
        return !__builtin_sub_overflow(x, y, r);
    case TQP_OP_MUL:
        return !__builtin_mul_overflow(x, y, r);
    case TQP_OP_DIV:
        if (y != 0)
            *r = x / y;
        return y != 0;
    case TQP_OP_MOD:
        if (y != 0)
            *r = x % y;
        return y != 0;
    default:
        return false;
    }
}

static bool evaluate_float(const TqpExpr *e, double x, double y, double *r) {
    bool single = e->type.kind == TQP_TYPE_F32;
    switch (e->op) {
    case TQP_OP_ADD:
        *r = single ? (double)((float)x + (float)y) : x + y;
        return !isinf(*r) || isinf(x) || isinf(y);
    case TQP_OP_SUB:
        *r = single ? (double)((float)x - (float)y) : x - y;
        return !isinf(*r) || isinf(x) || isinf(y);
    case TQP_OP_MUL:
        *r = single ? (double)((float)x * (float)y) : x * y;
        return (!isinf(*r) || isinf(x) || isinf(y)) && (*r != 0 || x == 0 || y == 0);
    case TQP_OP_DIV:
        if (y == 0)
            return false; /* NaN / 0 is NaN, but rare enough for run time */
        *r = single ? (double)((float)x / (float)y) : x / y;
        return (!isinf(*r) || isinf(x)) && (*r != 0 || x == 0 || isinf(y));
    default:
        return false;
    }
}

static bool finite_date(TqpInt128 days) {
    return days >= date_least && days < date_end;
}

static bool evaluate_dates(const TqpExpr *e, TqpInt128 x, TqpInt128 y, TqpInt128 *r) {
    if (!finite_date(x) || (e->type.kind == TQP_TYPE_I32 && !finite_date(y)))
        return false;
    return evaluate_int(e, x, y, r) && (e->type.kind == TQP_TYPE_I32 || finite_date(*r));
}

static bool is_moment(TqpTypeKind k) {
    return k == TQP_TYPE_DATE || k == TQP_TYPE_TIME || k == TQP_TYPE_TS || k == TQP_TYPE_TSTZ;
}

static bool evaluate_arithmetic(const TqpExpr *e, TqpValue *out) {
    const TqpValue *x = &e->args[0]->value, *y = &e->args[1]->value;
    if (tqp_type_class(e->type.kind) == TQP_CLASS_FLOAT)
        return evaluate_float(e, x->f, y->f, &out->f);
    if (e->args[0]->type.kind == TQP_TYPE_DATE)
        return evaluate_dates(e, x->i, y->i, &out->i) && in_range(e->type, out->i);
    if (is_moment(e->args[0]->type.kind))
        return false;
    return evaluate_int(e, x->i, y->i, &out->i) && in_range(e->type, out->i);
}

static bool evaluate_sign(const TqpExpr *e, TqpValue *out) {
    const TqpValue *x = &e->args[0]->value;
    out->f = e->op == TQP_OP_NEG ? -x->f : fabs(x->f);
    out->i = e->op == TQP_OP_NEG || x->i < 0 ? -x->i : x->i;
    return tqp_type_class(e->type.kind) == TQP_CLASS_FLOAT || in_range(e->type, out->i);
}

/* ---- casts ---- */

/* Between scales: up exactly, down with halves away from zero. */
static bool rescale(TqpInt128 x, int from, int to, TqpInt128 *r) {
    if (to >= from)
        return !__builtin_mul_overflow(x, tqp_int128_pow10(to - from), r);
    TqpInt128 unit = tqp_int128_pow10(from - to), rest = x % unit;
    *r = x / unit;
    if (rest >= unit - rest || -rest >= unit + rest)
        *r += x < 0 ? -1 : 1;
    return true;
}

/* The decimal as the nearest float, through text as PostgreSQL's numeric_float8 does. */
static double scaled_to_float(TqpInt128 x, int scale, bool single) {
    char buf[TQP_INT128_DIGITS + 16];
    int len = tqp_int128_print(x, buf);
    snprintf(buf + len, 16, "e-%d", scale);
    return single ? (double)strtof(buf, NULL) : strtod(buf, NULL);
}

static bool float_to_float(double x, TqpTypeKind to, double *r) {
    *r = to == TQP_TYPE_F32 ? (double)(float)x : x;
    return (!isinf(*r) || isinf(x)) && (*r != 0 || x == 0);
}

static bool float_to_int(double x, TqpType to, TqpInt128 *r) {
    if (to.kind == TQP_TYPE_NUM || isnan(x) || fabs(x) > 1e19)
        return false; /* numeric keeps 15 digits of a float: left to run time */
    *r = (TqpInt128)rint(x);
    return in_range(to, *r);
}

static bool moment_cast(TqpType from, TqpType to, TqpInt128 x, TqpInt128 *r) {
    if (from.kind == TQP_TYPE_DATE && to.kind == TQP_TYPE_TS) {
        *r = x * us_per_day;
        return finite_date(x) && *r >= ts_least && *r < ts_end;
    }
    if (from.kind != TQP_TYPE_TS || x < ts_least || x >= ts_end)
        return false;
    TqpInt128 rest = x % us_per_day;
    if (rest < 0)
        rest += us_per_day;
    *r = to.kind == TQP_TYPE_DATE ? (x - rest) / us_per_day : rest;
    return true;
}

static bool evaluate_cast(const TqpExpr *e, TqpValue *out) {
    const TqpValue *x = &e->args[0]->value;
    TqpType from = e->args[0]->type, to = e->type;
    TqpTypeClass source = tqp_type_class(from.kind), target = tqp_type_class(to.kind);
    *out = *x;
    if (from.kind == to.kind && from.scale == to.scale)
        return true; /* at most another collation */
    if (source == TQP_CLASS_TEXT)
        return false;
    if (source == TQP_CLASS_BOOL || target == TQP_CLASS_BOOL) {
        *out = (TqpValue){.b = x->i != 0, .i = x->b};
        return true;
    }
    if (is_moment(from.kind))
        return moment_cast(from, to, x->i, &out->i);
    if (source == TQP_CLASS_FLOAT && target == TQP_CLASS_FLOAT)
        return float_to_float(x->f, to.kind, &out->f);
    if (source == TQP_CLASS_FLOAT)
        return float_to_int(x->f, to, &out->i);
    if (target == TQP_CLASS_FLOAT) {
        out->f = scaled_to_float(x->i, from.scale, to.kind == TQP_TYPE_F32);
        return out->f != 0 || x->i == 0;
    }
    return rescale(x->i, from.scale, to.scale, &out->i) && in_range(to, out->i);
}

static bool evaluate_extreme(const TqpExpr *e, TqpValue *out) {
    *out = e->args[0]->value;
    for (uint32_t i = 1; i < e->nargs; i++) {
        int c;
        if (!tqp_opt_compare(e->type, &e->args[i]->value, out, &c))
            return false;
        if (e->op == TQP_OP_GREATEST ? c > 0 : c < 0)
            *out = e->args[i]->value;
    }
    return true;
}

bool tqp_opt_evaluate(const TqpExpr *call, TqpValue *value) {
    *value = (TqpValue){0};
    switch (call->op) {
    case TQP_OP_NEG:
    case TQP_OP_ABS:
        return evaluate_sign(call, value);
    case TQP_OP_ADD:
    case TQP_OP_SUB:
    case TQP_OP_MUL:
    case TQP_OP_DIV:
    case TQP_OP_MOD:
        return evaluate_arithmetic(call, value);
    case TQP_OP_EQ:
    case TQP_OP_NE:
    case TQP_OP_LT:
    case TQP_OP_LE:
    case TQP_OP_GT:
    case TQP_OP_GE:
    case TQP_OP_DISTINCT:
        return evaluate_compare(call, value);
    case TQP_OP_GREATEST:
    case TQP_OP_LEAST:
        return evaluate_extreme(call, value);
    case TQP_OP_CAST:
        return evaluate_cast(call, value);
    default:
        return false;
    }
}
