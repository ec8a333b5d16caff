/*
 * Adding a row group to a build: every column is encoded into one image of the group, which is
 * written at once.  Threads work on their own groups and meet only to take a place in the file, to
 * merge the distinct strings of a column, and to enter the finished group.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/checksum.h"
#include "store/writer.h"

/* The image of one group while it grows. */
typedef struct GroupImage {
    TqpStoreWriter *w;
    TqpWriterScratch *scratch;
    const TqpStoreGroup *meta;
    int32_t base_group;
    TqpDiskGroup group;
    uint64_t bytes;
    uint32_t nslots;
} GroupImage;

/* ---- scratch ---- */

static TqpWriterScratch *take_scratch(TqpStoreWriter *w) {
    pthread_mutex_lock(&w->mutex);
    TqpWriterScratch *s = w->idle;
    if (s != NULL)
        w->idle = s->next;
    pthread_mutex_unlock(&w->mutex);
    if (s != NULL)
        return s;
    s = calloc(1, sizeof *s);
    if (s != NULL && (s->chunks = calloc((size_t)w->ncolumns + 1, sizeof *s->chunks)) == NULL) {
        free(s);
        s = NULL;
    }
    if (s != NULL)
        s->distinct.broker = w->broker;
    return s;
}

static void give_scratch(TqpStoreWriter *w, TqpWriterScratch *s) {
    pthread_mutex_lock(&w->mutex);
    s->next = w->idle;
    w->idle = s;
    pthread_mutex_unlock(&w->mutex);
}

/* ---- the image ---- */

/*
 * Room for a chunk that begins at `stagger` modulo the page (columns at equal addresses modulo the
 * page alias in the L1 cache); the gap before it and the pad after it are zeroed.
 */
static TqpStatus open_chunk(GroupImage *im, uint64_t stagger, uint64_t bytes, char **memory,
                            TqpDiskExtent *extent) {
    TqpBuffer *image = &im->scratch->image;
    uint64_t at = tqp_align64(im->bytes);
    at += (stagger + TQP_STORE_PAGE - at % TQP_STORE_PAGE) % TQP_STORE_PAGE;
    TQP_TRY(tqp_buffer_grow(image, im->w->broker, im->bytes, at + bytes + TQP_CHUNK_PAD));
    char *data = image->data;
    memset(data + im->bytes, 0, at - im->bytes);
    memset(data + at + bytes, 0, TQP_CHUNK_PAD);
    im->bytes = at + bytes + TQP_CHUNK_PAD;
    *extent = (TqpDiskExtent){
        .offset = at, .bytes = bytes, .segment = TQP_OWN_SEGMENT, .slot = im->nslots++};
    *memory = data + at;
    return TQP_OK;
}

static void close_chunk(const char *memory, TqpDiskExtent *extent) {
    extent->crc = tqp_checksum_crc32c(0, memory, extent->bytes);
}

static void split(TqpInt128 value, uint64_t halves[2]) {
    halves[0] = (uint64_t)value;
    halves[1] = (uint64_t)((TqpUint128)value >> 64);
}

/* Rows of the column at the end, from what its blocks hold here. */
static uint64_t expected_rows(const GroupImage *im) {
    const TqpStoreGroup *m = im->meta;
    uint64_t rows = m->nblocks > 0 ? (uint64_t)m->nrows * im->w->nblocks / m->nblocks : 0;
    return rows > m->nrows ? rows : (uint64_t)m->nrows + 1;
}

static TqpStatus encode_column(GroupImage *im, uint32_t c, const TqpStage *stage,
                               TqpDiskChunk *chunk) {
    TqpStoreWriter *w = im->w;
    TqpEncodePlan plan;
    bool plain = w->interners[c] == NULL || __atomic_load_n(&w->plain[c], __ATOMIC_RELAXED);
    char *memory;
    TqpVerdict verdict;
    memset(chunk, 0, sizeof *chunk);
    if (stage->status == TQP_UNSUPPORTED) {
        chunk->state = TQP_DISK_UNSUPPORTED;
        strncpy(chunk->u.reason, stage->reason, sizeof chunk->u.reason - 1);
        return TQP_OK;
    }
    TQP_TRY(tqp_encode_plan(stage, plain ? NULL : w->interners[c], expected_rows(im),
                            &im->scratch->distinct, &plan, &verdict));
    if (!plain && verdict == TQP_DICT_NO)
        __atomic_store_n(&w->plain[c], true, __ATOMIC_RELAXED);
    TQP_TRY(open_chunk(im, (uint64_t)c * TQP_STAGGER % TQP_STORE_PAGE, plan.layout.bytes, &memory,
                       &chunk->u.data.extent));
    tqp_encode_emit(stage, &plan, memory);
    close_chunk(memory, &chunk->u.data.extent);
    chunk->state = TQP_DISK_PRESENT;
    chunk->encoding = (uint8_t)plan.tensor.encoding;
    chunk->lane = (uint8_t)plan.tensor.lane;
    chunk->has_range = plan.tensor.has_range;
    chunk->null_count = plan.tensor.null_count;
    chunk->u.data.base = plan.tensor.base;
    chunk->u.data.text_bytes = plan.text_bytes;
    split(plan.tensor.min, chunk->u.data.min);
    split(plan.tensor.max, chunk->u.data.max);
    return TQP_OK;
}

