/*
 * Copying heap pages: sample the visibility map, copy, sample again.  A block is taken when its bit
 * was set both times; the group is stamped with the first sample's LSN, so that a bit which was
 * cleared and set again in between makes the stamp old and leaves the proof to the page's own LSN.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "utils/memutils.h"

#include "base/bitmap.h"
#include "pg/load_batch.h"

#define MAX_EXTERNAL_BYTES ((size_t)16 << 20) /* a batch with more ends early */

TqpStatus tqp_batch_init(TqpBatch *batch, TqpBroker *broker, uint32 max_pages, TqpError *err) {
    size_t words = TQP_LOAD_GROUP_BLOCKS / 64;
    memset(batch, 0, sizeof(*batch));
    tqp_arena_init(&batch->arena, broker);
    TqpStatus status = tqp_buffer_alloc(&batch->pages, broker, (size_t)max_pages * BLCKSZ);
    if (status != TQP_OK)
        return tqp_error_set(err, status, "no memory for pages to load");
    batch->page_lsn = malloc(TQP_LOAD_GROUP_BLOCKS * sizeof(XLogRecPtr));
    batch->row_start = malloc((TQP_LOAD_GROUP_BLOCKS + 1) * sizeof(uint32));
    batch->cached = malloc(words * sizeof(uint64));
    batch->copied = malloc(words * sizeof(uint64));
    if (batch->page_lsn != NULL && batch->row_start != NULL && batch->cached != NULL &&
        batch->copied != NULL)
        return TQP_OK;
    tqp_batch_free(batch);
    return tqp_error_set(err, TQP_NO_MEMORY, "no memory for pages to load");
}

void tqp_batch_free(TqpBatch *batch) {
    tqp_buffer_free(&batch->pages);
    tqp_arena_free(&batch->arena);
    free(batch->externals);
    free(batch->page_lsn);
    free(batch->row_start);
    free(batch->cached);
    free(batch->copied);
    memset(batch, 0, sizeof(*batch));
}

static void begin(TqpBatch *batch, const TqpLoadShape *shape, BlockNumber first, int32 base_group) {
    batch->shape = shape;
    batch->base_group = base_group;
    batch->first_block = first;
    batch->nblocks = batch->npages = batch->not_visible = batch->nexternals = 0;
    batch->external_bytes = 0;
    tqp_arena_free(&batch->arena);
    memset(batch->page_lsn, 0, TQP_LOAD_GROUP_BLOCKS * sizeof(XLogRecPtr));
    memset(batch->cached, 0, TQP_LOAD_GROUP_BLOCKS / 8);
    memset(batch->copied, 0, TQP_LOAD_GROUP_BLOCKS / 8);
}

/* Fetch one out-of-line value; failures to allocate stay in the arena's `failed`. */
static void add_external(void *arg, const char *pointer) {
    TqpBatch *batch = arg;
    if (batch->nexternals == batch->max_externals) {
        uint32 max = Max(64, batch->max_externals * 2);
        TqpExternal *grown = realloc(batch->externals, max * sizeof(TqpExternal));
        if (grown == NULL) {
            batch->arena.failed = TQP_NO_MEMORY;
            return;
        }
        batch->externals = grown;
        batch->max_externals = max;
    }
    struct varlena *value = detoast_attr((struct varlena *)unconstify(char *, pointer));
    uint32 len = (uint32)VARSIZE_ANY_EXHDR(value);
    TqpExternal *external = &batch->externals[batch->nexternals];
    external->data = tqp_arena_strndup(&batch->arena, VARDATA_ANY(value), len);
    external->len = len;
    if (external->data != NULL) {
        batch->nexternals++;
        batch->external_bytes += len;
    }
    pfree(value);
}

static TqpStatus fetch_externals(TqpBatch *batch, const char *page, TqpError *err) {
    OffsetNumber last = PageGetMaxOffsetNumber((Page)unconstify(char *, page));
    batch->arena.failed = TQP_OK;
    for (OffsetNumber o = FirstOffsetNumber; o <= last; o++) {
        ItemId item = PageGetItemId((Page)unconstify(char *, page), o);
        if (!ItemIdIsNormal(item))
            continue;
        HeapTupleHeader tuple = (HeapTupleHeader)PageGetItem((Page)unconstify(char *, page), item);
        if ((tuple->t_infomask & HEAP_HASEXTERNAL) == 0)
            continue;
        if (tqp_load_must_stop())
            return TQP_CANCELLED;
        tqp_deform_externals(batch->shape->deformer, tuple, add_external, batch);
        if (batch->arena.failed != TQP_OK)
            return tqp_error_set(err, batch->arena.failed, "no memory for out-of-line values");
    }
    return TQP_OK;
}

