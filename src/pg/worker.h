/*
 * The background workers.  Those that shared_preload_libraries = 'tqp' adds keep caches fresh, load
 * what is used, and remove orphans without anybody's query paying for it; the one that vacuums a
 * freshly loaded table is started when somebody asks.
 */
#ifndef TQP_PG_WORKER_H
#define TQP_PG_WORKER_H

#include "postgres.h"

#include "utils/rel.h"

struct BackgroundWorker;

/*
 * Called once by _PG_init, before tqp_guc_define (which reserves the prefix of the settings).
 * Defines the workers' settings; registers the launcher when the server is preloading libraries.
 */
extern void tqp_worker_init(void);

/*
 * Start a worker that vacuums the relation when the present transaction has ended, and then loads
 * its cached columns and these.  The caller has checked that the user owns the relation.  False
 * with a WARNING when there is no room for a worker.
 */
extern bool tqp_worker_vacuum(Relation rel, int ncolumns, const AttrNumber *attnums);

/* ---- shared by the worker files ---- */

/* Load what queries of this database have used more than once without a cache. */
extern void tqp_worker_load_used(void);
/* Of these columns, those that are still there and have a representation. */
extern int tqp_worker_columns(Relation rel, int nwanted, const AttrNumber *wanted,
                              AttrNumber *attnums);

/* Of a worker: signals, a session in the database (or none) with settings of its own. */
extern void tqp_worker_connect(Oid database);
/* Runs step(arg) in a transaction of its own, under a snapshot if asked; an error is logged. */
extern void tqp_worker_transaction(void (*step)(Oid), Oid arg, bool snapshot);
extern void tqp_worker_describe(struct BackgroundWorker *worker, const char *name,
                                const char *function);

#endif