/* The base's chunk: named, or copied when its segment is being given up. */
static TqpStatus take_column(GroupImage *im, uint32_t c, TqpDiskChunk *chunk, TqpError *err) {
    TqpStoreWriter *w = im->w;
    const TqpDiskChunk *have = tqp_writer_base_chunk(w, im->base_group, c);
    memset(chunk, 0, sizeof *chunk);
    if (have == NULL)
        return TQP_OK;
    *chunk = *have;
    if (have->state != TQP_DISK_PRESENT || !w->rewrite[have->u.data.extent.segment])
        return TQP_OK;
    TqpTensor checked;
    char *memory;
    const TqpDiskExtent *from = &have->u.data.extent;
    TQP_TRY(tqp_store_tensor(w->base, (uint32_t)im->base_group, (uint32_t)w->base_column[c],
                             &checked, err));
    TQP_TRY(open_chunk(im, (uint64_t)c * TQP_STAGGER % TQP_STORE_PAGE, from->bytes, &memory,
                       &chunk->u.data.extent));
    memcpy(memory, w->base->files->segments[from->segment].map + from->offset, from->bytes);
    close_chunk(memory, &chunk->u.data.extent);
    return TQP_OK;
}

static bool same_meta(const TqpStoreGroup *m, const char *data, TqpMetaLayout l) {
    return memcmp(data + l.page_lsn, m->page_lsn, m->nblocks * sizeof(uint64_t)) == 0 &&
           memcmp(data + l.row_start, m->row_start, (m->nblocks + 1) * sizeof(uint32_t)) == 0 &&
           memcmp(data + l.cached, m->cached, tqp_bitmap_words(m->nblocks) * sizeof(uint64_t)) == 0;
}

static TqpStatus encode_meta(GroupImage *im) {
    const TqpStoreGroup *m = im->meta;
    TqpStoreWriter *w = im->w;
    TqpMetaLayout l = tqp_meta_layout(m->nblocks);
    char *memory;
    im->group = (TqpDiskGroup){.first_block = m->first_block,
                               .nblocks = m->nblocks,
                               .nrows = m->nrows,
                               .vm_lsn = m->vm_lsn};
    if (im->base_group >= 0) {
        const TqpDiskExtent *x = &w->base->files->groups[im->base_group].meta;
        if (!w->rewrite[x->segment] &&
            same_meta(m, w->base->files->segments[x->segment].map + x->offset, l)) {
            im->group.meta = *x;
            return TQP_OK;
        }
    }
    TQP_TRY(open_chunk(im, 0, l.bytes, &memory, &im->group.meta));
    memset(memory, 0, l.bytes);
    memcpy(memory + l.page_lsn, m->page_lsn, m->nblocks * sizeof(uint64_t));
    memcpy(memory + l.row_start, m->row_start, (m->nblocks + 1) * sizeof(uint32_t));
    memcpy(memory + l.cached, m->cached, tqp_bitmap_words(m->nblocks) * sizeof(uint64_t));
    close_chunk(memory, &im->group.meta);
    return TQP_OK;
}

/* ---- entering the group ---- */

static void place_extent(TqpDiskExtent *x, uint64_t offset, uint32_t slot) {
    if (x->segment == TQP_OWN_SEGMENT) {
        x->offset += offset;
        x->slot += slot;
    }
}

static TqpStatus enter(GroupImage *im, TqpError *err) {
    TqpStoreWriter *w = im->w;
    TqpStatus status = TQP_OK;
    pthread_mutex_lock(&w->mutex);
    if (w->ngroups == w->cap) {
        uint32_t cap = w->cap == 0 ? 64 : w->cap * 2;
        TqpDiskGroup *groups = realloc(w->groups, cap * sizeof *groups);
        if (groups != NULL)
            w->groups = groups;
        TqpDiskChunk *chunks = realloc(w->chunks, ((size_t)cap * w->ncolumns + 1) * sizeof *chunks);
        if (chunks != NULL)
            w->chunks = chunks;
        if (groups == NULL || chunks == NULL)
            status = tqp_error_set(err, TQP_NO_MEMORY, "no memory for row groups");
        else
            w->cap = cap;
    }
    if (status == TQP_OK) {
        w->groups[w->ngroups] = im->group;
        memcpy(w->chunks + (size_t)w->ngroups * w->ncolumns, im->scratch->chunks,
               w->ncolumns * sizeof(TqpDiskChunk));
        w->ngroups++;
    }
    pthread_mutex_unlock(&w->mutex);
    return status;
}

