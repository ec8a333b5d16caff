/*
 * Datum to TqpValue.  One small converter per PostgreSQL type.
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg/compat.h"
#include "pg/value.h"

#define NUM_DIGITS_MAX 37 /* NUM holds |value| <= 10^37 */

static char *numeric_text(Numeric number) {
    return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
}

bool tqp_value_numeric_scale(Numeric number, int32 *scale) {
    if (numeric_is_nan(number) || numeric_is_inf(number))
        return false;
    char *digits = numeric_text(number);
    const char *point = strchr(digits, '.');
    *scale = point != NULL ? (int32)strlen(point + 1) : 0;
    pfree(digits);
    return true;
}

/* NaN sorts above everything, so it bounds like +infinity. */
static bool clamp(bool negative, TqpRounding rounding, TqpInt128 *out) {
    TqpInt128 limit = tqp_int128_pow10(NUM_DIGITS_MAX);
    *out = negative ? -limit : limit;
    return rounding != TQP_ROUND_EXACT;
}

/* Decimal text to an integer of `scale` more digits; digits past the scale are rounded. */
static bool scale_decimal(const char *s, int32 scale, TqpRounding rounding, TqpInt128 *out) {
    bool negative = *s == '-', rest = false;
    TqpInt128 limit = tqp_int128_pow10(NUM_DIGITS_MAX), value = 0;
    int32 fraction = -1; /* digits seen after the point; -1 before it */
    for (s += negative; *s != '\0'; s++) {
        if (*s == '.') {
            fraction = 0;
        } else if (fraction == scale) {
            rest |= *s != '0';
        } else {
            if (value >= limit / 10)
                return clamp(negative, rounding, out);
            value = value * 10 + (*s - '0');
            fraction += fraction >= 0;
        }
    }
    for (fraction = Max(fraction, 0); fraction < scale; fraction++) {
        if (value >= limit / 10)
            return clamp(negative, rounding, out);
        value *= 10;
    }
    value = negative ? -value : value;
    if (rest && rounding == TQP_ROUND_FLOOR && negative)
        value -= 1;
    if (rest && rounding == TQP_ROUND_CEIL && !negative)
        value += 1;
    *out = value;
    return !rest || rounding != TQP_ROUND_EXACT;
}

static bool from_numeric(Datum datum, TqpType type, TqpRounding rounding, TqpValue *value) {
    Numeric number = DatumGetNumeric(datum);
    if (type.kind != TQP_TYPE_NUM)
        return false;
    char *digits = numeric_text(number);
    bool ok;
    if (numeric_is_nan(number) || numeric_is_inf(number))
        ok = clamp(digits[0] == '-', rounding, &value->i);
    else
        ok = scale_decimal(digits, type.scale, rounding, &value->i);
    pfree(digits);
    return ok;
}

static bool from_timestamp(Timestamp ts, TqpType type, TqpRounding rounding, TqpValue *value) {
    value->i = ts;
    if (type.kind == TQP_TYPE_TS || type.kind == TQP_TYPE_TSTZ)
        return true;
    if (type.kind != TQP_TYPE_DATE)
        return false;
    if (TIMESTAMP_NOT_FINITE(ts)) {
        value->i = TIMESTAMP_IS_NOBEGIN(ts) ? DATEVAL_NOBEGIN : DATEVAL_NOEND;
        return true;
    }
    int64 days = ts / USECS_PER_DAY, rest = ts % USECS_PER_DAY;
    if (rest < 0) {
        days -= 1;
        rest += USECS_PER_DAY;
    }
    value->i = days + (rest > 0 && rounding == TQP_ROUND_CEIL);
    return rest == 0 || rounding != TQP_ROUND_EXACT;
}

static bool from_text(TqpArena *arena, Datum datum, TqpType type, TqpValue *value) {
    text *t = DatumGetTextPP(datum);
    const char *data = VARDATA_ANY(t);
    size_t len = VARSIZE_ANY_EXHDR(t);
    if (tqp_type_class(type.kind) != TQP_CLASS_TEXT)
        return false;
    if (type.kind == TQP_TYPE_BPCHAR)
        while (len > 0 && data[len - 1] == ' ')
            len--;
    char *copy = tqp_arena_strndup(arena, data, len);
    if (copy == NULL)
        return false;
    value->s = tqp_view(copy, (uint32_t)len);
    return true;
}

/* The bytes that a tuple would store. */
static bool from_carried(TqpArena *arena, Datum datum, Oid typid, TqpValue *value) {
    char bytes[sizeof(Datum)];
    const char *data = DatumGetPointer(datum);
    int16 typlen;
    bool byval;
    size_t len;
    get_typlenbyval(typid, &typlen, &byval);
    if (byval) {
        store_att_byval(bytes, datum, typlen);
        data = bytes;
        len = (size_t)typlen;
    } else if (typlen > 0) {
        len = (size_t)typlen;
    } else {
        struct varlena *v = PG_DETOAST_DATUM_PACKED(datum);
        data = VARDATA_ANY(v);
        len = VARSIZE_ANY_EXHDR(v);
    }
    char *copy = tqp_arena_strndup(arena, data, len);
    if (copy != NULL)
        value->s = tqp_view(copy, (uint32_t)len);
    return copy != NULL;
}

