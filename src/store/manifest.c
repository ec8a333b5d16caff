/*
 * The structure of a manifest: after this no offset, count, lane or encoding that it holds can lead
 * outside a segment.  The contents of chunks are checked when they are first used (store/chunk.c).
 */
#include <string.h>

#include "base/checksum.h"
#include "store/files.h"

TqpMetaLayout tqp_meta_layout(uint32_t nblocks) {
    TqpMetaLayout l = {0};
    uint64_t n = nblocks;
    l.row_start = tqp_align64(n * sizeof(uint64_t));
    l.cached = l.row_start + tqp_align64((n + 1) * sizeof(uint32_t));
    l.bytes = l.cached + (n + 63) / 64 * sizeof(uint64_t);
    return l;
}

TqpDictLayout tqp_dict_layout(uint32_t count, uint32_t text_bytes, bool ranks) {
    TqpDictLayout l = {.rank = TQP_CHUNK_NONE, .by_rank = TQP_CHUNK_NONE};
    uint64_t n = count, at = tqp_align64((n + 1) * sizeof(uint32_t));
    if (ranks) {
        l.rank = at;
        l.by_rank = tqp_align64(at + n * sizeof(uint32_t));
        at = tqp_align64(l.by_rank + n * sizeof(uint32_t));
    }
    l.text = at;
    l.bytes = at + text_bytes;
    return l;
}

static TqpStatus corrupt(TqpError *err, const char *what) {
    return tqp_error_set(err, TQP_CORRUPT, "manifest: %s", what);
}

static bool extent_ok(const TqpGenerationFiles *f, const TqpDiskExtent *x, uint64_t bytes) {
    if (x->segment >= f->nsegments || x->bytes != bytes)
        return false;
    const TqpDiskSegment *s = &f->disk_segments[x->segment];
    return x->slot < s->nslots && x->offset % 64 == 0 && x->offset >= TQP_SEGMENT_HEADER &&
           x->bytes <= s->bytes && x->offset <= s->bytes &&
           x->offset + x->bytes + TQP_CHUNK_PAD <= s->bytes;
}

/* Is this an encoding that the type can have? */
static bool encoding_ok(const TqpDiskChunk *c, const TqpDiskColumn *column) {
    bool narrow = c->lane == TQP_LANE_U8 || c->lane == TQP_LANE_U16 || c->lane == TQP_LANE_U32;
    switch (tqp_type_class((TqpTypeKind)column->kind)) {
    case TQP_CLASS_BOOL:
        return c->encoding == TQP_ENC_PLAIN && c->lane == TQP_LANE_MASK;
    case TQP_CLASS_INT:
        if (c->encoding == TQP_ENC_CONST)
            return c->lane == TQP_LANE_U8;
        return c->encoding == TQP_ENC_FOR &&
               (narrow ||
                ((c->lane == TQP_LANE_I64 || c->lane == TQP_LANE_I128) && c->u.data.base == 0));
    case TQP_CLASS_FLOAT:
        return c->encoding == TQP_ENC_PLAIN &&
               c->lane == (column->kind == TQP_TYPE_F32 ? TQP_LANE_F32 : TQP_LANE_F64);
    case TQP_CLASS_TEXT:
        if (c->encoding == TQP_ENC_DICT)
            return narrow && (column->dict_flags & TQP_DISK_DICT) != 0;
        return c->encoding == TQP_ENC_BYTES && c->lane == TQP_LANE_VIEW;
    }
    return false;
}

static bool chunk_ok(const TqpGenerationFiles *f, const TqpDiskChunk *c,
                     const TqpDiskColumn *column, uint32_t nrows) {
    if (c->state == TQP_DISK_ABSENT)
        return true;
    if (c->state == TQP_DISK_UNSUPPORTED)
        return memchr(c->u.reason, 0, sizeof c->u.reason) != NULL;
    if (c->state != TQP_DISK_PRESENT || !encoding_ok(c, column) || c->null_count > nrows ||
        c->has_range > 1)
        return false;
    TqpTensor t = {.encoding = (TqpEncoding)c->encoding,
                   .lane = (TqpLane)c->lane,
                   .nrows = nrows,
                   .null_count = c->null_count};
    TqpChunkLayout layout;
    tqp_chunk_layout(&t, c->u.data.text_bytes, &layout);
    return extent_ok(f, &c->u.data.extent, layout.bytes);
}