/* Copy a page under its share lock. False when its rows do not fit the group any more. */
static bool copy_page(TqpBatch *batch, Relation rel, BufferAccessStrategy ring, BlockNumber block,
                      uint32 *rows, XLogRecPtr *lsn) {
    Buffer buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, ring);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    Page page = BufferGetPage(buffer);
    uint32 items = PageGetMaxOffsetNumber(page);
    bool fits = batch->npages == 0 || *rows + items <= TQP_LOAD_GROUP_ROWS;
    if (fits) {
        *lsn = BufferGetLSNAtomic(buffer);
        memcpy((char *)batch->pages.data + (size_t)batch->npages * BLCKSZ, page, BLCKSZ);
        *rows += items;
    }
    UnlockReleaseBuffer(buffer);
    return fits;
}

/* Take one block whose page lies copied at the end of pages. */
static TqpStatus take_page(TqpBatch *batch, uint32 i, XLogRecPtr lsn, TqpError *err) {
    const char *page = (char *)batch->pages.data + (size_t)batch->npages * BLCKSZ;
    TQP_TRY(fetch_externals(batch, page, err));
    batch->page_lsn[i] = lsn;
    tqp_bitmap_set(batch->copied, i);
    batch->npages++;
    return TQP_OK;
}

/* Blocks copied whose bit is set in the second sample too. */
static void confirm(TqpBatch *batch, Relation rel) {
    uint64 again[TQP_VM_BLOCKS / 64 + 1];
    BlockNumber base = batch->first_block / TQP_VM_BLOCKS * TQP_VM_BLOCKS;
    (void)tqp_validity_sample_page(rel, batch->first_block, again);
    for (uint32 i = 0; i < batch->nblocks; i++)
        if (tqp_bitmap_get(batch->copied, i) &&
            tqp_bitmap_get(again, batch->first_block + i - base))
            tqp_bitmap_set(batch->cached, i);
    batch->not_visible = batch->nblocks - tqp_bitmap_count(batch->cached, batch->nblocks);
}

TqpStatus tqp_batch_fill(TqpBatch *batch, Relation rel, BufferAccessStrategy ring,
                         const TqpLoadShape *shape, BlockNumber first, BlockNumber end,
                         TqpError *err) {
    uint64 bits[TQP_VM_BLOCKS / 64 + 1];
    BlockNumber base = first / TQP_VM_BLOCKS * TQP_VM_BLOCKS;
    uint32 max_pages = (uint32)(batch->pages.bytes / BLCKSZ), rows = 0;
    end = Min(end, first + TQP_LOAD_GROUP_BLOCKS);
    end = Min(end, base + TQP_VM_BLOCKS);
    begin(batch, shape, first, -1);
    batch->vm_lsn = tqp_validity_sample_page(rel, first, bits);
    for (BlockNumber block = first; block < end; block++) {
        XLogRecPtr lsn = InvalidXLogRecPtr;
        if (tqp_load_must_stop())
            return TQP_CANCELLED;
        if (tqp_bitmap_get(bits, block - base)) {
            if (batch->npages == max_pages || batch->external_bytes > MAX_EXTERNAL_BYTES ||
                !copy_page(batch, rel, ring, block, &rows, &lsn))
                break;
            if (!XLogRecPtrIsInvalid(lsn))
                TQP_TRY(take_page(batch, block - first, lsn, err));
        }
        batch->nblocks++;
    }
    confirm(batch, rel);
    return TQP_OK;
}

TqpStatus tqp_batch_refill(TqpBatch *batch, Relation rel, BufferAccessStrategy ring,
                           const TqpLoadShape *shape, const TqpStoreGroup *group, bool *same,
                           TqpError *err) {
    uint64 bits[TQP_VM_BLOCKS / 64 + 1];
    BlockNumber base = group->first_block / TQP_VM_BLOCKS * TQP_VM_BLOCKS;
    uint32 max_pages = (uint32)(batch->pages.bytes / BLCKSZ), rows = 0;
    begin(batch, shape, group->first_block, 0);
    batch->nblocks = group->nblocks;
    batch->vm_lsn = tqp_validity_sample_page(rel, group->first_block, bits);
    *same = false;
    for (uint32 i = 0; i < group->nblocks; i++) {
        BlockNumber block = group->first_block + i;
        XLogRecPtr lsn = InvalidXLogRecPtr;
        if (tqp_load_must_stop())
            return TQP_CANCELLED;
        if (!tqp_bitmap_get(group->cached, i))
            continue;
        if (!tqp_bitmap_get(bits, block - base) || batch->npages == max_pages ||
            !copy_page(batch, rel, ring, block, &rows, &lsn) || lsn != group->page_lsn[i])
            return TQP_OK;
        TQP_TRY(take_page(batch, i, lsn, err));
    }
    confirm(batch, rel);
    *same = tqp_bitmap_count(batch->cached, group->nblocks) ==
            tqp_bitmap_count(group->cached, group->nblocks);
    return TQP_OK;
}
