/*
 * A generation is opened once per backend and used until a newer one is published.
 */
#include "postgres.h"

#include <time.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/cache_open.h"
#include "pg/load.h"
#include "pg/tqp_pg.h"
#include "pg/validity.h"

#define MAX_OPEN      64 /* unused ones are closed beyond this */
#define TOUCH_SECONDS 10

static List *opened = NIL; /* of TqpOpenGeneration, in TopMemoryContext */

static void close_entry(TqpOpenGeneration *open) {
    opened = list_delete_ptr(opened, open);
    tqp_store_close(open->gen);
    pfree(open);
}

void tqp_open_release(TqpOpenGeneration *open) {
    open->refs--;
    if (open->stale && open->refs == 0)
        close_entry(open);
}

static void unhold(void *arg) {
    tqp_open_unhold(arg);
}

TqpOpenHold *tqp_open_hold(TqpOpenGeneration *open) {
    TqpOpenHold *hold = palloc0(sizeof(TqpOpenHold));
    hold->open = open;
    hold->callback.func = unhold;
    hold->callback.arg = hold;
    MemoryContextRegisterResetCallback(CurrentMemoryContext, &hold->callback);
    return hold;
}

void tqp_open_unhold(TqpOpenHold *hold) {
    if (hold->open != NULL)
        tqp_open_release(hold->open);
    hold->open = NULL;
}

static TqpOpenGeneration *find_current(RelFileNode node) {
    ListCell *lc;
    foreach (lc, opened) {
        TqpOpenGeneration *open = lfirst(lc);
        if (open->stale || !RelFileNodeEquals(open->node, node))
            continue;
        if (tqp_store_is_current(open->gen))
            return open;
        open->stale = true;
        if (open->refs == 0)
            close_entry(open);
        return NULL;
    }
    return NULL;
}

static void close_unused(void) {
    ListCell *lc;
    foreach (lc, opened) {
        TqpOpenGeneration *open = lfirst(lc);
        if (open->refs == 0) {
            close_entry(open);
            return;
        }
    }
}

static void drop_corrupt(RelFileNode node, Relation rel, const TqpError *err) {
    char path[MAXPGPATH];
    TqpError drop;
    tqp_cache_path(node, path);
    ereport(LOG, (errcode(ERRCODE_DATA_CORRUPTED),
                  errmsg("the cache of relation \"%s\" is damaged and is dropped: %s",
                         RelationGetRelationName(rel), err->message),
                  errhint("The table itself is not affected.")));
    if (!tqp_cache_lock(node, false))
        return; /* it is being replaced at this moment */
    if (tqp_store_drop(path, &drop) != TQP_OK)
        ereport(LOG, (errmsg("could not remove the cache in \"%s\": %s", path, drop.message)));
    tqp_cache_unlock(node);
}

void tqp_open_drop_corrupt(TqpOpenGeneration *open, Relation rel, const TqpError *err) {
    open->stale = true;
    drop_corrupt(open->node, rel, err);
}

static void touch(TqpOpenGeneration *open) {
    char path[MAXPGPATH];
    time_t now = time(NULL);
    if (now - open->touched < TOUCH_SECONDS)
        return;
    open->touched = now;
    tqp_cache_path(open->node, path);
    tqp_cache_touch(path);
}

TqpOpenGeneration *tqp_open_acquire(Relation rel) {
    char path[MAXPGPATH];
    TqpGeneration *gen = NULL;
    TqpError err;
    TqpOpenGeneration *open = find_current(rel->rd_node);
    if (open == NULL) {
        tqp_cache_path(rel->rd_node, path);
        TqpStatus status = tqp_store_open(path, &gen, &err);
        if (status == TQP_CORRUPT)
            drop_corrupt(rel->rd_node, rel, &err);
        if (status != TQP_OK || gen == NULL)
            return NULL;
        tqp_store_set_boot(gen, (uint64)PgStartTime);
        tqp_store_set_poll(gen, tqp_pg_poll());
        if (list_length(opened) >= MAX_OPEN)
            close_unused();
        MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
        open = palloc0(sizeof(TqpOpenGeneration));
        open->node = rel->rd_node;
        open->gen = gen;
        opened = lappend(opened, open);
        MemoryContextSwitchTo(old);
    }
    touch(open);
    if (!tqp_validity_generation(open->gen))
        return NULL;
    open->refs++;
    return open;
}
