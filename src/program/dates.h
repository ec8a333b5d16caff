/*
 * PostgreSQL's calendar: proleptic Gregorian, day 0 = 2000-01-01, year 0 = 1 BC.  Pure functions of
 * one value, inline so that kernels can loop over them; the binder folds constants with the same
 * ones. Civil dates follow H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
 */
#ifndef TQP_PROGRAM_DATES_H
#define TQP_PROGRAM_DATES_H

#include "program/step.h"

#define TQP_US_PER_SECOND INT64_C(1000000)
#define TQP_US_PER_DAY    INT64_C(86400000000)
#define TQP_DAYS_1970     INT64_C(10957) /* 2000-01-01 minus 1970-01-01 */
/* Finite values; the infinities are INT32_MIN/MAX days and INT64_MIN/MAX microseconds. */
#define TQP_DATE_MIN      INT64_C(-2451545)   /* 4714-11-24 BC, Julian day 0 */
#define TQP_DATE_MAX      INT64_C(2145031948) /* 5874897-12-31 */
#define TQP_TIMESTAMP_MIN (TQP_DATE_MIN * TQP_US_PER_DAY)
#define TQP_TIMESTAMP_MAX INT64_C(9223371331199999999) /* 294276-12-31 23:59:59.999999 */

typedef struct TqpCivil {
    int32_t year;  /* 0 = 1 BC */
    int32_t month; /* 1 .. 12 */
    int32_t day;   /* 1 .. 31 */
} TqpCivil;

static inline int64_t tqp_date_floor_div(int64_t x, int64_t d) {
    return x / d - (x % d < 0);
}

/* days within TQP_DATE_MIN .. TQP_DATE_MAX.  Unsigned 32-bit throughout, so that it vectorises. */
static inline TqpCivil tqp_date_civil(int64_t days) {
    /* Days since 0000-03-01 of an era 20 * 400 years earlier, which makes every date positive. */
    uint32_t z = (uint32_t)days + 730425 + 20 * 146097;
    uint32_t era = z / 146097, doe = z % 146097;
    uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint32_t mp = (5 * doy + 2) / 153;
    uint32_t month = mp < 10 ? mp + 3 : mp - 9;
    TqpCivil c;
    c.day = (int32_t)(doy - (153 * mp + 2) / 5 + 1);
    c.month = (int32_t)month;
    c.year = (int32_t)(yoe + era * 400 + (month <= 2)) - 8000;
    return c;
}

/* year within +-10^7, month 1 .. 12; day may lie outside its month. */
static inline int64_t tqp_date_days(int64_t year, int64_t month, int64_t day) {
    int64_t y = year - (month <= 2);
    int64_t era = tqp_date_floor_div(y, 400), yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 730425;
}

static inline int32_t tqp_date_month_days(int32_t year, int32_t month) {
    if (month == 2)
        return 28 + ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0);
    return 30 + ((month + (month > 7)) & 1);
}

/* 0 = Monday .. 6 = Sunday; day 0 was a Saturday. */
static inline int32_t tqp_date_weekday(int64_t days) {
    return (int32_t)((days + 5 - TQP_DATE_MIN / 7 * 7 + 7) % 7);
}

/*
 * EXTRACT(field FROM days or microseconds).  False when x is infinite or outside the type, or when
 * the result has no int64 (then PostgreSQL has to answer).  Fields of the time of day are 0 for
 * days.
 */
bool tqp_date_extract(TqpDateField field, bool microseconds, int64_t x, int64_t *result);
/* date_trunc(field, microseconds); infinities stay.  False when the result leaves the type. */
bool tqp_date_trunc(TqpDateField field, int64_t x, int64_t *result);
/* Is field one that date_trunc knows? */
bool tqp_date_truncates(TqpDateField field);
/* x + months, day clipped to the month's last; infinities stay.  False when it leaves the type. */
bool tqp_date_add_months(int64_t x, int64_t months, int64_t *result);

#endif
