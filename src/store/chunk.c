/* Chunks and dictionaries of an open generation as tensors, zero-copy over the mapping. */
#include <string.h>

#include "base/bitmap.h"
#include "store/files.h"

static TqpInt128 join(const uint64_t halves[2]) {
    return (TqpInt128)((TqpUint128)halves[1] << 64 | halves[0]);
}

static TqpStatus corrupt(TqpError *err, const char *what) {
    return tqp_error_set(err, TQP_CORRUPT, "%s", what);
}

/* ---- dictionaries ---- */

static void bind_dict(const TqpDiskColumn *disk, const char *data, TqpDict *dict) {
    bool ranks = (disk->dict_flags & TQP_DISK_RANKS) != 0;
    TqpDictLayout l = tqp_dict_layout(disk->dict_count, disk->dict_text, ranks);
    dict->count = disk->dict_count;
    dict->offsets = (const uint32_t *)(data + l.offsets);
    dict->bytes = data + l.text;
    dict->rank = ranks ? (const uint32_t *)(data + l.rank) : NULL;
    dict->by_rank = ranks ? (const uint32_t *)(data + l.by_rank) : NULL;
    dict->ranked = (disk->dict_flags & TQP_DISK_ORDERED) != 0;
}

static bool ascending(const uint32_t *offsets, uint32_t n, uint32_t end) {
    bool ok = offsets[0] == 0 && offsets[n] == end;
    for (uint32_t i = 0; i < n; i++)
        ok &= offsets[i] <= offsets[i + 1];
    return ok;
}

static TqpStatus check_dict(const void *arg, const char *data, TqpError *err) {
    const TqpDiskColumn *disk = arg;
    TqpDict d;
    bind_dict(disk, data, &d);
    if (!ascending(d.offsets, d.count, disk->dict_text))
        return corrupt(err, "offsets of a dictionary are not ascending");
    for (uint32_t i = 0; d.rank != NULL && i < d.count; i++)
        if (d.rank[i] >= d.count || d.by_rank[d.rank[i]] != i)
            return corrupt(err, "ranks of a dictionary are no permutation");
    return TQP_OK;
}

TqpStatus tqp_store_dict(TqpGeneration *gen, uint32_t column, const TqpDict **dict, TqpError *err) {
    TqpGenerationFiles *f = gen->files;
    const TqpDiskColumn *disk = &f->columns[column];
    const char *data;
    *dict = NULL;
    if ((disk->dict_flags & TQP_DISK_DICT) == 0)
        return TQP_OK;
    pthread_mutex_lock(&f->lock);
    TqpStatus status = TQP_OK;
    if (!f->dict_bound[column]) {
        status = tqp_extent_use(f, &disk->dict, check_dict, disk, &data, err);
        if (status == TQP_OK) {
            bind_dict(disk, data, &f->dicts[column]);
            f->dict_bound[column] = true;
        }
    }
    pthread_mutex_unlock(&f->lock);
    if (status == TQP_OK)
        *dict = &f->dicts[column];
    return status;
}

/* ---- chunks ---- */

typedef struct ChunkCheck {
    const TqpTensor *tensor; /* not bound to memory yet */
    const TqpChunkLayout *layout;
    uint32_t text_bytes;
    uint32_t dict_count;
} ChunkCheck;

static bool codes_below(const TqpTensor *t, uint32_t count) {
    uint32_t greatest = 0;
    for (uint32_t i = 0; i < t->nrows; i++) {
        uint32_t code = t->lane == TQP_LANE_U8    ? ((const uint8_t *)t->data)[i]
                        : t->lane == TQP_LANE_U16 ? ((const uint16_t *)t->data)[i]
                                                  : ((const uint32_t *)t->data)[i];
        greatest = code > greatest ? code : greatest;
    }
    return t->nrows == 0 || greatest < count;
}

static TqpStatus check_chunk(const void *arg, const char *data, TqpError *err) {
    const ChunkCheck *c = arg;
    TqpTensor t = *c->tensor;
    tqp_chunk_bind(&t, c->layout, data);
    if (t.encoding == TQP_ENC_BYTES && !ascending(t.offsets, t.nrows, c->text_bytes))
        return corrupt(err, "offsets of strings are not ascending");
    if (t.encoding == TQP_ENC_DICT && !codes_below(&t, c->dict_count))
        return corrupt(err, "a code is outside its dictionary");
    if (t.validity != NULL &&
        ((t.validity[tqp_bitmap_words(t.nrows) - 1] & ~tqp_bitmap_tail(t.nrows)) != 0 ||
         tqp_bitmap_count(t.validity, t.nrows) != t.nrows - t.null_count))
        return corrupt(err, "a validity bitmap disagrees with its count");
    return TQP_OK;
}

bool tqp_store_has_chunk(const TqpGeneration *gen, uint32_t group, uint32_t column) {
    const TqpDiskChunk *c = &gen->files->chunks[(uint64_t)group * gen->ncolumns + column];
    return c->state != TQP_DISK_ABSENT;
}

TqpStatus tqp_store_tensor(TqpGeneration *gen, uint32_t group, uint32_t column, TqpTensor *tensor,
                           TqpError *err) {
    TqpGenerationFiles *f = gen->files;
    const TqpDiskChunk *c = &f->chunks[(uint64_t)group * gen->ncolumns + column];
    const char *data;
    if (c->state == TQP_DISK_UNSUPPORTED)
        return tqp_error_set(err, TQP_UNSUPPORTED, "%s", c->u.reason);
    if (c->state != TQP_DISK_PRESENT)
        return tqp_error_set(err, TQP_INVALID, "the column was not loaded for this row group");
    TqpTensor t = {.encoding = (TqpEncoding)c->encoding,
                   .lane = (TqpLane)c->lane,
                   .nrows = gen->groups[group].nrows,
                   .base = c->u.data.base,
                   .has_range = c->has_range,
                   .min = join(c->u.data.min),
                   .max = join(c->u.data.max),
                   .null_count = c->null_count};
    if (t.encoding == TQP_ENC_DICT)
        TQP_TRY(tqp_store_dict(gen, column, &t.dict, err));
    TqpChunkLayout layout;
    tqp_chunk_layout(&t, c->u.data.text_bytes, &layout);
    ChunkCheck check = {&t, &layout, c->u.data.text_bytes, t.dict != NULL ? t.dict->count : 0};
    TQP_TRY(tqp_extent_use(f, &c->u.data.extent, check_chunk, &check, &data, err));
    tqp_chunk_bind(&t, &layout, data);
    *tensor = t;
    return TQP_OK;
}
