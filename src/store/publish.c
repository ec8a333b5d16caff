/*
 * Publishing a build: dictionaries are ranked and written, the segment is synced and named, and one
 * rename of the manifest makes the generation current.  A crash before it leaves the old one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checksum.h"
#include "store/intern.h"
#include "store/writer.h"

#define DICT_SLICE ((uint64_t)1 << 20)

/* ---- dictionaries ---- */

static bool uses_dict(const TqpStoreWriter *w, uint32_t column) {
    for (uint32_t g = 0; g < w->ngroups; g++) {
        const TqpDiskChunk *c = &w->chunks[(size_t)g * w->ncolumns + column];
        if (c->state == TQP_DISK_PRESENT && c->encoding == TQP_ENC_DICT)
            return true;
    }
    return false;
}

/* A dictionary on its way to its place, section after section; between them the file has zeros. */
typedef struct DictOutput {
    TqpStoreWriter *w;
    uint64_t place, at; /* in the file; bytes of the dictionary that the checksum covers */
    uint32_t crc;
} DictOutput;

static TqpStatus put_section(DictOutput *out, uint64_t offset, const void *data, uint64_t bytes,
                             TqpError *err) {
    static const char zeros[64] = {0};
    out->crc = tqp_checksum_crc32c(out->crc, zeros, offset - out->at);
    out->at = offset + bytes;
    for (const char *from = data; bytes > 0;) {
        uint64_t n = bytes < DICT_SLICE ? bytes : DICT_SLICE;
        out->crc = tqp_checksum_crc32c(out->crc, from, n);
        TQP_TRY(tqp_writer_write(out->w, from, n, out->place + offset, err));
        from += n;
        offset += n;
        bytes -= n;
    }
    return TQP_OK;
}

static TqpStatus write_dict(TqpStoreWriter *w, uint32_t c, const TqpDict *dict, TqpDiskColumn *disk,
                            TqpError *err) {
    uint32_t text = dict->offsets[dict->count], slot;
    uint64_t codes = (uint64_t)dict->count * sizeof(uint32_t), offset;
    uint64_t stagger = (uint64_t)c * TQP_STAGGER % TQP_STORE_PAGE;
    TqpDictLayout l = tqp_dict_layout(dict->count, text, dict->rank != NULL);
    TQP_TRY(tqp_writer_place(w, stagger + l.bytes + TQP_CHUNK_PAD, 1, &offset, &slot, err));
    DictOutput out = {.w = w, .place = offset + stagger};
    TQP_TRY(put_section(&out, l.offsets, dict->offsets, codes + sizeof(uint32_t), err));
    if (dict->rank != NULL) {
        TQP_TRY(put_section(&out, l.rank, dict->rank, codes, err));
        TQP_TRY(put_section(&out, l.by_rank, dict->by_rank, codes, err));
    }
    TQP_TRY(put_section(&out, l.text, dict->bytes, text, err));
    disk->dict_flags = TQP_DISK_DICT | (dict->rank != NULL ? TQP_DISK_RANKS : 0) |
                       (dict->ranked ? TQP_DISK_ORDERED : 0);
    disk->dict_count = dict->count;
    disk->dict_text = text;
    disk->dict = (TqpDiskExtent){.offset = out.place,
                                 .bytes = l.bytes,
                                 .segment = TQP_OWN_SEGMENT,
                                 .slot = slot,
                                 .crc = out.crc};
    return TQP_OK;
}

static TqpStatus publish_dict(TqpStoreWriter *w, uint32_t c, const TqpStorePublish *p,
                              TqpDiskColumn *disk, TqpError *err) {
    int at = w->base_column[c];
    const TqpDiskColumn *have = at >= 0 ? &w->base->files->columns[at] : NULL;
    if (have != NULL && (have->dict_flags & TQP_DISK_DICT) != 0 &&
        have->dict_count == tqp_interner_count(w->interners[c]) &&
        !w->rewrite[have->dict.segment]) {
        disk->dict_flags = have->dict_flags;
        disk->dict_count = have->dict_count;
        disk->dict_text = have->dict_text;
        disk->dict = have->dict;
        return TQP_OK;
    }
    TqpRankOrder order = {w->columns[c].type.collation, p->compare, p->host, p->poll};
    TqpArena a;
    TqpDict dict;
    tqp_arena_init(&a, w->broker);
    TqpStatus status = tqp_intern_freeze(w->interners[c], &a, &order, &dict, err);
    if (status == TQP_OK)
        status = write_dict(w, c, &dict, disk, err);
    tqp_arena_free(&a);
    return status;
}

