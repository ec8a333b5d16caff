/*
 * Two kinds of background worker.  The launcher lives as long as the server, belongs to no
 * database, and wakes up every tqp.worker_naptime seconds: it removes the caches of dropped
 * databases and starts, one at a time, a worker for each database that has caches or should.  That
 * worker visits the cached relations: it re-stamps those whose visibility map has moved, reloads
 * those of which too much is read from the heap, loads what was used without (worker_use.c),
 * removes orphans, and exits.  (A third kind is in worker_vacuum.c.)
 *
 * A failure is logged and met again at the next round; nothing here can fail a query.
 */
#include "postgres.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/bufmgr.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#include "base/bitmap.h"
#include "pg/cache.h"
#include "pg/control.h"
#include "pg/load.h"
#include "pg/tqp_pg.h"
#include "pg/use.h"
#include "pg/validity.h"
#include "pg/worker.h"

#define RESTART_SECONDS 60

static int worker_naptime = 60;
static double refresh_share = 0.1;

PGDLLEXPORT void tqp_worker_launcher(Datum arg);
PGDLLEXPORT void tqp_worker_database(Datum arg);

/* ---- one database ---- */

/* Blocks that a load would add: all-visible now and not proved valid. */
static uint32 count_missing(const TqpGeneration *gen, const TqpVisible *visible,
                            const TqpValidity *validity) {
    uint32 taken = tqp_bitmap_count(visible->bits, visible->nblocks);
    return taken - Min(taken, validity->blocks);
}

/*
 * Is a reload worth it?  Removes a cache that cannot be read or is of another history.  Re-stamps
 * what the second tier has proved, so that queries need not prove it again.
 */
static bool needs_refresh(Relation rel, const char *path) {
    TqpGeneration *gen = NULL;
    TqpVisible visible;
    TqpValidity validity;
    TqpError err;
    TqpStatus status = tqp_store_open(path, &gen, &err);
    if (status == TQP_OK && gen == NULL)
        return false;
    if (status != TQP_OK || !tqp_validity_generation(gen)) {
        if (gen != NULL)
            tqp_store_close(gen);
        if (status == TQP_OK || status == TQP_CORRUPT)
            status = tqp_store_drop(path, &err);
        if (status != TQP_OK)
            ereport(LOG, (errmsg("tqp: cache in \"%s\": %s", path, err.message)));
        return false;
    }
    BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
    uint32 missing = 0;
    PG_TRY();
    {
        tqp_validity_sample(rel, nblocks, &visible);
        tqp_validity_check(rel, gen, &visible, &validity);
        if (validity.moved)
            tqp_validity_restamp(gen, &visible, &validity);
        missing = count_missing(gen, &visible, &validity);
    }
    PG_FINALLY();
    { tqp_store_close(gen); }
    PG_END_TRY();
    return missing > 0 && missing > refresh_share * nblocks;
}

static void refresh(Relation rel) {
    TqpLoadResult result;
    TqpError err;
    /* No column is named: those that are there are brought up to date. */
    if (tqp_load_relation(rel, &(TqpLoadRequest){0}, &result, &err) != TQP_OK)
        ereport(LOG, (errmsg("tqp: could not refresh the cache of \"%s\": %s",
                             RelationGetRelationName(rel), err.message)));
    else
        ereport(DEBUG1,
                (errmsg_internal("tqp: refreshed the cache of \"%s\": " UINT64_FORMAT " rows",
                                 RelationGetRelationName(rel), result.rows)));
}

/* Does not wait for anybody's lock: what is locked now is visited in the next round. */
static void visit_locked(Oid relid) {
    char path[MAXPGPATH], manifest[MAXPGPATH + 16];
    const char *reason;
    struct stat st;
    Relation rel = try_relation_open(relid, NoLock);
    if (rel == NULL)
        return;
    tqp_cache_path(rel->rd_node, path);
    snprintf(manifest, sizeof(manifest), "%s/manifest", path);
    if (stat(manifest, &st) == 0 && tqp_cache_relation_ok(rel, &reason)) {
        char activity[NAMEDATALEN + 64];
        snprintf(activity, sizeof(activity), "tqp: cache of relation %s",
                 RelationGetRelationName(rel));
        pgstat_report_activity(STATE_RUNNING, activity);
        if (needs_refresh(rel, path))
            refresh(rel);
    }
    relation_close(rel, AccessShareLock);
}

