/* Dates and timestamps: EXTRACT, DATE_TRUNC, months, and casts between them. */
#include "program/bind.h"
#include "program/dates.h"

TqpBindRange tqp_bind_date_limits(TqpTypeKind kind) {
    if (kind == TQP_TYPE_DATE)
        return (TqpBindRange){TQP_DATE_MIN, TQP_DATE_MAX};
    return (TqpBindRange){TQP_TIMESTAMP_MIN, TQP_TIMESTAMP_MAX};
}

bool tqp_bind_finite(TqpBinder *b, const TqpBound *v) {
    TqpTypeKind kind = v->s.type.kind;
    if (tqp_bind_is_null(v) ||
        (kind != TQP_TYPE_DATE && kind != TQP_TYPE_TS && kind != TQP_TYPE_TSTZ))
        return true;
    TqpBindRange limits = tqp_bind_date_limits(kind);
    if (v->s.min >= limits.min && v->s.max <= limits.max)
        return true;
    tqp_bind_fail(b, TQP_UNSUPPORTED, "infinite date");
    return false;
}

/*
 * A kernel that flags values outside its domain, on a value that is proved inside it: only rows
 * that hold no value could flag.
 */
static uint16_t total_step(TqpBinder *b, TqpStep *step, const TqpBound *x) {
    if (x->loose)
        return tqp_bind_emit_raising(b, step, TQP_LANE_I64, x->s.valid);
    step->guard = x->s.valid;
    return tqp_bind_emit(b, step, TQP_LANE_I64);
}

typedef struct ExtractArg {
    TqpDateField field;
    bool microseconds;
} ExtractArg;

static bool extract_fn(int64_t in, int64_t *out, const void *arg) {
    const ExtractArg *a = arg;
    return tqp_date_extract(a->field, a->microseconds, in, out);
}

/* Bounds of a field: by its nature, or, where it grows with time, by those of the argument. */
static bool field_range(const ExtractArg *a, const TqpBound *x, TqpBindRange *r) {
    static const struct {
        int32_t min, max;
    } fixed[TQP_FIELD_COUNT] = {
        [TQP_FIELD_QUARTER] = {1, 4},
        [TQP_FIELD_MONTH] = {1, 12},
        [TQP_FIELD_WEEK] = {1, 53},
        [TQP_FIELD_DAY] = {1, 31},
        [TQP_FIELD_DOW] = {0, 6},
        [TQP_FIELD_ISODOW] = {1, 7},
        [TQP_FIELD_DOY] = {1, 366},
        [TQP_FIELD_HOUR] = {0, 23},
        [TQP_FIELD_MINUTE] = {0, 59},
        [TQP_FIELD_SECOND] = {0, 59999999},
        [TQP_FIELD_MILLISECOND] = {0, 59999999},
        [TQP_FIELD_MICROSECOND] = {0, 59999999},
    };
    if (fixed[a->field].max > 0) {
        *r = (TqpBindRange){fixed[a->field].min, fixed[a->field].max};
        return true;
    }
    int64_t lo, hi;
    if (!extract_fn((int64_t)x->s.min, &lo, a) || !extract_fn((int64_t)x->s.max, &hi, a))
        return false;
    *r = (TqpBindRange){lo, hi};
    return true;
}

/* The field as an integer of its natural scale. */
static TqpBound extract_int(TqpBinder *b, const ExtractArg *a, TqpBound x, TqpType type) {
    TqpBound out;
    TqpBindRange r;
    int64_t value;
    if (a->field == TQP_FIELD_EPOCH) { /* linear: plain arithmetic */
        TqpBindRange limits = tqp_bind_type_limits(type);
        TqpInt128 offset = a->microseconds ? TQP_DAYS_1970 * TQP_US_PER_DAY : TQP_DAYS_1970;
        if (x.s.type.kind == TQP_TYPE_TIME)
            offset = 0;
        /* Where the difference leaves int8, timestamp_part_common rounds a numeric quotient. */
        if (a->microseconds)
            limits = (TqpBindRange){INT64_MIN, INT64_MAX - 1};
        x = tqp_bind_arith(b, TQP_OP_ADD, x, tqp_bind_const_int(type, offset), type, limits);
        return a->microseconds ? x
                               : tqp_bind_arith(b, TQP_OP_MUL, x, tqp_bind_const_int(type, 86400),
                                                type, limits);
    }
    if (x.is_const) {
        if (!extract_fn((int64_t)x.c.i, &value, a))
            return tqp_bind_fail(b, TQP_UNSUPPORTED, "infinite date");
        return tqp_bind_const_int(type, value);
    }
    if (tqp_bind_int_table(b, &x, type, extract_fn, a, &out))
        return out;
    if (!field_range(a, &x, &r))
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "date out of range");
    TqpStep step = tqp_bind_step(TQP_STEP_EXTRACT, TQP_LANE_I64);
    step.in[0] = tqp_bind_int_reg(b, &x, TQP_LANE_I64, 0);
    step.imm[0].i = a->field;
    step.imm[1].i = a->microseconds;
    return tqp_bind_int_slot(type, TQP_LANE_I64, 0, total_step(b, &step, &x), x.s.valid, r.min,
                             r.max);
}

