/*
 * The background workers that shared_preload_libraries = 'tqp' adds: caches are kept fresh and
 * orphans are removed without anybody's query paying for it.
 */
#ifndef TQP_PG_WORKER_H
#define TQP_PG_WORKER_H

#include "postgres.h"

/*
 * Called once by _PG_init, before tqp_guc_define (which reserves the prefix of the settings).
 * Defines the workers' settings; registers the launcher when the server is preloading libraries.
 */
extern void tqp_worker_init(void);

#endif
