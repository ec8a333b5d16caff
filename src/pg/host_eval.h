/* HostEval: functions that PostgreSQL evaluates at bind per distinct value, or then for each row.
 */
#ifndef TQP_PG_HOST_EVAL_H
#define TQP_PG_HOST_EVAL_H

#include "pg/scan_node.h"
#include "program/program.h"

/*
 * The binder's and the executor's HOST (TqpBindHost): host is the TqpScanState.  Runs in an
 * internal subtransaction; an error that PostgreSQL raises ends the execution, and the query is
 * replayed.
 */
extern TqpStatus tqp_host_eval(void *host, uint32_t function, TqpArena *a, uint32_t nargs,
                               uint32_t n, const TqpValue *in, TqpValue *out, TqpError *err);

#endif
