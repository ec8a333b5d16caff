/*
 * A load: what there is, what is wanted, what must be read for it; run it; publish it.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/bitmap.h"
#include "base/cpu.h"
#include "pg/cache.h"
#include "pg/control.h"
#include "pg/load_team.h"
#include "pg/tqp_pg.h"
#include "pg/use.h"

/* Room for rows that a batch of fewest pages needs to make progress. */
#define MIN_PAGES 64
#define MAX_PAGES 4096
/* Of a value while a group is built: staged, and encoded once more. */
#define STAGED_BYTES 32
/* A last group smaller than this is read again, together with what was appended. */
#define SMALL_GROUP_ROWS (TQP_LOAD_GROUP_ROWS / 2)

typedef struct BuildPlan {
    uint32 ncolumns;
    TqpStoreColumn *columns; /* by attnum */
    bool *kept;              /* per column: the base has it */
    bool *keep;              /* per base group */
    XLogRecPtr *vm_lsn;      /* per base group: of the sample that proved it */
    bool kept_any;           /* of the groups */
    bool nothing;            /* the base is all that was asked for, and it is up to date */
} BuildPlan;

/* Columns that were cached and are not any more. */
typedef struct Dropped {
    int n;
    AttrNumber attnums[MaxHeapAttributeNumber];
} Dropped;

static bool wanted(AttrNumber attnum, int n, const AttrNumber *attnums) {
    for (int i = 0; i < n; i++)
        if (attnums[i] == attnum)
            return true;
    return false;
}

/* Columns of the base whose attribute is still what it was, and those asked for. */
static void plan_columns(BuildPlan *plan, Relation rel, const TqpGeneration *base, int n,
                         const AttrNumber *attnums) {
    TupleDesc desc = RelationGetDescr(rel);
    plan->columns = palloc0(Max(desc->natts, 1) * sizeof(TqpStoreColumn));
    plan->kept = palloc0(Max(desc->natts, 1) * sizeof(bool));
    for (int i = 0; i < desc->natts; i++) {
        Form_pg_attribute att = TupleDescAttr(desc, i);
        TqpStoreColumn *column = &plan->columns[plan->ncolumns];
        const char *reason;
        if (att->attisdropped ||
            !tqp_pg_type(att->atttypid, att->atttypmod, att->attcollation, &column->type, &reason))
            continue;
        column->attnum = att->attnum;
        column->identity = tqp_cache_identity(att);
        bool kept =
            base != NULL && tqp_store_find_column(base, column->attnum, column->identity) >= 0;
        if (!kept && !wanted(att->attnum, n, attnums))
            continue;
        plan->kept[plan->ncolumns++] = kept;
    }
}

/* Rows of the group's chunks that no block may show: after a restamp some blocks are given up. */
static bool has_dead_rows(const TqpStoreGroup *group) {
    uint32 live = 0;
    for (uint32 i = 0; i < group->nblocks; i++)
        if (tqp_bitmap_get(group->cached, i))
            live += group->row_start[i + 1] - group->row_start[i];
    return live != group->nrows;
}

/* Has the group's range all-visible blocks that it does not hold? */
static bool could_grow(const TqpStoreGroup *group, const TqpVisible *visible) {
    for (uint32 i = 0; i < group->nblocks; i++)
        if (!tqp_bitmap_get(group->cached, i) && group->first_block + i < visible->nblocks &&
            tqp_bitmap_get(visible->bits, group->first_block + i))
            return true;
    return false;
}

static void plan_groups(BuildPlan *plan, Relation rel, TqpGeneration *base, BlockNumber nblocks) {
    TqpVisible visible;
    TqpValidity validity;
    BlockNumber covered = 0, kept_blocks = 0;
    bool all = true;
    tqp_validity_sample(rel, nblocks, &visible);
    tqp_validity_check(rel, base, &visible, &validity);
    plan->keep = palloc0(Max(base->ngroups, 1) * sizeof(bool));
    plan->vm_lsn = palloc0(Max(base->ngroups, 1) * sizeof(XLogRecPtr));
    for (uint32 g = 0; g < base->ngroups; g++) {
        const TqpStoreGroup *group = &base->groups[g];
        bool last = g + 1 == base->ngroups;
        covered = group->first_block + group->nblocks;
        plan->vm_lsn[g] = tqp_validity_lsn(&visible, group->first_block);
        plan->keep[g] = validity.whole[g] && covered <= nblocks && !has_dead_rows(group) &&
                        !could_grow(group, &visible) &&
                        !(last && covered < nblocks && group->nrows < SMALL_GROUP_ROWS);
        kept_blocks += plan->keep[g] ? group->nblocks : 0;
        all = all && plan->keep[g];
    }
    /* Files live as long as any of their chunks: what is left of an old load is not worth it. */
    if (kept_blocks < nblocks / 2)
        memset(plan->keep, 0, base->ngroups * sizeof(bool));
    for (uint32 g = 0; g < base->ngroups; g++)
        plan->kept_any |= plan->keep[g];
    plan->nothing = all && covered == nblocks;
    for (uint32 c = 0; c < plan->ncolumns; c++)
        plan->nothing = plan->nothing && plan->kept[c];
}