/* Fields that PostgreSQL refuses for the type are left to it. */
static bool field_allowed(TqpDateField field, const TqpBound *x) {
    bool of_time = field >= TQP_FIELD_HOUR && field <= TQP_FIELD_MICROSECOND;
    if (x->s.type.kind == TQP_TYPE_DATE)
        return !of_time;
    if (x->s.type.kind == TQP_TYPE_TIME) /* 24:00:00 has an hour 24 */
        return (of_time || field == TQP_FIELD_EPOCH) && x->s.max < TQP_US_PER_DAY;
    return x->s.type.kind == TQP_TYPE_TS;
}

static int natural_scale(TqpDateField field, bool microseconds) {
    if (field == TQP_FIELD_SECOND || (field == TQP_FIELD_EPOCH && microseconds))
        return 6;
    return field == TQP_FIELD_MILLISECOND ? 3 : 0;
}

TqpBound tqp_bind_op_extract(TqpBinder *b, const TqpExpr *e) {
    TqpValue name;
    ExtractArg a;
    TqpBound x = tqp_bind_expr(b, e->args[1]);
    if (tqp_bind_is_null(&x))
        return tqp_bind_null(e->type);
    if (!tqp_bind_value_of(b, e->args[0], &name) || name.is_null ||
        !tqp_date_field_parse(name.s.data, name.s.len, &a.field) || !field_allowed(a.field, &x))
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "field of extract");
    a.microseconds = x.s.type.kind != TQP_TYPE_DATE;
    if (!tqp_bind_finite(b, &x))
        return x;
    TqpType type = {.kind = TQP_TYPE_NUM, .scale = natural_scale(a.field, a.microseconds)};
    if (e->type.kind == TQP_TYPE_F64 && type.scale != 0 && a.field != TQP_FIELD_EPOCH)
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "date_part of seconds");
    if (e->type.kind == TQP_TYPE_NUM && e->type.scale < type.scale)
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "extract to a narrow scale");
    TqpBound v = extract_int(b, &a, x, type);
    if (e->type.kind == TQP_TYPE_F64)
        return tqp_bind_to_f64(b, &v, e->type, type.scale);
    return tqp_bind_cast(b, v, e->type);
}

static bool trunc_fn(int64_t in, int64_t *out, const void *arg) {
    return tqp_date_trunc(*(const TqpDateField *)arg, in, out);
}

TqpBound tqp_bind_op_date_trunc(TqpBinder *b, const TqpExpr *e) {
    TqpValue name;
    TqpDateField field;
    TqpBound out, x = tqp_bind_expr(b, e->args[1]);
    int64_t lo, hi;
    if (tqp_bind_is_null(&x))
        return tqp_bind_null(e->type);
    if (!tqp_bind_value_of(b, e->args[0], &name) || name.is_null ||
        !tqp_date_field_parse(name.s.data, name.s.len, &field) || !tqp_date_truncates(field))
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "unit of date_trunc");
    if (!tqp_bind_finite(b, &x))
        return x;
    /* date_trunc is monotone: its bounds are those of the argument, truncated. */
    if (!trunc_fn((int64_t)x.s.min, &lo, &field) || !trunc_fn((int64_t)x.s.max, &hi, &field))
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "timestamp out of range");
    if (x.is_const)
        return tqp_bind_const_int(e->type, lo);
    if (tqp_bind_int_table(b, &x, e->type, trunc_fn, &field, &out))
        return out;
    TqpStep step = tqp_bind_step(TQP_STEP_DATE_TRUNC, TQP_LANE_I64);
    step.in[0] = tqp_bind_int_reg(b, &x, TQP_LANE_I64, 0);
    step.imm[0].i = field;
    return tqp_bind_int_slot(e->type, TQP_LANE_I64, 0, total_step(b, &step, &x), x.s.valid, lo, hi);
}

static bool months_fn(int64_t in, int64_t *out, const void *arg) {
    return tqp_date_add_months(in, *(const int64_t *)arg, out);
}

TqpBound tqp_bind_op_add_months(TqpBinder *b, const TqpExpr *e) {
    TqpValue count;
    TqpBound out, x = tqp_bind_expr(b, e->args[0]);
    if (tqp_bind_is_null(&x) || !tqp_bind_value_of(b, e->args[1], &count) || count.is_null)
        return tqp_bind_null(e->type);
    int64_t months = (int64_t)count.i, lo, hi;
    if (!tqp_bind_finite(b, &x))
        return x;
    bool proved =
        months_fn((int64_t)x.s.min, &lo, &months) && months_fn((int64_t)x.s.max, &hi, &months);
    if (!proved) {
        lo = TQP_TIMESTAMP_MIN;
        hi = TQP_TIMESTAMP_MAX;
    } else if (x.is_const) {
        return tqp_bind_const_int(e->type, lo);
    } else if (tqp_bind_int_table(b, &x, e->type, months_fn, &months, &out)) {
        return out;
    }
    TqpStep step = tqp_bind_step(TQP_STEP_ADD_MONTHS, TQP_LANE_I64);
    step.in[0] = tqp_bind_int_reg(b, &x, TQP_LANE_I64, 0);
    step.imm[0].i = months;
    uint16_t reg = proved ? total_step(b, &step, &x)
                          : tqp_bind_emit_raising(b, &step, TQP_LANE_I64, x.s.valid);
    return tqp_bind_int_slot(e->type, TQP_LANE_I64, 0, reg, x.s.valid, lo, hi);
}