static TqpStatus publish_columns(TqpStoreWriter *w, const TqpStorePublish *p, TqpDiskColumn *disk,
                                 TqpError *err) {
    for (uint32_t c = 0; c < w->ncolumns; c++) {
        const TqpStoreColumn *column = &w->columns[c];
        disk[c] = (TqpDiskColumn){.identity = column->identity,
                                  .attnum = column->attnum,
                                  .kind = (uint32_t)column->type.kind,
                                  .scale = column->type.scale,
                                  .collation = column->type.collation};
        TQP_TRY(tqp_writer_poll(w, err));
        if (w->interners[c] != NULL && uses_dict(w, c))
            TQP_TRY(publish_dict(w, c, p, &disk[c], err));
    }
    return TQP_OK;
}

/* ---- the segment ---- */

static TqpStatus publish_segment(TqpStoreWriter *w, TqpDiskSegment *disk, TqpError *err) {
    char temp[TQP_FILE_NAME], name[TQP_FILE_NAME];
    TqpDiskSegmentHeader head = {.magic = TQP_SEGMENT_MAGIC,
                                 .version = TQP_STORE_VERSION,
                                 .endian = TQP_STORE_ENDIAN,
                                 .generation = w->generation,
                                 .nonce = w->nonce,
                                 .bytes = w->end,
                                 .nslots = w->nslots};
    head.crc = tqp_checksum_crc32c(0, &head, sizeof head);
    tqp_writer_temp_name(temp, w->generation);
    tqp_file_segment_name(name, w->generation);
    TQP_TRY(tqp_file_write(w->fd, &head, sizeof head, 0, temp, err));
    if (ftruncate(w->fd, (off_t)w->end) != 0)
        return tqp_file_error(err, "extend", temp);
    if (fsync(w->fd) != 0)
        return tqp_file_error(err, "fsync", temp);
    if (renameat(w->dirfd, temp, w->dirfd, name) != 0)
        return tqp_file_error(err, "rename", temp);
    w->renamed = true;
    *disk = (TqpDiskSegment){
        .generation = w->generation, .nonce = w->nonce, .bytes = w->end, .nslots = w->nslots};
    return TQP_OK;
}

/* ---- the manifest ---- */

typedef struct ManifestParts {
    uint32_t nsegments;
    TqpDiskSegment *segments; /* room for the base's and one more */
    uint32_t *number;         /* of the base's segments in the new manifest, UINT32_MAX = unused */
    TqpDiskColumn *columns;
    uint32_t *order; /* of groups, by block */
} ManifestParts;

static void number_extent(const TqpStoreWriter *w, ManifestParts *m, TqpDiskExtent *x) {
    if (x->segment == TQP_OWN_SEGMENT) {
        x->segment = 0;
        return;
    }
    uint32_t *number = &m->number[x->segment];
    if (*number == UINT32_MAX) {
        *number = m->nsegments;
        m->segments[m->nsegments++] = w->base->files->disk_segments[x->segment];
    }
    x->segment = *number;
}

static void number_extents(TqpStoreWriter *w, ManifestParts *m) {
    for (uint32_t c = 0; c < w->ncolumns; c++)
        if ((m->columns[c].dict_flags & TQP_DISK_DICT) != 0)
            number_extent(w, m, &m->columns[c].dict);
    for (uint32_t g = 0; g < w->ngroups; g++) {
        number_extent(w, m, &w->groups[g].meta);
        for (uint32_t c = 0; c < w->ncolumns; c++) {
            TqpDiskChunk *chunk = &w->chunks[(size_t)g * w->ncolumns + c];
            if (chunk->state == TQP_DISK_PRESENT)
                number_extent(w, m, &chunk->u.data.extent);
        }
    }
}

/* qsort_r's comparison. */
static int by_block(const void *x, const void *y, void *groups) {
    const TqpDiskGroup *a = (const TqpDiskGroup *)groups + *(const uint32_t *)x;
    const TqpDiskGroup *b = (const TqpDiskGroup *)groups + *(const uint32_t *)y;
    if (a->first_block != b->first_block)
        return a->first_block < b->first_block ? -1 : 1;
    return (a->nblocks > b->nblocks) - (a->nblocks < b->nblocks);
}

static TqpStatus order_groups(TqpStoreWriter *w, uint32_t *order, TqpError *err) {
    uint64_t block = 0;
    for (uint32_t g = 0; g < w->ngroups; g++)
        order[g] = g;
    if (w->ngroups > 0)
        qsort_r(order, w->ngroups, sizeof *order, by_block, w->groups);
    for (uint32_t g = 0; g < w->ngroups; g++) {
        const TqpDiskGroup *group = &w->groups[order[g]];
        if (group->first_block < block ||
            (uint64_t)group->first_block + group->nblocks > UINT32_MAX)
            return tqp_error_set(err, TQP_INVALID, "row groups overlap");
        block = (uint64_t)group->first_block + group->nblocks;
    }
    return TQP_OK;
}

