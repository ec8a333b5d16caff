/*
 * A cache worker loads the columns that queries of its database have done without more than once.
 * It evicts nothing for that: the caches that are there were used too.
 */
#include "postgres.h"

#include "access/relation.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#include "base/bitmap.h"
#include "pg/cache.h"
#include "pg/control.h"
#include "pg/load.h"
#include "pg/tqp_pg.h"
#include "pg/use.h"
#include "pg/validity.h"
#include "pg/worker.h"

static const TqpUse *current; /* what load_step loads */

int tqp_worker_columns(Relation rel, int nwanted, const AttrNumber *wanted, AttrNumber *attnums) {
    TupleDesc desc = RelationGetDescr(rel);
    int n = 0;
    for (int i = 0; i < nwanted; i++) {
        TqpType type;
        const char *reason;
        if (wanted[i] > desc->natts)
            continue;
        Form_pg_attribute att = TupleDescAttr(desc, wanted[i] - 1);
        if (!att->attisdropped &&
            tqp_pg_type(att->atttypid, att->atttypmod, att->attcollation, &type, &reason))
            attnums[n++] = att->attnum;
    }
    return n;
}

/* The columns' share of the table is an upper bound but for odd data: it is stored narrower. */
static bool has_room(Relation rel, BlockNumber nblocks, int ncolumns) {
    double size = (double)nblocks * BLCKSZ * ncolumns / Max(RelationGetDescr(rel)->natts, 1);
    return (double)tqp_store_total_bytes(tqp_control_cache_dir()) + size <=
           (double)tqp_cache_size_mb * 1024 * 1024;
}

/* As for a query: not before half of the table can be taken. */
static bool mostly_visible(Relation rel, BlockNumber nblocks) {
    TqpVisible visible;
    tqp_validity_sample(rel, nblocks, &visible);
    return tqp_bitmap_count(visible.bits, nblocks) >= nblocks / 2;
}

static void load(Relation rel, int n, const AttrNumber *attnums, uint32 uses) {
    TqpLoadResult result;
    TqpError err = {0};
    char activity[NAMEDATALEN + 64];
    snprintf(activity, sizeof(activity), "tqp: first load of relation %s",
             RelationGetRelationName(rel));
    pgstat_report_activity(STATE_RUNNING, activity);
    TqpLoadRequest request = {.ncolumns = n, .attnums = attnums};
    if (tqp_load_relation(rel, &request, &result, &err) != TQP_OK)
        ereport(LOG, (errmsg("tqp: could not load \"%s\": %s", RelationGetRelationName(rel),
                             err.message)));
    else if (!result.busy)
        ereport(LOG, (errmsg("tqp: loaded \"%s\", which %u queries used: %u columns, " UINT64_FORMAT
                             " rows",
                             RelationGetRelationName(rel), uses, result.columns, result.rows)));
}

static void load_step(Oid relid) {
    const TqpUse *use = current;
    AttrNumber attnums[MaxHeapAttributeNumber];
    const char *reason;
    if (!ConditionalLockRelationOid(relid, AccessShareLock))
        return;
    Relation rel = try_relation_open(relid, NoLock);
    if (rel == NULL || rel->rd_node.relNode != use->file) {
        tqp_use_drop(use);
        if (rel != NULL)
            relation_close(rel, AccessShareLock);
        return;
    }
    BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
    int n = tqp_worker_columns(rel, use->nattnums, use->attnums, attnums);
    if (tqp_cache_relation_ok(rel, &reason) && n > 0 && !tqp_use_has_failed(rel) &&
        mostly_visible(rel, nblocks) && has_room(rel, nblocks, n))
        load(rel, n, attnums, use->uses);
    relation_close(rel, AccessShareLock);
}

void tqp_worker_load_used(void) {
    List *uses = tqp_auto_load ? tqp_use_list(TQP_USE_AGAIN) : NIL;
    ListCell *lc;
    foreach (lc, uses) {
        CHECK_FOR_INTERRUPTS();
        current = lfirst(lc);
        tqp_worker_transaction(load_step, current->relation, true);
    }
}