/*
 * Everything is read anew: a query does so for its own columns only.  The others are as if they had
 * been used, so that a cache worker brings them back, or whoever needs them.
 */
static void narrow(BuildPlan *plan, const TqpLoadRequest *request, Dropped *dropped) {
    uint32 n = 0;
    if (plan->nothing)
        return;
    for (uint32 c = 0; c < plan->ncolumns; c++) {
        AttrNumber attnum = (AttrNumber)plan->columns[c].attnum;
        if (!wanted(attnum, request->ncolumns, request->attnums)) {
            dropped->attnums[dropped->n++] = attnum;
            continue;
        }
        plan->columns[n] = plan->columns[c];
        plan->kept[n++] = plan->kept[c];
    }
    plan->ncolumns = n;
}

/* `all` takes every column, else those that the base lacks. */
static TqpLoadShape make_shape(Relation rel, const BuildPlan *plan, bool all) {
    TqpLoadShape shape = {0};
    AttrNumber *attnums = palloc(Max(plan->ncolumns, 1) * sizeof(AttrNumber));
    TqpType *types = palloc(Max(plan->ncolumns, 1) * sizeof(TqpType));
    shape.columns = palloc(Max(plan->ncolumns, 1) * sizeof(int));
    for (uint32 c = 0; c < plan->ncolumns; c++) {
        if (!all && plan->kept[c])
            continue;
        attnums[shape.ncolumns] = (AttrNumber)plan->columns[c].attnum;
        types[shape.ncolumns] = plan->columns[c].type;
        shape.columns[shape.ncolumns++] = (int)c;
    }
    shape.deformer = tqp_deform_make(RelationGetDescr(rel), shape.ncolumns, attnums, types);
    return shape;
}

/*
 * Threads and pages of a batch that tqp.memory_limit has room for: half of it for one batch more
 * than there are threads, the rest for the rows that each of them has in hand.
 */
static int size_team(const TqpLoad *load, uint32 *pages) {
    int64 half = (int64)tqp_memory_limit_kb * 1024 / 2;
    int64 rows = (int64)TQP_LOAD_GROUP_ROWS * STAGED_BYTES * (load->ncolumns + 1);
    int n = tqp_threads > 0 ? tqp_threads : tqp_cpu_count();
    n = Min(n, (int)(load->nblocks / 256) + 1);
    n = (int)Max(1, Min(n, half / rows));
    *pages = (uint32)Max(MIN_PAGES, Min(half / BLCKSZ / (n + 1), MAX_PAGES));
    return n;
}

static TqpStatus make_batches(TqpLoad *load, int n, uint32 pages, TqpError *err) {
    load->batches = palloc0(n * sizeof(TqpBatch));
    while (load->nbatches < n) {
        TQP_TRY(tqp_batch_init(&load->batches[load->nbatches], &load->broker, pages, err));
        load->nbatches++;
    }
    return TQP_OK;
}

static TqpStatus publish(TqpLoad *load, RelFileNode node, TqpError *err) {
    TqpStorePublish p = {
        .timeline = tqp_validity_timeline(), .compare = tqp_pg_compare_text, .poll = tqp_pg_poll()};
    if (!tqp_cache_make_room(node, load->base != NULL ? load->base->bytes : 0))
        return tqp_load_too_large(err);
    if (load->base != NULL)
        load->max_lsn = Max(load->max_lsn, load->base->max_lsn);
    p.max_lsn = load->max_lsn;
    XLogFlush(load->max_lsn);
    return tqp_store_writer_finish(load->writer, &p, err);
}

static void make_directories(RelFileNode node, const char *path) {
    char parent[MAXPGPATH];
    snprintf(parent, sizeof(parent), "%s/%u", tqp_control_cache_dir(), node.dbNode);
    (void)mkdir(parent, S_IRWXU);
    (void)mkdir(path, S_IRWXU); /* a failure shows when the writer opens its files */
}

/* Read and publish; everything of the engine is freed by the caller. */
static TqpStatus execute(TqpLoad *load, const BuildPlan *plan, const char *path, TqpError *err) {
    RelFileNode node = load->rel->rd_node;
    uint32 pages;
    int nworkers = size_team(load, &pages);
    load->all = make_shape(load->rel, plan, true);
    load->added = make_shape(load->rel, plan, false);
    load->ring = GetAccessStrategy(BAS_BULKREAD);
    make_directories(node, path);
    TQP_TRY(make_batches(load, nworkers + 1, pages, err));
    TQP_TRY(tqp_store_writer_create(path, load->base, plan->ncolumns, plan->columns, &load->broker,
                                    &load->writer, err));
    tqp_store_writer_set_blocks(load->writer, load->nblocks);
    tqp_control_progress_begin(RelationGetRelid(load->rel), load->nblocks);
    TqpStatus status = tqp_load_team_run(load, nworkers, err);
    if (load->raised != NULL)
        ReThrowError(load->raised);
    TQP_TRY(status);
    if (tqp_load_must_stop())
        return tqp_error_set(err, TQP_CANCELLED, "loading was stopped");
    if (atomic_load(&load->rows) == 0 && load->base == NULL)
        return TQP_OK; /* nothing could be taken: no generation is better than an empty one */
    return publish(load, node, err);
}

