/* What every thread of a load does with a batch: tuples to stages, stages to the store. */
#include "postgres.h"

#include "storage/bufpage.h"

#include "base/bitmap.h"
#include "pg/load_team.h"

/* The batch's out-of-line values, in the order that the leader fetched them. */
typedef struct Cursor {
    const TqpBatch *batch;
    uint32 next;
} Cursor;

static const char *next_external(void *arg, const char *pointer, uint32 *len) {
    Cursor *cursor = arg;
    (void)pointer;
    if (cursor->next >= cursor->batch->nexternals)
        return NULL;
    const TqpExternal *external = &cursor->batch->externals[cursor->next++];
    *len = external->len;
    return external->data;
}

static void skip_external(void *arg, const char *pointer) {
    (void)pointer;
    ((Cursor *)arg)->next++;
}

/* Every line pointer that is in use leads to a visible tuple: the block is all-visible. */
static uint32 deform_page(const TqpBatch *batch, Page page, bool cached, TqpStage **stages,
                          TqpDeformHost *host) {
    OffsetNumber last = PageGetMaxOffsetNumber(page);
    uint32 rows = 0;
    for (OffsetNumber o = FirstOffsetNumber; o <= last; o++) {
        ItemId item = PageGetItemId(page, o);
        if (!ItemIdIsNormal(item))
            continue;
        HeapTupleHeader tuple = (HeapTupleHeader)PageGetItem(page, item);
        if (!cached) {
            tqp_deform_externals(batch->shape->deformer, tuple, skip_external, host->arg);
            continue;
        }
        tqp_deform_tuple(batch->shape->deformer, tuple, stages, host);
        rows++;
    }
    return rows;
}

static TqpStatus check_stages(TqpStage *const *stages, int n, TqpError *err) {
    for (int i = 0; i < n; i++) {
        const char *reason = NULL;
        TqpStatus status = tqp_stage_status(stages[i], &reason);
        if (status != TQP_OK && status != TQP_UNSUPPORTED)
            return tqp_error_set(err, status, "no memory for the rows of a group");
    }
    return TQP_OK;
}

static TqpStatus deform_pages(TqpLoad *load, TqpBatch *batch, int worker, TqpStage **stages,
                              TqpDeformHost *host, uint32 *nrows) {
    uint32 page = 0, rows = 0;
    for (uint32 i = 0; i < batch->nblocks; i++) {
        batch->row_start[i] = rows;
        if (!tqp_bitmap_get(batch->copied, i))
            continue;
        if (tqp_team_should_stop(load->team, worker) || (worker == 0 && tqp_load_must_stop()))
            return TQP_CANCELLED;
        rows += deform_page(batch, (char *)batch->pages.data + (size_t)page++ * BLCKSZ,
                            tqp_bitmap_get(batch->cached, i), stages, host);
    }
    batch->row_start[batch->nblocks] = rows;
    *nrows = rows;
    return TQP_OK;
}

TqpStatus tqp_load_deform(TqpLoad *load, TqpBatch *batch, int worker, TqpStage **stages,
                          TqpDeformHost *host, TqpError *err) {
    const TqpLoadShape *shape = batch->shape;
    TqpStage *used[MaxHeapAttributeNumber], *for_store[MaxHeapAttributeNumber] = {NULL};
    Cursor cursor = {.batch = batch};
    uint32 rows;
    host->fetch = next_external;
    host->arg = &cursor;
    for (int i = 0; i < shape->ncolumns; i++) {
        used[i] = for_store[shape->columns[i]] = stages[shape->columns[i]];
        tqp_stage_reset(used[i]);
    }
    TQP_TRY(deform_pages(load, batch, worker, used, host, &rows));
    TQP_TRY(check_stages(used, shape->ncolumns, err));
    TqpStoreGroup meta = {.first_block = batch->first_block,
                          .nblocks = batch->nblocks,
                          .nrows = rows,
                          .vm_lsn = batch->vm_lsn,
                          .row_start = batch->row_start,
                          .page_lsn = batch->page_lsn,
                          .cached = batch->cached};
    TQP_TRY(tqp_store_writer_add(load->writer, &meta, batch->base_group, for_store, err));
    atomic_fetch_add(&load->rows, rows);
    return TQP_OK;
}

TqpStatus tqp_load_stages_create(TqpLoad *load, TqpStage ***stages, TqpError *err) {
    *stages = calloc(Max(load->ncolumns, 1), sizeof(TqpStage *));
    if (*stages == NULL)
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory for stages");
    for (uint32 i = 0; i < load->ncolumns; i++) {
        (*stages)[i] = tqp_stage_create(load->columns[i].type, &load->broker);
        if ((*stages)[i] == NULL) {
            tqp_load_stages_free(load, *stages);
            *stages = NULL;
            return tqp_error_set(err, TQP_NO_MEMORY, "no memory for stages");
        }
    }
    return TQP_OK;
}

void tqp_load_stages_free(TqpLoad *load, TqpStage **stages) {
    for (uint32 i = 0; stages != NULL && i < load->ncolumns; i++)
        if (stages[i] != NULL)
            tqp_stage_destroy(stages[i]);
    free(stages);
}
