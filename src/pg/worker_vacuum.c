/*
 * tqp.load(table, vacuum => true): a worker of its own, started on request and with or without
 * shared_preload_libraries, waits for the end of the transaction that asked, runs VACUUM on the
 * table, which makes its blocks all-visible, and loads it.
 */
#include "postgres.h"

#include "access/relation.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "pg/cache.h"
#include "pg/compat.h"
#include "pg/load.h"
#include "pg/tqp_pg.h"
#include "pg/worker.h"

#define REQUEST_WORDS 13

/* What the worker is told, in its registration. */
typedef struct Request {
    VirtualTransactionId asker;
    Oid relation, user;
    uint64 columns[REQUEST_WORDS]; /* by attnum; those past it are loaded when they are used */
} Request;

StaticAssertDecl(sizeof(Request) <= BGW_EXTRALEN, "a request must fit a worker's registration");

PGDLLEXPORT void tqp_worker_vacuum_main(Datum arg);

static const Request *request; /* of this process */

/*
 * Starts a worker, unless those that this session has started before already take a quarter of the
 * server's: parallel queries need them too.
 */
static bool start(BackgroundWorker *worker) {
    static List *started = NIL; /* of BackgroundWorkerHandle *, in TopMemoryContext */
    BackgroundWorkerHandle *handle;
    ListCell *lc;
    pid_t pid;
    foreach (lc, started)
        if (GetBackgroundWorkerPid(lfirst(lc), &pid) == BGWH_STOPPED)
            started = foreach_delete_current(started, lc);
    if (list_length(started) > max_worker_processes / 4)
        return false;
    MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
    bool ok = RegisterDynamicBackgroundWorker(worker, &handle);
    if (ok)
        started = lappend(started, handle);
    MemoryContextSwitchTo(caller);
    return ok;
}

bool tqp_worker_vacuum(Relation rel, int ncolumns, const AttrNumber *attnums) {
    BackgroundWorker worker;
    Request r = {.relation = RelationGetRelid(rel), .user = GetUserId()};
    GET_VXID_FROM_PGPROC(r.asker, *MyProc);
    for (int i = 0; i < ncolumns; i++)
        if (attnums[i] / 64 < REQUEST_WORDS)
            r.columns[attnums[i] / 64] |= UINT64CONST(1) << (attnums[i] % 64);
    tqp_worker_describe(&worker, "tqp vacuum worker", "tqp_worker_vacuum_main");
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
    memcpy(worker.bgw_extra, &r, sizeof(r));
    if (start(&worker))
        return true;
    ereport(WARNING, (errmsg("no background worker could be started to vacuum \"%s\"",
                             RelationGetRelationName(rel)),
                      errhint("VACUUM it, or ask again when others are done; "
                              "\"max_worker_processes\" bounds them.")));
    return false;
}

/* The name if the table is still there and still the asker's, else NULL. */
static char *check(void) {
    if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(request->relation)) ||
        !tqp_compat_owns_relation(request->relation, request->user))
        return NULL;
    return get_rel_name(request->relation);
}

/* Locks of others are not waited for: whoever has one may be vacuuming it. */
static void vacuum_step(Oid relid) {
    VacuumStmt *stmt = makeNode(VacuumStmt);
    char *name = check();
    if (name == NULL)
        return;
    pgstat_report_activity(STATE_RUNNING, psprintf("tqp: VACUUM %s", name));
    stmt->is_vacuumcmd = true;
    stmt->options = list_make1(makeDefElem("skip_locked", NULL, -1));
    stmt->rels = list_make1(makeVacuumRelation(NULL, relid, NIL));
    ExecVacuum(make_parsestate(NULL), stmt, true);
}

static void load_step(Oid relid) {
    AttrNumber wanted[REQUEST_WORDS * 64], attnums[REQUEST_WORDS * 64];
    const char *reason;
    TqpLoadResult result;
    TqpError err = {0};
    int n = 0;
    Relation rel = check() != NULL ? try_relation_open(relid, AccessShareLock) : NULL;
    if (rel == NULL)
        return;
    for (int i = 1; i < REQUEST_WORDS * 64; i++)
        if ((request->columns[i / 64] >> (i % 64) & 1) != 0)
            wanted[n++] = (AttrNumber)i;
    n = tqp_worker_columns(rel, n, wanted, attnums);
    TqpLoadRequest what = {.ncolumns = n, .attnums = attnums, .wait_ms = TQP_WAIT_FOR_EVER};
    pgstat_report_activity(STATE_RUNNING, "tqp: load after VACUUM");
    if (!tqp_cache_relation_ok(rel, &reason))
        ereport(LOG, (errmsg("tqp: \"%s\" is vacuumed, but cannot be loaded: %s",
                             RelationGetRelationName(rel), reason)));
    else if (tqp_load_relation(rel, &what, &result, &err) != TQP_OK)
        ereport(LOG, (errmsg("tqp: could not load \"%s\" after VACUUM: %s",
                             RelationGetRelationName(rel), err.message)));
    else
        ereport(LOG,
                (errmsg("tqp: vacuumed and loaded \"%s\": " UINT64_FORMAT
                        " rows, %u blocks not all-visible",
                        RelationGetRelationName(rel), result.rows, result.blocks_not_visible)));
    relation_close(rel, AccessShareLock);
}

/* Rows of the asker's own transaction can be all-visible only after it. */
static void wait_step(Oid unused) {
    pgstat_report_activity(STATE_RUNNING, "tqp: VACUUM waits for a transaction");
    (void)VirtualXactLock(request->asker, true);
}

void tqp_worker_vacuum_main(Datum arg) {
    Request r;
    memcpy(&r, MyBgworkerEntry->bgw_extra, sizeof(r));
    request = &r;
    tqp_worker_connect(DatumGetObjectId(arg));
    SetConfigOption("lock_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
    PortalContext = AllocSetContextCreate(TopMemoryContext, "tqp vacuum", ALLOCSET_DEFAULT_SIZES);
    tqp_worker_transaction(wait_step, InvalidOid, false);
    tqp_worker_transaction(vacuum_step, r.relation, false);
    tqp_worker_transaction(load_step, r.relation, true);
}
