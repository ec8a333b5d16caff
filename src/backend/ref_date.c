/* ref: the calendar by counting years and months off tables, after PostgreSQL's datetime.c. */
#include "backend/ref.h"

#define US_PER_DAY      INT64_C(86400000000)
#define FIRST_DAY       INT64_C(-2451545)            /* Julian day 0 */
#define LAST_DAY        INT64_C(2145031948)          /* 5874897-12-31 */
#define END_TIMESTAMP   INT64_C(9223371331200000000) /* 294277-01-01 */
#define FIRST_TIMESTAMP INT64_C(-211813488000000000) /* Julian day 0 */

typedef struct RefDate {
    int64_t year, month, day;
} RefDate;

static int64_t floor_div(int64_t x, int64_t d) {
    int64_t q = x / d;
    return q * d > x ? q - 1 : q;
}

static bool is_leap(int64_t year) {
    return year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
}

static int64_t month_days(int64_t year, int64_t month) {
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

static RefDate to_date(int64_t days) {
    int64_t cycles = floor_div(days, 146097);
    RefDate d = {2000 + 400 * cycles, 1, 1};
    days -= cycles * 146097;
    for (; days >= 365 + is_leap(d.year); d.year++)
        days -= 365 + is_leap(d.year);
    for (; days >= month_days(d.year, d.month); d.month++)
        days -= month_days(d.year, d.month);
    d.day += days;
    return d;
}

static int64_t to_days(int64_t year, int64_t month, int64_t day) {
    int64_t cycles = floor_div(year - 2000, 400), days = cycles * 146097 + day - 1;
    for (int64_t y = 2000 + 400 * cycles; y < year; y++)
        days += 365 + is_leap(y);
    for (int64_t m = 1; m < month; m++)
        days += month_days(year, m);
    return days;
}

/* 0 = Sunday; 2000-01-02 was one. */
static int64_t day_of_week(int64_t days) {
    return days - 1 - floor_div(days - 1, 7) * 7;
}

/* Monday of ISO week 1: the week that has January 4th. */
static int64_t first_monday(int64_t year) {
    int64_t january4 = to_days(year, 1, 4);
    return january4 - (day_of_week(january4) + 6) % 7;
}

static int64_t iso_year(int64_t days) {
    int64_t year = to_date(days).year;
    if (days < first_monday(year))
        return year - 1;
    return days >= first_monday(year + 1) ? year + 1 : year;
}

/* The last year of the span (of 100 or 10) that holds `year`, spans ending in years 0. */
static int64_t span_end(int64_t year, int64_t span) {
    return floor_div(year + span - 1, span) * span;
}

static int64_t extract_date(TqpDateField field, int64_t days) {
    RefDate d = to_date(days);
    int64_t week_year = iso_year(days);
    switch (field) {
    case TQP_FIELD_CENTURY: /* 1 .. 100 is the first; 0 .. -99 the first before, -1 */
        return d.year > 0 ? span_end(d.year, 100) / 100 : span_end(d.year, 100) / 100 - 1;
    case TQP_FIELD_DECADE:
        return floor_div(d.year, 10);
    case TQP_FIELD_YEAR:
        return d.year <= 0 ? d.year - 1 : d.year;
    case TQP_FIELD_QUARTER:
        return (d.month + 2) / 3;
    case TQP_FIELD_MONTH:
        return d.month;
    case TQP_FIELD_WEEK:
        return (days - first_monday(week_year)) / 7 + 1;
    case TQP_FIELD_DAY:
        return d.day;
    case TQP_FIELD_DOW:
        return day_of_week(days);
    case TQP_FIELD_ISODOW:
        return day_of_week(days) == 0 ? 7 : day_of_week(days);
    case TQP_FIELD_DOY:
        return days - to_days(d.year, 1, 1) + 1;
    case TQP_FIELD_ISOYEAR:
        return week_year <= 0 ? week_year - 1 : week_year;
    case TQP_FIELD_EPOCH:
        return (days + 10957) * 86400;
    default:
        return 0;
    }
}

static bool extract_time(TqpDateField field, int64_t us, int64_t *r) {
    switch (field) {
    case TQP_FIELD_HOUR:
        *r = us / INT64_C(3600000000);
        return true;
    case TQP_FIELD_MINUTE:
        *r = us / 60000000 - us / INT64_C(3600000000) * 60;
        return true;
    case TQP_FIELD_SECOND:
    case TQP_FIELD_MILLISECOND:
    case TQP_FIELD_MICROSECOND:
        *r = us - us / 60000000 * 60000000;
        return true;
    default:
        return false;
    }
}

static bool extract(TqpDateField field, bool timestamp, int64_t x, int64_t *r) {
    *r = 0;
    if (!timestamp) {
        if (x < FIRST_DAY || x > LAST_DAY)
            return false;
        *r = extract_date(field, x);
        return true;
    }
    if (x < FIRST_TIMESTAMP || x >= END_TIMESTAMP)
        return false;
    if (field == TQP_FIELD_EPOCH) {
        TqpInt128 epoch = (TqpInt128)x + 10957 * (TqpInt128)US_PER_DAY;
        *r = (int64_t)epoch;
        return epoch <= INT64_MAX;
    }
    int64_t days = floor_div(x, US_PER_DAY);
    if (!extract_time(field, x - days * US_PER_DAY, r))
        *r = extract_date(field, days);
    return true;
}

static void put(const TqpKernelArgs *args, uint32_t i, bool ok, int64_t r) {
    tqp_ref_put(TQP_LANE_I64, args->out, i, tqp_ref_int(r));
    if (!ok && tqp_ref_guarded(args, i))
        *args->flags |= TQP_FLAG_OVERFLOW;
}

void tqp_ref_EXTRACT(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        int64_t x = (int64_t)tqp_ref_get(lane, args->in[0], i).i, r;
        bool ok = extract((TqpDateField)args->imm[0].i, args->imm[1].i != 0, x, &r);
        put(args, i, ok, r);
    }
}