static TqpStatus build(GroupImage *im, TqpStage *const *stages, TqpError *err) {
    TqpStoreWriter *w = im->w;
    TqpDiskChunk *chunks = im->scratch->chunks;
    TQP_TRY(encode_meta(im));
    for (uint32_t c = 0; c < w->ncolumns; c++) {
        TQP_TRY(tqp_writer_poll(w, err));
        if (stages[c] != NULL)
            TQP_TRY(encode_column(im, c, stages[c], &chunks[c]));
        else
            TQP_TRY(take_column(im, c, &chunks[c], err));
    }
    if (im->nslots > 0) {
        uint64_t offset;
        uint32_t slot;
        TQP_TRY(tqp_writer_place(w, im->bytes, im->nslots, &offset, &slot, err));
        TQP_TRY(tqp_writer_write(w, im->scratch->image.data, im->bytes, offset, err));
        place_extent(&im->group.meta, offset, slot);
        for (uint32_t c = 0; c < w->ncolumns; c++)
            if (chunks[c].state == TQP_DISK_PRESENT)
                place_extent(&chunks[c].u.data.extent, offset, slot);
    }
    return enter(im, err);
}

TqpStatus tqp_writer_recode(TqpStoreWriter *w, uint32_t g, uint32_t c, const TqpStage *stage,
                            TqpError *err) {
    TqpDiskChunk *chunk = &w->chunks[(size_t)g * w->ncolumns + c];
    TqpStoreGroup meta = {.nrows = stage->nrows};
    TqpWriterScratch *scratch = take_scratch(w);
    if (scratch == NULL)
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory to encode a row group");
    GroupImage im = {.w = w, .scratch = scratch, .meta = &meta};
    TqpDiskChunk coded;
    uint64_t offset;
    uint32_t slot;
    TqpStatus status = encode_column(&im, c, stage, &coded);
    if (status != TQP_OK)
        tqp_error_set(err, status, "encoding a row group: %s", tqp_status_name(status));
    bool better = status == TQP_OK && coded.encoding == TQP_ENC_DICT;
    if (better)
        status = tqp_writer_place(w, im.bytes, im.nslots, &offset, &slot, err);
    if (better && status == TQP_OK)
        status = tqp_writer_write(w, scratch->image.data, im.bytes, offset, err);
    if (better && status == TQP_OK) {
        place_extent(&coded.u.data.extent, offset, slot);
        *chunk = coded;
    }
    give_scratch(w, scratch);
    return status;
}

static TqpStatus check_arguments(const TqpStoreWriter *w, const TqpStoreGroup *meta,
                                 int32_t base_group, TqpStage *const *stages, TqpError *err) {
    bool ok = meta->row_start[0] == 0 && meta->row_start[meta->nblocks] == meta->nrows;
    for (uint32_t b = 0; b < meta->nblocks; b++)
        ok &= meta->row_start[b] <= meta->row_start[b + 1];
    if (!ok)
        return tqp_error_set(err, TQP_INVALID, "rows of blocks are not ascending");
    if (base_group >= 0) {
        const TqpGeneration *base = w->base;
        if (base == NULL || (uint32_t)base_group >= base->ngroups ||
            base->groups[base_group].first_block != meta->first_block ||
            base->groups[base_group].nblocks != meta->nblocks ||
            base->groups[base_group].nrows != meta->nrows)
            return tqp_error_set(err, TQP_INVALID, "the row group of the base is another one");
    }
    for (uint32_t c = 0; c < w->ncolumns; c++) {
        if (stages[c] == NULL || stages[c]->status == TQP_UNSUPPORTED)
            continue;
        if (stages[c]->status != TQP_OK)
            return tqp_error_set(err, stages[c]->status, "%s", stages[c]->reason);
        if (stages[c]->nrows != meta->nrows || !tqp_type_equal(stages[c]->type, w->columns[c].type))
            return tqp_error_set(err, TQP_INVALID, "column %u does not fit its row group", c);
    }
    return TQP_OK;
}

/* Once a group has failed the others need not be encoded. */
static TqpStatus earlier_failure(TqpStoreWriter *w, TqpError *err) {
    pthread_mutex_lock(&w->mutex);
    *err = w->failure;
    pthread_mutex_unlock(&w->mutex);
    return err->status;
}

TqpStatus tqp_store_writer_add(TqpStoreWriter *w, const TqpStoreGroup *meta, int32_t base_group,
                               TqpStage *const *stages, TqpError *err) {
    TqpError local = {0};
    TqpStatus status = earlier_failure(w, &local);
    if (status == TQP_OK)
        status = check_arguments(w, meta, base_group, stages, &local);
    TqpWriterScratch *scratch = status == TQP_OK ? take_scratch(w) : NULL;
    if (scratch != NULL) {
        GroupImage im = {.w = w, .scratch = scratch, .meta = meta, .base_group = base_group};
        status = build(&im, stages, &local);
        give_scratch(w, scratch);
    } else if (status == TQP_OK) {
        status = TQP_NO_MEMORY;
    }
    if (status == TQP_OK)
        return TQP_OK;
    if (local.status != status)
        status = tqp_error_set(&local, status, "encoding a row group: %s", tqp_status_name(status));
    pthread_mutex_lock(&w->mutex);
    if (w->failure.status == TQP_OK)
        w->failure = local;
    pthread_mutex_unlock(&w->mutex);
    if (err != NULL)
        *err = local;
    return status;
}