static TqpStatus write_manifest(TqpStoreWriter *w, const TqpStorePublish *p, const ManifestParts *m,
                                TqpError *err) {
    uint64_t bytes = sizeof(TqpDiskManifest) + m->nsegments * sizeof(TqpDiskSegment) +
                     w->ncolumns * sizeof(TqpDiskColumn) + w->ngroups * sizeof(TqpDiskGroup) +
                     (uint64_t)w->ngroups * w->ncolumns * sizeof(TqpDiskChunk);
    TqpDiskManifest *head = calloc(1, bytes);
    if (head == NULL)
        return tqp_error_set(err, TQP_NO_MEMORY, "no memory for a manifest");
    *head = (TqpDiskManifest){.magic = TQP_MANIFEST_MAGIC,
                              .version = TQP_STORE_VERSION,
                              .endian = TQP_STORE_ENDIAN,
                              .bytes = bytes,
                              .nsegments = m->nsegments,
                              .ncolumns = w->ncolumns,
                              .ngroups = w->ngroups,
                              .generation = w->generation,
                              .timeline = p->timeline,
                              .max_lsn = p->max_lsn};
    TqpDiskSegment *segments = (TqpDiskSegment *)(head + 1);
    TqpDiskColumn *columns = (TqpDiskColumn *)(segments + m->nsegments);
    TqpDiskGroup *groups = (TqpDiskGroup *)(columns + w->ncolumns);
    TqpDiskChunk *chunks = (TqpDiskChunk *)(groups + w->ngroups);
    memcpy(segments, m->segments, m->nsegments * sizeof *segments);
    memcpy(columns, m->columns, w->ncolumns * sizeof *columns);
    for (uint32_t i = 0; i < w->ngroups; i++) {
        uint32_t g = m->order[i];
        head->rows += w->groups[g].nrows;
        groups[i] = w->groups[g];
        memcpy(chunks + (size_t)i * w->ncolumns, w->chunks + (size_t)g * w->ncolumns,
               w->ncolumns * sizeof *chunks);
    }
    head->crc = tqp_checksum_crc32c(0, head, bytes);
    /* Stamps belong to the manifest that goes; without them it is as it was built, and right. */
    unlinkat(w->dirfd, "stamps", 0);
    TqpStatus status = tqp_file_replace(w->dirfd, "manifest", "manifest.tmp", head, bytes, err);
    free(head);
    return status;
}

static void sweep(TqpStoreWriter *w, const ManifestParts *m) {
    uint64_t *keep = calloc((size_t)m->nsegments + 1, sizeof *keep);
    if (keep == NULL)
        return; /* the next build sweeps */
    for (uint32_t i = 0; i < m->nsegments; i++)
        keep[i] = m->segments[i].generation;
    tqp_file_sweep(w->dirfd, keep, m->nsegments);
    free(keep);
}

static TqpStatus publish(TqpStoreWriter *w, const TqpStorePublish *p, ManifestParts *m,
                         TqpError *err) {
    TQP_TRY(tqp_writer_recode_all(w, err));
    TQP_TRY(order_groups(w, m->order, err));
    TQP_TRY(publish_columns(w, p, m->columns, err));
    TQP_TRY(tqp_writer_poll(w, err));
    if (w->fd >= 0) {
        TQP_TRY(publish_segment(w, &m->segments[0], err));
        m->nsegments = 1;
    }
    number_extents(w, m);
    TQP_TRY(tqp_writer_poll(w, err));
    TQP_TRY(write_manifest(w, p, m, err));
    w->finished = true;
    if (fsync(w->dirfd) != 0)
        return tqp_file_error(err, "fsync directory", w->dir);
    sweep(w, m);
    return TQP_OK;
}

TqpStatus tqp_store_writer_finish(TqpStoreWriter *w, const TqpStorePublish *p, TqpError *err) {
    if (w->failure.status != TQP_OK) {
        if (err != NULL)
            *err = w->failure;
        return w->failure.status;
    }
    if (w->finished || w->renamed)
        return tqp_error_set(err, TQP_INVALID, "the build was finished before");
    tqp_store_writer_set_poll(w, p->poll);
    size_t nbase = w->base != NULL ? w->base->files->nsegments : 0;
    ManifestParts m = {0};
    m.segments = calloc(nbase + 1, sizeof *m.segments);
    m.number = malloc((nbase + 1) * sizeof *m.number);
    m.columns = calloc((size_t)w->ncolumns + 1, sizeof *m.columns);
    m.order = calloc((size_t)w->ngroups + 1, sizeof *m.order);
    TqpStatus status;
    if (m.segments == NULL || m.number == NULL || m.columns == NULL || m.order == NULL) {
        status = tqp_error_set(err, TQP_NO_MEMORY, "no memory to publish");
    } else {
        memset(m.number, 0xff, (nbase + 1) * sizeof *m.number);
        status = publish(w, p, &m, err);
    }
    free(m.segments);
    free(m.number);
    free(m.columns);
    free(m.order);
    return status;
}