static int64_t truncate_days(TqpDateField field, int64_t days) {
    RefDate d = to_date(days);
    switch (field) {
    case TQP_FIELD_CENTURY:
        return to_days(span_end(d.year, 100) - 99, 1, 1);
    case TQP_FIELD_DECADE:
        return to_days(floor_div(d.year, 10) * 10, 1, 1);
    case TQP_FIELD_YEAR:
        return to_days(d.year, 1, 1);
    case TQP_FIELD_QUARTER:
        return to_days(d.year, d.month - (d.month - 1) % 3, 1);
    case TQP_FIELD_MONTH:
        return to_days(d.year, d.month, 1);
    case TQP_FIELD_WEEK:
        return days - (day_of_week(days) + 6) % 7;
    default:
        return days;
    }
}

/* Microseconds of the unit, 0 for those of a day and more. */
static int64_t unit_us(TqpDateField field) {
    switch (field) {
    case TQP_FIELD_HOUR:
        return INT64_C(3600000000);
    case TQP_FIELD_MINUTE:
        return 60000000;
    case TQP_FIELD_SECOND:
        return 1000000;
    case TQP_FIELD_MILLISECOND:
        return 1000;
    case TQP_FIELD_MICROSECOND:
        return 1;
    default:
        return 0;
    }
}

static bool truncate_to(TqpDateField field, int64_t x, int64_t *r) {
    *r = x;
    if (x == INT64_MIN || x == INT64_MAX)
        return true;
    if (x < FIRST_TIMESTAMP || x >= END_TIMESTAMP)
        return false;
    int64_t unit = unit_us(field);
    if (unit != 0) {
        *r = floor_div(x, unit) * unit;
        return true;
    }
    int64_t days = truncate_days(field, floor_div(x, US_PER_DAY));
    if (days < FIRST_DAY)
        return false;
    *r = days * US_PER_DAY;
    return true;
}

void tqp_ref_DATE_TRUNC(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        int64_t x = (int64_t)tqp_ref_get(lane, args->in[0], i).i, r;
        bool ok = truncate_to((TqpDateField)args->imm[0].i, x, &r);
        put(args, i, ok, r);
    }
}

static bool add_months(int64_t x, int64_t months, int64_t *r) {
    *r = x;
    if (x == INT64_MIN || x == INT64_MAX)
        return true;
    if (x < FIRST_TIMESTAMP || x >= END_TIMESTAMP || months > 4000000 || months < -4000000)
        return false;
    int64_t days = floor_div(x, US_PER_DAY);
    RefDate d = to_date(days);
    d.year += months / 12;
    d.month += months % 12;
    if (d.month > 12) {
        d.month -= 12;
        d.year++;
    } else if (d.month < 1) {
        d.month += 12;
        d.year--;
    }
    if (d.day > month_days(d.year, d.month))
        d.day = month_days(d.year, d.month);
    TqpInt128 us =
        (TqpInt128)to_days(d.year, d.month, d.day) * US_PER_DAY + (x - days * US_PER_DAY);
    if (us < FIRST_TIMESTAMP || us >= END_TIMESTAMP)
        return false;
    *r = (int64_t)us;
    return true;
}

void tqp_ref_ADD_MONTHS(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        int64_t x = (int64_t)tqp_ref_get(lane, args->in[0], i).i, r;
        bool ok = add_months(x, args->imm[0].i, &r);
        put(args, i, ok, r);
    }
}
