/* Time zones for the engine. */
#ifndef TQP_PG_ZONE_H
#define TQP_PG_ZONE_H

#include "program/program.h"

/* The binder's AT_ZONE (TqpBindZone). */
extern bool tqp_pg_zone(void *host, TqpView name, int64_t from, int64_t to, uint32_t max,
                        TqpZoneSpan *spans, uint32_t *n);

#endif
