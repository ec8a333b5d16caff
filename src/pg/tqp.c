/*
 * The library's entry: settings first, then the hooks, each of which chains to the one before it.
 */
#include "postgres.h"

#include "fmgr.h"

#include "pg/extension.h"
#include "pg/planner.h"
#include "pg/scan_node.h"
#include "pg/tqp_pg.h"
#include "pg/worker.h"

PG_MODULE_MAGIC;

void _PG_init(void);

void _PG_init(void) {
    tqp_worker_init(); /* before tqp_guc_define, which reserves the prefix */
    tqp_guc_define();
    tqp_extension_init();
    tqp_scan_init();
    tqp_explain_init();
    tqp_planner_init();
}
