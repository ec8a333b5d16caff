/* Values that PostgreSQL computes for a program at execution start. */
#ifndef TQP_PG_PARAMS_H
#define TQP_PG_PARAMS_H

#include "postgres.h"

#include "ir/ir.h"
#include "nodes/execnodes.h"

/*
 * Evaluate params (of TqpPlanParam *) under the node's expression context; values in the arena.
 * False, with the reason, when PostgreSQL should run the query: an error, or a value off the grid.
 */
extern bool tqp_params_evaluate(PlanState *node, List *params, TqpArena *arena, TqpValue **values,
                                const char **reason);

/* LIMIT or OFFSET: the int8 value of one parameter; false with *is_null or a reason as above. */
extern bool tqp_params_bound(const TqpValue *values, int index, int64 missing, int64 *bound,
                             const char **reason);

/*
 * Run fn in an internal subtransaction.  Any error but a cancel is rolled back; false with its
 * message as the reason.  Not possible in parallel mode: false, too.
 */
extern bool tqp_guarded(void (*fn)(void *arg), void *arg, const char **reason);
/* Likewise, but a cancel or the end of the backend is returned in *ended, for the caller to raise.
 */
extern bool tqp_guarded_end(void (*fn)(void *arg), void *arg, const char **reason,
                            ErrorData **ended);

#endif
