/* One value as people and CSV files read it: PostgreSQL's ISO output, without quotes. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"

/* Days since 2000-01-01.  Algorithm: Howard Hinnant, "chrono-compatible low-level date algorithms".
 */
static bool print_date(int64_t days, TqpString *out) {
    int64_t z = days + 730425; /* since 0000-03-01 */
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9;
    int64_t year = yoe + era * 400 + (month <= 2);
    tqp_string_printf(out, "%04" PRId64 "-%02d-%02d", year > 0 ? year : 1 - year, (int)month,
                      (int)(doy - (153 * mp + 2) / 5 + 1));
    return year > 0;
}

static void print_time(int64_t us, TqpString *out) {
    int64_t s = us / 1000000;
    int fraction = (int)(us % 1000000), digits = 6;
    tqp_string_printf(out, "%02d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
    if (fraction == 0)
        return;
    for (; fraction % 10 == 0; fraction /= 10)
        digits--;
    tqp_string_printf(out, ".%0*d", digits, fraction);
}

static void print_moment(TqpType type, TqpInt128 value, TqpString *out) {
    const int64_t day = INT64_C(86400000000);
    TqpInt128 min, max;
    tqp_type_range(type, &min, &max);
    if (value == min || value == max) {
        tqp_string_printf(out, value == max ? "infinity" : "-infinity");
        return;
    }
    int64_t v = (int64_t)value;
    bool before = v % day < 0;
    bool of_era = print_date(type.kind == TQP_TYPE_DATE ? v : v / day - before, out);
    if (type.kind != TQP_TYPE_DATE) {
        tqp_string_append(out, " ", 1);
        print_time(v % day + (before ? day : 0), out);
    }
    if (type.kind == TQP_TYPE_TSTZ)
        tqp_string_append(out, "+00", 3);
    if (!of_era)
        tqp_string_append(out, " BC", 3);
}

static void print_scaled(TqpInt128 value, int scale, TqpString *out) {
    char buf[TQP_INT128_DIGITS + 1];
    TqpInt128 unit = tqp_int128_pow10(scale), whole = value / unit, rest = value % unit;
    tqp_int128_print(whole < 0 ? -whole : whole, buf);
    tqp_string_printf(out, "%s%s", value < 0 ? "-" : "", buf);
    if (scale == 0)
        return;
    int len = tqp_int128_print(rest < 0 ? -rest : rest, buf);
    tqp_string_append(out, ".", 1);
    for (; len < scale; len++)
        tqp_string_append(out, "0", 1);
    tqp_string_printf(out, "%s", buf);
}

/* The fewest digits that read back to the same number. */
static void print_float(TqpTypeKind kind, double f, TqpString *out) {
    char buf[40];
    bool single = kind == TQP_TYPE_F32;
    if (isnan(f) || isinf(f)) {
        tqp_string_printf(out, isnan(f) ? "NaN" : f > 0 ? "Infinity" : "-Infinity");
        return;
    }
    for (int digits = single ? 6 : 15; digits <= 17; digits++) {
        snprintf(buf, sizeof(buf), "%.*g", digits, f);
        if (single ? strtof(buf, NULL) == (float)f : strtod(buf, NULL) == f)
            break;
    }
    tqp_string_printf(out, "%s", buf);
}

static void print_int(TqpType type, TqpInt128 value, TqpString *out) {
    switch (type.kind) {
    case TQP_TYPE_DATE:
    case TQP_TYPE_TS:
    case TQP_TYPE_TSTZ:
        print_moment(type, value, out);
        return;
    case TQP_TYPE_TIME:
        print_time((int64_t)value, out);
        return;
    default:
        print_scaled(value, type.scale, out);
    }
}

void tqp_ir_print_value(TqpType type, const TqpValue *value, TqpString *out) {
    if (value->is_null) {
        tqp_string_append(out, "null", 4);
        return;
    }
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_BOOL:
        tqp_string_printf(out, "%s", value->b ? "true" : "false");
        return;
    case TQP_CLASS_INT:
        print_int(type, value->i, out);
        return;
    case TQP_CLASS_FLOAT:
        print_float(type.kind, value->f, out);
        return;
    case TQP_CLASS_TEXT:
        if (value->s.len > 0)
            tqp_string_append(out, value->s.data, value->s.len);
        return;
    }
}
