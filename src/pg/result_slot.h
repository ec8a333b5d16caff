/* Rows of an engine result as tuples. */
#ifndef TQP_PG_RESULT_SLOT_H
#define TQP_PG_RESULT_SLOT_H

#include "postgres.h"

#include "executor/tuptable.h"

#include "exec/exec.h"

typedef struct TqpResultReader TqpResultReader;

/* columns: Vars with PostgreSQL's types.  Allocated in the current memory context. */
extern TqpResultReader *tqp_result_reader(const TqpResult *result, List *columns);
/*
 * Store the next (or previous) row in the virtual slot; false and an empty slot past the end.
 * Values by reference live in `row`, which the caller resets between calls.
 */
extern bool tqp_result_read(TqpResultReader *reader, bool forward, MemoryContext row,
                            TupleTableSlot *slot);
extern void tqp_result_rewind(TqpResultReader *reader);

#endif
