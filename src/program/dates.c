/* Fields, truncation and month arithmetic as PostgreSQL's timestamp.c and datetime.c define them.
 */
#include "program/dates.h"

#include <stddef.h>

typedef struct FieldName {
    char name[12];
    uint8_t prefix; /* PostgreSQL compares 10 characters: 1 = more may follow */
    uint8_t field;
} FieldName;

/* PostgreSQL's deltatktbl and datetktbl, without what TqpDateField lacks (millennium, julian..). */
static const FieldName field_names[] = {
    {"c", 0, TQP_FIELD_CENTURY},
    {"cent", 0, TQP_FIELD_CENTURY},
    {"centuries", 0, TQP_FIELD_CENTURY},
    {"century", 0, TQP_FIELD_CENTURY},
    {"d", 0, TQP_FIELD_DAY},
    {"day", 0, TQP_FIELD_DAY},
    {"days", 0, TQP_FIELD_DAY},
    {"decade", 0, TQP_FIELD_DECADE},
    {"decades", 0, TQP_FIELD_DECADE},
    {"decs", 0, TQP_FIELD_DECADE},
    {"dow", 0, TQP_FIELD_DOW},
    {"doy", 0, TQP_FIELD_DOY},
    {"epoch", 0, TQP_FIELD_EPOCH},
    {"h", 0, TQP_FIELD_HOUR},
    {"hour", 0, TQP_FIELD_HOUR},
    {"hours", 0, TQP_FIELD_HOUR},
    {"hr", 0, TQP_FIELD_HOUR},
    {"hrs", 0, TQP_FIELD_HOUR},
    {"isodow", 0, TQP_FIELD_ISODOW},
    {"isoyear", 0, TQP_FIELD_ISOYEAR},
    {"m", 0, TQP_FIELD_MINUTE},
    {"microsecon", 1, TQP_FIELD_MICROSECOND},
    {"millisecon", 1, TQP_FIELD_MILLISECOND},
    {"min", 0, TQP_FIELD_MINUTE},
    {"mins", 0, TQP_FIELD_MINUTE},
    {"minute", 0, TQP_FIELD_MINUTE},
    {"minutes", 0, TQP_FIELD_MINUTE},
    {"mon", 0, TQP_FIELD_MONTH},
    {"mons", 0, TQP_FIELD_MONTH},
    {"month", 0, TQP_FIELD_MONTH},
    {"months", 0, TQP_FIELD_MONTH},
    {"ms", 0, TQP_FIELD_MILLISECOND},
    {"msec", 0, TQP_FIELD_MILLISECOND},
    {"mseconds", 0, TQP_FIELD_MILLISECOND},
    {"msecs", 0, TQP_FIELD_MILLISECOND},
    {"qtr", 0, TQP_FIELD_QUARTER},
    {"quarter", 0, TQP_FIELD_QUARTER},
    {"s", 0, TQP_FIELD_SECOND},
    {"sec", 0, TQP_FIELD_SECOND},
    {"second", 0, TQP_FIELD_SECOND},
    {"seconds", 0, TQP_FIELD_SECOND},
    {"secs", 0, TQP_FIELD_SECOND},
    {"us", 0, TQP_FIELD_MICROSECOND},
    {"usec", 0, TQP_FIELD_MICROSECOND},
    {"useconds", 0, TQP_FIELD_MICROSECOND},
    {"usecs", 0, TQP_FIELD_MICROSECOND},
    {"w", 0, TQP_FIELD_WEEK},
    {"week", 0, TQP_FIELD_WEEK},
    {"weeks", 0, TQP_FIELD_WEEK},
    {"y", 0, TQP_FIELD_YEAR},
    {"year", 0, TQP_FIELD_YEAR},
    {"years", 0, TQP_FIELD_YEAR},
    {"yr", 0, TQP_FIELD_YEAR},
    {"yrs", 0, TQP_FIELD_YEAR},
};

