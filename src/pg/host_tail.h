/* What PostgreSQL's own functions do after the engine: avg, casts, HAVING, ORDER BY, LIMIT. */
#ifndef TQP_PG_HOST_TAIL_H
#define TQP_PG_HOST_TAIL_H

#include "pg/scan_node.h"

/*
 * Evaluate the plan's tail over run.result into s->store, inside an internal subtransaction.  False
 * with the reason when an expression raised.
 */
extern bool tqp_host_tail(TqpScanState *s, const char **reason);

#endif
