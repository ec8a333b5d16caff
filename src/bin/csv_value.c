/* One CSV field to and from a value. */
#include <stdlib.h>
#include <string.h>

#include "bin/csv.h"

/* A cursor over a field. */
typedef struct Text {
    const char *s;
    uint32_t len;
} Text;

static bool take(Text *t, char c) {
    if (t->len == 0 || t->s[0] != c)
        return false;
    t->s++, t->len--;
    return true;
}

/* Between least and most digits. */
static bool take_number(Text *t, uint32_t least, uint32_t most, int64_t *value) {
    uint32_t n = 0;
    *value = 0;
    for (; n < t->len && n < most && t->s[n] >= '0' && t->s[n] <= '9'; n++)
        *value = *value * 10 + (t->s[n] - '0');
    t->s += n, t->len -= n;
    return n >= least;
}

static bool is_word(const Text *t, const char *word) {
    return t->len == strlen(word) && memcmp(t->s, word, t->len) == 0;
}

/* Digits with at most `scale` behind the point, as the integer times 10^scale. */
static bool parse_decimal(const Text *t, int scale, TqpInt128 *value) {
    char digits[2 * TQP_INT128_DIGITS];
    const char *point = memchr(t->s, '.', t->len);
    uint32_t whole = point ? (uint32_t)(point - t->s) : t->len;
    uint32_t behind = point ? t->len - whole - 1 : 0;
    if (whole > TQP_INT128_DIGITS || behind > (uint32_t)scale || (point && behind == 0))
        return false;
    memcpy(digits, t->s, whole);
    if (behind > 0)
        memcpy(digits + whole, point + 1, behind);
    memset(digits + whole + behind, '0', (uint32_t)scale - behind);
    return tqp_int128_parse(digits, whole + (uint32_t)scale, value);
}

/* Days since 2000-01-01.  Algorithm: Howard Hinnant, "chrono-compatible low-level date algorithms".
 */
static bool take_date(Text *t, TqpInt128 *days) {
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t y, m, d;
    if (!take_number(t, 4, 7, &y) || !take(t, '-') || !take_number(t, 2, 2, &m) || !take(t, '-') ||
        !take_number(t, 2, 2, &d))
        return false;
    bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    if (m < 1 || m > 12 || d < 1 || d > lengths[m - 1] || (m == 2 && d == 29 && !leap))
        return false;
    y -= m <= 2;
    int64_t era = y / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    *days = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 730425;
    return true;
}

static bool take_time(Text *t, TqpInt128 *us) {
    int64_t h, m, s, fraction = 0;
    if (!take_number(t, 2, 2, &h) || !take(t, ':') || !take_number(t, 2, 2, &m) || !take(t, ':') ||
        !take_number(t, 2, 2, &s))
        return false;
    if (take(t, '.')) {
        uint32_t before = t->len;
        if (!take_number(t, 1, 6, &fraction))
            return false;
        for (uint32_t n = before - t->len; n < 6; n++)
            fraction *= 10;
    }
    *us = ((h * 60 + m) * 60 + s) * INT64_C(1000000) + fraction;
    return h <= 24 && m < 60 && s <= 60;
}

static bool parse_moment(TqpType type, Text t, TqpInt128 *value) {
    TqpInt128 min, max, days, us = 0;
    tqp_type_range(type, &min, &max);
    if (is_word(&t, "infinity") || is_word(&t, "-infinity")) {
        *value = t.s[0] == '-' ? min : max;
        return true;
    }
    if (!take_date(&t, &days))
        return false;
    *value = days;
    if (type.kind == TQP_TYPE_DATE)
        return t.len == 0;
    if (!take(&t, ' ') || !take_time(&t, &us))
        return false;
    *value = days * INT64_C(86400000000) + us;
    return t.len == 0 || (type.kind == TQP_TYPE_TSTZ && is_word(&t, "+00"));
}

static bool parse_int(TqpType type, Text t, TqpInt128 *value) {
    TqpInt128 min, max;
    bool ok;
    if (type.kind == TQP_TYPE_TIME)
        ok = take_time(&t, value) && t.len == 0;
    else if (type.kind == TQP_TYPE_DATE || type.kind == TQP_TYPE_TS || type.kind == TQP_TYPE_TSTZ)
        ok = parse_moment(type, t, value);
    else
        ok = parse_decimal(&t, type.scale, value);
    tqp_type_range(type, &min, &max);
    return ok && *value >= min && *value <= max;
}

static bool parse_float(TqpType type, Text t, double *value) {
    char buf[64], *end;
    if (t.len == 0 || t.len >= sizeof(buf))
        return false;
    memcpy(buf, t.s, t.len);
    buf[t.len] = 0;
    *value = type.kind == TQP_TYPE_F32 ? (double)strtof(buf, &end) : strtod(buf, &end);
    return *end == 0;
}

bool tqp_csv_value(TqpType type, const char *s, uint32_t len, TqpValue *value) {
    Text t = {s, len};
    *value = (TqpValue){0};
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_BOOL:
        value->b = is_word(&t, "t") || is_word(&t, "true");
        return value->b || is_word(&t, "f") || is_word(&t, "false");
    case TQP_CLASS_INT:
        return parse_int(type, t, &value->i);
    case TQP_CLASS_FLOAT:
        return parse_float(type, t, &value->f);
    case TQP_CLASS_TEXT:
        while (type.kind == TQP_TYPE_BPCHAR && len > 0 && s[len - 1] == ' ')
            len--;
        value->s = tqp_view(s, len);
        return true;
    }
    return false;
}

void tqp_csv_print(TqpType type, const TqpValue *value, TqpString *out) {
    if (value->is_null)
        return;
    if (tqp_type_class(type.kind) == TQP_CLASS_BOOL) {
        tqp_string_append(out, value->b ? "t" : "f", 1);
        return;
    }
    if (tqp_type_class(type.kind) != TQP_CLASS_TEXT) {
        tqp_ir_print_value(type, value, out);
        return;
    }
    bool quoted = value->s.len == 0;
    for (uint32_t i = 0; i < value->s.len; i++)
        quoted = quoted || strchr(",\"\r\n", value->s.data[i]) != NULL;
    if (quoted)
        tqp_string_append(out, "\"", 1);
    for (uint32_t i = 0; i < value->s.len; i++) {
        if (value->s.data[i] == '"')
            tqp_string_append(out, "\"", 1);
        tqp_string_append(out, value->s.data + i, 1);
    }
    if (quoted)
        tqp_string_append(out, "\"", 1);
}
