/* The table date: a calendar of seven years. */
#include "ssbgen.h"

static const char *const WEEKDAYS[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
static const struct {
    const char *name;
    const char *season;
    int days;
} MONTHS[] = {
    {"January", "Winter", 31}, {"February", "Winter", 28},    {"March", "Winter", 31},
    {"April", "Spring", 30},   {"May", "Summer", 31},         {"June", "Summer", 30},
    {"July", "Summer", 31},    {"August", "Summer", 31},      {"September", "Fall", 30},
    {"October", "Fall", 31},   {"November", "Christmas", 30}, {"December", "Christmas", 31},
};

/* month and day of the month */
static const int HOLIDAYS[][2] = {{1, 1},   {2, 14},  {5, 1},   {7, 4},   {9, 5},
                                  {10, 31}, {11, 24}, {12, 24}, {12, 25}, {12, 31}};

typedef struct Date {
    int year, month, day; /* from 1 */
    int day_in_year;      /* from 1 */
    int month_days;
    int weekday; /* 0 is Sunday */
} Date;

static Date date_of(int day) {
    /* The first day was a Wednesday. */
    Date date = {.year = 1992, .month = 1, .weekday = (day + 3) % 7};
    for (int length; day >= (length = date.year % 4 ? 365 : 366); date.year++) {
        day -= length;
    }
    date.day_in_year = day + 1;
    for (;; date.month++) {
        date.month_days = MONTHS[date.month - 1].days + (date.month == 2 && date.year % 4 == 0);
        if (day < date.month_days) {
            break;
        }
        day -= date.month_days;
    }
    date.day = day + 1;
    return date;
}

static bool is_holiday(const Date *date) {
    for (size_t i = 0; i < sizeof(HOLIDAYS) / sizeof(HOLIDAYS[0]); i++) {
        if (HOLIDAYS[i][0] == date->month && HOLIDAYS[i][1] == date->day) {
            return true;
        }
    }
    return false;
}

int64_t ssb_date_key(int day) {
    Date date = date_of(day);
    return date.year * 10000 + date.month * 100 + date.day;
}

void ssb_write_date(const SsbScale *scale, int64_t day, Out *out) {
    (void)scale;
    Date date = date_of((int)day);
    const char *month = MONTHS[date.month - 1].name;
    char text[32];
    out_number(out, ssb_date_key((int)day));
    snprintf(text, sizeof(text), "%s %d, %d", month, date.day, date.year);
    out_string(out, text);
    out_string(out, WEEKDAYS[date.weekday]);
    out_string(out, month);
    out_number(out, date.year);
    out_number(out, date.year * 100 + date.month);
    snprintf(text, sizeof(text), "%.3s%d", month, date.year);
    out_string(out, text);
    out_number(out, date.weekday + 1);
    out_number(out, date.day);
    out_number(out, date.day_in_year);
    out_number(out, date.month);
    out_number(out, (date.day_in_year - 1) / 7 + 1);
    out_string(out, MONTHS[date.month - 1].season);
    out_number(out, date.weekday == 6);
    out_number(out, date.day == date.month_days);
    out_number(out, is_holiday(&date));
    out_number(out, date.weekday >= 1 && date.weekday <= 5);
    out_end_row(out);
}