void tqp_worker_transaction(void (*step)(Oid), Oid arg, bool snapshot) {
    MemoryContext context = CurrentMemoryContext;
    SetCurrentStatementStartTimestamp();
    PG_TRY();
    {
        StartTransactionCommand();
        if (snapshot)
            PushActiveSnapshot(GetTransactionSnapshot());
        step(arg);
        if (snapshot)
            PopActiveSnapshot();
        CommitTransactionCommand();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        HOLD_INTERRUPTS();
        EmitErrorReport();
        AbortCurrentTransaction();
        FlushErrorState();
        RESUME_INTERRUPTS();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    pgstat_report_activity(STATE_IDLE, NULL);
}

static void visit_relation(Oid relid) {
    if (ConditionalLockRelationOid(relid, AccessShareLock))
        visit_locked(relid);
}

static void remove_orphans(Oid unused) {
    tqp_cache_remove_orphans();
}

static List *relations_found; /* of find_relations, in TopMemoryContext */

/* Not by SQL, which would be seen in pg_stat_statements. */
static void find_relations(Oid unused) {
    HeapTuple tuple;
    if (!tqp_extension_active())
        return;
    Relation rel = table_open(RelationRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(rel, 0, NULL);
    while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL) {
        Form_pg_class class = (Form_pg_class)GETSTRUCT(tuple);
        if ((class->relkind != RELKIND_RELATION && class->relkind != RELKIND_MATVIEW) ||
            class->relpersistence != RELPERSISTENCE_PERMANENT || class->oid < FirstNormalObjectId)
            continue;
        MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
        relations_found = lappend_oid(relations_found, class->oid);
        MemoryContextSwitchTo(caller);
    }
    table_endscan(scan);
    table_close(rel, AccessShareLock);
}

/* As autovacuum does: what a user or a database sets for sessions must not change our work. */
static void set_session(void) {
    static const struct {
        const char *name, *value;
    } settings[] = {
        {"search_path", "pg_catalog"},
        {"statement_timeout", "0"},
        {"idle_in_transaction_session_timeout", "0"},
        {"lock_timeout", "1s"}, /* another loader of the relation does our work */
        {"default_transaction_isolation", "read committed"},
        {"zero_damaged_pages", "off"},
        {"tqp.enabled", "off"},
    };
    for (size_t i = 0; i < lengthof(settings); i++)
        SetConfigOption(settings[i].name, settings[i].value, PGC_SUSET, PGC_S_OVERRIDE);
}

void tqp_worker_connect(Oid database) {
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
    set_session();
}

void tqp_worker_database(Datum arg) {
    ListCell *lc;
    tqp_worker_connect(DatumGetObjectId(arg));
    tqp_worker_transaction(find_relations, InvalidOid, true);
    foreach (lc, relations_found) {
        CHECK_FOR_INTERRUPTS();
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        }
        tqp_worker_transaction(visit_relation, lfirst_oid(lc), true);
    }
    tqp_worker_load_used();
    tqp_worker_transaction(remove_orphans, InvalidOid, true);
}

/* ---- the launcher ---- */

static List *databases_found; /* of find_databases, in TopMemoryContext */

/* Databases that accept connections and have a folder of caches, or tables used without. */
static void find_databases(Oid unused) {
    HeapTuple tuple;
    Relation rel = table_open(DatabaseRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(rel, 0, NULL);
    while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL) {
        Form_pg_database database = (Form_pg_database)GETSTRUCT(tuple);
        char path[MAXPGPATH];
        struct stat st;
        snprintf(path, sizeof(path), "%s/%u", tqp_control_cache_dir(), database->oid);
        if (!database->datallowconn ||
            (stat(path, &st) != 0 && !tqp_use_any(database->oid, TQP_USE_AGAIN)))
            continue;
        MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
        databases_found = lappend_oid(databases_found, database->oid);
        MemoryContextSwitchTo(caller);
    }
    table_endscan(scan);
    table_close(rel, AccessShareLock);
}