static bool name_matches(const FieldName *f, const char *name, uint32_t len) {
    uint32_t i = 0;
    for (; f->name[i] != '\0'; i++) {
        if (i >= len)
            return false;
        char c = name[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        if (c != f->name[i])
            return false;
    }
    return i == len || f->prefix;
}

bool tqp_date_field_parse(const char *name, uint32_t len, TqpDateField *field) {
    for (size_t k = 0; k < sizeof(field_names) / sizeof(field_names[0]); k++) {
        if (name_matches(&field_names[k], name, len)) {
            *field = (TqpDateField)field_names[k].field;
            return true;
        }
    }
    return false;
}

/* The ISO week belongs to the year of its Thursday. */
static int64_t thursday_of(int64_t days) {
    return days - tqp_date_weekday(days) + 3;
}

/* timestamp_part: there is no year 0, and centuries and decades count away from it. */
static int64_t year_without_zero(int64_t year) {
    return year > 0 ? year : year - 1;
}

static int64_t century_of(int64_t year) {
    return year > 0 ? (year + 99) / 100 : -((99 - (year - 1)) / 100);
}

static int64_t decade_of(int64_t year) {
    return year >= 0 ? year / 10 : -((8 - (year - 1)) / 10);
}

static int64_t extract_from_days(TqpDateField field, int64_t days) {
    TqpCivil c = tqp_date_civil(days);
    switch (field) {
    case TQP_FIELD_CENTURY:
        return century_of(c.year);
    case TQP_FIELD_DECADE:
        return decade_of(c.year);
    case TQP_FIELD_YEAR:
        return year_without_zero(c.year);
    case TQP_FIELD_QUARTER:
        return (c.month - 1) / 3 + 1;
    case TQP_FIELD_MONTH:
        return c.month;
    case TQP_FIELD_DAY:
        return c.day;
    case TQP_FIELD_DOW:
        return (tqp_date_weekday(days) + 1) % 7;
    case TQP_FIELD_ISODOW:
        return tqp_date_weekday(days) + 1;
    case TQP_FIELD_DOY:
        return days - tqp_date_days(c.year, 1, 1) + 1;
    case TQP_FIELD_WEEK: {
        int64_t thursday = thursday_of(days);
        return (thursday - tqp_date_days(tqp_date_civil(thursday).year, 1, 1)) / 7 + 1;
    }
    case TQP_FIELD_ISOYEAR:
        return year_without_zero(tqp_date_civil(thursday_of(days)).year);
    case TQP_FIELD_EPOCH:
        return (days + TQP_DAYS_1970) * 86400;
    default:
        return 0;
    }
}

bool tqp_date_extract(TqpDateField field, bool microseconds, int64_t x, int64_t *result) {
    *result = 0;
    if (!microseconds) {
        if (x < TQP_DATE_MIN || x > TQP_DATE_MAX)
            return false;
        *result = extract_from_days(field, x);
        return true;
    }
    if (x < TQP_TIMESTAMP_MIN || x > TQP_TIMESTAMP_MAX)
        return false;
    int64_t days = tqp_date_floor_div(x, TQP_US_PER_DAY), us = x - days * TQP_US_PER_DAY;
    switch (field) {
    case TQP_FIELD_HOUR:
        *result = us / (3600 * TQP_US_PER_SECOND);
        return true;
    case TQP_FIELD_MINUTE:
        *result = us / (60 * TQP_US_PER_SECOND) % 60;
        return true;
    case TQP_FIELD_SECOND:
    case TQP_FIELD_MILLISECOND:
    case TQP_FIELD_MICROSECOND:
        *result = us % (60 * TQP_US_PER_SECOND);
        return true;
    case TQP_FIELD_EPOCH:
        return !__builtin_add_overflow(x, TQP_DAYS_1970 * TQP_US_PER_DAY, result);
    default:
        *result = extract_from_days(field, days);
        return true;
    }
}

bool tqp_date_truncates(TqpDateField field) {
    switch (field) {
    case TQP_FIELD_DOW:
    case TQP_FIELD_ISODOW:
    case TQP_FIELD_DOY:
    case TQP_FIELD_ISOYEAR:
    case TQP_FIELD_EPOCH:
    case TQP_FIELD_COUNT:
        return false;
    default:
        return true;
    }
}

static int64_t trunc_days(TqpDateField field, int64_t days) {
    TqpCivil c = tqp_date_civil(days);
    switch (field) {
    case TQP_FIELD_CENTURY: /* centuries begin in their year 1 */
        return tqp_date_days(c.year > 0 ? (c.year + 99) / 100 * 100 - 99
                                        : -((99 - (c.year - 1)) / 100) * 100 + 1,
                             1, 1);
    case TQP_FIELD_DECADE:
        return tqp_date_days(c.year > 0 ? c.year / 10 * 10 : -((8 - (c.year - 1)) / 10) * 10, 1, 1);
    case TQP_FIELD_YEAR:
        return tqp_date_days(c.year, 1, 1);
    case TQP_FIELD_QUARTER:
        return tqp_date_days(c.year, (c.month - 1) / 3 * 3 + 1, 1);
    case TQP_FIELD_MONTH:
        return days - (c.day - 1);
    case TQP_FIELD_WEEK:
        return days - tqp_date_weekday(days);
    default:
        return days;
    }
}

bool tqp_date_trunc(TqpDateField field, int64_t x, int64_t *result) {
    *result = x;
    if (x == INT64_MIN || x == INT64_MAX)
        return true;
    if (x < TQP_TIMESTAMP_MIN || x > TQP_TIMESTAMP_MAX)
        return false;
    int64_t days = tqp_date_floor_div(x, TQP_US_PER_DAY), us = x - days * TQP_US_PER_DAY;
    switch (field) {
    case TQP_FIELD_HOUR:
        us -= us % (3600 * TQP_US_PER_SECOND);
        break;
    case TQP_FIELD_MINUTE:
        us -= us % (60 * TQP_US_PER_SECOND);
        break;
    case TQP_FIELD_SECOND:
        us -= us % TQP_US_PER_SECOND;
        break;
    case TQP_FIELD_MILLISECOND:
        us -= us % 1000;
        break;
    case TQP_FIELD_MICROSECOND:
        break;
    default:
        days = trunc_days(field, days);
        us = 0;
    }
    if (days < TQP_DATE_MIN)
        return false;
    *result = days * TQP_US_PER_DAY + us;
    return true;
}

bool tqp_date_add_months(int64_t x, int64_t months, int64_t *result) {
    *result = x;
    if (x == INT64_MIN || x == INT64_MAX)
        return true;
    if (x < TQP_TIMESTAMP_MIN || x > TQP_TIMESTAMP_MAX || months < INT32_MIN || months > INT32_MAX)
        return false;
    int64_t days = tqp_date_floor_div(x, TQP_US_PER_DAY), us = x - days * TQP_US_PER_DAY;
    TqpCivil c = tqp_date_civil(days);
    int64_t month = (int64_t)c.year * 12 + c.month - 1 + months;
    int64_t year = tqp_date_floor_div(month, 12);
    if (year < -4713 || year > 294276)
        return false;
    int32_t mon = (int32_t)(month - year * 12) + 1;
    int32_t last = tqp_date_month_days((int32_t)year, mon);
    days = tqp_date_days(year, mon, c.day < last ? c.day : last);
    if (days < TQP_DATE_MIN)
        return false;
    *result = days * TQP_US_PER_DAY + us; /* year 294276 ends within int64 */
    return true;
}