static bool days_to_us(int64_t in, int64_t *out, const void *arg) {
    (void)arg;
    return !__builtin_mul_overflow(in, TQP_US_PER_DAY, out) && *out >= TQP_TIMESTAMP_MIN &&
           *out <= TQP_TIMESTAMP_MAX;
}

static bool us_to_days(int64_t in, int64_t *out, const void *arg) {
    (void)arg;
    *out = tqp_date_floor_div(in, TQP_US_PER_DAY);
    return true;
}

/* floor(x / day): shifted to be positive, where truncation is floor. */
static TqpBound floor_days(TqpBinder *b, TqpBound x, TqpType type) {
    TqpBound out;
    TqpType wide = {.kind = TQP_TYPE_I64};
    int64_t lo = tqp_date_floor_div((int64_t)x.s.min, TQP_US_PER_DAY);
    int64_t hi = tqp_date_floor_div((int64_t)x.s.max, TQP_US_PER_DAY);
    if (lo == hi && x.s.valid == TQP_NO_REG)
        return tqp_bind_const_int(type, lo);
    if (tqp_bind_int_table(b, &x, type, us_to_days, NULL, &out))
        return out;
    TqpBindRange any = {INT64_MIN, INT64_MAX};
    if (x.s.max - (TqpInt128)lo * TQP_US_PER_DAY > INT64_MAX)
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "timestamps of too wide a range");
    TqpInt128 origin = (TqpInt128)lo * TQP_US_PER_DAY;
    TqpBound y = tqp_bind_arith(b, TQP_OP_SUB, x, tqp_bind_const_int(wide, origin), wide, any);
    TqpBound day = tqp_bind_const_int(wide, TQP_US_PER_DAY);
    TqpStep step = tqp_bind_step(TQP_STEP_DIV_CHECK, TQP_LANE_I64); /* by a constant: never flags */
    step.in[0] = tqp_bind_int_reg(b, &y, TQP_LANE_I64, 0);
    step.in[1] = tqp_bind_int_reg(b, &day, TQP_LANE_I64, 0);
    TqpBound q = tqp_bind_int_slot(wide, TQP_LANE_I64, 0, tqp_bind_emit(b, &step, TQP_LANE_I64),
                                   x.s.valid, 0, (TqpInt128)hi - lo);
    return tqp_bind_arith(b, TQP_OP_ADD, q, tqp_bind_const_int(wide, lo), type, any);
}

TqpBound tqp_bind_cast_date(TqpBinder *b, TqpBound x, TqpType type) {
    TqpBound out;
    TqpTypeKind from = x.s.type.kind;
    if (!tqp_bind_finite(b, &x))
        return x;
    if (from == TQP_TYPE_DATE && type.kind == TQP_TYPE_TS) {
        if (tqp_bind_int_table(b, &x, type, days_to_us, NULL, &out))
            return out;
        return tqp_bind_arith(b, TQP_OP_MUL, x, tqp_bind_const_int(type, TQP_US_PER_DAY), type,
                              tqp_bind_date_limits(TQP_TYPE_TS));
    }
    if (from == TQP_TYPE_TSTZ && type.kind == TQP_TYPE_TS) { /* the time in UTC: the same number */
        x.s.type = type;
        return x;
    }
    if (from == TQP_TYPE_TS && type.kind == TQP_TYPE_DATE)
        return floor_days(b, x, type);
    if (from == TQP_TYPE_TS && type.kind == TQP_TYPE_TIME) {
        TqpType wide = {.kind = TQP_TYPE_I64};
        TqpBindRange any = {INT64_MIN, INT64_MAX};
        TqpBound days = floor_days(b, x, wide);
        TqpBound midnight = tqp_bind_arith(b, TQP_OP_MUL, days,
                                           tqp_bind_const_int(wide, TQP_US_PER_DAY), wide, any);
        TqpBound t = tqp_bind_arith(b, TQP_OP_SUB, x, midnight, type, any);
        if (t.s.min < 0)
            t.s.min = 0; /* the interval arithmetic does not see that both are of one day */
        if (t.s.max >= TQP_US_PER_DAY)
            t.s.max = TQP_US_PER_DAY - 1;
        return t;
    }
    return tqp_bind_fail(b, TQP_UNSUPPORTED, "cast between these types of time");
}