static bool from_integer(int64 i, TqpType type, TqpValue *value) {
    TqpInt128 min, max;
    if (type.kind != TQP_TYPE_I16 && type.kind != TQP_TYPE_I32 && type.kind != TQP_TYPE_I64)
        return false;
    tqp_type_range(type, &min, &max);
    value->i = i;
    return i >= min && i <= max;
}

bool tqp_value_from_datum(TqpArena *arena, Datum datum, Oid typid, TqpType type,
                          TqpRounding rounding, TqpValue *value) {
    *value = (TqpValue){0};
    typid = getBaseType(typid);
    switch (typid) {
    case BOOLOID:
        value->b = DatumGetBool(datum);
        return type.kind == TQP_TYPE_BOOL;
    case INT2OID:
        return from_integer(DatumGetInt16(datum), type, value);
    case INT4OID:
        return from_integer(DatumGetInt32(datum), type, value);
    case INT8OID:
        return from_integer(DatumGetInt64(datum), type, value);
    case FLOAT4OID:
        value->f = (double)DatumGetFloat4(datum);
        return type.kind == TQP_TYPE_F32 || type.kind == TQP_TYPE_F64;
    case FLOAT8OID:
        value->f = DatumGetFloat8(datum);
        return type.kind == TQP_TYPE_F64;
    case NUMERICOID:
        return from_numeric(datum, type, rounding, value);
    case DATEOID:
        value->i = DatumGetDateADT(datum);
        return type.kind == TQP_TYPE_DATE;
    case TIMEOID:
        value->i = DatumGetTimeADT(datum);
        return type.kind == TQP_TYPE_TIME;
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return from_timestamp(DatumGetTimestamp(datum), type, rounding, value);
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID:
        return from_text(arena, datum, type, value);
    default:
        return type.kind == TQP_TYPE_BYTES && from_carried(arena, datum, typid, value);
    }
}

/* Decimal text with the point at the scale; the display scale is kept by numeric_in. */
static Datum numeric_from_wide(TqpInt128 value, int32 scale) {
    char digits[TQP_INT128_DIGITS + 1], out[2 * TQP_INT128_DIGITS + 4], *p = out;
    bool negative = value < 0;
    int len = tqp_int128_print(negative ? -value : value, digits);
    if (negative)
        *p++ = '-';
    int before = len - scale;
    if (before <= 0)
        *p++ = '0';
    for (int i = Min(before, 0); i < len; i++) {
        if (i == before || (i == Min(before, 0) && before <= 0 && scale > 0))
            *p++ = '.';
        *p++ = i < 0 ? '0' : digits[i];
    }
    *p = '\0';
    return DirectFunctionCall3(numeric_in, CStringGetDatum(out), ObjectIdGetDatum(InvalidOid),
                               Int32GetDatum(-1));
}

Datum tqp_value_numeric(TqpInt128 value, int32 scale) {
    if (value >= PG_INT64_MIN && value <= PG_INT64_MAX)
        return NumericGetDatum(int64_div_fast_to_numeric((int64)value, scale));
    return numeric_from_wide(value, scale);
}

Datum tqp_value_text(TqpView view, int32 width) {
    int chars = width > 0 ? pg_mbstrlen_with_len(view.data, (int)view.len) : 0;
    Size blanks = (Size)Max(width - chars, 0);
    text *t = palloc(VARHDRSZ + view.len + blanks);
    SET_VARSIZE(t, VARHDRSZ + view.len + blanks);
    memcpy(VARDATA(t), view.data, view.len);
    memset(VARDATA(t) + view.len, ' ', blanks);
    return PointerGetDatum(t);
}

Datum tqp_value_carried(TqpView view, Oid typid) {
    int16 len;
    bool byval;
    Datum aligned = 0;
    get_typlenbyval(getBaseType(typid), &len, &byval);
    if (len < 0)
        return tqp_value_text(view, 0);
    if (!byval)
        return PointerGetDatum(memcpy(palloc(view.len), view.data, view.len));
    memcpy(&aligned, view.data, view.len);
    return fetch_att(&aligned, true, len);
}

Datum tqp_value_to_datum(const TqpValue *value, Oid typid, int32 typmod) {
    if (get_typtype(typid) == TYPTYPE_DOMAIN)
        typid = getBaseTypeAndTypmod(typid, &typmod);
    switch (typid) {
    case BOOLOID:
        return BoolGetDatum(value->b);
    case INT2OID:
        return Int16GetDatum((int16)value->i);
    case INT4OID:
    case DATEOID:
        return Int32GetDatum((int32)value->i);
    case INT8OID:
    case TIMEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return Int64GetDatum((int64)value->i);
    case FLOAT4OID:
        return Float4GetDatum((float4)value->f);
    case FLOAT8OID:
        return Float8GetDatum(value->f);
    case NUMERICOID:
        return tqp_value_numeric(value->i, (typmod - (int32)VARHDRSZ) & 0xffff);
    case BPCHAROID:
        return tqp_value_text(value->s, typmod - (int32)VARHDRSZ);
    case TEXTOID:
    case VARCHAROID:
        return tqp_value_text(value->s, 0);
    default:
        return tqp_value_carried(value->s, typid);
    }
}
