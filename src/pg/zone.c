/* Time zones for the engine's AT_ZONE: the offsets that a zone has over a range of instants. */
#include "postgres.h"

#include "parser/scansup.h"
#include "pgtime.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "mb/pg_wchar.h"

#include "pg/compat.h"
#include "pg/zone.h"

#define SECONDS_TO_2000 ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64)SECS_PER_DAY)

/*
 * The zone of a name as timezone(text, timestamptz) finds it: abbreviations come first, and may be
 * a fixed offset instead.  False: no such zone, or an abbreviation whose offset changes.
 */
static bool find_zone(const char *name, pg_tz **zone, int64 *offset) {
    char *lower = downcase_truncate_identifier(name, (int)strlen(name), false);
    int seconds = 0;
    switch (tqp_compat_timezone_abbreviation(lower, &seconds, zone)) {
    case TZ:
    case DTZ:
        *zone = NULL;
        *offset = seconds * USECS_PER_SEC;
        return true;
    case DYNTZ:
        return false;
    default:
        *zone = pg_tzset(name);
        return *zone != NULL;
    }
}

static pg_time_t seconds_of(int64 instant) {
    int64 rest = instant % USECS_PER_SEC;
    return (instant - (rest < 0 ? rest + USECS_PER_SEC : rest)) / USECS_PER_SEC + SECONDS_TO_2000;
}

static bool list_offsets(const pg_tz *zone, int64 from, int64 to, uint32 max, TqpZoneSpan *spans,
                         uint32 *n) {
    pg_time_t at = seconds_of(from), next;
    long before, after;
    int before_isdst, after_isdst;
    *n = 0;
    for (;;) {
        int found =
            pg_next_dst_boundary(&at, &before, &before_isdst, &next, &after, &after_isdst, zone);
        if (found < 0 || (found > 0 && next <= at))
            return false;
        if (*n == 0)
            spans[(*n)++] = (TqpZoneSpan){from, before * USECS_PER_SEC};
        if (found == 0 || next > seconds_of(to))
            return true;
        if (after * USECS_PER_SEC != spans[*n - 1].offset) {
            if (*n == max)
                return false;
            spans[(*n)++] =
                (TqpZoneSpan){(next - SECONDS_TO_2000) * USECS_PER_SEC, after * USECS_PER_SEC};
        }
        at = next;
    }
}

bool tqp_pg_zone(void *host, TqpView name, int64_t from, int64_t to, uint32_t max,
                 TqpZoneSpan *spans, uint32_t *n) {
    pg_tz *zone = session_timezone;
    (void)host;
    if (name.len > 0 && !find_zone(pnstrdup(name.data, name.len), &zone, &spans[0].offset))
        return false;
    if (zone != NULL)
        return list_offsets(zone, from, to, max, spans, n);
    spans[0].from = from;
    *n = 1;
    return true;
}