static TqpStatus check_columns(const TqpGenerationFiles *f, uint32_t n, TqpError *err) {
    for (uint32_t i = 0; i < n; i++) {
        const TqpDiskColumn *c = &f->columns[i];
        if (c->kind >= TQP_TYPE_COUNT)
            return corrupt(err, "unknown type");
        if ((c->dict_flags & TQP_DISK_DICT) == 0)
            continue;
        TqpDictLayout l =
            tqp_dict_layout(c->dict_count, c->dict_text, (c->dict_flags & TQP_DISK_RANKS) != 0);
        if (c->dict_count >= UINT32_MAX - 1 || !extent_ok(f, &c->dict, l.bytes))
            return corrupt(err, "a dictionary lies outside its file");
    }
    return TQP_OK;
}

static TqpStatus check_groups(const TqpGenerationFiles *f, const TqpDiskManifest *m,
                              TqpError *err) {
    uint64_t block = 0, rows = 0;
    for (uint32_t g = 0; g < m->ngroups; g++) {
        const TqpDiskGroup *group = &f->groups[g];
        if (group->first_block < block ||
            (uint64_t)group->first_block + group->nblocks > UINT32_MAX)
            return corrupt(err, "block ranges are not ascending");
        block = (uint64_t)group->first_block + group->nblocks;
        rows += group->nrows;
        if (!extent_ok(f, &group->meta, tqp_meta_layout(group->nblocks).bytes))
            return corrupt(err, "a row group lies outside its file");
        for (uint32_t c = 0; c < m->ncolumns; c++)
            if (!chunk_ok(f, &f->chunks[(uint64_t)g * m->ncolumns + c], &f->columns[c],
                          group->nrows))
                return corrupt(err, "a chunk lies outside its file or is malformed");
    }
    return rows == m->rows ? TQP_OK : corrupt(err, "row counts disagree");
}

TqpStatus tqp_manifest_check(TqpGenerationFiles *f, uint64_t bytes, TqpError *err) {
    TqpDiskManifest *m = f->manifest;
    if (bytes < sizeof *m || m->magic != TQP_MANIFEST_MAGIC)
        return corrupt(err, "not a manifest");
    if (m->version != TQP_STORE_VERSION || m->endian != TQP_STORE_ENDIAN)
        return corrupt(err, "of another version or byte order");
    if (m->bytes != bytes)
        return corrupt(err, "truncated");
    uint32_t crc = m->crc;
    m->crc = 0;
    uint32_t found = tqp_checksum_crc32c(0, m, bytes);
    m->crc = crc;
    if (found != crc)
        return corrupt(err, "checksum is wrong");
    __extension__ unsigned __int128 chunks = (unsigned __int128)m->ngroups * m->ncolumns;
    if (sizeof *m + (uint64_t)m->nsegments * sizeof(TqpDiskSegment) +
            (uint64_t)m->ncolumns * sizeof(TqpDiskColumn) +
            (uint64_t)m->ngroups * sizeof(TqpDiskGroup) + chunks * sizeof(TqpDiskChunk) !=
        bytes)
        return corrupt(err, "counts disagree with the size");
    f->nsegments = m->nsegments;
    f->disk_segments = (const TqpDiskSegment *)(m + 1);
    f->columns = (const TqpDiskColumn *)(f->disk_segments + m->nsegments);
    f->groups = (const TqpDiskGroup *)(f->columns + m->ncolumns);
    f->chunks = (const TqpDiskChunk *)(f->groups + m->ngroups);
    TQP_TRY(check_columns(f, m->ncolumns, err));
    return check_groups(f, m, err);
}