static void free_load(TqpLoad *load) {
    tqp_control_progress_end();
    if (load->writer != NULL)
        tqp_store_writer_destroy(load->writer);
    load->writer = NULL;
    for (int i = 0; i < load->nbatches; i++)
        tqp_batch_free(&load->batches[i]);
    load->nbatches = 0;
    if (load->base != NULL)
        tqp_store_close(load->base);
    load->base = NULL;
}

static void report(const char *path, BlockNumber nblocks, TqpLoadResult *result) {
    TqpGeneration *gen;
    TqpError err;
    result->blocks_not_visible = nblocks;
    if (tqp_store_open(path, &gen, &err) != TQP_OK || gen == NULL)
        return;
    uint32 held = 0;
    for (uint32 g = 0; g < gen->ngroups; g++)
        held += tqp_bitmap_count(gen->groups[g].cached, gen->groups[g].nblocks);
    result->rows = gen->rows;
    result->bytes = gen->bytes;
    result->groups = gen->ngroups;
    result->columns = gen->ncolumns;
    result->blocks_not_visible -= Min(held, nblocks);
    tqp_store_close(gen);
}

/* The generation to build on; one that cannot be read or is of another history is none. */
static TqpGeneration *open_base(const char *path) {
    TqpGeneration *base = NULL;
    TqpError err;
    if (tqp_store_open(path, &base, &err) != TQP_OK)
        return NULL;
    if (base != NULL && !tqp_validity_generation(base)) {
        tqp_store_close(base);
        return NULL;
    }
    if (base != NULL)
        tqp_store_set_boot(base, (uint64)PgStartTime);
    return base;
}

static TqpStatus load_locked(TqpLoad *load, const TqpLoadRequest *request, Dropped *dropped,
                             TqpLoadResult *result, TqpError *err) {
    char path[MAXPGPATH];
    BuildPlan plan = {0};
    TqpStatus status = TQP_OK;
    tqp_cache_path(load->rel->rd_node, path);
    load->base = open_base(path);
    plan_columns(&plan, load->rel, load->base, request->ncolumns, request->attnums);
    load->nblocks = RelationGetNumberOfBlocks(load->rel);
    if (load->base != NULL)
        plan_groups(&plan, load->rel, load->base, load->nblocks);
    if (load->base != NULL && request->narrow && !plan.kept_any)
        narrow(&plan, request, dropped);
    load->keep = plan.keep;
    load->keep_lsn = plan.vm_lsn;
    load->ncolumns = plan.ncolumns;
    load->columns = plan.columns;
    if (!plan.nothing && load->nblocks > 0) {
        status = execute(load, &plan, path, err);
        result->published = status == TQP_OK;
    }
    if (result->published || plan.nothing)
        tqp_use_loaded(load->rel, plan.ncolumns, plan.columns);
    free_load(load);
    if (!tqp_load_interrupted())
        report(path, load->nblocks, result);
    return status;
}

/* For an error, and for a session that is ended (FATAL), which no PG_CATCH would see. */
static void clean_up(int code, Datum arg) {
    TqpLoad *load = (TqpLoad *)DatumGetPointer(arg);
    if (load->team == NULL) {
        free_load(load);
        return;
    }
    tqp_control_progress_end();
    tqp_store_writer_abandon(load->writer); /* its threads end with the process */
}

TqpStatus tqp_load_relation(Relation rel, const TqpLoadRequest *request, TqpLoadResult *result,
                            TqpError *err) {
    Dropped dropped = {0};
    memset(result, 0, sizeof(*result));
    if (!tqp_cache_lock_within(rel->rd_node, request->wait_ms)) {
        result->busy = true;
        return TQP_OK;
    }
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "tqp load", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(context);
    TqpLoad *load = palloc0(sizeof(TqpLoad));
    volatile TqpStatus status = TQP_OK;
    load->rel = rel;
    tqp_broker_init(&load->broker, (int64)tqp_memory_limit_kb * 1024);
    PG_ENSURE_ERROR_CLEANUP(clean_up, PointerGetDatum(load));
    {
        status = load_locked(load, request, &dropped, result, err);
        if (!tqp_load_interrupted())
            tqp_cache_remove_orphans();
    }
    PG_END_ENSURE_ERROR_CLEANUP(clean_up, PointerGetDatum(load));
    tqp_cache_unlock(rel->rd_node);
    CHECK_FOR_INTERRUPTS(); /* what stopped the load, now that nothing of it is left */
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(context);
    if (status != TQP_OK)
        tqp_use_failed(rel);
    else if (dropped.n > 0)
        tqp_use_want(rel, dropped.n, dropped.attnums);
    return status;
}