void tqp_worker_describe(BackgroundWorker *worker, const char *name, const char *function) {
    memset(worker, 0, sizeof(*worker));
    worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
    strlcpy(worker->bgw_library_name, "tqp", BGW_MAXLEN);
    strlcpy(worker->bgw_function_name, function, BGW_MAXLEN);
    strlcpy(worker->bgw_name, name, BGW_MAXLEN);
    strlcpy(worker->bgw_type, name, BGW_MAXLEN);
}

static void run_worker(Oid database) {
    BackgroundWorker worker;
    BackgroundWorkerHandle *handle;
    tqp_worker_describe(&worker, "tqp cache worker", "tqp_worker_database");
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_main_arg = ObjectIdGetDatum(database);
    worker.bgw_notify_pid = MyProcPid;
    if (!RegisterDynamicBackgroundWorker(&worker, &handle)) {
        ereport(LOG, (errmsg("tqp: no free slot for a background worker"),
                      errhint("Consider increasing \"max_worker_processes\".")));
        return;
    }
    if (WaitForBackgroundWorkerShutdown(handle) == BGWH_POSTMASTER_DIED)
        proc_exit(1);
    pfree(handle);
}

static void one_round(void) {
    ListCell *lc;
    tqp_worker_transaction(remove_orphans, InvalidOid, true);
    databases_found = NIL;
    tqp_worker_transaction(find_databases, InvalidOid, true);
    foreach (lc, databases_found)
        run_worker(lfirst_oid(lc));
    list_free(databases_found);
}

/* Wait for the nap to end (0: for ever) or the configuration to change; true: the nap is over. */
static bool nap(TimestampTz *next) {
    int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;
    long timeout = -1;
    if (worker_naptime > 0) {
        timeout = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), *next);
        events |= WL_TIMEOUT;
    }
    int event = WaitLatch(MyLatch, events, timeout, PG_WAIT_EXTENSION);
    if (event & WL_LATCH_SET)
        ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
    if (ConfigReloadPending) {
        ConfigReloadPending = false;
        ProcessConfigFile(PGC_SIGHUP);
        *next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), (int64)worker_naptime * 1000);
    }
    return worker_naptime > 0 && GetCurrentTimestamp() >= *next;
}

void tqp_worker_launcher(Datum arg) {
    tqp_worker_connect(InvalidOid);
    tqp_worker_transaction(remove_orphans, InvalidOid, true); /* of loads that a crash has ended */
    TimestampTz next =
        TimestampTzPlusMilliseconds(GetCurrentTimestamp(), (int64)worker_naptime * 1000);
    for (;;) {
        if (!nap(&next))
            continue;
        one_round();
        next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), (int64)worker_naptime * 1000);
    }
}

/* ---- registration ---- */

void tqp_worker_init(void) {
    BackgroundWorker worker;
    DefineCustomIntVariable("tqp.worker_naptime", "Time between two rounds of the cache workers.",
                            "0 turns them off. They exist only when tqp is in "
                            "shared_preload_libraries.",
                            &worker_naptime, 60, 0, INT_MAX / 1000, PGC_SIGHUP, GUC_UNIT_S, NULL,
                            NULL, NULL);
    DefineCustomRealVariable("tqp.refresh_share",
                             "Share of a table that the cache could hold and does not, above which "
                             "the cache workers load it again.",
                             NULL, &refresh_share, 0.1, 0.0, 1.0, PGC_SIGHUP, 0, NULL, NULL, NULL);
    if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
        return;
    tqp_worker_describe(&worker, "tqp launcher", "tqp_worker_launcher");
    worker.bgw_restart_time = RESTART_SECONDS;
    RegisterBackgroundWorker(&worker);
}
