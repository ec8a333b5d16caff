/* What a COLLECT sink asks the host for, row by row. */
#ifndef TQP_EXEC_HOST_H
#define TQP_EXEC_HOST_H

#include "exec/column.h"
#include "exec/run.h"

/*
 * out[i]: answers of sink.hosts[i] for n rows of the sink's outputs.  Called by the leader; strings
 * live in run->arena.  The caller frees the columns, also after a failure.
 */
TqpStatus tqp_exec_host(TqpRun *run, uint64_t n, const TqpColumn *columns,
                        TqpColumn *out) TQP_NODISCARD;

#endif
