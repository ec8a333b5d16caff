/*
 * The control file: one small file mapped by every backend of the cluster, with or without
 * shared_preload_libraries.  Holds the query log (a ring), the progress of loads, and what is used
 * without being cached (use.h).
 */
#ifndef TQP_PG_CONTROL_H
#define TQP_PG_CONTROL_H

#include "postgres.h"

#include "pg/use.h"

typedef enum TqpOutcome {
    TQP_OUTCOME_OFFLOADED,
    TQP_OUTCOME_DECLINED, /* at plan time */
    TQP_OUTCOME_REPLAYED  /* at execution */
} TqpOutcome;

/* One line of tqp.query_log. Strings are cut to what the ring holds. No-op when it cannot be
 * mapped. */
extern void tqp_control_log(TqpOutcome outcome, uint64 query_id, const char *query_text,
                            const char *reason, double ms, uint64 rows);

/* Progress of the one load this backend runs; cleared by end (also on abort). */
extern void tqp_control_progress_begin(Oid relid, uint32 blocks_total);
extern void tqp_control_progress_update(uint32 blocks_done, uint64 rows_done);
extern void tqp_control_progress_end(void);

/* TQP_USE_SLOTS of them, or NULL. */
extern TqpUseSlot *tqp_control_uses(void);

/* Absolute path of the cache directory (created, 0700): <data directory>/pgsql_tmp_tqp */
extern const char *tqp_control_cache_dir(void);

#endif
