/* The leader of a load: walks the plan and fills batches. */
#include "postgres.h"

#include "base/bitmap.h"
#include "pg/control.h"
#include "pg/load_team.h"
#include "pg/tqp_pg.h"

#define PROJECT_FROM 16 /* the size at the end is foreseen after one in so many blocks */
#define CLEARLY      1.5

static void note_progress(TqpLoad *load, uint32 blocks) {
    load->blocks_done += blocks;
    tqp_control_progress_update(load->blocks_done, atomic_load(&load->rows));
}

static void note_lsn(TqpLoad *load, const TqpBatch *batch) {
    load->max_lsn = Max(load->max_lsn, batch->vm_lsn);
    for (uint32 i = 0; i < batch->nblocks; i++)
        load->max_lsn = Max(load->max_lsn, batch->page_lsn[i]);
}

TqpStatus tqp_load_too_large(TqpError *err) {
    return tqp_error_set(err, TQP_MEMORY_LIMIT, "the cache would exceed tqp.cache_size (%d MB)",
                         tqp_cache_size_mb);
}

/*
 * What cannot be published is not worth reading to its end: is there more already than may ever be,
 * or will there clearly be at the end?
 */
static bool is_too_large(const TqpLoad *load) {
    uint64 limit = (uint64)tqp_cache_size_mb * 1024 * 1024;
    uint64 bytes = tqp_store_writer_bytes(load->writer);
    if (bytes > limit)
        return true;
    return load->blocks_done > load->nblocks / PROJECT_FROM &&
           (double)bytes * load->nblocks / load->blocks_done > CLEARLY * (double)limit;
}

static void submit(TqpLoad *load, TqpBatch *batch) {
    note_lsn(load, batch);
    note_progress(load, batch->nblocks);
    load->blocks_not_visible += batch->not_visible;
    load->groups++;
    tqp_load_submit(load, batch);
}

/* Read blocks [first, end) with all columns, as one group or several. */
static TqpStatus read_range(TqpLoad *load, BlockNumber first, BlockNumber end, TqpError *err) {
    while (first < end) {
        TqpBatch *batch;
        TQP_TRY(tqp_load_free_batch(load, &batch, err));
        TQP_TRY(tqp_batch_fill(batch, load->rel, load->ring, &load->all, first, end, err));
        first += batch->nblocks;
        submit(load, batch);
        if (is_too_large(load))
            return tqp_load_too_large(err);
    }
    return TQP_OK;
}

/* A group that still holds: its chunks are taken over, only columns that it lacks are read. */
static TqpStatus keep_group(TqpLoad *load, uint32 g, bool *kept, TqpError *err) {
    const TqpStoreGroup *group = &load->base->groups[g];
    TqpBatch *batch;
    *kept = true;
    if (load->added.ncolumns == 0) {
        TqpStage *none[MaxHeapAttributeNumber] = {NULL};
        TqpStoreGroup meta = *group;
        meta.vm_lsn = load->keep_lsn[g];
        load->max_lsn = Max(load->max_lsn, meta.vm_lsn);
        TQP_TRY(tqp_store_writer_add(load->writer, &meta, (int32)g, none, err));
        atomic_fetch_add(&load->rows, group->nrows);
        load->blocks_not_visible +=
            group->nblocks - tqp_bitmap_count(group->cached, group->nblocks);
        load->groups++;
        note_progress(load, group->nblocks);
        return TQP_OK;
    }
    TQP_TRY(tqp_load_free_batch(load, &batch, err));
    TQP_TRY(tqp_batch_refill(batch, load->rel, load->ring, &load->added, group, kept, err));
    if (*kept) {
        batch->base_group = (int32)g;
        submit(load, batch);
    }
    return TQP_OK;
}

/*
 * Runs of blocks between kept groups are read anew, which also joins the small groups that earlier
 * loads of a growing table left at its end.
 */
TqpStatus tqp_load_lead(TqpLoad *load, TqpError *err) {
    BlockNumber pending = 0; /* first block not yet covered */
    TQP_TRY(tqp_load_stages_create(load, &load->leader_stages, err));
    for (uint32 g = 0; load->base != NULL && g < load->base->ngroups; g++) {
        const TqpStoreGroup *group = &load->base->groups[g];
        bool kept;
        if (tqp_load_must_stop())
            return TQP_CANCELLED;
        if (!load->keep[g])
            continue;
        TQP_TRY(read_range(load, pending, group->first_block, err));
        pending = group->first_block;
        TQP_TRY(keep_group(load, g, &kept, err));
        if (kept)
            pending = group->first_block + group->nblocks;
    }
    TQP_TRY(read_range(load, pending, load->nblocks, err));
    return tqp_load_drain(load, err);
}
