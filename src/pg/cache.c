/*
 * Pinning a relation for one execution: what is cached and proved valid, what is loaded first, what
 * is read from the heap, and when PostgreSQL had better run the query itself.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/spccache.h"

#include "base/bitmap.h"
#include "pg/compat.h"
#include "pg/decline.h"
#include "pg/load.h"
#include "pg/pin.h"
#include "pg/tqp_pg.h"
#include "pg/use.h"

/* Relations below this may be read from the heap wholly. */
#define SMALL_BLOCKS 1024
/* One that small is loaded by itself when it is read so often, a tiny one never. */
#define SMALL_READS 4
#define TINY_BLOCKS 16
/* Blocks that became all-visible since the load: above one in so many the load is repeated. */
#define REFRESH_SHARE 10
/*
 * Waiting for another's load is worth it for as long as reading the blocks might take: then it
 * costs twice that at most.
 */
#define WAIT_BLOCKS_PER_MS 100

bool tqp_cache_relation_ok(Relation rel, const char **reason) {
    *reason = NULL;
    if (rel->rd_rel->relkind != RELKIND_RELATION && rel->rd_rel->relkind != RELKIND_MATVIEW)
        *reason = tqp_decline(TQP_DECLINE_RELATION_KIND);
    else if (rel->rd_rel->relam != HEAP_TABLE_AM_OID)
        *reason = tqp_decline(TQP_DECLINE_ACCESS_METHOD);
    else if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
        *reason = tqp_decline(TQP_DECLINE_TEMPORARY);
    else if (rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
        *reason = tqp_decline(TQP_DECLINE_UNLOGGED);
    else if (IsCatalogRelation(rel))
        *reason = tqp_decline(TQP_DECLINE_CATALOG);
    return *reason == NULL;
}

/*
 * A relation file made by this transaction: COPY FREEZE may append to its all-visible pages, and
 * under wal_level = minimal its pages carry no LSN.
 */
bool tqp_cache_file_is_new(Relation rel) {
    return rel->rd_createSubid != InvalidSubTransactionId ||
           rel->rd_newRelfilenodeSubid != InvalidSubTransactionId ||
           rel->rd_firstRelfilenodeSubid != InvalidSubTransactionId;
}

static bool describe_columns(TqpPinWork *work) {
    TupleDesc desc = RelationGetDescr(work->rel);
    work->types = palloc(Max(work->ncolumns, 1) * sizeof(TqpType));
    work->columns = palloc(Max(work->ncolumns, 1) * sizeof(int));
    for (int c = 0; c < work->ncolumns; c++) {
        Form_pg_attribute att = TupleDescAttr(desc, work->attnums[c] - 1);
        if (!tqp_pg_type(att->atttypid, att->atttypmod, att->attcollation, &work->types[c],
                         &work->reason))
            return false;
    }
    return true;
}

/* Open the current generation and find the columns in it. */
static void find_cached(TqpPinWork *work) {
    TupleDesc desc = RelationGetDescr(work->rel);
    work->complete = false;
    work->open = tqp_cache_file_is_new(work->rel) ? NULL : tqp_open_acquire(work->rel);
    if (work->open == NULL)
        return;
    work->complete = true;
    for (int c = 0; c < work->ncolumns; c++) {
        Form_pg_attribute att = TupleDescAttr(desc, work->attnums[c] - 1);
        work->columns[c] =
            tqp_store_find_column(work->open->gen, att->attnum, tqp_cache_identity(att));
        if (work->columns[c] < 0)
            work->complete = false;
    }
}

/* work->valid: the union of the groups' valid blocks. */
static void merge_valid(TqpPinWork *work) {
    const TqpGeneration *gen = work->open->gen;
    for (uint32 g = 0; g < gen->ngroups; g++) {
        const TqpStoreGroup *group = &gen->groups[g];
        const uint64 *valid = work->validity.valid[g];
        for (uint32 w = 0; w < tqp_bitmap_words(group->nblocks); w++) {
            uint64 at = (uint64)group->first_block + (uint64)w * 64;
            if (valid[w] == 0)
                continue;
            work->valid[at / 64] |= valid[w] << (at % 64);
            if (at % 64 != 0)
                work->valid[at / 64 + 1] |= valid[w] >> (64 - at % 64);
        }
    }
    work->nvalid = work->validity.blocks;
}

/* DESIGN §3: sample the map after the snapshot and the SIREAD lock were taken. */
static void sample(TqpPinWork *work) {
    work->nblocks = RelationGetNumberOfBlocks(work->rel);
    tqp_validity_sample(work->rel, work->nblocks, &work->visible);
    work->valid = MemoryContextAllocExtended(CurrentMemoryContext,
                                             ((size_t)work->nblocks / 64 + 2) * sizeof(uint64),
                                             MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    work->nvalid = 0;
    memset(&work->validity, 0, sizeof(work->validity));
    if (work->open == NULL || !work->complete)
        return;
    tqp_validity_check(work->rel, work->open->gen, &work->visible, &work->validity);
    merge_valid(work);
    if (work->validity.moved)
        tqp_validity_restamp(work->open->gen, &work->visible, &work->validity);
}

static uint32 count_loadable(const TqpPinWork *work) {
    uint32 n = 0;
    for (uint32 w = 0; w < tqp_bitmap_words(work->nblocks); w++)
        n += (uint32)__builtin_popcountll(work->visible.bits[w] & ~work->valid[w]);
    return n;
}

/* Of reading so many of the relation's blocks, in the planner's units. */
static double read_cost(const TqpPinWork *work, double nblocks) {
    double page_cost;
    get_tablespace_page_costs(work->rel->rd_rel->reltablespace, NULL, &page_cost);
    return page_cost * nblocks;
}

/* As for columns that are missing (run.c): by this plan, or by those that went before. */
static bool is_refresh_paid(const TqpPinWork *work, uint32 nblocks) {
    double cost = work->terms->cost, needed = read_cost(work, nblocks);
    return needed <= cost || needed <= tqp_use_note(work->rel, cost, work->ncolumns, work->attnums);
}

/*
 * Reading a small table from the heap is cheaper than loading it, which waits for the disk; reading
 * it again and again is not.
 */
static bool is_small_paid(const TqpPinWork *work) {
    double once = read_cost(work, work->nblocks);
    return work->nblocks > TINY_BLOCKS &&
           tqp_use_note(work->rel, once, work->ncolumns, work->attnums) >= SMALL_READS * once;
}

/* Is a load worth its time now: for columns that are not there, or for blocks that have changed? */
static bool should_load(const TqpPinWork *work) {
    uint32 loadable = count_loadable(work);
    if (!tqp_auto_load || loadable == 0 || tqp_cache_file_is_new(work->rel))
        return false;
    if (!work->complete)
        return tqp_force ||
               (loadable >= work->nblocks / 2 &&
                (work->nblocks < SMALL_BLOCKS ? is_small_paid(work) : work->terms->may_load));
    return loadable > work->nblocks / REFRESH_SHARE &&
           (tqp_force || (work->nblocks >= SMALL_BLOCKS && is_refresh_paid(work, loadable)));
}

/*
 * The query's scan of the heap: it fills the cache, which the query then runs over
 * (doc/adr/0008).  A failure is not the query's: it is logged, and the heap is read.
 */
static bool load_now(TqpPinWork *work) {
    TqpLoadResult result;
    TqpError err = {0};
    if (tqp_use_has_failed(work->rel))
        return false;
    TqpLoadRequest request = {.ncolumns = work->ncolumns,
                              .attnums = work->attnums,
                              .wait_ms = (int)(work->nblocks / WAIT_BLOCKS_PER_MS) + 1,
                              .narrow = true};
    TqpStatus status = tqp_load_relation(work->rel, &request, &result, &err);
    CHECK_FOR_INTERRUPTS();
    work->busy = status == TQP_OK && result.busy;
    if (status == TQP_OK)
        return result.published;
    ereport(LOG, (errmsg("could not load relation \"%s\" into the cache: %s",
                         RelationGetRelationName(work->rel), err.message)));
    return false;
}

/* True when reading the heap leaves the engine no gain. */
static bool too_much_heap(TqpPinWork *work) {
    uint32 heap = work->nblocks - work->nvalid;
    if (tqp_force || heap <= SMALL_BLOCKS)
        return false;
    if (heap <= work->nblocks / 2) {
        work->reason = "PostgreSQL's plan reads less than the blocks that are not in the cache";
        return read_cost(work, heap) > work->terms->cost;
    }
    if (work->busy)
        work->reason = "columns are not in the cache, and another session is loading the table";
    else if (tqp_auto_load && !work->complete && tqp_use_has_failed(work->rel))
        work->reason = "columns are not in the cache: loading them failed (see the server's log)";
    else if (work->open == NULL || !work->complete)
        work->reason =
            tqp_auto_load && !work->terms->may_load
                ? "columns are not in the cache, and PostgreSQL's plan reads less than a load would"
                : "columns are not in the cache (tqp.load loads them)";
    else
        work->reason = "most blocks are not all-visible or have changed since they were loaded: "
                       "VACUUM the table";
    return true;
}

static void fill_stats(TqpPinWork *work, bool loaded) {
    TqpPinStats *stats = &work->pin->stats;
    stats->blocks_total = work->nblocks;
    stats->blocks_cached = work->nvalid;
    stats->blocks_page_lsn = work->validity.page_checked;
    stats->blocks_heap = work->nblocks - work->nvalid;
    stats->loaded = loaded;
}

/* One attempt.  TQP_CORRUPT: the generation was dropped, try again. */
static TqpStatus attempt(TqpPinWork *work, TqpOpenHold *hold, bool *loaded, TqpError *err) {
    find_cached(work);
    hold->open = work->open;
    sample(work);
    if (should_load(work)) {
        tqp_open_unhold(hold);
        *loaded |= load_now(work);
        find_cached(work);
        hold->open = work->open;
        sample(work);
    }
    if (too_much_heap(work))
        return tqp_error_set(err, TQP_HOST, "%s", work->reason);
    TqpStatus status = tqp_pin_build(work, err);
    if (status == TQP_CORRUPT && work->open != NULL) {
        tqp_open_drop_corrupt(work->open, work->rel, err);
        tqp_open_unhold(hold);
    }
    return status;
}

static PgStat_TableCounts scan_counts(Relation rel) {
    if (pgstat_should_count_relation(rel))
        return *tqp_compat_table_counts(rel);
    return (PgStat_TableCounts){0};
}

/*
 * Counts in pg_stat_all_tables what a scan of PostgreSQL would: one scan, and the rows it read;
 * nothing when none was made.  A delta has counted each of its ranges of blocks.
 */
static void count_scan(Relation rel, const PgStat_TableCounts *before, const TqpRelation *read) {
    if (!pgstat_should_count_relation(rel))
        return;
    PgStat_TableCounts *counts = tqp_compat_table_counts(rel);
    counts->t_numscans = before->t_numscans + (read != NULL);
    counts->t_tuples_returned = before->t_tuples_returned;
    for (uint32 g = 0; read != NULL && g < read->ngroups; g++)
        counts->t_tuples_returned += read->groups[g].live_rows;
}

TqpPin *tqp_cache_pin(Relation rel, Snapshot snapshot, int ncolumns, const AttrNumber *attnums,
                      const TqpPinTerms *terms, TqpArena *arena, const char **reason) {
    TqpPinWork work = {.rel = rel,
                       .snapshot = snapshot,
                       .ncolumns = ncolumns,
                       .attnums = attnums,
                       .terms = terms,
                       .arena = arena};
    TqpError err = {0};
    bool loaded = false;
    if (!tqp_cache_relation_ok(rel, reason))
        return NULL;
    if (!IsMVCCSnapshot(snapshot) || tqp_compat_snapshots_expire()) {
        *reason = "snapshot that the cache cannot serve";
        return NULL;
    }
    if (!describe_columns(&work)) {
        *reason = work.reason;
        return NULL;
    }
    PredicateLockRelation(rel, snapshot);
    const PgStat_TableCounts before = scan_counts(rel);
    TqpOpenHold *hold = tqp_open_hold(NULL);
    work.pin = palloc0(sizeof(TqpPin));
    work.pin->private_data = hold;
    TqpStatus status = attempt(&work, hold, &loaded, &err);
    if (status == TQP_CORRUPT)
        status = attempt(&work, hold, &loaded, &err);
    count_scan(rel, &before, status == TQP_OK ? &work.pin->rel : NULL);
    if (status != TQP_OK) {
        tqp_open_unhold(hold);
        CHECK_FOR_INTERRUPTS(); /* what TQP_CANCELLED stands for */
        *reason = err.message[0] != '\0' ? pstrdup(err.message) : tqp_status_name(status);
        return NULL;
    }
    fill_stats(&work, loaded);
    return work.pin;
}

void tqp_cache_unpin(TqpPin *pin) {
    tqp_open_unhold(pin->private_data);
}

double tqp_cache_missing(Relation rel, int ncolumns, const AttrNumber *attnums) {
    TqpPinWork work = {.rel = rel, .ncolumns = ncolumns, .attnums = attnums};
    const char *reason;
    if (!tqp_cache_relation_ok(rel, &reason) || tqp_cache_file_is_new(rel))
        return 0;
    work.columns = palloc(Max(ncolumns, 1) * sizeof(int));
    find_cached(&work);
    if (work.open != NULL)
        tqp_open_release(work.open);
    pfree(work.columns);
    BlockNumber nblocks = work.complete ? 0 : RelationGetNumberOfBlocks(rel);
    return nblocks < SMALL_BLOCKS ? 0 : read_cost(&work, nblocks);
}
